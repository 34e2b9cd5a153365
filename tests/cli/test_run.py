"""`run`: the daemon as a process, against both sandboxes: started, stopped, killed, started again."""

import base64
import configparser
import datetime as dt
import json
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox, Known
from connectors.impact.sandbox import ImpactSandbox
from syncengine.clock import SystemClock
from syncengine.daemon import GRACE
from syncengine.sandbox.kit import Fault, Server, people, write_directory
from syncengine.state.locks import Locks
from tests.cli.conftest import ROOT, Program
from tests.forking import Process

NOW = dt.datetime.now(dt.UTC)
PEOPLE = people(40, 1)
PATIENCE = 60.0
BATCHES = "POST /batches"
PAUSED = "Mapping is paused: correct its credentials and restart the daemon"

CONFIG = """\
[engine]
timezone = "America/Toronto"
log_format = "json"

[connections.impact]
connector = "impact"
base_url = "{impact}"
account_sid = "{account_sid}"
auth_token = "{auth_token}"

[connections.cyberimpact]
connector = "cyberimpact"
base_url = "{mail}"
token = "{token}"
batch_size = 5
batches_in_flight = 1
poll_every = 0.02

[connections.shop]
connector = "csv"
path = "customers.csv"
[connections.shop.lookups.customers]
key = "customer_id"
"""

MAPPING = """
[mappings.new-customers]
use = "new-customers"
start = 2025-01-01
schedule = "every 1 hour"
"""

LOCKED_OUT = """
[connections.stranger]
connector = "impact"
base_url = "{impact}"
account_sid = "{account_sid}"
auth_token = "not-the-right-token"

[mappings.strangers]
use = "new-customers"
source = "stranger.actions"
schedule = "every second"
"""

HOOK_SECRET = "a-made-up-secret-of-the-daemon"
HOOKS = 'hooks = {{ listen = "127.0.0.1:{port}", secret = "{secret}" }}\n'

BY_HAND = """
[mappings.by-hand]
source = "impact.actions"
destination = "cyberimpact.contacts"
fields.email = "{{{{ Oid }}}}"
fields.relationType = "active-clients"
fields.consentDate = "{{{{ CreationDate }}}}"
fields.consentProof = "A test."
"""


class Shop:
    """Both providers with a year of purchases, and the program in a folder with a configuration for them."""

    def __init__(self, run: Program, impact: str, mail: str) -> None:
        self.run = run
        self.urls = {"impact": impact, "mail": mail}
        self.impact, self.mail = ImpactSandbox(), CyberimpactSandbox()
        for provider in (self.impact, self.mail):
            provider.populate(PEOPLE, 1, NOW)
        directory = run.folder / "customers.csv"
        write_directory(PEOPLE, directory)
        os.utime(directory, (NOW.timestamp() - 3600,) * 2)  # settled long ago

    def configure(self, *changes: tuple[str, str], more: str = "") -> None:
        values = {
            **self.urls,
            **self.impact.settings(),
            **self.mail.settings(),
        }
        self.run.configure((CONFIG + MAPPING + more).format(**values), *changes).chmod(0o600)

    def slow_batches(self, seconds: float) -> None:
        self.mail.faults.add(Fault(kind="delay", method="POST", path="/batches", seconds=seconds, times=1000))

    @contextmanager
    def listening(self, more: str = "") -> Iterator[str]:
        """Hooks on a free port; gives the address for hints at actions."""
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        self.configure(
            ('log_format = "json"\n', 'log_format = "json"\n' + HOOKS.format(port=port, secret=HOOK_SECRET)), more=more
        )
        yield f"http://127.0.0.1:{port}/hooks/{HOOK_SECRET}/impact.actions"
        self.configure()

    @contextmanager
    def daemon(self, *options: str) -> Iterator["Watched"]:
        with (self.run.folder / "log").open("w") as log, self.run.start("run", *options, stderr=log) as process:
            try:
                yield Watched(process, self.run.folder / "log")
            finally:
                process.kill()

    def finish(self) -> None:
        """Start the daemon once more, let its first run end, and stop it."""
        self.mail.faults.clear()
        with self.daemon() as daemon:
            daemon.until(lambda: daemon.lines(event="Delivery finished"))
            assert daemon.lines(event="Run finished")[0]["state"] == "done"
            assert daemon.stop(signal.SIGTERM) == 0

    def ask(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.run.folder / "syncengine.db")) as state:
            return [row[0] for row in state.execute(statement)]


