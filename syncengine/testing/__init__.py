"""Proves that a connector keeps the contract: one class statement gives its author the whole suite.

    class TestMine(ConformanceSuite):
        connector = MyConnector
        sandbox = MyStage

It is a pytest plugin, but needs nothing of the others: each rule runs an event loop of its own. See docs/connectors.md.
"""

from syncengine.testing.clock import MovableClock
from syncengine.testing.stage import DestinationStage, KitStage, LookupStage, Stage, StreamStage
from syncengine.testing.suite import ConformanceSuite
from syncengine.testing.verdict import Broken, NotStaged

__all__ = [
    "Broken", "ConformanceSuite", "DestinationStage", "KitStage", "LookupStage", "MovableClock", "NotStaged", "Stage",
    "StreamStage",
]  # fmt: skip
