"""README.md is true: its configurations load, its commands and options exist, its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.binding import bind
from syncengine.cli.app import app
from syncengine.cli.world import contexts
from syncengine.config import load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENVIRON = {
    "IMPACT_ACCOUNT_SID": "IRmadeUpForTheReadme",
    "IMPACT_AUTH_TOKEN": "made-up-token-of-the-readme",
    "CYBERIMPACT_TOKEN": CyberimpactSandbox().settings()["token"],
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def lines_of(program: str) -> list[str]:
    lines = [line.partition("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.split()[0].rpartition("/")[2] == program]


def test_the_configuration_of_the_readme_has_ten_lines_and_all_that_is_needed(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    assert len([line for line in text.splitlines() if line]) <= 10
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(path, ENVIRON)
    assert settings.warnings == ()
    assert set(bind(settings, contexts(settings)).mappings) == {"new-customers"}


@pytest.mark.parametrize("line", lines_of("syncengine"))
def test_a_command_of_the_readme_exists_with_its_options(line: str) -> None:
    _, name, *rest = shlex.split(line)
    path = [name, rest[0]] if name == "rejects" else [name]
    helped = CliRunner().invoke(app, [*path, "--help"], terminal_width=200)
    assert helped.exit_code == 0, helped.output
    for option in (word for word in rest if word.startswith("--")):
        assert option in helped.output


def test_every_command_has_its_line_in_the_readme() -> None:
    from typer.main import get_group

    named = {shlex.split(line)[1] for line in lines_of("syncengine")}
    elsewhere = {name for name in ("connectors", "demo") if name in README}
    assert set(get_group(app).commands) <= named | elsewhere


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = lines_of("make")
    assert lines
    for line in lines:
        assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE)


def test_every_link_and_folder_of_the_readme_exists() -> None:
    places = re.findall(r"\]\(([^)]+)\)", README) + re.findall(r"^\| `([^`]+)`", README, re.MULTILINE)
    assert places
    for place in places:
        assert (ROOT / place).exists(), place