class Watched:
    """The daemon's process and its log."""

    def __init__(self, process: Process, log: Path) -> None:
        self.process = process
        self.log = log

    def lines(self, **wanted: Any) -> list[dict[str, Any]]:
        whole = [line for line in self.log.read_text().splitlines(keepends=True) if line.endswith("}\n")]
        return [line for line in map(json.loads, whole) if wanted.items() <= line.items()]

    def until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class Address:
    """An application that is put in place after its address is known."""

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, *arguments: Any) -> None:
        await self.app(*arguments)


@contextmanager
def opened(run: Program) -> Iterator[Shop]:
    with ExitStack() as stack:
        impact, mail = Address(), Address()
        shop = Shop(run, *(stack.enter_context(Server(each)).url for each in (impact, mail)))
        impact.app, mail.app = shop.impact.app, shop.mail.app
        shop.configure()
        yield shop


@pytest.fixture
def shop(run: Program) -> Iterator[Shop]:
    with opened(run) as made:
        yield made


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop after a run that nobody disturbed."""
    with opened(Program(tmp_path_factory.mktemp("settled"))) as shop:
        shop.finish()
        assert len(shop.mail.contacts()) > len(PEOPLE) / 2
        assert shop.mail.writes()[BATCHES] > 5
        yield shop


@pytest.fixture(scope="module")
def undisturbed(settled: Shop) -> tuple[Mapping[str, Known], int]:
    """What Cyberimpact holds after it, and how many batches that takes."""
    return settled.mail.contacts(), settled.mail.writes()[BATCHES]


def test_a_mapping_runs_at_the_start_and_by_its_schedule_unless_another_process_works_on_it(
    shop: Shop, undisturbed: tuple[Mapping[str, Known], int]
) -> None:
    shop.configure(("every 1 hour", "every second"))
    locks = Locks(shop.run.folder / "syncengine.db", SystemClock())
    with shop.daemon() as daemon:
        daemon.until(lambda: daemon.lines(event="Delivery finished"))
        writes = shop.mail.writes()
        daemon.until(lambda: len(daemon.lines(event="Delivery finished")) >= 2)
        with locks.hold("mapping new-customers"):
            left_out = "Worked on by somebody else, so this turn is left out"
            daemon.until(lambda: daemon.lines(event=left_out))
            assert f"process {os.getpid()}" in daemon.lines(event=left_out)[0]["error_message"]
            finished = len(daemon.lines(event="Run finished"))
        daemon.until(lambda: len(daemon.lines(event="Run finished")) > finished)
        assert daemon.stop(signal.SIGTERM) == 0
        assert {line["state"] for line in daemon.lines(event="Run finished")} == {"done"}
        assert daemon.lines(event="Run finished")[0]["drafted"] > 0
    assert shop.mail.contacts() == undisturbed[0]
    assert shop.mail.writes() == writes
    assert set(shop.ask("SELECT kind FROM run")) == {"scheduled"}


def test_a_mapping_that_ran_well_lately_waits_for_its_turn_and_one_state_has_one_daemon(settled: Shop) -> None:
    settled.configure()
    seen = len(settled.impact.seen) + len(settled.mail.seen)
    with settled.daemon() as daemon:
        daemon.until(lambda: daemon.lines(event="Daemon started"))
        (scheduled,) = daemon.lines(event="Mapping scheduled")
        assert dt.datetime.fromisoformat(scheduled["next_due"]) - dt.datetime.now(dt.UTC) > dt.timedelta(minutes=50)
        second = settled.run("run")
        assert second.code == 1
        assert f"process {daemon.process.pid}" in second.err
        assert daemon.stop(signal.SIGTERM) == 0
        assert daemon.lines(event="Run started") == []
    assert len(settled.impact.seen) + len(settled.mail.seen) == seen


def test_the_first_signal_ends_the_run_after_the_batch_in_hand(
    shop: Shop, undisturbed: tuple[Mapping[str, Known], int]
) -> None:
    shop.slow_batches(0.3)
    with shop.daemon() as daemon:
        daemon.until(lambda: shop.mail.writes()[BATCHES] >= 2)
        assert daemon.stop(signal.SIGTERM) == 0
        assert daemon.lines(event="Run finished")[0]["state"] == "stopped"
        assert daemon.lines()[-1]["event"] == "Daemon stopped"
    assert 2 <= shop.mail.writes()[BATCHES] < undisturbed[1]
    assert shop.ask("SELECT state FROM run") == ["stopped"]
    assert shop.ask("SELECT count(*) FROM attemptpart WHERE state = 'open'") == [0]
    shop.finish()
    assert shop.mail.contacts() == undisturbed[0]


def test_a_second_signal_stops_at_once_and_loses_nothing(
    shop: Shop, undisturbed: tuple[Mapping[str, Known], int]
) -> None:
    number = signal.SIGINT
    shop.slow_batches(20)
    with shop.daemon() as daemon:
        daemon.until(lambda: shop.mail.faults.injected)
        daemon.process.send_signal(number)
        daemon.until(lambda: daemon.lines(signal=number.name))
        started = time.monotonic()
        assert daemon.stop(number) == -number  # a shell says 130
        assert time.monotonic() - started < 5
    shop.finish()
    assert shop.mail.contacts() == undisturbed[0]


def test_after_a_kill_the_next_start_comes_to_the_same_end(
    shop: Shop, undisturbed: tuple[Mapping[str, Known], int]
) -> None:
    shop.slow_batches(0.2)
    with shop.daemon() as daemon:
        daemon.until(lambda: len(shop.mail.faults.injected) > 3)
        assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
        assert daemon.lines(event="Run finished") == []
    shop.finish()
    assert shop.mail.contacts() == undisturbed[0]


def test_a_run_over_its_time_limit_ends_in_peace_and_the_next_turn_goes_on(
    shop: Shop, undisturbed: tuple[Mapping[str, Known], int]
) -> None:
    shop.configure(
        ('log_format = "json"\n', 'log_format = "json"\ntime_limit = "2 seconds"\n'), ("every 1 hour", "every second")
    )
    shop.mail.faults.add(Fault(kind="delay", method="POST", path="/batches", seconds=2.5))
    with shop.daemon() as daemon:
        daemon.until(lambda: daemon.lines(event="Run finished", state="done"))
        assert daemon.stop(signal.SIGTERM) == 0
        assert daemon.lines(event="Run finished")[0]["state"] == "stopped"
        assert next(line["limit"] for line in daemon.lines(level="warning") if "time limit" in line["event"]) == 2
    assert shop.mail.contacts() == undisturbed[0]


class Told(NamedTuple):
    """A daemon that met trouble and a hook: its shop, what was sold meanwhile, and its whole log."""

    shop: Shop
    action: str
    customer: str
    log: Watched


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Three mappings, of which one is locked out and one has no schedule; and an event while all is quiet."""
    with opened(Program(tmp_path_factory.mktemp("told"))) as shop, shop.listening(more=LOCKED_OUT + BY_HAND) as url:
        sold = {action.customer_id for action in shop.impact.book.actions.values()}
        buyer = next(person for person in PEOPLE if person.customer_id not in sold and "@" in person.email)
        with shop.daemon("--debug") as daemon:
            daemon.until(lambda: daemon.lines(event="Delivery finished", mapping="new-customers"))
            daemon.until(lambda: len(daemon.lines(event=PAUSED, mapping="strangers")) >= 2)
            action = shop.impact.book.create("1000", customer_id=buyer.customer_id, oid="hinted").id
            body = f'{{"Note": "broken, "ActionId": "{action}",}}'
            assert httpx.post(f"{url}?id_field=ActionId", content=body).status_code == 204
            daemon.until(lambda: len(daemon.lines(event="Delivery finished", mapping="new-customers")) >= 2)
            assert daemon.stop(signal.SIGTERM) == 0
        yield Told(shop, action, buyer.email, daemon)


