"""What can go wrong around a run: one clear message with a key and a next step, and nothing half done.

Each trouble is a real `syncengine` process against local providers. The table is that of the promises to whoever runs
it: no traceback, the right exit code, no request with effect, no secret and no address in what is said.
"""

import datetime as dt
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors.cyberimpact.sandbox.tokens import mint
from syncengine.cli.sandbox import Running, start_sandboxes
from syncengine.state.database import Database
from tests.cli.shop import keep_new_customers
from tests.forking import MAIN, ROOT, Ended, Process, launch

COMMANDS = ("check", "plan", "sync")
ON_THE_STATE = ("plan", "sync", "status")
DONE, FAILED, MISCONFIGURED = 0, 1, 2
PARTITIONS = [f"{campaign}/{name}" for campaign in (1000, 2000, 3000) for name in ("updated", "locked", "open")]
ADDRESS = re.compile(r"[\w.+-]+(?:@|%40)[\w-]+\.\w+")
RECIPE = 'use = "new-customers"'

WITH_LITTLE_ROOM = """\
from syncengine.cli import main
from syncengine.state import database
database.PRAGMAS += ("max_page_count={}",)
main()
"""
"""A full disk as SQLite knows it, wherever the tests run: the file may not grow beyond so many pages."""
WITH_LIMITED_FILES = """\
import resource
from syncengine.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, ({}, resource.RLIM_INFINITY))
main()
"""
"""The system itself refuses to let any file grow beyond so many bytes."""


