"""Every fault of a connection, of a reference to a secret and of a mapping has its key, a sentence and a hint."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk_faults import changed, desk, faults, letters
from tests.cli.desk_setup import ENVIRON, known_desk


@pytest.fixture(autouse=True)
def _desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from known_desk(monkeypatch)


CASES = {
    # connections
    "no connector": ("[connections.x]\n", "connections.x.connector", "This must name the connector", "There is: csv"),
    "an unknown connector": (
        changed('connector = "desk"', 'connector = "desc"'),
        "connections.desk.connector",
        'There is no connector "desc".',
        'Did you mean "desk"?',
    ),
    "a connector that can't be imported": (
        changed('connector = "desk"', 'connector = "torn"'),
        "connections.desk.connector",
        "can't be loaded",
        "Install desk anew",
    ),
    "an unknown setting": (
        desk("moods = 'well'"),
        "connections.desk.moods",
        "There is no such key.",
        'Did you mean "mood"?',
    ),
    "a missing setting": (
        changed('token = { env = "DESK_TOKEN" }\n', ""),
        "connections.desk.token",
        "This is missing.",
        "From the desk's settings page.",
    ),
    "a setting of the wrong type": (
        desk("tickets = 'many'"),
        "connections.desk.tickets",
        "This must be a whole number.",
        "How many",
    ),
    "a setting out of range": (
        desk("tickets = -1"),
        "connections.desk.tickets",
        "greater than or equal to 0",
        "How many",
    ),
    "an unknown key deep inside": (
        desk("rooms = { north = { floor = 1, flor = 1 } }"),
        "connections.desk.rooms.north.flor",
        "There is no such key.",
        'Did you mean "floor"?',
    ),
    "a missing key deep inside": (
        desk("rooms = { north = {} }"),
        "connections.desk.rooms.north.floor",
        "This is missing.",
        "Counted from 0.",
    ),
    # references
    "a variable that is not set": (
        changed("DESK_TOKEN", "NO_SUCH"),
        "connections.desk.token",
        "The environment variable NO_SUCH is not set.",
        "Set NO_SUCH",
    ),
    "a variable that is empty": (
        changed("DESK_TOKEN", "EMPTY"),
        "connections.desk.token",
        "The environment variable EMPTY is empty.",
        "Set EMPTY",
    ),
    "a file that is not there": (
        changed('env = "DESK_TOKEN"', 'file = "none.txt"'),
        "connections.desk.token",
        "none.txt can't be read: no such file",
        "relative to the configuration file",
    ),
    "a file that is a folder": (
        changed('env = "DESK_TOKEN"', 'file = "/"'),
        "connections.desk.token",
        "can't be read: is a directory",
        "relative",
    ),
    "a file that is empty": (
        changed('env = "DESK_TOKEN"', 'file = "/dev/null"'),
        "connections.desk.token",
        "/dev/null is empty",
        "nothing else",
    ),
    # mappings
    "an unknown mapping key": (
        letters("wher = 'x'"),
        "mappings.letters.wher",
        "There is no such key.",
        'Did you mean "where"?',
    ),
    "an unknown lookup key": (
        changed("wait = ", "wiat = "),
        "mappings.letters.lookup.0.wiat",
        "There is no such key.",
        'Did you mean "wait"?',
    ),
    "a missing source": (changed('source = "desk.tickets"\n', ""), "mappings.letters.source", "This is missing.", ""),
    "a source without a stream": (changed("desk.tickets", "desk"), "mappings.letters.source", '"connection.name"', ""),
    "a source of an unknown connection": (
        changed("desk.tickets", "desc.tickets"),
        "mappings.letters.source",
        'There is no connection "desc".',
        'Did you mean "desk"?',
    ),
    "a destination of an unknown connection": (
        changed("desk.letters", "post.letters"),
        "mappings.letters.destination",
        'There is no connection "post".',
        "There is: desk.",
    ),
    "a lookup of an unknown connection": (
        changed("desk.people", "shop.people"),
        "mappings.letters.lookup.0.from",
        'There is no connection "shop".',
        "There is: desk.",
    ),
    "a bad schedule": (
        changed("every 15 minutes", "every 15 monts"),
        "mappings.letters.schedule",
        '"monts" is not a unit of time',
        "every 15 minutes",
    ),
    "a bad wait": (
        changed("3 days", "3 moons"),
        "mappings.letters.lookup.0.wait",
        '"moons" is not a unit of time',
        "3 days",
    ),
    "a bad first day": (letters("start = 'June'"), "mappings.letters.start", "", ""),
    "a first day that no calendar has": (
        letters("start = '2026-13-01'"),
        "mappings.letters.start",
        "This is no day.",
        'Such as "2026-06-01".',
    ),
    "an unknown recipe": (
        "[mappings.x]\nuse = 'new-custumers'\n",
        "mappings.x.use",
        "There is no recipe",
        "new-customers",
    ),
    "a lookup that is one table": (
        "[mappings.x]\nsource='a.b'\ndestination='a.b'\nfields={}\nlookup={}\n",
        "mappings.x.lookup",
        "This must be a list",
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_has_its_key_a_sentence_and_a_hint(tmp_path: Path, case: str) -> None:
    text, key, sentence, hint = CASES[case]
    found = faults(tmp_path, text, {**ENVIRON, "EMPTY": ""})
    assert [problem.key for problem in found] == [key]
    assert sentence in found[0].message
    assert hint in found[0].hint