def test_an_event_is_fetched_and_delivered_without_waiting_for_the_schedule(told: Told) -> None:
    contacts = told.shop.mail.contacts()
    assert told.customer in contacts
    listed = json.loads(told.shop.run("runs", "new-customers", "--json").out)
    assert [(run["kind"], run["state"]) for run in listed] == [("hook", "done"), ("scheduled", "done")]
    assert listed[0]["counts"]["read"] == 1
    assert [line["records"] for line in told.log.lines(event="Run started", run_kind="hook")] == [1]
    events = [line["event"] for line in told.log.lines(level="info")]
    assert events.index("Hooks listen") < events.index("Daemon started")
    assert events.index("Hooks listen no more") < events.index("Daemon stopped")


def test_a_mapping_that_fails_leaves_the_other_alone(told: Told, undisturbed: tuple[Mapping[str, Known], int]) -> None:
    daemon = told.log
    assert len(daemon.lines(event="Run started", mapping="strangers")) == 1
    assert daemon.lines(code="unauthorised", mapping="strangers", level="error")
    assert daemon.lines(mapping="new-customers", level="error") == []
    assert {key: known for key, known in told.shop.mail.contacts().items() if key != told.customer} == undisturbed[0]


def test_the_log_of_a_debug_run_holds_no_secret_and_no_address(told: Told) -> None:
    text = told.log.log.read_text().lower()
    assert any(line.get("logger", "").startswith("httpcore") for line in told.log.lines())  # it was a debug run
    sid, secret = told.shop.impact.settings().values()
    hidden = [secret, told.shop.mail.settings()["token"], "not-the-right-token", HOOK_SECRET]
    hidden += [base64.b64encode(f"{sid}:{token}".encode()).decode() for token in (secret, "not-the-right-token")]
    emails = {person.email for person in PEOPLE if "@" in person.email} | set(told.shop.mail.contacts())
    hidden += [spelt for email in emails for spelt in (email, quote(email), base64.b64encode(email.encode()).decode())]
    assert [text_ for text_ in hidden if text_.lower() in text] == []


