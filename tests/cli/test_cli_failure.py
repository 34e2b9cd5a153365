"""How commands fail: one clear message with a key and a next step, the right exit code, never a traceback."""

import json
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import Program
from tests.cli.desk_setup import CONFIG

SHOP = """
[connections.shop]
connector = "csv"
path = "shop.csv"
[connections.shop.lookups.people]
key = "id"
"""
HEAVY = {"pydantic", "msgspec", "httpx", "sqlalchemy", "apscheduler", "starlette", "structlog", "rich"}
PERSONAL = ("jo@example.com", "514 555")


def test_a_configuration_fault_has_key_sentence_and_hint_and_exits_2(run: Program) -> None:
    run.configure()
    ended = run("check", environ={"DESK_TOKEN": None})
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "Error: There is a problem in the configuration.\n"
        "  connections.desk.token: The environment variable DESK_TOKEN is not set.\n"
        "      → Set DESK_TOKEN, or point at a file: { file = … }.\n"
    )


def test_every_fault_is_shown_at_once(run: Program) -> None:
    run.configure('[engine]\ntimezone = "Mars"\nsurprise = 1\n')
    ended = run("check")
    assert ended.code == 2
    assert "There are 2 problems in the configuration." in ended.err
    assert "  engine.timezone: There is no such time zone." in ended.err
    assert "  engine.surprise: There is no such key." in ended.err


def test_no_configuration_says_how_to_get_one(run: Program) -> None:
    ended = run("check")
    assert ended.code == 2
    assert "There is no file config.toml." in ended.err
    assert "`syncengine init` writes one" in ended.err


def test_a_provider_that_does_not_answer_exits_1_with_the_next_step(run: Program) -> None:
    run.configure(*_moody("tired"))
    ended = run("read", "desk.tickets")
    assert ended.code == 1
    assert ended.err == ("Error: connections.desk: no answer to the list of tickets.\n  → The next run tries again.\n")


def test_with_json_an_error_is_json_on_standard_error(run: Program) -> None:
    run.configure(*_moody("tired"))
    ended = run("read", "desk.tickets", "--json")
    assert (ended.code, ended.out) == (1, "")
    assert json.loads(ended.err) == {
        "error": {
            "code": "transient",
            "message": "connections.desk: no answer to the list of tickets.",
            "hint": "The next run tries again.",
            "problems": [],
        }
    }


def test_with_json_a_configuration_fault_lists_its_problems(run: Program) -> None:
    run.configure()
    ended = run("check", "--json", environ={"DESK_TOKEN": None})
    assert ended.code == 2
    (problem,) = json.loads(ended.err)["error"]["problems"]
    assert problem["key"] == "connections.desk.token"


def test_something_unexpected_is_called_a_bug_and_quotes_nothing(run: Program) -> None:
    run.configure(*_moody("quoting"))
    ended = run("read", "desk.tickets")
    assert ended.code == 1
    assert ended.err == (
        "Error: Something unexpected happened (RuntimeError).\n"
        "  → This is a bug of syncengine. Run the command again with --debug and report what it shows.\n"
    )


def test_a_traceback_is_shown_with_debug_only_and_redacted(run: Program) -> None:
    run.configure(*_moody("quoting"))
    ended = run("read", "desk.tickets", "--debug")
    assert ended.code == 1
    assert "Traceback" in ended.err
    assert "RuntimeError" in ended.err
    assert [text for text in PERSONAL if text in ended.err] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chek"], "No such command 'chek'"),
        (["read"], "Missing argument 'CONNECTION.STREAM'"),
        (["check", "--nothing"], "No such option: --nothing"),
        (["read", "desk.tickets", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage_exits_2(run: Program, arguments: list[str], sentence: str) -> None:
    run.configure()
    ended = run(*arguments)
    assert ended.code == 2
    assert sentence in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "sentence", "command"),
    [
        (["chek", "--json"], "No such command 'chek'", "syncengine"),
        (["--json", "read"], "Missing argument 'CONNECTION.STREAM'", "syncengine read"),
        (["read", "--json"], "Missing argument 'CONNECTION.STREAM'", "syncengine read"),
        (["check", "--nothing", "--json"], "No such option: --nothing", "syncengine check"),
        (["--nothing", "--json"], "No such option: --nothing", "syncengine"),
        (["--json", "read", "desk.tickets", "--limit", "jo@example.com"], "--limit", "syncengine read"),
        (["--json", "rejects", "lost"], "No such command 'lost'", "syncengine rejects"),
        (["resync", "letters", "--since", "soon", "--json"], "--since", "syncengine resync"),
    ],
)
def test_with_json_wrong_usage_is_json_like_every_other_error(
    run: Program, arguments: list[str], sentence: str, command: str
) -> None:
    run.configure()
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    told = json.loads(ended.err)["error"]
    assert sentence in told.pop("message")
    assert told == {"code": "usage", "hint": f"{command} --help says what can be given.", "problems": []}
    assert "jo@example.com" not in ended.err


def test_a_value_that_looks_like_an_option_asks_for_no_json(run: Program) -> None:
    run.configure()
    ended = run("explain", "--", "--json", "too-much")
    assert ended.code == 2
    assert ended.err.startswith("Usage: syncengine explain")


def test_a_reader_that_goes_away_ends_it_quietly(run: Program) -> None:
    run.configure(*_moody("well", tickets=2_000))
    with run.start("read", "desk.tickets", "--since", "2026-06-01") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        assert (process.wait(timeout=60), err) == (141, "")


def test_ctrl_c_ends_it_quietly_with_130(run: Program) -> None:
    run.configure(*_moody("well", tickets=2_000))
    with run.start("read", "desk.tickets", "--since", "2026-06-01") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (130, "")


def test_a_cache_that_can_not_be_made_is_said_with_its_place(run: Program) -> None:
    run.configure(SHOP)
    (run.folder / "shop.csv").write_text("id,email\n1,jo@example.com\n")
    (run.folder / "syncengine.db.cache").write_text("in the way")
    ended = run("check")
    assert ended.code == 1
    assert "syncengine.db.cache/shop: not a directory." in ended.err
    assert "(engine.database)" in ended.err


def test_nothing_heavy_is_imported_before_a_command_needs_it(run: Program) -> None:
    code = f"import sys; from syncengine.cli.app import app; print(*sorted({HEAVY} & sys.modules.keys()))"
    process = subprocess.run([sys.executable, "-c", code], env=run.environ, check=True, capture_output=True, text=True)
    assert process.stdout.split() == []


def _moody(mood: str, tickets: int = 3) -> tuple[str, tuple[str, str]]:
    return CONFIG, ('connector = "desk"\n', f'connector = "desk"\nmood = "{mood}"\ntickets = {tickets}\n')
