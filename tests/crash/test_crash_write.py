"""Promise 6, restart: `write` killed at any place and given the same lines again comes to the same end."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from syncengine.failpoints import DIED
from tests.crash.program import run
from tests.crash.world import DAY, NOW, End, World

FIRST = ("ana", "bea", "cleo", "dan")
MOST = 200
"""More than the places of the command: a sweep that never passes all of them is a fault of the test."""
GOOD = {0, 3}
CHOSEN = ("after commit_page:1", "after POST:1", "after give_receipt:1", "before settle:1", "after DELETE:1")
"""Those tried every time; `make soak` tries all."""
FOLDERS = itertools.count()


def line(name: str, **fields: Any) -> dict[str, Any]:
    consent = {"relationType": "active-clients", "consentDate": str((NOW - DAY).date()), "consentProof": "list 7"}
    return {"email": f"{name}@example.com", **consent, **fields}


def play(world: World, folder: Path, order: str = "") -> str:
    """Four people, then one who moves to another group, one who is new, and one who is refused. Where it died."""
    folder /= str(next(FOLDERS))
    folder.mkdir()
    world.start_over(folder)
    world.mail.admin.add("dan@example.com", relation="active-clients", date=(NOW - 9 * DAY).date(), proof="x")
    world.mail.admin.unsubscribe("dan@example.com")
    assert _write(folder, *(line(name, groups=["Club", name]) for name in FIRST)).code == 0
    second = (
        line("ana", groups=["Other"]),
        line("bea", groups=["Club"], firstname="Bea"),
        line("eva"),
        line("gil", email="nobody"),
    )
    ended = _write(folder, *second, die=order)
    if ended.code != DIED:
        assert ended.code in GOOD, ended
        return ""
    assert _write(folder, *second).code in GOOD
    return ended.err.splitlines()[-1]


def _write(folder: Path, *lines: dict[str, Any], die: str = "") -> Any:
    said = "".join(f"{json.dumps(each)}\n" for each in lines)
    return run(folder, "write", "cyberimpact.contacts", die=die, said=said)


@pytest.fixture(scope="module")
def undisturbed(world: World, tmp_path_factory: pytest.TempPathFactory) -> End:
    """How it ends where nobody dies."""
    assert play(world, tmp_path_factory.mktemp("undisturbed")) == ""
    return world.end()


def check(world: World, expected: End) -> None:
    assert world.end() == expected
    assert world.mail.mentions("dan@example.com") == []


def test_the_lines_have_every_case_in_them(undisturbed: End) -> None:
    groups = {email.partition("@")[0]: set(known.groups) for email, known in undisturbed.contacts.items()}
    assert groups == {"ana": {"Other"}, "bea": {"Club"}, "cleo": {"Club", "cleo"}, "dan": set(), "eva": set()}
    assert undisturbed.sums["suppressed"] == 1
    assert [row[3] for row in undisturbed.state[4]] == ["email"]


@pytest.mark.parametrize("order", CHOSEN)
def test_a_death_between_an_effect_and_its_note_changes_nothing(
    world: World, undisturbed: End, tmp_path: Path, order: str
) -> None:
    assert play(world, tmp_path, order) == order.partition(":")[0]
    check(world, undisturbed)


@pytest.mark.slow
def test_a_death_at_any_place_changes_nothing(world: World, undisturbed: End, tmp_path: Path) -> None:
    died: set[str] = set()
    for number in range(1, MOST):
        at = play(world, tmp_path, f"any:{number}")
        check(world, undisturbed)
        if not at:
            break
        died.add(at)
    else:
        pytest.fail("the sweep never came to its end")
    assert {order.partition(":")[0] for order in CHOSEN} <= died
