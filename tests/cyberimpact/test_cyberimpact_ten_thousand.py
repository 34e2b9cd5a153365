"""Ten thousand contacts of whom 37 are bad: the others arrive, by as many requests as docs/cyberimpact.md states."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest

from connectors.cyberimpact.contacts import Contacts
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Attempt, Change, Outcome, Part, Settled
from tests.clock import NOON, FakeClock
from tests.cyberimpact.conftest import active, change, connection, contacts_of

PEOPLE, SIZE = 10_000, 500
BAD = frozenset(number * 269 for number in range(37))
"""All over the ten thousand: in some batches there is none, in most there are two."""
LOOKS = 3
"""At a batch, until the sandbox says that it is done."""


class Ledger:
    """`syncengine.contracts.Attempts` for a crowd: says yes to all, and keeps what was settled."""

    def __init__(self) -> None:
        self.settled = Settled()
        self.begun = 0

    async def begin(self, parts: Sequence[Part]) -> Attempt:
        self.begun += 1
        return Attempt(self.begun, frozenset(part.key for part in parts))

    async def renew(self, attempt: Attempt) -> Attempt:
        return attempt

    async def receipt(self, attempt: Attempt, receipt: str) -> None:
        """Nobody asks for it."""

    async def settle(self, attempt: Attempt, settled: Settled) -> None:
        before = self.settled
        self.settled = Settled(before.confirmed | settled.confirmed, before.refuted | settled.refuted)


def key_of(number: int) -> str:
    return f"p{number}@example.test"


def crowd() -> list[Change]:
    consent = active()
    language = {number: "xx" if number in BAD else "fr_ca" for number in range(PEOPLE)}
    return [change(key_of(n), join=["A"], fields={"language": language[n]}, consent=consent) for n in range(PEOPLE)]


@pytest.fixture
def vendor() -> CyberimpactSandbox:
    made = CyberimpactSandbox(now=lambda: NOON)
    made.admin.create_group("A")
    return made


@pytest.fixture
async def contacts(vendor: CyberimpactSandbox, clock: FakeClock) -> AsyncIterator[Contacts]:
    """Without a socket between them: some hundreds of large requests are sent."""
    settings: dict[str, Any] = {**vendor.settings(), "base_url": "http://vendor.example.test", "batch_size": SIZE}
    async with connection(clock, httpx.ASGITransport(app=vendor.app), **settings) as opened:
        yield contacts_of(opened)


async def deliver(contacts: Contacts, ledger: Ledger) -> dict[str, Outcome]:
    """Every change has one outcome: 9,963 delivered, 37 rejected, and the book and the account agree."""
    found = [outcome async for outcome in contacts.apply(crowd(), ledger)]
    outcomes = {outcome.key: outcome for outcome in found}
    bad = {key_of(number) for number in BAD}
    assert len(found) == len(outcomes) == PEOPLE
    assert Counter(outcome.status for outcome in found) == {"delivered": 9_963, "rejected": 37}
    assert {key for key, outcome in outcomes.items() if outcome.status == "rejected"} == bad
    assert ledger.settled.confirmed == outcomes.keys() - bad
    return {key: outcomes[key] for key in bad}


async def test_bad_rows_in_the_result_cost_a_look_at_each(contacts: Contacts, vendor: CyberimpactSandbox) -> None:
    vendor.switches.batch_bad_value = "row_error"
    rejected = await deliver(contacts, Ledger())
    assert {(each.code, each.message) for each in rejected.values()} == {
        ("refused", "Cyberimpact refuses the contact."),
    }
    batches = PEOPLE // SIZE
    with_bad = len({number // SIZE for number in BAD})
    asked = Counter(seen.path.split("/")[1] for seen in vendor.seen)
    assert asked["batches"] == batches * (1 + LOOKS)
    assert asked["members"] == 2 * with_bad + len(BAD)
    assert len(vendor.seen) <= 1 + batches * (1 + LOOKS) + 2 * with_bad + 3 * len(BAD)
    assert len(vendor.contacts()) == 9_963


async def test_bad_rows_for_which_whole_batches_are_refused_cost_some_batches_more_each(
    contacts: Contacts, vendor: CyberimpactSandbox
) -> None:
    vendor.switches.batch_bad_value = "refused"
    vendor.switches.batch_polls = 0
    rejected = await deliver(contacts, Ledger())
    assert {(each.code, each.message) for each in rejected.values()} == {
        ("refused", "Cyberimpact refuses the contact, also in a batch of its own."),
    }
    posted = [seen.status for seen in vendor.seen if seen.method == "POST" and seen.path == "/batches"]
    assert len(posted) <= PEOPLE // SIZE + len(BAD) * (math.ceil(math.log2(SIZE)) + 3)
    assert len(vendor.seen) <= 1 + len(posted) + posted.count(201)
    assert len(vendor.contacts()) == 9_963
