"""What every test may use: recorded answers, and how they are recorded again."""

from pathlib import Path

import pytest

from tests.cassette import Cassettes


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


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Cassettes:
    """The recordings in `cassettes/` beside the test file."""
    return Cassettes(Path(request.path).parent / "cassettes", request.config.getoption("--record-mode"))
