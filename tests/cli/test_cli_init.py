"""`init`: a commented configuration that works once its secrets are set."""

import json
import os
import pty
import re
import select
import sys
import tomllib
from pathlib import Path

import pytest

from mappings.recipes import recipe_names, recipe_purpose, recipe_text
from tests.cli.conftest import Program


def test_a_recipe_is_written_with_its_comments_and_the_next_steps(run: Program) -> None:
    ended = run("init", "--recipe", "new-customers")
    assert (ended.code, ended.err) == (0, "")
    assert (run.folder / "config.toml").read_text(encoding="utf-8") == recipe_text("new-customers")
    assert "Set IMPACT_ACCOUNT_SID, IMPACT_AUTH_TOKEN, CYBERIMPACT_TOKEN in the environment." in ended.out
    assert "syncengine check " in ended.out


def test_the_next_steps_name_the_file_that_was_asked_for(run: Program) -> None:
    ended = run("init", "--recipe", "new-customers", "--config", "sub/mine.toml")
    assert ended.code == 0
    assert (run.folder / "sub/mine.toml").exists()
    assert "syncengine check --config sub/mine.toml" in ended.out


def test_what_was_done_as_json(run: Program) -> None:
    ended = run("init", "--recipe", "new-customers", "--json")
    assert json.loads(ended.out) == {
        "path": "config.toml",
        "environment": ["IMPACT_ACCOUNT_SID", "IMPACT_AUTH_TOKEN", "CYBERIMPACT_TOKEN"],
    }


def test_a_file_that_exists_is_not_overwritten_unless_forced(run: Program) -> None:
    path = run.configure("# mine\n")
    ended = run("init", "--recipe", "new-customers")
    assert ended.code == 2
    assert "config.toml: config.toml exists already." in ended.err
    assert "--force overwrites it" in ended.err
    assert path.read_text() == "# mine\n"
    assert run("init", "--recipe", "new-customers", "--force").code == 0
    assert path.read_text() != "# mine\n"


def test_an_unknown_recipe_names_those_there_are(run: Program) -> None:
    ended = run("init", "--recipe", "new-custumers")
    assert ended.code == 2
    assert '--recipe: There is no recipe "new-custumers".' in ended.err
    assert 'Did you mean "new-customers"?' in ended.err


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_begins_with_its_purpose_on_one_line(name: str) -> None:
    assert re.fullmatch(r"# [A-Z][^:\n]*: [a-z][^\n]*\.", recipe_text(name).partition("\n")[0])
    assert 20 < len(recipe_purpose(name)) < 100


def test_where_nobody_watches_nothing_is_asked(run: Program) -> None:
    ended = run("init")
    assert ended.code == 2
    assert f"Nobody is here to be asked: choose one of {', '.join(recipe_names())}." in ended.err
    assert not (run.folder / "config.toml").exists()


def test_a_place_that_can_not_be_written_is_said(run: Program) -> None:
    (run.folder / "sub").write_text("a file in the way")
    ended = run("init", "--recipe", "new-customers", "--config", "sub/config.toml")
    assert ended.code == 2
    assert "can't be written" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of its own is made as Unix does")
def test_a_person_is_asked_and_their_answers_are_written(run: Program) -> None:
    shown = _converse(run, ["new-customers", "Mars/Phobos", "America/Vancouver", 'my "own" list.csv'])
    written = tomllib.loads((run.folder / "config.toml").read_text(encoding="utf-8"))
    assert "There is no such time zone." in shown
    assert written["engine"]["timezone"] == "America/Vancouver"
    assert written["connections"]["shop"]["path"] == 'my "own" list.csv'
    assert (run.folder / "config.toml").read_text(encoding="utf-8").count("#") == recipe_text("new-customers").count(
        "#"
    )


def test_a_person_who_only_confirms_gets_the_recipe_as_it_is(run: Program) -> None:
    shown = _converse(run, ["", "", ""])
    for name in recipe_names():
        assert re.search(rf"  {name} +{re.escape(recipe_purpose(name))}\r?\n", shown)
    assert (run.folder / "config.toml").read_text(encoding="utf-8") == recipe_text("new-customers")


def _converse(run: Program, answers: list[str]) -> str:
    """Answer the questions on a terminal; what was shown there."""
    ours, theirs = pty.openpty()
    with run.start("init", stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        shown = b""
        while select.select([ours], [], [], 30)[0]:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        assert process.wait(timeout=30) == 0
    os.close(ours)
    assert Path(run.folder / "config.toml").exists()
    return shown.decode()
