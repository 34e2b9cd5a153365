"""--config, --debug and --json stand before or after the command; the configuration is found as promised."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Program
from tests.cli.desk_setup import CONFIG


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "other.toml", "test"],
        ["test", "--config", "other.toml"],
        ["--config", "wrong.toml", "test", "--config", "other.toml"],
        ["--config=other.toml", "test"],
    ],
)
def test_config_stands_before_or_after_the_command_and_the_last_counts(run: Program, arguments: list[str]) -> None:
    (run.folder / "other.toml").write_text(CONFIG)
    ended = run(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert "a new ticket" in ended.out


@pytest.mark.parametrize("arguments", [["--json", "test"], ["test", "--json"]])
def test_json_stands_before_or_after_the_command(run: Program, arguments: list[str]) -> None:
    run.configure()
    assert json.loads(run(*arguments).out)["letters"][0]["passed"] is True


@pytest.mark.parametrize("arguments", [["--debug", "check"], ["check", "--debug"]])
def test_debug_stands_before_or_after_the_command(run: Program, arguments: list[str]) -> None:
    assert "Traceback" in run(*arguments).err


def test_the_environment_names_the_configuration_unless_the_command_does(run: Program) -> None:
    (run.folder / "other.toml").write_text(CONFIG)
    assert run("test", environ={"SYNCENGINE_CONFIG": "other.toml"}).code == 0
    assert "no file wrong.toml" in run("test", "--config", "wrong.toml").err


def test_every_command_offers_the_shared_options_and_says_what_it_does() -> None:
    from typer.main import get_command

    from syncengine.cli.app import app

    commands = dict(leaves(get_command(app)))
    assert {"init", "check", "test", "read", "connectors", "sandbox"} <= commands.keys()
    for name, command in commands.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--config", "--debug", "--json"} <= options, name
        assert command.help, name


def leaves(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command that does something, also those inside a group such as `rejects`."""
    if not hasattr(command, "commands"):
        yield name, command
        return
    for inner, inside in command.commands.items():
        yield from leaves(inside, f"{name} {inner}".strip())


def test_the_version_is_told(run: Program) -> None:
    from syncengine import __version__

    assert run("--version").out == f"syncengine {__version__}\n"


def test_without_a_command_the_help_is_shown(run: Program) -> None:
    ended = run()
    assert "Usage: syncengine" in ended.out + ended.err
    assert "connectors" in ended.out + ended.err
