"""What every test may use: recorded answers, and how they are recorded again."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import Phase, settings

from syncengine import logs
from tests.cassette import Cassettes

# How long properties are looked for: HYPOTHESIS_PROFILE=dev, ci or nightly. A failure prints the steps that lead to it,
# and a line that repeats it; `--hypothesis-seed=N` chooses others.
settings.register_profile("dev", deadline=None, print_blob=True, max_examples=50)  # `make test` has five minutes
settings.register_profile("ci", parent=settings.get_profile("dev"))
settings.register_profile("nightly", parent=settings.get_profile("dev"), max_examples=2000)
settings.register_profile(  # the first failure is enough
    "vacuity", parent=settings.get_profile("dev"), phases=[Phase.generate], max_examples=100
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-mode",
        default="none",
        choices=("none", "once", "new_episodes", "all"),
        help="none: replay only (default); once: record what has no cassette; new_episodes: add; all: record again",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what replays cassettes, so that `make record` finds it."""
    for item in items:
        if "cassette" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cassette)


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A test that configures logs, as every command does, leaves no handler behind that writes to its closed stream."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    if [handler for handler in root.handlers if handler not in handlers]:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
        structlog.reset_defaults()
        for name in (*logs.QUIET, *logs.VALUES):
            logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Cassettes:
    """The recordings in `cassettes/` beside the test file."""
    return Cassettes(Path(request.path).parent / "cassettes", request.config.getoption("--record-mode"))
