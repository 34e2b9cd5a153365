"""Recorded answers replay. `make record` records them again: from a real account where its credentials are set.

IMPACT_ACCOUNT_SID, IMPACT_AUTH_TOKEN and, if it is not api.impact.com, IMPACT_BASE_URL. Only what holds for every
account is asserted.
"""

import datetime as dt
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors.impact import ImpactConnection
from connectors.impact.kinds import ACTION_FIELDS
from connectors.impact.sandbox import ImpactSandbox
from syncengine.contracts import Range
from syncengine.errors import AuthError
from syncengine.sandbox.kit import Server, people
from tests.cassette import REPLAY_URL, Cassettes
from tests.clock import NOON, FakeClock
from tests.impact.conftest import connection
from tests.impact.provider import DAY, SID, TOKEN
from tests.impact.reading import ids, last_checkpoint, pages

PEOPLE = {"workphonenumber", "cellphonenumber", "email", "emailaddress", "useremail", "comment", "website"}
"""Fields of people at partner companies, besides those that every provider has."""


class Account:
    """Where the recordings come from, and who asks there."""

    def __init__(self, cassette: Cassettes) -> None:
        self._cassette = cassette
        self.sid = os.environ.get("IMPACT_ACCOUNT_SID", "")
        self.token = os.environ.get("IMPACT_AUTH_TOKEN", "")

    @asynccontextmanager
    async def connect(self, name: str, *, token: str | None = None) -> AsyncIterator[ImpactConnection]:
        """A connection that replays the cassette of this name, or records it."""
        clock = FakeClock(self._moment(name))
        if not self._cassette.recording:
            async with self._taped(name, clock, REPLAY_URL, SID, token or TOKEN) as made:
                yield made
        elif self.sid:
            base_url = os.environ.get("IMPACT_BASE_URL", "https://api.impact.com")
            async with self._taped(name, clock, base_url, self.sid, token or self.token) as made:
                yield made
        else:
            sandbox = ImpactSandbox(now=clock.now)
            sandbox.populate(people(30, 1), 1, clock.now())
            with Server(sandbox.app) as server:
                own = sandbox.settings()
                async with self._taped(name, clock, server.url, own["account_sid"], token or own["auth_token"]) as made:
                    yield made

    @asynccontextmanager
    async def _taped(
        self, name: str, clock: FakeClock, base_url: str, sid: str, token: str
    ) -> AsyncIterator[ImpactConnection]:
        with self._cassette(name, secrets=[sid, token], personal=PEOPLE):
            async with connection(clock, None, base_url=base_url, account_sid=sid, auth_token=token) as made:
                yield made

    def _moment(self, name: str) -> dt.datetime:
        """When it was recorded: windows depend on the clock, and requests are matched by their query."""
        path = self._cassette.folder / f"{name}.moment"
        if self._cassette.recording:
            moment = dt.datetime.now(dt.UTC).replace(microsecond=0) if self.sid else NOON
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{moment.isoformat()}\n")
            return moment
        return dt.datetime.fromisoformat(path.read_text().strip())


@pytest.fixture
def account(cassette: Cassettes) -> Account:
    return Account(cassette)


async def test_check_finds_the_campaigns(account: Account) -> None:
    async with account.connect("check") as source:
        findings = await source.check()
    assert {finding.level for finding in findings} == {"ok"}
    assert "campaigns" in findings[0].message


async def test_actions_are_read_and_read_on(account: Account) -> None:
    async with account.connect("actions") as source:
        stream = source.streams["actions"]
        partition = (await stream.partitions(stream.Options()))[0]
        since = source._clock.now() - 60 * DAY
        read = await pages(source, Range(since), partition=partition, fields=None)
        again = await pages(source, last_checkpoint(read), partition=partition, fields=None)
    records = [record for page in read for record in page.records]
    assert records
    assert all(record.moment >= since and set(record.values) == ACTION_FIELDS for record in records)
    assert all(record.values["CampaignId"] == partition.partition("/")[0] for record in records)
    assert all(record.values["Uri"] == f"/Actions/{record.id}" for record in records)
    assert ids(again) <= ids(read)


async def test_a_wrong_token_is_refused(account: Account) -> None:
    async with account.connect("wrong-token", token="not-the-token") as source:
        with pytest.raises(AuthError):
            await source.check()
