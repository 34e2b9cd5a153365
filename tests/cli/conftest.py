"""How these tests start the program: as a person does, in a process and a folder of its own."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.desk_setup import CONFIG, ENVIRON, PLUGIN
from tests.forking import ROOT, Ended, Process, launch

if TYPE_CHECKING:
    from tests.cli.shop import Shop


class Program:
    """`syncengine` in the test's folder, with the desk's connectors installed and its token set."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = os.pathsep.join(filter(None, (str(PLUGIN), str(ROOT), os.environ.get("PYTHONPATH"))))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SYNCENGINE_")}
        self.environ: dict[str, str] = {**kept, **ENVIRON, "PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "200"}

    def configure(self, text: str = CONFIG, *changes: tuple[str, str]) -> Path:
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = self.folder / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def start(self, *arguments: str, **streams: Any) -> Process:
        return launch(*arguments, folder=self.folder, environ=self.environ, **streams)

    def __call__(self, *arguments: str, environ: Mapping[str, str | None] | None = None) -> Ended:
        for name, value in (environ or {}).items():
            if value is None:
                self.environ.pop(name, None)
            else:
                self.environ[name] = value
        return self.start(*arguments).ended()


@pytest.fixture
def run(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def shop(run: Program) -> "Iterator[Shop]":
    """A shop with two empty accounts (`tests/cli/shop.py`)."""
    from tests.cli.shop import open_shop

    with open_shop(run) as opened:
        yield opened
