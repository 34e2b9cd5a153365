"""`read`: the records of a stream as JSON lines."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Ended, Program
from tests.cli.desk_setup import CONFIG

DAY = ("--since", "2026-06-01")


def records(ended: Ended) -> list[dict[str, Any]]:
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.out.splitlines()]


def test_every_record_is_one_line(run: Program) -> None:
    run.configure()
    read = records(run("read", "desk.tickets", *DAY))
    assert len(read) == 12
    assert read[0] == {
        "id": "north-2026-06-01 12:00:00+00:00",
        "moment": "2026-06-01T12:00:00+00:00",
        "partition": "north",
        "values": {"Id": "north-0112", "Customer": "C1", "Status": "NEW", "Opened": "2026-06-01T12:00:00+00:00"},
    }


def test_since_and_until_are_days_of_the_engines_time_zone(run: Program) -> None:
    run.configure()
    read = records(
        run("read", "desk.tickets", "--since", "2026-06-02", "--until", "2026-06-02T09:00", "--partition", "north")
    )
    assert [record["values"]["Id"] for record in read] == ["north-0212"]


def test_a_moment_may_name_its_own_zone(run: Program) -> None:
    run.configure()
    read = records(run("read", "desk.tickets", "--since", "2026-06-02T14:00:00Z", "--partition", "north"))
    assert [record["values"]["Id"] for record in read] == ["north-0214"]


@pytest.mark.parametrize("limit", [1, 3, 4, 7, 100])
def test_the_limit_counts_over_pages_and_partitions(run: Program, limit: int) -> None:
    run.configure()
    assert len(records(run("read", "desk.tickets", *DAY, "--limit", str(limit)))) == min(limit, 12)


def test_only_the_fields_asked_for_are_read(run: Program) -> None:
    run.configure()
    read = records(run("read", "desk.tickets", *DAY, "--fields", "Id, Status", "--limit", "1"))
    assert read[0]["values"] == {"Id": "north-0112", "Status": "NEW"}


def test_options_of_the_stream_are_values_of_toml_or_plain_text(run: Program) -> None:
    run.configure()
    read = records(run("read", "desk.tickets", *DAY, "--options", 'rooms=["south"]', "--options", "loud=true"))
    assert {record["partition"] for record in read} == {"south"}
    assert "--options.loud: This must be true or false." in run("read", "desk.tickets", "--options", "loud=maybe").err


@pytest.mark.parametrize("rooms", ["south", "south,", "south,south"])
def test_a_list_may_be_written_with_commas(run: Program, rooms: str) -> None:
    run.configure()
    read = records(run("read", "desk.tickets", *DAY, "--options", f"rooms={rooms}"))
    assert {record["partition"] for record in read} == {"south"}


def test_a_mapping_with_a_wrong_name_keeps_nobody_from_reading(run: Program) -> None:
    run.configure(CONFIG, ("desk.letters", "desk.nothing"))
    assert records(run("read", "desk.tickets", *DAY, "--limit", "1"))


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        (["desc.tickets"], "connections.desc: There is no such connection.", 'Did you mean "desk"?'),
        (["desk.tikets"], 'connections.desk: It has no stream "tikets".', 'Did you mean "tickets"?'),
        (["desk"], 'connections.desk: It has no stream "".', "There is: tickets."),
        (["desk.tickets", "--fields", "Idd"], 'The stream has no field "Idd".', 'Did you mean "Id"?'),
        (["desk.tickets", "--partition", "nort"], 'There is no partition "nort".', 'Did you mean "north"?'),
        (["desk.tickets", "--options", "roms=1"], "--options.roms: There is no such key.", 'Did you mean "rooms"?'),
        (["desk.tickets", "--options", "rooms"], '"rooms" is not of the form KEY=VALUE.', "--options"),
        (["desk.tickets", "--since", "June"], 'Write a day, "2026-06-01"', "--since"),
        (["desk.tickets", "--since", "2026-06-02", "--until", "2026-06-01"], "It must be after --since.", "--until"),
    ],
)
def test_a_wrong_name_exits_2_with_a_guess(run: Program, arguments: list[str], sentence: str, hint: str) -> None:
    run.configure()
    ended = run("read", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert hint in ended.err
