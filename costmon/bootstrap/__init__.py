"""The composition root: builds everything, starts it in order, stops it in reverse."""

from costmon.bootstrap.components import Component, components
from costmon.bootstrap.run import run

__all__ = ["Component", "components", "run"]
