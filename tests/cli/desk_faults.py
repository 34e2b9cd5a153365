"""Configurations of the desk with something wrong, and the problems that they give."""

from pathlib import Path

import pytest

from syncengine.config import load_settings
from syncengine.errors import ConfigError, Problem
from tests.cli.desk_setup import CONFIG, ENVIRON


def faults(folder: Path, text: str | bytes, environ: dict[str, str] | None = None) -> tuple[Problem, ...]:
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_settings(path, ENVIRON if environ is None else environ)
    return caught.value.problems


def desk(extra: str) -> str:
    """The configuration with a line more in [connections.desk]."""
    return CONFIG.replace('connector = "desk"\n', f'connector = "desk"\n{extra}\n')


def letters(extra: str) -> str:
    """The configuration with a line more in [mappings.letters]."""
    return CONFIG.replace("[mappings.letters]\n", f"[mappings.letters]\n{extra}\n")


def changed(old: str, new: str) -> str:
    assert old in CONFIG
    return CONFIG.replace(old, new)
