"""Every fault of a configuration: the key where it stands, what is wrong, and what to do; and all of them at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncengine.config import load_settings
from syncengine.errors import ConfigError
from tests.cli.desk_faults import desk, faults, letters
from tests.cli.desk_setup import ENVIRON, known_desk


@pytest.fixture(autouse=True)
def _desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from known_desk(monkeypatch)


CASES = {
    # the file
    "no TOML": (
        "[engine\n",
        "config.toml",
        "This is not TOML: Expected ']' at the end of a table declaration (at line 1",
        "quotes",
    ),
    "a key twice": (
        "[engine]\nlog_level = 'info'\nlog_level = 'info'\n",
        "config.toml",
        "(at line 3",
        "once in its table",
    ),
    "not UTF-8": (b"# ok\n# caf\xe9\n", "config.toml", "Line 2 is not in UTF-8.", "Save the file as UTF-8."),
    "an unknown table": ("[conections.x]\n", "conections", "There is no such table.", 'Did you mean "connections"?'),
    "a group that is no table": (
        "connections = 3\n",
        "connections",
        "This must be a table.",
        "Write [connections.NAME].",
    ),
    "a connection that is no table": (
        "[connections]\nx = 3\n",
        "connections.x",
        "This must be a table.",
        "Write [connections.x].",
    ),
    "a name with a dot": ('[mappings."a.b"]\n', "mappings.a.b", "This can't be a name.", "letters, digits, - and _"),
    # the engine
    "engine is no table": ("engine = 3\n", "engine", "This must be a table.", ""),
    "an unknown engine key": (
        "[engine]\ntimezon = 'UTC'\n",
        "engine.timezon",
        "There is no such key.",
        'Did you mean "timezone"?',
    ),
    "an unknown time zone": (
        "[engine]\ntimezone = 'America/Torronto'\n",
        "engine.timezone",
        "There is no such time zone.",
        'Did you mean "America/Toronto"?',
    ),
    "a time zone that is a folder": (
        "[engine]\ntimezone = 'America'\n",
        "engine.timezone",
        "There is no such time zone.",
        "",
    ),
    "a time zone that is a number": (
        "[engine]\ntimezone = 5\n",
        "engine.timezone",
        "This must be the name of a time zone",
        "Toronto",
    ),
    "another database": (
        "[engine]\ndatabase = 'mysql://root:hunter22@db/x'\n",
        "engine.database",
        "The state is kept in a SQLite file",
        "sqlite:///syncengine.db",
    ),
    "a database in memory": (
        "[engine]\ndatabase = 'sqlite://'\n",
        "engine.database",
        "this is no address of one",
        "sqlite:///",
    ),
    "a database without a file": (
        "[engine]\ndatabase = 'sqlite:///'\n",
        "engine.database",
        "names no file that outlives",
        "sqlite:///",
    ),
    "a database that is a number": (
        "[engine]\ndatabase = 1\n",
        "engine.database",
        "This must be a text in quotes.",
        "SQLite",
    ),
    "a wrong time limit": ("[engine]\ntime_limit = 'soon'\n", "engine.time_limit", "is not a duration", "15 minutes"),
    "a time limit of nothing": (
        "[engine]\ntime_limit = '0 s'\n",
        "engine.time_limit",
        "This is no time at all.",
        "1 hour",
    ),
    "a time limit without a unit": (
        "[engine]\ntime_limit = 60\n",
        "engine.time_limit",
        "must be a duration in quotes",
        "1 hour",
    ),
    "an unknown log level": (
        "[engine]\nlog_level = 'loud'\n",
        "engine.log_level",
        "'debug', 'info', 'warning' or 'error'",
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


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "none.toml", {})
    (problem,) = caught.value.problems
    assert problem.message == f"There is no file {tmp_path}/none.toml."
    assert "syncengine init" in problem.hint


def test_a_configuration_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: is a directory"):
        load_settings(tmp_path, {})


def test_all_faults_are_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """
    surprise = 1
    [engine]
    timezone = "Mars"
    [connections.desk]
    connector = "desk"
    token = { env = "NO_SUCH" }
    tickets = -1
    [connections.other]
    connector = "nothing"
    [mappings.a]
    source = "desk.tickets"
    destination = "elsewhere.letters"
    schedule = "often"
    fields = {}
    [mappings.b]
    use = "nothing"
    """
    assert [problem.key for problem in faults(tmp_path, text)] == [
        "surprise",
        "engine.timezone",
        "connections.desk.tickets",
        "connections.other.connector",
        "connections.desk.token",
        "mappings.a.destination",
        "mappings.a.schedule",
        "mappings.b.use",
    ]


def test_a_connection_with_a_fault_is_not_reported_again_as_unknown(tmp_path: Path) -> None:
    found = faults(tmp_path, desk("tickets = -1"))
    assert [problem.key for problem in found] == ["connections.desk.tickets"]


def test_a_secret_that_is_missing_hides_no_other_fault_and_causes_none(tmp_path: Path) -> None:
    found = faults(tmp_path, desk("tickets = -1"), {})
    assert {problem.key for problem in found} == {"connections.desk.token", "connections.desk.tickets"}


@pytest.mark.parametrize(
    "text",
    [
        "[engine]\ndatabase = 'postgresql://me:swordfish@db/x'\n",
        desk("mood = 'swordfish'"),
        desk("tickets = 'swordfish'"),
        desk("swordfish = 1").replace("swordfish = 1", "tickets = ['swordfish']"),
        letters("tests = ['swordfish']").replace("[[mappings.letters.tests]]", "[mappings.letters.nothing]"),
    ],
)
def test_no_fault_repeats_the_value_that_is_wrong(tmp_path: Path, text: str) -> None:
    assert "swordfish" in text
    assert all("swordfish" not in f"{problem.message} {problem.hint}" for problem in faults(tmp_path, text))
