"""`sandbox`: the providers on this machine, with a configuration that works at once."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Program
from tests.forking import Process


@contextmanager
def running(run: Program, *arguments: str) -> Iterator[tuple[Process, dict[str, Any]]]:
    with run.start("sandbox", "--json", "--people", "20", *arguments) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            yield process, json.loads(line)
        finally:
            process.kill()


def test_check_is_well_and_read_reads_against_it(run: Program) -> None:
    with running(run) as (_, started):
        assert set(started["urls"]) >= {"impact", "cyberimpact"}
        check = run("check", "--config", started["config"])
        assert (check.code, check.err) == (0, "")
        assert "All is well. Next: syncengine plan" in check.out
        read = run("read", "impact.campaigns", "--config", started["config"])
        assert len(read.out.splitlines()) == 3
        asked = httpx.get(f"{started['urls']['impact']}/_sandbox/requests").json()
        assert any(request["path"].endswith("/Campaigns") for request in asked)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_quietly(run: Program, stop: signal.Signals) -> None:
    with running(run) as (process, _):
        process.send_signal(stop)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")


def test_its_folder_holds_a_private_configuration_and_the_directory_of_customers(run: Program) -> None:
    with running(run, "--dir", "elsewhere") as (_, started):
        config = run.folder / "elsewhere" / "config.toml"
        assert started["config"] == "elsewhere/config.toml"
        assert config.stat().st_mode & 0o777 == 0o600
        header = (config.parent / "customers.csv").read_text(encoding="utf-8").splitlines()[0]
        assert header == "customer_id,email,first_name,last_name,language,opted_out,phone"


def test_its_own_configuration_is_written_anew(run: Program) -> None:
    with running(run) as (_, first):
        before = Path(run.folder / first["config"]).read_text(encoding="utf-8")
    with running(run) as (_, second):
        after = Path(run.folder / second["config"]).read_text(encoding="utf-8")
    assert before != after


def test_somebodys_own_configuration_is_never_overwritten(run: Program) -> None:
    run.configure("# mine\n")
    ended = run("sandbox", "--dir", ".")
    assert ended.code == 2
    assert "config.toml is a file of your own." in ended.err
    assert "--dir names another folder." in ended.err
    assert (run.folder / "config.toml").read_text() == "# mine\n"


def test_a_person_is_told_what_to_do_next(run: Program) -> None:
    with run.start("sandbox") as process:
        assert process.stdout is not None
        shown = ""
        while "Ctrl-C" not in shown:
            line = process.stdout.readline()
            assert line
            shown += line
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert "syncengine check --config sandbox/config.toml" in shown
    assert "/_sandbox/requests" in shown
