"""Who said no in Cyberimpact stands in the shop's table: the recipe, the engine and both connectors together."""

import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import stamina
from sqlalchemy import URL

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.binding import Workspace, bind
from syncengine.checking import check_workspace
from syncengine.checking import test_mapping as run_mapping_tests
from syncengine.cli.world import contexts
from syncengine.config import load_settings
from syncengine.engine.report import RunReport
from syncengine.engine.run import Runner
from syncengine.errors import ConfigError
from syncengine.session import open_session
from tests.clock import FakeClock

DAY = 86400
TABLE = "CREATE TABLE mail_consents (email varchar(255) PRIMARY KEY, status varchar(20) NOT NULL, stopped_on date)"
RECIPE = "unsubscribes-to-shop"
JO, LEA, SAM = "jo@example.test", "lea@example.test", "sam@example.test"


def recipe_text() -> str:
    return resources.files("mappings.recipes").joinpath(f"{RECIPE}.toml").read_text(encoding="utf-8")


class FlowBack:
    """A merchant with an account at Cyberimpact and a database, and the configuration that the recipe makes."""

    def __init__(self, folder: Path, text: str, url: str) -> None:
        self.clock = FakeClock()
        self.sandbox = CyberimpactSandbox(now=self.clock.now)
        self.path = folder / "config.toml"
        self.write(text)
        self.environ = {"CYBERIMPACT_TOKEN": self.sandbox.settings()["token"], "SHOP_DATABASE_URL": url}

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")

    def bind(self) -> Workspace:
        settings = load_settings(self.path, self.environ)
        return bind(settings, contexts(settings))

    async def sync(self) -> RunReport:
        """One run of a new process, without any socket to Cyberimpact."""
        settings = load_settings(self.path, self.environ)
        transport = httpx.ASGITransport(self.sandbox.app)
        async with open_session(settings, clock=self.clock, transport=transport) as session:
            return await Runner(session).sync(list(settings.mappings))


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=6, cap=True):
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(TABLE)
    return path


@pytest.fixture
def flow(tmp_path: Path, path: Path) -> FlowBack:
    return FlowBack(tmp_path, recipe_text(), f"sqlite:///{path.name}")


