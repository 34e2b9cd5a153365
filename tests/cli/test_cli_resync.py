"""`resync`: a range of days is read again, beside live work."""

import datetime as dt
import json
import os
import sqlite3

from syncengine.clock import SystemClock
from syncengine.state.locks import Locks
from tests.cli.shop import Shop


def days_ago(days: int) -> str:
    return (dt.datetime.now(dt.UTC) - dt.timedelta(days=days)).date().isoformat()


def checkpoints(shop: Shop) -> list[tuple[str, ...]]:
    with sqlite3.connect(shop.state) as state:
        found = state.execute("SELECT partition, json_extract(position, '$.since') FROM checkpoint").fetchall()
    state.close()
    return found


def test_a_change_in_the_directory_reaches_the_old_records_of_the_range(shop: Shop) -> None:
    for number, days in enumerate((40, 20, 10)):
        shop.knows(f"C{number}", f"jo.{number}@example.com", first_name="Jo")
        shop.sells(f"C{number}", ago=dt.timedelta(days=days))
    config = shop.config.read_text(encoding="utf-8")
    shop.config.write_text(config.replace("use = ", "set_once = []\nuse = "), encoding="utf-8")
    shop("sync")
    before = checkpoints(shop)
    for number in range(3):
        shop.knows(f"C{number}", f"jo.{number}@example.com", last_name="Doe")
    directory = shop.config.with_name("customers.csv")
    os.utime(directory, (directory.stat().st_atime, directory.stat().st_mtime - 60))  # a file just written may wait
    ended = shop("resync", "new-customers", "--since", days_ago(25), "--until", days_ago(15), "--force")
    assert ended.code == 0, ended
    assert "1 delivered" in ended.out
    names = {email: known.fields.get("lastname") for email, known in shop.cyberimpact.contacts().items()}
    assert names == {"jo.0@example.com": None, "jo.1@example.com": "Doe", "jo.2@example.com": None}
    assert checkpoints(shop) == before
    assert json.loads(shop("status", "--json").out)["mappings"][0]["backfills"] == 0


def test_without_force_what_has_not_changed_is_repeated(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    shop.sells("C1", ago=dt.timedelta(days=5))
    shop("sync")
    told = json.loads(shop("resync", "new-customers", "--since", days_ago(9), "--json").out)
    counts = told["mappings"][0]["counts"]
    assert (counts["read"], counts["repeated"]) == (1, 1)
    assert json.loads(shop("runs", "--json").out)[0]["kind"] == "resync"


def test_the_last_day_is_part_of_the_range(shop: Shop) -> None:
    shop.knows("C1", "ana@example.com")
    bought = shop.sells("C1", ago=dt.timedelta(days=5))
    shop("sync")
    day = shop.impact.book.actions[bought].event_date.astimezone(_toronto()).date().isoformat()
    told = json.loads(shop("resync", "new-customers", "--since", day, "--until", day, "--json").out)
    assert told["mappings"][0]["counts"]["read"] == 1


def _toronto() -> dt.tzinfo:
    from zoneinfo import ZoneInfo

    return ZoneInfo("America/Toronto")


def test_whoever_holds_the_mapping_works_the_range_off(shop: Shop) -> None:
    shop("sync")
    with Locks(shop.state, SystemClock()).hold("mapping new-customers"):
        ended = shop("resync", "new-customers", "--since", days_ago(9))
    assert ended.code == 0
    assert "The range is noted: that process works it off, or else the next run." in ended.out
    assert "1 range to be read again" in shop("status").out
    shop("sync")
    assert "to be read again" not in shop("status").out


def test_days_that_make_no_sense_are_faults_of_usage(shop: Shop) -> None:
    for arguments in (
        ("--since", "June"),
        ("--since", days_ago(3), "--until", days_ago(4)),
        ("--since", days_ago(-3)),
        (),
    ):
        ended = shop("resync", "new-customers", *arguments)
        assert ended.code == 2
        assert "--" in ended.err
    assert shop("resync", "nobody", "--since", days_ago(3)).code == 2
    assert not shop.impact.seen
