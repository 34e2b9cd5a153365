"""`expiring`, `basis-gone`, and the same as streams of the connection `engine`."""

import datetime as dt
import json
import re
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from mappings.fold import Consent, Draft
from syncengine.clock import SystemClock
from syncengine.contracts import Part, Settled
from syncengine.own import today_in
from syncengine.state import attempts, records
from syncengine.state.store import Store
from tests.cli.conftest import Program
from tests.cli.desk_setup import CONFIG
from tests.cli.shop import SINCE, Shop
from tests.clock import NOON
from tests.state.pages import kept, page

ROOT = Path(__file__).parents[2]
LETTERS = "desk.letters"
TERM = dt.timedelta(days=730)
NOBODY = "Ends within 30 days: nobody.\n"


@cache
def today() -> dt.date:
    return today_in(ZoneInfo("America/Toronto"), SystemClock().now())


def day(ends_in: int) -> dt.date:
    return today() + dt.timedelta(days=ends_in)


def bought(name: str, ends_in: int, *, taken_back: bool = False) -> records.Kept:
    key, consent = f"{name}@example.com", Consent("client", day(ends_in) - TERM, f"proof of {name}", day(ends_in))
    state, body = ("retracted", None) if taken_back else ("live", msgspec.json.encode(Draft(key, consent=consent)))
    return kept(f"{name}'s order", key, state, body=body and body.decode(), mapping="letters", destination=LETTERS)


@pytest.fixture
def people(run: Program) -> Program:
    """Ana's consent ends in 20 days, Ben's in 50, Cleo's ended 5 days ago, and Dan's purchase was taken back."""
    run.configure()
    rows = [bought(name, ends) for name, ends in {"ana": 20, "ben": 50, "cleo": -5, "dan": 400}.items()]
    parts = [Part(f"{name}@example.com", join=("Writers",)) for name in ("ana", "ben", "cleo", "dan")]
    keys = frozenset(part.key for part in parts)
    with Store.open(f"sqlite:///{run.folder / 'syncengine.db'}", SystemClock()) as store:
        store.write_now(records.commit_page, page(*rows, mapping="letters", destination=LETTERS), NOON)
        number, _ = store.write_now(attempts.begin, LETTERS, parts, dict.fromkeys(keys, 1), NOON)
        store.write_now(attempts.settle, LETTERS, number, Settled(confirmed=keys))
        back = bought("dan", 400, taken_back=True)
        store.write_now(records.commit_page, page(back, mapping="letters", destination=LETTERS), NOON)
    return run


def test_who_ends_soon_and_who_ended_stand_apart_with_what_they_rest_on(people: Program) -> None:
    ended = people("expiring")
    assert (ended.code, ended.err) == (0, "")
    soon, _, over = ended.out.partition("\n\n")
    assert soon.startswith("Ends within 30 days (1)\n")
    assert over.startswith("Ended in the last 30 days: nothing is added for them any more (1)\n")
    row = ["ana@example.com", "client", str(day(20) - TERM), str(day(20)), LETTERS, "letters, ana's order"]
    assert re.split(r" {2,}", soon.splitlines()[2].strip()) == row
    assert "cleo@example.com" in over
    assert "ben@example.com" not in ended.out


def test_within_says_how_far_ahead(people: Program) -> None:
    out = people("expiring", "--within", "60 days").out
    assert "Ends within 60 days (2)\n" in out
    assert out.index("ana@") < out.index("ben@")
    assert people("expiring", "--within", "1 week").out.startswith("Ends within 7 days: nobody.\n")


def test_the_limit_cuts_and_says_so(people: Program) -> None:
    out = people("expiring", "--within", "60 days", "--limit", "1").out
    assert "ana@example.com" in out
    assert "ben@example.com" not in out
    assert "… and 1 more\n" in out


def test_json_has_everything_the_table_has_and_more(people: Program) -> None:
    told = json.loads(people("expiring", "--json", "--within", "60 days", "--limit", "1").out)
    assert told["today"] == str(today())
    assert (told["within_days"], told["expiring_total"], told["expired_total"]) == (60, 2, 1)
    assert told["expiring"] == [
        {
            "address": "ana@example.com", "destination": LETTERS, "basis": "client", "date": str(day(20) - TERM),
            "ends_on": str(day(20)), "proof": "proof of ana", "mapping": "letters", "record": "ana's order",
        }
    ]  # fmt: skip
    assert [each["address"] for each in told["expired"]] == ["cleo@example.com"]


@pytest.mark.parametrize("within", ["0 days", "12 hours", "4000 days", "60", "soon", "2 months"])
def test_a_wrong_span_exits_2_and_says_how_one_is_written(people: Program, within: str) -> None:
    ended = people("expiring", "--within", within)
    assert (ended.code, ended.out) == (2, "")
    assert "--within" in ended.err
    assert "days" in ended.err