def stored(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT email, status, stopped_on FROM mail_consents ORDER BY 1").fetchall()


def delivered(report: RunReport) -> dict[str, int]:
    return {name: count for each in report.deliveries for name, count in each.counts.items() if count}


async def flow_back(flow: FlowBack, look: Callable[[], Awaitable[list[Any]]]) -> None:
    """Two people say no in turn, one bounces, and runs in between find nothing to do."""
    admin = flow.sandbox.admin
    for email in ("Jo@Example.test", LEA, SAM):
        admin.add(email)
    admin.unsubscribe("Jo@Example.test")
    admin.bounce(LEA)
    first = await flow.sync()
    assert delivered(first)["attempts"] == 1, "what both mappings write goes together"
    assert await look() == [(JO, "unsubscribed", "2026-07-14"), (LEA, "bounced", "2026-07-14")]
    flow.clock.move(DAY)
    again = await flow.sync()
    assert delivered(again).get("attempts", 0) == 0, "what was written is not written again"
    admin.unsubscribe(SAM)
    await flow.sync()
    assert (await look())[-1] == (SAM, "unsubscribed", "2026-07-15")


async def test_who_said_no_or_bounced_stands_in_the_shops_table_once(flow: FlowBack, path: Path) -> None:
    async def look() -> list[Any]:
        return stored(path)

    await flow_back(flow, look)


async def test_the_same_with_a_postgresql(
    tmp_path: Path, postgresql: URL, postgresql_server: Any, run_sql: Callable[[str], None]
) -> None:
    run_sql(f"DROP TABLE IF EXISTS mail_consents; {TABLE}")
    flow = FlowBack(tmp_path, recipe_text(), postgresql.render_as_string(hide_password=False))

    async def look() -> list[Any]:
        with psycopg.connect(postgresql_server.get_uri()) as connection:
            query = "SELECT email, status, stopped_on::text FROM mail_consents ORDER BY 1"
            return connection.execute(query).fetchall()

    await flow_back(flow, look)


async def test_what_happened_last_to_somebody_on_both_lists_stands(flow: FlowBack, path: Path) -> None:
    flow.sandbox.admin.add(JO)
    flow.sandbox.admin.unsubscribe(JO)
    await flow.sync()
    flow.clock.move(DAY)
    flow.sandbox.admin.bounce(JO)
    await flow.sync()
    assert stored(path) == [(JO, "bounced", "2026-07-15")]


async def test_a_record_that_the_table_refuses_is_a_reject_and_the_others_are_written(
    flow: FlowBack, path: Path
) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "CREATE TRIGGER no BEFORE INSERT ON mail_consents WHEN NEW.email LIKE 'jo%'"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    for email in (JO, SAM):
        flow.sandbox.admin.add(email)
        flow.sandbox.admin.unsubscribe(email)
    report = await flow.sync()
    assert (delivered(report)["delivered"], delivered(report)["rejected"]) == (1, 1)
    assert [row[0] for row in stored(path)] == [SAM]


async def test_a_retraction_takes_nothing_away(flow: FlowBack, path: Path) -> None:
    flow.sandbox.admin.add(JO)
    flow.sandbox.admin.unsubscribe(JO)
    await flow.sync()
    before = stored(path)
    text = flow.path.read_text(encoding="utf-8")
    source = 'source      = "cyberimpact.unsubscribed"'
    flow.write(text.replace(source, f'retract = "True"\n{source}'))
    flow.clock.move(DAY)
    flow.sandbox.admin.resubscribe(JO)
    flow.sandbox.admin.unsubscribe(JO)
    report = await flow.sync()
    assert report.mappings[0].counts["retracted"] == 1
    assert stored(path) == before


# --- the recipe, and names that are wrong ---


def test_the_recipes_own_tests_pass(flow: FlowBack) -> None:
    workspace = flow.bind()
    results = run_mapping_tests(workspace.mappings[RECIPE])
    assert [result.differences for result in results] == [(), ()]
    assert workspace.settings.warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "key", "hint"),
    [
        ('status     = "unsub', 'state      = "unsub', f"mappings.{RECIPE}.fields.state", 'Did you mean "status"?'),
        ('status     = "unsub', 'groups = ["x"]\nstatus = "unsub', f"mappings.{RECIPE}.fields.groups", ""),
        ('"shop.consents"', '"shop.consent"', f"mappings.{RECIPE}.destination", 'Did you mean "consents"?'),
        ('email      = "{{ email }}"\n', "", f"mappings.{RECIPE}.fields", ""),
        ('columns = ["status", "stopped_on"]', "columns = []", "connections.shop.destinations.consents.columns", ""),
        (
            'columns = ["status", "stopped_on"]', 'columns = ["status", "status"]',
            "connections.shop.destinations.consents.columns", "",
        ),
        ("key     =", "keys    =", "connections.shop.destinations.consents.keys", 'Did you mean "key"?'),
        (
            '[connections.shop.destinations.consents]\ntable   = "mail_consents"\n',
            "[connections.other]\nconnector = 'x'\n",
            "connections.shop", "",
        ),
    ],
)  # fmt: skip
def test_a_wrong_name_has_its_key_and_a_guess(flow: FlowBack, old: str, new: str, key: str, hint: str) -> None:
    text = recipe_text()
    assert old in text
    flow.write(text.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        flow.bind()
    problems = {problem.key: problem.hint for problem in caught.value.problems}
    assert key in problems
    assert hint in problems[key]


async def test_check_compares_the_columns_with_the_real_table(flow: FlowBack) -> None:
    text = recipe_text().replace('"stopped_on"]', '"stoped_on"]').replace("\nstopped_on", "\nstoped_on")
    flow.write(text.replace("stopped_on =", "stoped_on ="))
    settings = load_settings(flow.path, flow.environ)
    transport = httpx.ASGITransport(flow.sandbox.app)
    async with open_session(settings, snapshot=True, clock=flow.clock, transport=transport) as session:
        found = await check_workspace(session.workspace)
    (error,) = [each for each in found if each.level == "error"]
    assert (error.key, error.message, error.hint) == (
        "connections.shop.destinations.consents.columns",
        'the table mail_consents has no column "stoped_on"',
        'Did you mean "stopped_on"?',
    )
