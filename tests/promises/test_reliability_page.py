"""docs/reliability.md names files and tests; they exist, and every promise is there with all that belongs to it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w./-]+\.(?:py|md|toml)(?:::\w+)?)`", PAGE)))
LINKED = sorted(set(re.findall(r"\]\(([\w./-]+\.md)\)", PAGE)))
PROMISES = (
    "Conserved", "No silent loss", "One effect", "Consent", "Newest wins", "Restart", "Isolated",
    "Plan is the truth", "Monotone", "Quiet secrets",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_exists(name: str) -> None:
    path, _, test = name.partition("::")
    assert (ROOT / path).is_file()
    assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LINKED)
def test_what_the_page_links_to_exists(name: str) -> None:
    assert (ROOT / "docs" / name).is_file()


def test_every_promise_says_how_it_is_kept_and_proven_and_what_is_not_promised() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    assert [section.splitlines()[0] for section in sections] == [f"{at}. {name}" for at, name in enumerate(PROMISES, 1)]
    for section in sections:
        for part in ("**Kept:**", "**Proven:**", "**Not promised:**"):
            assert part in section
        kept, proven = section.split("**Proven:**")
        assert re.search(r"`[\w/]+\.py`", kept)
        assert "tests/" in proven