def test_a_mapping_without_a_schedule_is_left_out_and_said_so(told: Told) -> None:
    assert told.log.lines(event="Mapping without a schedule: it runs only when asked to", mapping="by-hand")
    assert set(told.shop.ask("SELECT mapping FROM run")) == {"new-customers", "strangers"}


def test_a_port_that_is_taken_is_a_fault_of_the_configuration(settled: Shop) -> None:
    with settled.listening() as url, closing(socket.create_server(("127.0.0.1", httpx.URL(url).port or 0))):
        ended = settled.run("run")
    assert ended.code == 2
    assert "engine.hooks.listen: 127.0.0.1:" in ended.err
    assert "Choose another port, or stop what listens there." in ended.err


def test_without_any_schedule_there_is_nothing_to_run(shop: Shop) -> None:
    shop.configure((MAPPING, ""), more=BY_HAND)
    ended = shop.run("run")
    assert ended.code == 2
    assert "No mapping has a schedule, so there is nothing to run." in ended.err
    assert 'Give one a schedule, such as "every 15 minutes"' in ended.err
    assert not (shop.run.folder / "syncengine.db").exists()
    assert shop.impact.seen == shop.mail.seen == []


@pytest.mark.parametrize(("options", "first"), [((), "2"), (("--json",), "{")])
def test_the_log_is_text_or_json_as_configured_or_asked(settled: Shop, options: tuple[str, ...], first: str) -> None:
    settled.configure(('log_format = "json"\n', ""))
    with settled.daemon(*options) as daemon:
        daemon.until(lambda: "Daemon started" in daemon.log.read_text())
        assert daemon.stop(signal.SIGTERM) == 0
        assert {line[0] for line in daemon.log.read_text().splitlines()} == {first}


def test_the_log_tells_as_much_as_configured(shop: Shop) -> None:
    shop.configure(('log_format = "json"\n', 'log_level = "warning"\n'))
    with shop.daemon() as daemon:
        daemon.until(lambda: shop.mail.writes()[BATCHES] >= 2)
        assert daemon.stop(signal.SIGTERM) == 0
        assert daemon.log.read_text() == ""


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(ROOT / "deploy" / "syncengine.service")
    return parser["Service"]


def test_the_unit_for_systemd_gives_a_run_its_grace_and_does_not_repeat_a_wrong_configuration() -> None:
    assert float(unit()["TimeoutStopSec"]) > GRACE
    assert unit()["ExecStart"].endswith("/syncengine run")
    assert unit()["RestartPreventExitStatus"] == "2"
    assert unit()["Restart"] == "on-failure"
