"""Channels: where alerts are told."""
