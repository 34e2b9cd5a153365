"""A command lets Python's cyclic collector run seldom, and leaves it as it was."""

import gc

import pytest

from syncengine.cli import command


async def thresholds() -> int:
    return gc.get_threshold()[0]


async def failure() -> int:
    raise ValueError("why")


def test_the_collector_runs_seldom_while_a_command_works() -> None:
    before = gc.get_threshold()
    assert command._await(thresholds()) == command.OBJECTS_BETWEEN_COLLECTIONS > before[0]
    assert gc.get_threshold() == before


def test_a_command_that_fails_gives_the_collector_back_too() -> None:
    before = gc.get_threshold()
    with pytest.raises(ValueError, match="why"):
        command._await(failure())
    assert gc.get_threshold() == before