class Merchant:
    """One installation of its own: a configuration, a list of customers and a state, and providers that all share."""

    def __init__(self, folder: Path, running: Running) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.state = folder / "syncengine.db"
        self.customers = folder / "customers.csv"
        self._running = running
        shutil.copy(running.config, self.config)
        keep_new_customers(self.config)
        shutil.copy(running.config.with_name("customers.csv"), self.customers)
        os.utime(self.customers, (0, 0))  # nobody waits for its writer to end
        self.token = running.sandboxes["cyberimpact"].settings()["token"]
        self.secrets = [self.token, running.sandboxes["impact"].settings()["auth_token"]]

    def change(self, old: str, new: str) -> None:
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        self.config.write_text(text.replace(old, new), encoding="utf-8")

    def url(self, connector: str) -> str:
        return self._running.urls[connector]

    def start(self, command: str, code: str = MAIN) -> Process:
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        environ = {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", "COLUMNS": "200"}
        return launch(
            command, "--config", str(self.config), folder=self.folder, environ=environ, code=code, rootless=True
        )

    def __call__(self, command: str, code: str = MAIN) -> Ended:
        return self.start(command, code).ended()

    def requests(self) -> list[str]:
        """What the providers were asked, since this test began."""
        return [
            f"{name} {seen.method} {seen.path}"
            for name, sandbox in self._running.sandboxes.items()
            for seen in sandbox.seen
        ]

    def writes(self) -> list[str]:
        return [request for request in self.requests() if request.split()[1] not in {"GET", "OPTIONS"}]

    def rows(self, table: str, where: str = "TRUE") -> int:
        """How many such rows the state has of a table; 0 without a state."""
        if not self.state.exists():
            return 0
        with closing(sqlite3.connect(self.state)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name=?", (table,)).fetchall():
                return 0
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return int(connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])

    def expect(self, ended: Ended, code: int, sentence: str, step: str) -> None:
        """One clear message, said once, and none of the things that must never be said."""
        assert ended.code == code, ended.said
        assert ended.said.count(sentence) == 1, ended.said
        assert step in ended.said
        assert "Traceback" not in ended.said
        assert "bug" not in ended.said
        assert [secret for secret in self.secrets if secret in ended.said] == []
        told = [line for line in ended.said.splitlines() if sentence in line or step in line] + ended.err.splitlines()
        assert [line for line in told if ADDRESS.search(line)] == []


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_sandboxes(tmp_path_factory.mktemp("providers"), count=20) as running:
        yield running


@pytest.fixture
def merchant(running: Running, tmp_path: Path) -> Merchant:
    for sandbox in running.sandboxes.values():
        sandbox.seen.clear()
    return Merchant(tmp_path, running)


# --- the configuration: nobody is asked anything ---

MISTAKES: dict[str, tuple[str, str, str, str]] = {
    "an unknown connector": (
        'connector = "impact"', 'connector = "impct"',
        "connections.impact.connector: ", 'Did you mean "impact"?',
    ),
    "a misspelt setting": (
        "auth_token =", "auth_tokn =",
        "connections.impact.auth_tokn: There is no such key.", 'Did you mean "auth_token"?',
    ),
    "a misspelt field of the destination": (
        RECIPE, f'{RECIPE}\nset_once = []\nfields = {{ email = "{{{{ customer.email }}}}", firstnme = "Jo" }}',
        'mappings.new-customers.fields.firstnme: The destination has no field "firstnme".', 'Did you mean "firstname"?',
    ),
    "a misspelt field of the record": (
        RECIPE, f"{RECIPE}\nwhere = \"upper(CustomerStatos) == 'NEW'\"",
        'mappings.new-customers.where: The record has no field "CustomerStatos".', 'Did you mean "CustomerStatus"?',
    ),
    "a bad expression": (
        RECIPE, f'{RECIPE}\nwhere = "upper(CustomerStatus) =="',
        "mappings.new-customers.where: This is not an expression", "→ It is written as in Python",
    ),
    "a function that is not allowed": (
        RECIPE, f"{RECIPE}\nwhere = \"open('x')\"",
        'mappings.new-customers.where: There is no function "open".', "→ The functions are: ",
    ),
    "a lookup that is not configured": (
        "[connections.shop.lookups.customers]", "[connections.shop.lookups.custmers]",
        'mappings.new-customers.lookup.0.from: The connection "shop" has no lookup "customers".', '"custmers"',
    ),
    "something that is no token": (
        'token = "ey', 'token = "no-token-',
        "connections.cyberimpact.token: This is not an API token of Cyberimpact", "Make a new API token",
    ),
    "no TOML": ("[engine]", "[engine", "config.toml", "→ "),
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_file_is_named_and_nobody_is_asked(merchant: Merchant, mistake: str, command: str) -> None:
    old, new, sentence, step = MISTAKES[mistake]
    merchant.change(old, new)
    merchant.expect(merchant(command), MISCONFIGURED, sentence, step)
    assert merchant.requests() == []
    assert merchant.rows("run") == 0


# --- the directory of customers ---

DIRECTORY: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a column that a field reads": (
        lambda path: path.write_text(path.read_text().replace("first_name", "given", 1)),
        'mappings.new-customers.fields.firstname: The lookup "customer" has no column "first_name".',
        "The columns of shop.customers are: customer_id, email, given,",
    ),
    "the column of the shop's own no": (
        lambda path: path.write_text(path.read_text().replace("opted_out", "optout", 1)),
        'mappings.new-customers.suppress: The lookup "customer" has no column "opted_out".',
        "The columns of shop.customers are: customer_id, email,",
    ),
    "the column of the key": (
        lambda path: path.write_text(path.read_text().replace("customer_id", "id", 1)),
        "connections.shop.lookups.customers.key: ",
        "Its columns are: id, email",
    ),
    "the whole file": (Path.unlink, "connections.shop.path: there is no file", "Correct the path"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("missing", DIRECTORY)
def test_what_is_missing_in_the_directory_is_named_and_nobody_is_written_to(
    merchant: Merchant, missing: str, command: str
) -> None:
    prepare, sentence, step = DIRECTORY[missing]
    prepare(merchant.customers)
    if merchant.customers.exists():
        os.utime(merchant.customers, (1, 1))
    merchant.expect(merchant(command), MISCONFIGURED, sentence, step)
    assert merchant.writes() == []
    assert (merchant.rows("record"), merchant.rows("checkpoint")) == (0, 0)


# --- the providers ---


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_credentials_of_the_source(merchant: Merchant, command: str) -> None:
    merchant.change('auth_token = "', 'auth_token = "wrong-')
    ended = merchant(command)
    merchant.expect(
        ended, FAILED, "connections.impact: the credentials are refused (401).", "→ Check that they are complete"
    )
    assert merchant.writes() == []
    assert (merchant.rows("record"), merchant.rows("checkpoint")) == (0, 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_wrong_credentials_of_the_destination(merchant: Merchant, command: str) -> None:
    """What was read is planned and waits; nobody is written to."""
    merchant.change(merchant.token, merchant.token[:-6] + "AAAAAA")
    ended = merchant(command)
    merchant.expect(
        ended, FAILED, "connections.cyberimpact: the credentials are refused (401).", "→ Check that they are complete"
    )
    assert merchant.writes() == []
    assert merchant.rows("attempt") == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_an_expired_token_is_said_before_the_first_call(merchant: Merchant, command: str) -> None:
    expired = mint(dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    merchant.change(merchant.token, expired)
    merchant.secrets.append(expired)
    ended = merchant(command)
    merchant.expect(ended, FAILED, "The Cyberimpact API token expired on 2026-01-02.", "→ Make a new API token")
    assert [request for request in merchant.requests() if request.startswith("cyberimpact")] == []


def test_a_host_that_does_not_answer_is_named(merchant: Merchant) -> None:
    merchant.change(merchant.url("impact"), "http://127.0.0.1:1")
    started = [merchant.start(command) for command in COMMANDS]  # together: each tries for a while before it gives up
    for process in started:
        merchant.expect(process.ended(), FAILED, "127.0.0.1 gave no answer to", "→ Check base_url and the network")
    assert merchant.writes() == []
    assert (merchant.rows("record"), merchant.rows("checkpoint")) == (0, 0)


def test_a_destination_that_does_not_answer_is_named_and_what_was_read_waits(merchant: Merchant) -> None:
    merchant.change(merchant.url("cyberimpact"), "http://127.0.0.1:1")
    merchant.expect(merchant("sync"), FAILED, "127.0.0.1 gave no answer to", "→ Check base_url and the network")
    assert merchant.writes() == []
    assert merchant.rows("record") > 0
    assert merchant.rows("attempt") == 0
    merchant.change("http://127.0.0.1:1", merchant.url("cyberimpact"))
    assert merchant("plan").code == DONE  # nothing is in its way once the host answers


# --- the state ---


def make_state(merchant: Merchant, version: str | None = None) -> bytes:
    database = Database.open(f"sqlite:///{merchant.state}")
    with database.write() as connection:
        if version:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num=?", (version,))
    database.close()
    return merchant.state.read_bytes()


@pytest.mark.parametrize("command", ON_THE_STATE)
def test_a_database_of_a_newer_version(merchant: Merchant, command: str) -> None:
    before = make_state(merchant, version="9999")
    ended = merchant(command)
    merchant.expect(
        ended, FAILED, "syncengine.db: was written by a newer syncengine (schema 9999).", "→ Install the newer version"
    )
    assert merchant.requests() == []
    assert merchant.state.read_bytes() == before
    assert list(merchant.folder.glob("*.backup-*")) == []


def test_check_looks_at_the_state_too(merchant: Merchant) -> None:
    before = make_state(merchant, version="9999")
    ended = merchant("check")
    merchant.expect(ended, FAILED, "was written by a newer syncengine (schema 9999).", "→ Install the newer version")
    assert "error    engine.database: " in ended.said
    assert merchant.state.read_bytes() == before


@pytest.mark.parametrize("command", ON_THE_STATE)
def test_a_database_that_is_none(merchant: Merchant, command: str) -> None:
    merchant.state.write_text("customer_id,email\n" * 300)
    before = merchant.state.read_bytes()
    merchant.expect(merchant(command), FAILED, "syncengine.db: is not a state file", "→ Point engine.database at")
    assert merchant.requests() == []
    assert merchant.state.read_bytes() == before


@pytest.mark.parametrize("command", ON_THE_STATE)
def test_a_damaged_database(merchant: Merchant, command: str) -> None:
    content = make_state(merchant)
    merchant.state.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    merchant.expect(merchant(command), FAILED, "syncengine.db: is damaged", "→ Stop the daemon")
    assert merchant.requests() == []


def test_a_read_only_folder(merchant: Merchant) -> None:
    merchant.folder.chmod(0o500)
    ended = merchant("sync")
    merchant.folder.chmod(0o700)
    merchant.expect(ended, FAILED, "syncengine.db: no permission.", "→ Give the user who runs syncengine access")
    assert merchant.requests() == []
    assert {path.name for path in merchant.folder.iterdir()} == {"config.toml", "customers.csv"}


@pytest.mark.parametrize(("file", "folder"), [(0o400, 0o700), (0o600, 0o500), (0o000, 0o700)])
def test_a_state_that_may_not_be_written(merchant: Merchant, file: int, folder: int) -> None:
    before = make_state(merchant)
    merchant.state.chmod(file)
    merchant.folder.chmod(folder)
    ended = merchant("sync")
    merchant.folder.chmod(0o700)
    merchant.state.chmod(0o600)
    merchant.expect(ended, FAILED, "Error: ", "→ ")
    assert "syncengine.db" in ended.err
    assert merchant.requests() == []
    assert merchant.state.read_bytes() == before


def test_a_folder_that_does_not_exist(merchant: Merchant) -> None:
    merchant.change("sqlite:///syncengine.db", "sqlite:///nowhere/syncengine.db")
    ended = merchant("sync")
    merchant.expect(ended, FAILED, "nowhere/syncengine.db: the folder does not exist.", "→ Create it, or change engine")
    assert merchant.requests() == []


def test_a_lock_folder_that_can_not_be_made(merchant: Merchant) -> None:
    (merchant.folder / "syncengine.db.locks").write_text("in the way")
    merchant.expect(merchant("sync"), FAILED, "syncengine.db.locks: file exists.", "(engine.database)")
    assert merchant.requests() == []


@pytest.mark.parametrize("pages", [1, 8, 20])
def test_a_disk_that_is_full_from_the_start(merchant: Merchant, pages: int) -> None:
    ended = merchant("sync", WITH_LITTLE_ROOM.format(pages))
    merchant.expect(ended, FAILED, "syncengine.db: the disk is full.", "→ Free some space")
    assert merchant.writes() == []
    assert merchant.rows("attempt") == 0


def test_a_disk_that_fills_up_while_reading_ends_the_run_with_the_step_in_hand(merchant: Merchant) -> None:
    make_state(merchant)
    with closing(sqlite3.connect(merchant.state)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    ended = merchant("sync", WITH_LITTLE_ROOM.format(pages))
    merchant.expect(ended, FAILED, "syncengine.db: the disk is full.", "→ Free some space")
    assert merchant.writes() == []
    assert merchant.rows("attempt") == 0
    assert merchant.rows("checkpoint", "moved_at IS NOT NULL") < len(PARTITIONS)
    assert merchant("plan").code == DONE  # with room again it goes on


def test_files_that_may_not_grow(merchant: Merchant) -> None:
    make_state(merchant)
    ended = merchant("sync", WITH_LIMITED_FILES.format(40_000))
    merchant.expect(ended, FAILED, "syncengine.db: can't be read or written.", "→ Check the disk")
    assert merchant.writes() == []
    assert merchant.rows("attempt") == 0
    assert merchant("plan").code == DONE
