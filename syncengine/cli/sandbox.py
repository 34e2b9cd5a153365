"""`sandbox`: every provider as a local server with made-up people, and a configuration that points at them."""

import datetime as dt
import json
import signal
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.screen import print_json_line
from syncengine.errors import ConfigError, Problem

if TYPE_CHECKING:
    from syncengine.sandbox.kit import Sandbox

__all__ = ["Running", "register", "start_sandboxes"]

MARK = "# Written by `syncengine sandbox`, and written anew each time it starts."
HISTORY = dt.timedelta(days=365)
DIRECTORY = "csv"
"""The connector of customers.csv, which is written beside the configuration."""
"""The sandboxes are filled with a year of purchases; the mappings take them all."""
PEOPLE, SEED = 200, 1
OWNER_ONLY = 0o600
"""The credentials are made up, but the file looks as a real one should."""


def register(app: typer.Typer) -> None:
    command(app)(sandbox)


def sandbox(
    session: Session,
    folder: Annotated[Path, typer.Option("--dir", metavar="FOLDER", help="Where to write the configuration.")] = Path(
        "sandbox"
    ),
    people: Annotated[int, typer.Option(min=1, help="How many made-up people there are.")] = PEOPLE,
    seed: Annotated[int, typer.Option(help="Another number makes other people.")] = SEED,
) -> int:
    """Run made-up providers here; Ctrl-C stops them."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a supervisor's way of saying Ctrl-C
    with start_sandboxes(folder, people, seed) as running:
        try:
            _announce(session, running)
            while True:
                signal.pause()
        except KeyboardInterrupt:
            return DONE


class Running:
    """The sandboxes while they run, and their addresses, by the connector's name; and the configuration for them."""

    def __init__(
        self, config: Path, sandboxes: Mapping[str, "Sandbox"], urls: Mapping[str, str], stack: ExitStack
    ) -> None:
        self.config = config
        self.sandboxes = sandboxes
        self.urls = urls
        self._stack = stack

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def start_sandboxes(folder: Path, count: int = PEOPLE, seed: int = SEED) -> Running:
    """Start every sandbox there is on a free port, and write config.toml and customers.csv into the folder.

    Raises ConfigError where the folder holds a configuration of somebody's own.
    """
    from syncengine.clock import SystemClock
    from syncengine.registry import load_sandbox, sandbox_names
    from syncengine.sandbox.kit import Server, people, write_directory

    config = folder / "config.toml"
    if config.exists() and not config.read_text(encoding="utf-8").startswith(MARK):
        raise ConfigError([Problem(config.name, f"{config} is a file of your own.", "--dir names another folder.")])
    now = SystemClock().now()
    made_up = people(count, seed)
    sandboxes = {name: load_sandbox(name)() for name in sandbox_names()}
    with ExitStack() as stack:
        urls = {}
        for name, provider in sandboxes.items():
            provider.populate(made_up, seed, now)
            urls[name] = stack.enter_context(Server(provider.app)).url
        accounts = {name: provider.settings_at(urls[name]) for name, provider in sandboxes.items()}
        folder.mkdir(parents=True, exist_ok=True)
        write_directory(made_up, folder / "customers.csv")
        config.touch(mode=OWNER_ONLY)
        config.write_text(_config(accounts, (now - HISTORY).date()), encoding="utf-8")
        return Running(config, sandboxes, urls, stack.pop_all())
    raise AssertionError("unreachable")  # pragma: no cover - an ExitStack swallows nothing here


def _config(accounts: Mapping[str, Mapping[str, Any]], start: dt.date) -> str:
    """The recipes' own configurations, with the accounts of the sandboxes in place of real ones."""
    from mappings.recipes import recipe_names, recipe_text

    whole: dict[str, Any] = {"engine": {}, "connections": {}, "mappings": {}}
    for recipe in recipe_names():
        raw = tomllib.loads(recipe_text(recipe))
        if not {table["connector"] for table in raw["connections"].values()} <= {*accounts, DIRECTORY}:
            continue  # it needs a provider that isn't here, such as the shop's own database
        whole["engine"] |= raw["engine"]
        for name, table in raw["connections"].items():
            account = accounts.get(table["connector"])
            whole["connections"][name] = {"connector": table["connector"], **account} if account else table
        whole["mappings"][recipe] = {"use": recipe, "start": start}
    return "\n".join([MARK, *_toml(whole)]) + "\n"


def _toml(table: Mapping[str, Any], name: str = "") -> Iterator[str]:
    """A table as TOML: its own values first, then the tables inside it."""
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if name and values:
        yield f"\n[{name}]"
    for key, value in values.items():
        yield f"{key} = {value.isoformat() if isinstance(value, dt.date) else json.dumps(value, ensure_ascii=False)}"
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _toml(value, f"{name}.{key}" if name else key)


def _announce(session: Session, running: Running) -> None:
    if session.json:
        print_json_line({"config": str(running.config), "urls": running.urls})
        typer.get_text_stream("stdout").flush()
        return
    for name, url in running.urls.items():
        typer.echo(f"{name:12} {url}   (what it was asked: {url}/_sandbox/requests)")
    option = f"--config {running.config}"
    typer.echo("\nIn another terminal:")
    for command_name in ("check", "plan", "sync"):
        typer.echo(f"  syncengine {command_name} {option}")
    typer.echo("\nCtrl-C stops the servers; what they hold is forgotten.")