def test_whose_basis_is_gone_is_told_with_since_when_and_by_which_record(people: Program) -> None:
    ended = people("basis-gone")
    assert (ended.code, ended.err) == (0, "")
    assert "Every purchase was taken back (1)\n" in ended.out
    assert re.search(r"dan@example\.com +2026-07-14 08:00 +desk\.letters +letters, dan's order +not known", ended.out)
    (told,) = json.loads(people("basis-gone", "--json").out)["basis_gone"]
    assert told == {
        "address": "dan@example.com", "destination": LETTERS, "since": NOON.isoformat(), "mapping": "letters",
        "record": "dan's order", "consent": None,
    }  # fmt: skip


def test_both_say_nobody_before_the_first_run_and_make_no_state(run: Program) -> None:
    run.configure()
    assert run("expiring").out == NOBODY
    assert run("basis-gone").out == "Every purchase was taken back: nobody.\n"
    assert json.loads(run("expiring", "--json").out)["expiring"] == []
    assert run("read", "engine.expiring_consents").out == ""
    assert not (run.folder / "syncengine.db").exists()


def test_both_streams_can_be_read(people: Program) -> None:
    ended = people("read", "engine.expiring_consents", "--options", "within=60 days")
    assert (ended.code, ended.err) == (0, "")
    read = {row["values"]["Email"]: row["values"]["State"] for row in map(json.loads, ended.out.splitlines())}
    assert read == {"ana@example.com": "expiring", "ben@example.com": "expiring", "cleo@example.com": "expired"}
    (gone,) = map(json.loads, people("read", "engine.basis_gone", "--fields", "Email,State").out.splitlines())
    assert gone["values"] == {"Email": "dan@example.com", "State": "gone"}
    assert gone["partition"] == "engine.basis_gone"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["engine.expiring"], 'connections.engine: It has no stream "expiring".'),
        (
            ["engine.expiring_consents", "--options", "within=0 days"],
            "--options.within: This must be between 1 day and",
        ),
        (["engine.basis_gone", "--options", "within=60 days"], "--options.within: There is no such key."),
    ],
)
def test_a_wrong_name_or_option_exits_2(people: Program, arguments: list[str], sentence: str) -> None:
    ended = people("read", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err


def test_connectors_lists_the_connection_that_is_always_there(run: Program) -> None:
    (own,) = json.loads(run("connectors", "engine", "--json").out)
    assert [stream["name"] for stream in own["streams"]] == ["expiring_consents", "basis_gone"]
    assert own["destinations"] == own["settings"] == []
    assert "stream engine.expiring_consents" in run("connectors").out


def test_a_connection_may_not_be_called_engine(run: Program) -> None:
    run.configure(CONFIG, ("[connections.desk]", "[connections.engine]\nconnector = 'desk'\n\n[connections.desk]"))
    ended = run("expiring")
    assert ended.code == 2
    assert "connections.engine: This name belongs to what syncengine itself knows" in ended.err
    assert "Give the connection another name" in ended.err


def test_nothing_can_be_written_to_it(run: Program) -> None:
    run.configure(CONFIG, ('destination = "desk.letters"', 'destination = "engine.letters"'))
    ended = run("check")
    assert ended.code == 2
    assert 'mappings.letters.destination: The connection "engine" has no destination "letters".' in ended.err


def documented() -> str:
    """The mapping of docs/consent.md."""
    (text,) = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs" / "consent.md").read_text(), re.MULTILINE | re.DOTALL)
    return text


def test_the_documented_mapping_asks_in_time_and_stops_when_a_new_purchase_renews(shop: Shop) -> None:
    shop.config.write_text(f"{shop.config.read_text()}\n{documented()}")
    shop.knows("C1", "ana@example.com")
    old = shop.sells("C1", ago=dt.timedelta(days=700))
    assert shop("resync", "new-customers", "--record", old).code == 0
    assert "Please confirm" not in groups(shop)
    assert shop("sync", "please-confirm").code == 0
    assert "Please confirm" in groups(shop)
    assert json.loads(shop("expiring", "--json").out)["expiring"][0]["record"] == old
    shop.sells("C1", ago=SINCE)
    assert shop("sync", "new-customers", "please-confirm").code == 0
    assert "Please confirm" not in groups(shop)
    assert "Affiliate customers" in groups(shop)
    assert shop("expiring").out == NOBODY
    assert shop("test", "please-confirm").code == 0


def groups(shop: Shop) -> frozenset[str]:
    return shop.cyberimpact.contacts()["ana@example.com"].groups
