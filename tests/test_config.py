"""What a right configuration becomes."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from syncengine.config import Settings, load_settings
from syncengine.redaction import redact
from syncengine.schedule import Cron, Every
from tests.cli.desk_setup import CONFIG, ENVIRON, known_desk


@pytest.fixture(autouse=True)
def _desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield from known_desk(monkeypatch)


def load(folder: Path, text: str = CONFIG, **environ: str) -> Settings:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load_settings(path, {**ENVIRON, **environ})


def test_everything_is_where_it_belongs(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.base == tmp_path
    assert settings.engine.timezone == ZoneInfo("America/Toronto")
    assert settings.engine.time_limit == dt.timedelta(hours=1)
    assert settings.connections["desk"].connector.name == "desk"
    mapping = settings.mappings["letters"]
    assert mapping.spec.source == "desk.tickets"
    assert mapping.schedule == Every("every 15 minutes", 900)
    assert settings.warnings == ()


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings.engine.timezone == ZoneInfo("UTC")
    assert settings.engine.database == f"sqlite:///{tmp_path}/syncengine.db"
    assert (settings.engine.log_level, settings.engine.log_format) == ("info", "text")
    assert (dict(settings.connections), dict(settings.mappings)) == ({}, {})


@pytest.mark.parametrize(
    ("written", "file"),
    [
        ("sqlite:///state.db", "{base}/state.db"),
        ("sqlite:///sub/x.db", "{base}/sub/x.db"),
        ("sqlite:////srv/x.db", "/srv/x.db"),
    ],
)
def test_the_state_is_relative_to_the_file_and_not_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, file: str
) -> None:
    monkeypatch.chdir("/")
    settings = load(tmp_path, f'[engine]\ndatabase = "{written}"\n')
    assert settings.engine.database == f"sqlite:///{file.format(base=tmp_path)}"


def test_a_relative_name_of_the_file_still_gives_an_absolute_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path)
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("config.toml"), ENVIRON)
    assert settings.engine.database == f"sqlite:///{tmp_path}/syncengine.db"


def test_a_secret_comes_from_the_environment_and_is_masked_from_then_on(tmp_path: Path) -> None:
    settings = load(tmp_path, DESK_TOKEN="xyzzy plugh 1")
    assert settings.connections["desk"].settings.token == SecretStr("xyzzy plugh 1")  # type: ignore[attr-defined]  # the desk's own
    assert redact("it said xyzzy plugh 1 to us") == "it said [masked] to us"
    assert "xyzzy" not in repr(settings)


@pytest.mark.parametrize("content", ["from-a-file-1\n", "from-a-file-1\r\n", "from-a-file-1"])
def test_a_secret_comes_from_a_file_beside_the_configuration_without_its_line_end(tmp_path: Path, content: str) -> None:
    secret = tmp_path / "token.txt"
    secret.write_bytes(content.encode())
    secret.chmod(0o600)
    settings = load(tmp_path, CONFIG.replace('{ env = "DESK_TOKEN" }', '{ file = "token.txt" }'))
    assert settings.connections["desk"].settings.token == SecretStr("from-a-file-1")  # type: ignore[attr-defined]  # the desk's own
    assert settings.warnings == ()


def test_only_the_last_line_end_of_a_secret_file_is_taken_off(tmp_path: Path) -> None:
    secret = tmp_path / "token.txt"
    secret.write_text(" spaces count \n\n")
    settings = load(tmp_path, CONFIG.replace('{ env = "DESK_TOKEN" }', '{ file = "token.txt" }'))
    assert settings.connections["desk"].settings.token == SecretStr(" spaces count \n")  # type: ignore[attr-defined]  # the desk's own


def test_a_secret_file_that_others_may_read_is_a_warning(tmp_path: Path) -> None:
    secret = tmp_path / "token.txt"
    secret.write_text("from-a-file-2")
    secret.chmod(0o644)
    (warning,) = load(tmp_path, CONFIG.replace('{ env = "DESK_TOKEN" }', '{ file = "token.txt" }')).warnings
    assert warning.key == "connections.desk.token"
    assert warning.message == f"Others on this machine may read {secret}."
    assert warning.hint == f"chmod 600 {secret}"


def test_a_secret_in_the_file_itself_is_masked_and_a_warning_where_others_may_read_it(tmp_path: Path) -> None:
    text = CONFIG.replace('{ env = "DESK_TOKEN" }', '"written-down-3"')
    assert load(tmp_path, text).warnings == ()
    path = tmp_path / "config.toml"
    path.chmod(0o644)
    (warning,) = load_settings(path, {}).warnings
    assert (warning.key, warning.message) == (
        "connections.desk",
        "A secret stands in config.toml, which others may read.",
    )
    assert redact("written-down-3") == "[masked]"


def test_a_reference_may_stand_anywhere_in_a_connection(tmp_path: Path) -> None:
    text = CONFIG.replace(
        "[mappings.letters]\n", '[connections.desk.rooms.north]\nfloor = { env = "FLOOR" }\n\n[mappings.letters]\n'
    )
    settings = load(tmp_path, text, FLOOR="3")
    assert settings.connections["desk"].settings.rooms["north"].floor == 3  # type: ignore[attr-defined]  # the desk's own


def test_a_table_of_a_mapping_is_never_taken_for_a_reference(tmp_path: Path) -> None:
    text = CONFIG + '\n[[mappings.letters.tests]]\ngiven = { env = "HOME" }\nexpect = "filtered"\n'
    assert load(tmp_path, text).mappings["letters"].spec.tests[1].given == {"env": "HOME"}


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + CONFIG).mappings.keys() == {"letters"}


def test_a_cron_line_and_no_schedule_are_both_right(tmp_path: Path) -> None:
    cron = load(tmp_path, CONFIG.replace("every 15 minutes", "*/15 * * * 1-5")).mappings["letters"].schedule
    assert isinstance(cron, Cron)
    none = load(tmp_path, CONFIG.replace('schedule = "every 15 minutes"\n', "")).mappings["letters"].schedule
    assert none is None


def test_a_recipe_is_expanded_and_what_stands_beside_it_counts(tmp_path: Path) -> None:
    text = """
    [connections.impact]
    connector = "desk"
    token = "made-up-token"
    [connections.cyberimpact]
    connector = "desk"
    token = "made-up-token"
    [connections.shop]
    connector = "desk"
    token = "made-up-token"
    [mappings.mine]
    use = "new-customers"
    schedule = "every hour"
    """
    mapping = load(tmp_path, text).mappings["mine"]
    assert mapping.spec.source == "impact.actions"
    assert mapping.spec.fields["email"] == "{{ customer.email }}"
    assert mapping.schedule == Every("every hour", 3600)
