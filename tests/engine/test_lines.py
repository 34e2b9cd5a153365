"""Lines written by hand: the last statement for a key stands, and what is no line stops everything before it begins."""

import functools
import io
import json
import os
import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.engine import spool as spools
from syncengine.engine.lines import HANDFUL, Lines, UnusableLines
from syncengine.engine.report import RunReport
from syncengine.engine.spool import Spool
from syncengine.errors import ConfigError, StateError
from syncengine.state import rejects
from tests.engine.world import World
from tests.quick import QUICK

NAME = "mail.contacts"
DAY = 86_400.0
CONSENT = {"basis": "client", "date": "2026-07-01T12:00:00+00:00"}


def line(email: str, **fields: Any) -> bytes:
    return json.dumps({"email": email, **CONSENT, **fields}).encode() + b"\n"


async def write(world: World, *lines: bytes, take_back: bool = False) -> RunReport:
    """As the command does, in this process."""
    with Spool() as spool:
        spool.fill(io.BytesIO(b"".join(lines)))
        written = Lines(spool, world.store, NAME, world.mail, take_back=take_back)
        await written.check(lambda number: None)
        world.mappings[written.mapping.name] = written.mapping
        return await world.sync(written.mapping.name)


# --- the last statement for a key stands ---

KEYS = ("ana@example.com", "bea@example.com", "cleo@example.com")
GROUPS = ("One", "Two", "Customers")
STATEMENTS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.frozensets(st.sampled_from(GROUPS)), st.sampled_from(("", "Jo", "Mo"))),
    max_size=4,
)


@given(steps=st.lists(st.tuples(st.sampled_from(("write", "take back", "sync")), STATEMENTS), max_size=4))
async def test_any_sequence_ends_as_the_last_statement_for_each_key_says(
    steps: Sequence[tuple[str, list[tuple[str, frozenset[str], str]]]],
) -> None:
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        (Path(folder) / "state.db").write_bytes(_empty_state())
        world = World(Path(folder))
        world.crm.person("C1", KEYS[0])
        try:
            await _play(world, steps)
        finally:
            world.store.close()


@functools.cache
def _empty_state() -> bytes:
    """The file of a state in which nothing is: making its tables takes longer than an example."""
    with tempfile.TemporaryDirectory() as folder:
        World(Path(folder)).store.close()
        return (Path(folder) / "state.db").read_bytes()


async def _play(world: World, steps: Sequence[tuple[str, list[tuple[str, frozenset[str], str]]]]) -> None:
    asked: dict[str, frozenset[str]] = {}
    names: dict[str, str] = {}
    bought: set[str] = set()
    for number, (step, statements) in enumerate(steps):
        if step == "sync":
            world.buy(str(number), "C1")
            bought = {"Customers", "Partner: Acme"}
            await world.sync("sales")
        else:
            lines = [line(key.upper(), groups=sorted(groups), name=name) for key, groups, name in statements]
            await write(world, *lines, take_back=step == "take back")
            asked |= {key: groups if step == "write" else frozenset() for key, groups, _ in statements}
            if step == "write":  # of several lines for a key the last counts, and what it leaves out is left alone
                names |= {key: name for key, name in {key: name for key, _, name in statements}.items() if name}
        for key in KEYS:
            contact = world.mail.contacts.get(key)
            there = set(contact.groups.values()) if contact else set()
            assert there == asked.get(key, frozenset()) | (bought if key == KEYS[0] else set())
            assert (contact.fields.get("name") if contact else None) == names.get(key)
    sent = len(world.mail.requests)
    await world.sync("sales")
    assert len(world.mail.requests) == sent


async def test_beside_a_mapping_the_newest_says_what_a_field_is_and_a_line_again_is_not_newer(world: World) -> None:
    def name() -> Any:
        return world.mail.contacts["jo@example.com"].fields["name"]

    world.crm.person("C1", "jo@example.com", name="Shop")
    world.buy("1", "C1")
    await world.sync("sales")
    await write(world, line("jo@example.com", name="Jo"))
    assert name() == "Jo"
    world.clock.move(2 * DAY)
    world.buy("2", "C1")
    await world.sync("sales")
    await write(world, line("jo@example.com", name="Jo"))
    assert name() == "Shop"
    await write(world, line("jo@example.com", name="Joe"))
    world.clock.move(-3 * DAY)
    await write(world, line("jo@example.com", name="Joanna"))
    assert name() == "Joanna", "a clock that was set back makes nothing older"


@pytest.mark.parametrize("stop_first", [True, False])
async def test_a_no_is_not_undone_by_another_line_for_the_same_person(world: World, stop_first: bool) -> None:
    await write(world, line(KEYS[0]))
    added = len(world.mail.adds)
    stop, join = line(KEYS[0], stop="unsubscribe"), line(KEYS[0], groups=["Club"])
    await write(world, *((stop, join) if stop_first else (join, stop)))
    assert (world.mail.unsubscribed, len(world.mail.adds)) == ({KEYS[0]}, added)


