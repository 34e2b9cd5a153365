"""A client that nobody here wrote reads the sandbox: the public Singer tap for impact.com agrees with our server.

The tap lives in an environment of its own, made for the test. It knows only the real host, so a few lines that run
before it lead its requests to the sandbox. Two of its faults shape the data (impact.md section 12): one bookmark serves
all campaigns, so each campaign's rows are older than those of the next; and nothing of the present day is read.
"""

import datetime as dt
import json
import os
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from connectors.impact.sandbox import ImpactSandbox, Partner
from syncengine.sandbox.kit import Server

pytestmark = pytest.mark.slow

TAP = "tap-impact==2.1.1"
STREAMS = ("campaigns", "actions", "action_updates", "action_inquiries", "contacts", "media_partners")
DAY = dt.timedelta(days=1)
HISTORY = 100
"""Days: three of the tap's windows of exactly 45."""
INSTALL_SECONDS = 300
READ_SECONDS = 120
LED_ASTRAY = """
import sys
from urllib.parse import urlsplit
from requests.adapters import HTTPAdapter

origin = urlsplit(sys.argv.pop(1))
send = HTTPAdapter.send

def send_there(self, request, **others):
    request.url = urlsplit(request.url)._replace(scheme=origin.scheme, netloc=origin.netloc).geturl()
    return send(self, request, **others)

HTTPAdapter.send = send_there
from tap_impact import main
main()
"""


class Tap(NamedTuple):
    """The tap in its environment, and a folder for its files."""

    python: Path
    folder: Path

    def run(self, url: str, *arguments: str) -> str:
        """What it prints while it talks to `url` in place of impact.com."""
        started = self.folder / "started.py"
        started.write_text(LED_ASTRAY, encoding="utf-8")
        plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        command = [str(self.python), str(started), url, "--config", str(self.folder / "config.json"), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, env=plain, timeout=READ_SECONDS, check=False)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return ended.stdout

    def read(self, url: str) -> dict[str, list[dict[str, Any]]]:
        """The records of each stream, as Singer messages tell them."""
        catalog = json.loads(self.run(url, "--discover"))
        for stream in catalog["streams"]:
            for entry in stream["metadata"]:
                if entry["breadcrumb"] == []:
                    entry["metadata"]["selected"] = stream["tap_stream_id"] in STREAMS
        chosen = self.folder / "catalog.json"
        chosen.write_text(json.dumps(catalog), encoding="utf-8")
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in STREAMS}
        for line in self.run(url, "--catalog", str(chosen)).splitlines():
            message = json.loads(line)
            if message["type"] == "RECORD":
                found[message["stream"]].append(message["record"])
        return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the tap, and nothing of ours."""
    folder = tmp_path_factory.mktemp("tap") / "environment"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TAP]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if ended.returncode:
        pytest.fail(f"{TAP} can't be installed; this test needs a package index. pip says:\n{ended.stderr[-2000:]}")
    return python


@pytest.fixture
def sandbox() -> ImpactSandbox:
    """Two campaigns, the second one's history after the first one's, and somebody at a partner."""
    made = ImpactSandbox()
    today = made.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for campaign, name, oldest, youngest in (("1000", "Northern", HISTORY - 5, 60), ("2000", "Maison", 45, 3)):
        made.book.add_campaign(campaign, name)
        _live(made, campaign, [today - days * DAY + DAY / 3 for days in range(oldest, youngest, -2)])
        made.inquiries.inquire(campaign, order_id="77", comment="Why?", at=today - youngest * DAY)
    made.partners.add_partner("39787", "Café Élan", at=today - HISTORY * DAY)
    made.partners.join("39787", "1000", "Northern", at=today - HISTORY * DAY)
    made.partners.add_contact("1000", partners=["39787"], first_name="Zoë", email_address="zoe@example.com")
    made.partners.add_contact("1000", system_made=True, first_name="Ada")
    return made


def _live(sandbox: ImpactSandbox, campaign: str, moments: list[dt.datetime]) -> None:
    """An action at each moment, of which some are modified, reversed or approved half a day later."""
    for number, moment in enumerate(moments):
        action = sandbox.book.create(
            campaign, customer_id=f"{number:04}", oid=f"0{number}", partner=Partner("39787", "Café Élan"), at=moment
        )
        match number % 4:
            case 1:
                sandbox.book.modify(action.id, amount="10.00", items=2, at=moment + DAY / 2)
            case 2:
                sandbox.book.reverse(action.id, at=moment + DAY / 2)
            case 3:
                sandbox.book.approve(action.id, at=moment + DAY / 2)


@pytest.fixture
def url(sandbox: ImpactSandbox) -> Iterator[str]:
    with Server(sandbox.app) as server:
        yield server.url


@pytest.fixture
def tap(environment: Path, sandbox: ImpactSandbox, tmp_path: Path) -> Tap:
    config = {
        **sandbox.settings(),
        "api_catalog": "Advertisers",
        "start_date": (sandbox.now() - HISTORY * DAY).strftime("%Y-%m-%dT00:00:00Z"),
        "user_agent": "a stranger",
    }
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return Tap(environment, tmp_path)


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"scalars": "schema", "empty_list": "absent", "nested_single_item": "object", "nested_empty": "text"},
        {"max_page_size": 7, "general_page_size": 1, "next_uri": "drops_json", "timezone": "Asia/Kolkata"},
    ],
    ids=["as documented", "other shapes", "small pages"],
)
def test_the_public_tap_reads_everything(tap: Tap, url: str, sandbox: ImpactSandbox, switches: dict[str, Any]) -> None:
    for name, value in {**switches, "partner_list_key": "MediaPartners"}.items():  # the tap knows the older key
        setattr(sandbox.switches, name, value)
    found = tap.read(url)
    assert {row["id"]: row["name"] for row in found["campaigns"]} == {1000: "Northern", 2000: "Maison"}
    assert sorted(map(_action, found["actions"])) == sorted(
        (action.id, action.state, float(action.amount), action.customer_id, action.oid, action.event_date)
        for action in sandbox.book.actions.values()
    )
    assert sorted(map(_update, found["action_updates"])) == sorted(
        (update.id, update.action_id, float(update.delta_amount), update.disposition, update.update_date)
        for update in sandbox.book.updates.values()
    )
    assert [(row["order_id"], row["comments"][0]["comment"]) for row in found["action_inquiries"]] == [
        ("77", "Why?")
    ] * 2
    assert [(row["first_name"], row["email_address"] or "") for row in found["contacts"]] == [
        ("Zoë", "zoe@example.com"),
        ("Ada", ""),
    ]
    assert [(row["id"], row["name"]) for row in found["media_partners"]] == [(39787, "Café Élan")]
    assert {seen.status for seen in sandbox.seen} == {200}


def _action(row: dict[str, Any]) -> tuple[Any, ...]:
    moment = dt.datetime.fromisoformat(row["event_date"])
    return row["id"], row["state"], row["amount"], row["customer_id"], row["order_id"], moment


def _update(row: dict[str, Any]) -> tuple[Any, ...]:
    moment = dt.datetime.fromisoformat(row["update_date"])
    return row["id"], row["action_id"], row["delta_amount"], row["disposition"], moment
