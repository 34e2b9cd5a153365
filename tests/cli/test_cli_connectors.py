"""`connectors`: what is installed, with everything that may be set."""

import json

from tests.cli.conftest import Program


def test_every_installed_connector_is_listed_and_a_broken_one_is_said_to_be(run: Program) -> None:
    ended = run("connectors", "--json")
    shown = {connector["name"]: connector for connector in json.loads(ended.out)}
    assert {"csv", "cyberimpact", "desk", "impact", "sql", "torn"} <= shown.keys()
    assert shown["torn"]["broken"] is True
    assert "a_driver_that_nobody_has" in shown["torn"]["summary"]
    assert ended.code == 1


def test_settings_tell_type_secret_required_and_meaning(run: Program) -> None:
    (desk,) = json.loads(run("connectors", "desk", "--json").out)
    token, mood, *_ = desk["settings"]
    assert token == {
        "name": "token", "type": "text", "required": True, "secret": True, "default": None,
        "description": "From the desk's settings page.",
    }  # fmt: skip
    assert mood["default"] == "well"
    assert mood["type"].startswith("well | tired")


def test_streams_are_shown_without_an_account(run: Program) -> None:
    (shown,) = json.loads(run("connectors", "impact", "--json").out)
    streams = {stream["name"]: stream for stream in shown["streams"]}
    assert {"actions", "campaigns"} <= streams.keys()
    assert streams["actions"]["moment"] == "EventDate"
    assert "CustomerId" in streams["actions"]["fields"]
    assert [option["name"] for option in streams["actions"]["options"]] == ["campaigns", "passes"]


def test_destinations_are_shown_with_their_fields(run: Program) -> None:
    ended = run("connectors", "cyberimpact")
    assert ended.code == 0
    assert "  destination cyberimpact.contacts" in ended.out
    assert "    email " in ended.out


def test_no_secret_of_a_sandbox_is_shown(run: Program) -> None:
    out = run("connectors", "impact", "cyberimpact").out
    assert "eyJ" not in out
    assert "made-up" not in out


def test_an_unknown_connector_exits_2_with_a_guess(run: Program) -> None:
    ended = run("connectors", "imapct")
    assert ended.code == 2
    assert 'connector imapct: There is no connector "imapct".' in ended.err
    assert 'Did you mean "impact"?' in ended.err


def test_spans_of_time_are_shown_as_the_configuration_takes_them(run: Program) -> None:
    out = run("connectors", "cyberimpact").out
    assert "default 10 minutes" in out
    assert "default 0.5 seconds" in out
    assert "default PT" not in out
