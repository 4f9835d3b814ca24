"""Streaming detection: one `SpendWatch` per series; pure, deterministic, standard library only."""

from costmon.detection.finding import Cause, Contributor, Finding, State, WatchConfig
from costmon.detection.watch import SpendWatch

__all__ = ["Cause", "Contributor", "Finding", "SpendWatch", "State", "WatchConfig"]
