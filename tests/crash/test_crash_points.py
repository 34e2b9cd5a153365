"""Promise 6, restart: a death at the 1st, 2nd, 3rd … place between an effect and its note, and a new start."""

import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from syncengine.failpoints import DIED
from tests.crash.program import run
from tests.crash.world import ALL, BY_ACME, BY_BIRCH, DAY, NOW, End, World

SINCE = (NOW - 4 * DAY).date().isoformat()
SHARES = 3
"""A sweep is cut into so many parts, to run beside each other."""
MOST = 200
"""More than the places of any act: a sweep that never passes all of them is a fault of the test."""
GOOD = {0, 3}


class Act(NamedTuple):
    """What happens in the world, and the command that follows."""

    prepare: Callable[[World], None]
    command: tuple[str, ...]


ACTS = {
    "first": Act(World.first_act, ("sync",)),
    "second": Act(World.second_act, ("sync",)),
    "resync": Act(lambda world: None, ("resync", "new-customers", "--since", SINCE, "--force")),
}
STORIES = {"first": ("first", "second"), "second": ("first", "second"), "resync": ("first", "second", "resync")}
"""The acts that are played around a death in each of them."""

CHOSEN = {
    "first": (
        "after take_lists:1", "before commit_page:1", "after commit_page:1", "after keep_standings:1", "before POST:1",
        "after POST:1", "after begin:1", "before POST:3", "after POST:3", "after POST:4", "after give_receipt:1",
        "before settle:1", "after settle:1", "after settle:4", "before conclude:2", "after conclude:2",
    ),
    "second": (
        "before commit_page:2", "after commit_page:2", "after begin:2", "after POST:1", "after give_receipt:1",
        "after settle:1", "before DELETE:1", "after DELETE:1", "after DELETE:2", "after settle:4", "before conclude:2",
    ),
    "resync": (
        "before ask_backfill:1", "after ask_backfill:1", "before commit_page:2", "after commit_page:2",
        "before end_partition:1", "before finish:1", "after finish:1",
    ),
}  # fmt: skip
"""Those tried every time; `make soak` tries all. The first two POSTs make groups, the next ones are batches."""

CHOSEN_TWICE = (
    ("after POST:3", "before lose:1"),
    ("after POST:3", "after lose:1"),
    ("after POST:3", "after POST:1"),
    ("after give_receipt:1", "before settle:1"),
    ("after give_receipt:1", "after settle:1"),
    ("after give_receipt:2", "after begin:1", "after POST:1", "before conclude:2"),
)

Undisturbed = Callable[[str], End]


@functools.cache
def numbers() -> Iterator[int]:
    return itertools.count()


def play(world: World, folder: Path, dying: str, *orders: str) -> list[str]:
    """Play the story around the act `dying`, in which the program dies as ordered, one order per start.

    Answers the places where it died; fewer than ordered where a start passed alive.
    """
    folder /= str(next(numbers()))
    folder.mkdir()
    world.start_over(folder)
    died: list[str] = []
    for name in STORIES[dying]:
        ACTS[name].prepare(world)
        command = ACTS[name].command
        for order in orders if name == dying else ():
            ended = run(folder, *command, die=order)
            if ended.code != DIED:
                assert ended.code in GOOD, ended
                break
            died.append(ended.err.splitlines()[-1])
            command = ("sync",)
        else:
            ended = run(folder, *command)
            assert ended.code in GOOD, ended
    return died


@pytest.fixture(scope="module")
def undisturbed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """How the story around an act ends where nobody dies."""

    @functools.cache
    def end(story: tuple[str, ...]) -> End:
        assert play(world, tmp_path_factory.mktemp("undisturbed"), story[-1]) == []
        return world.end()

    return lambda act: end(STORIES[act])


def check(world: World, expected: End) -> None:
    """The same end, and nobody written to who said no."""
    assert world.end() == expected
    assert world.mail.mentions("dan@example.com") == world.mail.mentions("fay@example.com") == []


@pytest.mark.parametrize("story", ["second", "resync"])
def test_the_story_has_every_case_in_it(world: World, undisturbed: Undisturbed, story: str) -> None:
    end = undisturbed(story)
    groups = {email.partition("@")[0]: set(known.groups) for email, known in end.contacts.items()}
    assert groups == {
        "ana": {ALL, BY_ACME},  # said no before the second purchase
        "bea": {ALL, BY_BIRCH},  # left the other one by herself
        "cleo": {ALL},  # taken back; was in that one before us
        "dan": set(),
        "eva": set(),  # taken back
        "gus": {ALL, BY_BIRCH},
        "hal": {ALL, BY_ACME},
    }
    assert end.groups == [ALL, BY_ACME, BY_BIRCH]
    assert end.contacts["bea@example.com"].fields["firstname"] == "Beatrice"
    assert end.contacts["hal@example.com"].consent.relation == "express-consent"
    assert end.sums["suppressed"] == 2
    assert len(end.addresses) == len(groups)


@pytest.mark.parametrize(("act", "order"), [(act, order) for act, orders in CHOSEN.items() for order in orders])
def test_a_death_between_an_effect_and_its_note_changes_nothing(
    world: World, undisturbed: Undisturbed, tmp_path: Path, act: str, order: str
) -> None:
    expected = undisturbed(act)
    assert play(world, tmp_path, act, order) == [order.partition(":")[0]]
    check(world, expected)


@pytest.mark.parametrize("orders", CHOSEN_TWICE, ids=", ".join)
def test_a_death_on_the_way_back_from_a_death_changes_nothing(
    world: World, undisturbed: Undisturbed, tmp_path: Path, orders: tuple[str, ...]
) -> None:
    expected = undisturbed("first")
    assert play(world, tmp_path, "first", *orders) == [order.partition(":")[0] for order in orders]
    check(world, expected)


def sweep(world: World, folder: Path, act: str, expected: End, share: int, *before: str) -> set[str]:
    """Die at every place of a share of them. Answers their names."""
    died: set[str] = set()
    for number in range(share + 1, MOST, SHARES):
        at = play(world, folder, act, *before, f"any:{number}")
        check(world, expected)
        if len(at) == len(before):
            return died
        died.add(at[-1])
    pytest.fail("the sweep never came to its end")


@pytest.mark.slow
@pytest.mark.parametrize("act", ACTS)
def test_a_death_at_any_place_changes_nothing(world: World, undisturbed: Undisturbed, tmp_path: Path, act: str) -> None:
    expected = undisturbed(act)
    died = set().union(*(sweep(world, tmp_path, act, expected, share) for share in range(SHARES)))
    assert len(died) >= len(CHOSEN[act])


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("order", ["after POST:3", "after give_receipt:1", "before settle:2"])
def test_a_second_death_at_any_place_changes_nothing(
    world: World, undisturbed: Undisturbed, tmp_path: Path, order: str, share: int
) -> None:
    assert sweep(world, tmp_path, "first", undisturbed("first"), share, order)