async def test_a_no_that_could_not_be_sent_yet_outlives_a_later_line(world: World) -> None:
    await write(world, line(KEYS[0], groups=["Club"]))
    world.mail.refuses.add(KEYS[0])
    await write(world, line(KEYS[0], stop="unsubscribe"))
    world.mail.refuses.clear()
    assert not world.mail.unsubscribed
    await write(world, line(KEYS[0], groups=["Club", "More"]))
    (reject,) = world.store.read_now(rejects.rejects)
    await world.store.write(rejects.retry, [reject.id], world.clock.now())
    await world.sync("sales")
    assert world.mail.unsubscribed == {KEYS[0]}


async def test_a_no_is_taken_back_with_all_else_that_was_written_for_the_key(world: World) -> None:
    await write(world, line(KEYS[0], stop="unsubscribe"), line(KEYS[0], groups=["Club"]))
    report = await write(world, line(KEYS[0]), line(KEYS[1]), take_back=True)
    counts = report.mappings[0].counts
    assert (counts["read"], counts["retracted"], counts["filtered"]) == (3, 2, 1)


# --- what is no line ---


@pytest.mark.parametrize(
    ("body", "message", "hint"),
    [
        (b"email=jo", "It is not JSON: Expecting value (at character 1).", "Each line is one object"),
        (b'{"email": "jo@example.com"', "It is not JSON: Expecting ',' delimiter (at character 28).", "Each line"),
        (b"[1]", "It is no JSON object.", "Each line is one object"),
        (b'"jo@example.com"', "It is no JSON object.", "Each line is one object"),
        (b'{"emial": "jo@example.com"}', 'The destination has no field "emial".', 'Did you mean "email"?'),
        (b'{"email": "a", "email": "b"}', 'The field "email" stands there twice.', ""),
        (b'{"email": NaN}', "NaN is no value of JSON.", ""),
        (b'{"email": "\xff"}', "It is not in UTF-8, or holds half a character.", "Save the input as UTF-8."),
        (b'{"email": "\\ud800"}', "It is not in UTF-8, or holds half a character.", "Save the input as UTF-8."),
        (b'{"email": ' + b"[" * 100_000, "It is nested too deeply.", "Each line is one object"),
    ],
)
async def test_what_is_no_line_is_told_with_its_number_and_nothing_is_written(
    world: World, body: bytes, message: str, hint: str
) -> None:
    with pytest.raises(UnusableLines) as raised:
        await write(world, b"\n", line("good@example.com"), body + b"\n")
    (problem,) = raised.value.problems
    assert (problem.key, problem.message) == ("line 3", message)
    assert problem.hint.startswith(hint)
    assert not world.mail.requests


async def test_a_handful_is_told_and_all_are_counted(world: World) -> None:
    with pytest.raises(UnusableLines) as raised:
        await write(world, *[b"{}}\n"] * 1_500)
    assert (len(raised.value.problems), raised.value.number) == (HANDFUL, 1_500)
    assert isinstance(raised.value, ConfigError)


async def test_who_takes_back_has_to_name_a_key_and_nothing_else_is_looked_at(world: World) -> None:
    await write(world, line("jo@example.com", groups=["Club"]))
    with pytest.raises(UnusableLines, match='The field "email" is missing'):
        await write(world, b'{"groups": ["Club"]}\n', take_back=True)
    await write(world, b'{"email": "Jo@Example.com", "nonsense": [1]}\n', take_back=True)
    assert world.groups("jo@example.com") == set()


async def test_of_a_refused_line_the_last_good_one_before_it_stands(world: World) -> None:
    bad = json.dumps({"email": "jo@example.com", "basis": "client", "groups": [], "date": None}).encode() + b"\n"
    await write(world, line("jo@example.com", groups=["Club"]))
    report = await write(world, line("nobody"), bad.replace(b"jo@example.com", b"no-address"))
    assert report.mappings[0].counts["rejected"] == 2
    assert world.groups("jo@example.com") == {"Club"}


async def test_numbers_and_switches_are_texts_as_from_any_wire(world: World) -> None:
    await write(world, b'{"email": "jo@example.com", "name": 1.10, "basis": "client", "date": "2026-07-01T12:00Z"}\n')
    assert world.mail.contacts["jo@example.com"].fields == {"name": "1.10"}


# --- the spool ---


def test_the_input_stands_in_a_private_file_without_a_name() -> None:
    with Spool() as spool:
        spool.fill(io.BytesIO(line("jo@example.com") * 50_000))
        opened = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
        (file,) = [each for each in opened if "etilqs" in str(_target(each))]
        assert str(_target(file)).endswith("(deleted)")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert spool.number == 50_000


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


def test_a_byte_order_mark_line_ends_of_windows_and_a_missing_last_one_are_no_fault() -> None:
    with Spool() as spool:
        spool.fill(io.BytesIO(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}'))
        (found,) = spool.lines()
        assert [(each.number, (each.body or b"").strip()) for each in found] == [(1, b'{"a": 1}'), (3, b'{"a": 2}')]


def test_a_line_without_an_end_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "LONGEST_LINE", 10)
    with Spool() as spool:
        spool.fill(io.BytesIO(b"{}\n" + b"x" * 35 + b"\n{}\n"))
        (found,) = spool.lines()
        assert [(each.number, each.body is None) for each in found] == [(1, False), (2, True), (3, False)]


def test_no_room_for_the_input_is_said() -> None:
    with Spool() as spool:
        spool._file.execute("PRAGMA max_page_count=10")
        with pytest.raises(StateError, match="no room"):
            spool.fill(io.BytesIO(line("jo@example.com") * 10_000))
