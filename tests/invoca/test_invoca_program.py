"""The calls recipe by the commands of a person: what they see, and what impact.com gets."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.impact.sandbox import ImpactSandbox
from connectors.invoca.sandbox import InvocaSandbox
from syncengine.cli.sandbox import Running, start_sandboxes
from tests.cli.conftest import Program
from tests.forking import Ended

MAPPING = "invoca-calls-to-impact"
HOUR = dt.timedelta(hours=1)
DONE, REJECTED = 0, 3


class Office:
    """Somebody whose partners bring calls, and who types commands. All output is kept."""

    def __init__(self, program: Program, running: Running) -> None:
        impact, invoca = running.sandboxes["impact"], running.sandboxes["invoca"]
        assert isinstance(impact, ImpactSandbox)
        assert isinstance(invoca, InvocaSandbox)
        self.reports = impact.call_data.reports
        self.invoca = invoca
        self.shown = ""
        self._program = program
        program.environ["SYNCENGINE_CONFIG"] = str(running.config)
        invoca.clear()
        invoca.switches.timezone = "America/Los_Angeles"

    def call(self, hours: int, **values: Any) -> str:
        """A call of a partner that many hours ago; its id."""
        at = dt.datetime.now(dt.UTC) - HOUR * hours
        return self.invoca.book.call(at=at, affiliate_id_from_network="39787", **values).call

    def __call__(self, *arguments: str, code: int = DONE) -> str:
        ended: Ended = self._program(*arguments)
        assert (ended.code, ended.err) == (code, ""), ended.out + ended.err
        self.shown += ended.out
        return ended.out


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with start_sandboxes(tmp_path, 1) as running:
        yield Office(Program(tmp_path), running)


def test_calls_are_looked_at_reported_once_and_listed_where_they_are_not(office: Office) -> None:
    good = office.call(5)
    abroad = office.call(4, destination_phone_number="+44 20 7946 0018")
    office.call(3, calling_phone_number="")
    office.call(0)
    told = office("check")
    assert "Role network: transactions can be read." in told
    assert "Call data: the endpoint answers" in told
    assert f"mappings.{MAPPING}: 5 tests pass." in told
    assert office.reports == []

    told = office("sync", MAPPING, code=REJECTED)
    assert "1 delivered (1 created)" in told
    assert [report["CallSessionId"] for report in office.reports] == [good]
    office.invoca.book.sale(good, sale_amount="12.50")
    office.invoca.switches.timezone = "Asia/Tokyo"
    assert "1 rejected" in office("sync", MAPPING, code=REJECTED)
    told = office("rejects", "list")
    for key, why in (
        (abroad, "Not a number of ten digits, which is all that impact.com takes here."),
        (f"1000/777/{good}", "Changed after it was reported (SaleAmount); impact.com takes no corrections of calls."),
    ):
        assert [line for line in told.splitlines() if key in line and why in line]
    assert len(office.reports) == 1
    assert "2 revisions = 1 delivered + 1 rejected" in office("status")
    assert "555" not in office.shown
