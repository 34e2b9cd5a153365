"""Promises 1 to 10, on the real engine over a real state file, whatever happens in whatever order."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.promises.machine import Merchant

LIVES = {"dev": 12, "ci": 80, "nightly": 4000, "vacuity": 150}
"""How many merchants are played through, by HYPOTHESIS_PROFILE."""
STEPS = 40


def playing(lives: int) -> settings:
    """Making a step is slow beside what Hypothesis expects, and most of what it draws is used."""
    return settings(max_examples=lives, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))


class TestPromises(Merchant.TestCase):  # type: ignore[name-defined,misc]  # made by Hypothesis
    settings = playing(LIVES[os.environ.get("HYPOTHESIS_PROFILE", "dev")])


@pytest.mark.slow
class TestPromisesForLong(Merchant.TestCase):  # type: ignore[name-defined,misc]  # made by Hypothesis
    settings = playing(int(os.environ.get("PROMISES_LIVES", "1500")))
