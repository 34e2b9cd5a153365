"""What these tests share: one pair of providers, per process of the tests."""

from collections.abc import Iterator

import pytest

from tests.crash.world import World, opened


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Call `start_over` before anything else."""
    with opened() as made:
        yield made
