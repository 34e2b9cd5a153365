"""The small world of the engine's own tests, for what is told in a few lines."""

from tests.engine.conftest import world

__all__ = ["world"]
