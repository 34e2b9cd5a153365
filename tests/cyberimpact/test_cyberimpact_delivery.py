"""Changes become contacts, groups and consent at a server that follows the provider page."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Literal

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Attempt, Consent, Part
from syncengine.errors import AuthError, ConfigError, ProviderError, RateLimited
from syncengine.sandbox.kit import Fault
from tests.clock import FakeClock
from tests.cyberimpact.attempts import Book, Guard
from tests.cyberimpact.conftest import Connect, active, change, deliver

JUNE = dt.date(2026, 6, 1)


async def test_a_new_contact_gets_fields_groups_and_consent(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.add_custom_field("Orders", "integer")
    fields = {"firstname": "Léa", "language": "fr_ca", "postalCode": "H2X 1Y4", "customFields.orders": "3"}
    asked = change("lea.roy+shop@example.test", join=["Clients", "Partner: Acme"], fields=fields, consent=active())

    outcomes = await deliver(connect(), [asked], book)

    assert outcomes["lea.roy+shop@example.test"].status == "delivered"
    known = vendor.contacts()["lea.roy+shop@example.test"]
    assert known.fields == {"firstname": "Léa", "language": "fr_ca", "postalCode": "H2X 1Y4", "Orders": 3}
    assert known.groups == {"Clients", "Partner: Acme"}
    assert (known.consent.relation, known.consent.date, known.consent.proof) == ("active-clients", JUNE, "action 1")
    assert vendor.groups() == {"Clients": False, "Partner: Acme": False}
    assert not book.in_doubt()


async def test_dates_are_asked_for_in_iso_with_every_request(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    await deliver(connect(), [change("a@example.test", join=["G"], consent=active())], book)
    assert {dict(seen.query).get("dateReturnFormat") for seen in vendor.seen} == {"ISO8601"}


async def test_people_of_several_groups_are_put_in_exactly_theirs(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    asked = {
        f"p{number}@example.test": {"All", *(f"P{partner}" for partner in range(5) if (number >> partner) & 1)}
        for number in range(32)
    }
    changes = [
        change(key, join=groups, fields={"lastname": key[:3]}, consent=active()) for key, groups in asked.items()
    ]

    outcomes = await deliver(connect(batch_size=10), changes, book)

    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert {key: set(known.groups) for key, known in vendor.contacts().items()} == asked
    # 1 line of "All" alone with one person, and 16 people of each partner
    assert vendor.writes()["POST /batches"] <= 1 + 5 * 2
    firsts = [book.confirmed(key) for key in asked]
    assert all(parts[0].fields and not any(part.fields for part in parts[1:]) for parts in firsts)
    assert all({part.consent for part in parts} == {active()} for parts in firsts)


async def test_nothing_but_the_difference_is_sent(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    vendor.admin.create_group("Old")
    vendor.admin.add(
        "a@example.test", fields={"firstname": "Al"}, groups=["Old"], relation="active-clients", date="2026-01-01"
    )
    await deliver(connect(), [change("a@example.test", join=["New"], consent=active(), create=False)], book)
    known = vendor.contacts()["a@example.test"]
    assert known.groups == {"Old", "New"}
    assert known.fields == {"firstname": "Al"}


async def test_groups_are_found_by_folded_title(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    vendor.admin.create_group("  CAFE\u0301 clients ")
    await deliver(connect(), [change("a@example.test", join=["Café Clients"], consent=active())], book)
    assert list(vendor.groups()) == ["  CAFE\u0301 clients "]


async def test_the_oldest_of_two_groups_of_one_title_is_used(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    oldest = vendor.admin.create_group("clients")
    vendor.admin.create_group("Clients")
    await deliver(connect(), [change("a@example.test", join=["Clients"], consent=active())], book)
    (batch,) = [seen for seen in vendor.write_requests() if seen.path == "/batches"]
    assert batch.json["groups"] == [oldest]


async def test_a_dynamic_group_rejects_only_those_who_need_it(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.create_group("Openers", dynamic=True)
    outcomes = await deliver(
        connect(),
        [
            change("a@example.test", join=["Openers", "Clients"], consent=active()),
            change("b@example.test", join=["Clients"], consent=active()),
        ],
        book,
    )
    assert (outcomes["a@example.test"].status, outcomes["a@example.test"].code) == ("rejected", "dynamic_group")
    assert outcomes["b@example.test"].status == "delivered"
    assert vendor.contacts().keys() == {"b@example.test"}


async def test_a_group_whose_creation_got_no_answer_is_made_once(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.faults.add(Fault(kind="drop_after", method="POST", path="^/groups$"))
    outcomes = await deliver(connect(), [change("a@example.test", join=["Clients"], consent=active())], book)
    assert outcomes["a@example.test"].status == "delivered"
    assert vendor.faults.injected
    assert vendor.writes()["POST /groups"] == 1


async def test_without_consent_nothing_is_added_but_groups_are_left(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.create_group("Old")
    vendor.admin.add("a@example.test", groups=["Old"])
    asked = change("a@example.test", join=["New"], leave=["Old"], consent=None, create=False, renew=False)
    outcomes = await deliver(connect(), [asked], book)
    assert (outcomes["a@example.test"].status, outcomes["a@example.test"].code) == ("rejected", "no_consent")
    assert vendor.contacts()["a@example.test"].groups == frozenset()
    assert vendor.groups().keys() == {"Old"}


async def test_leaving_is_done_where_there_is_nothing_to_leave(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.create_group("Old")
    vendor.admin.create_group("Other")
    vendor.admin.add("in/side@example.test", groups=["Old", "Other"])
    changes = [
        change("in/side@example.test", leave=["Old"], create=False, renew=False),
        change("outside@example.test", leave=["Old"], create=False, renew=False),
        change("nogroup@example.test", leave=["Never was"], create=False, renew=False),
    ]
    outcomes = await deliver(connect(), changes, book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert vendor.contacts()["in/side@example.test"].groups == {"Other"}
    assert book.confirmed("outside@example.test") == [Part("outside@example.test", leave=("Old",))]


async def test_an_unknown_custom_field_stops_everything_before_it_is_sent(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.add_custom_field("Orders", "integer")
    asked = change("a@example.test", join=["New"], fields={"customFields.Ordres": "3"}, consent=active())
    with pytest.raises(ConfigError, match=r"customFields.Ordres.*Orders"):
        await deliver(connect(), [asked], book)
    assert not vendor.write_requests()


async def test_who_is_barred_is_in_no_request_and_needs_no_outcome(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    book.barred = {"no@example.test"}
    keys = ["no@example.test", "yes@example.test"]
    outcomes = await deliver(connect(), [change(key, join=["A"], consent=active()) for key in keys], book)
    assert outcomes.keys() == {"yes@example.test"}
    assert not vendor.mentions("no@example.test")


async def test_who_unsubscribes_while_a_batch_waits_is_left_out_of_the_next_try(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.faults.add(Fault(kind="status", status=429, method="POST", path="/batches", times=2))
    book.bar_at_renewal = {"no@example.test"}
    keys = ["no@example.test", "yes@example.test"]
    outcomes = await deliver(connect(), [change(key, join=["A"], consent=active()) for key in keys], book)
    assert outcomes.keys() == {"yes@example.test"}
    assert vendor.contacts().keys() == {"yes@example.test"}


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate"])
async def test_a_batch_without_an_answer_is_sent_again(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, kind: str
) -> None:
    vendor.faults.add(Fault.model_validate({"kind": kind, "method": "POST", "path": "/batches"}))
    outcomes = await deliver(connect(), [change("a@example.test", join=["A"], consent=active())], book)
    assert outcomes["a@example.test"].status == "delivered"
    assert [entry.sent for entry in book.entries] == [2]
    assert vendor.faults.injected


async def test_retry_after_is_kept_to_the_second(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, clock: FakeClock
) -> None:
    vendor.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "37"}, method="POST", path="/batches"))
    started = clock.monotonic()
    outcomes = await deliver(connect(), [change("a@example.test", join=["A"], consent=active())], book)
    assert outcomes["a@example.test"].status == "delivered"
    assert 37 in clock.slept
    assert clock.monotonic() - started < 45


async def test_throttled_for_good_is_a_retry_and_surely_without_effect(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.faults.add(Fault(kind="status", status=429, method="POST", path="/batches", times=99))
    outcomes = await deliver(connect(), [change("a@example.test", join=["A"], consent=active())], book)
    assert outcomes["a@example.test"].status == "retry"
    assert not book.in_doubt()


async def test_server_errors_for_good_leave_the_contacts_in_doubt(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.faults.add(Fault(kind="status", status=502, method="POST", path="/batches", times=99))
    asked = change("a@example.test", join=["A"], leave=["B"], consent=active())
    outcomes = await deliver(connect(), [asked], book)
    assert outcomes["a@example.test"].status == "in_doubt"
    assert book.in_doubt() == {"a@example.test"}


async def test_a_long_wait_defers_the_run_once_what_is_under_way_has_ended(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.faults.add(
        Fault(kind="status", status=429, headers={"Retry-After": "900"}, method="POST", path="/batches", after=1)
    )
    changes = [change(f"p{number}@example.test", join=["A"], consent=active()) for number in range(3)]
    with pytest.raises(RateLimited):
        await deliver(connect(batch_size=1, batches_in_flight=1), changes, book)
    assert len(vendor.contacts()) == 1


async def test_revoked_credentials_end_the_delivery_without_anything_in_doubt(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.meanwhile("POST", "/batches", lambda: vendor.admin.revoke_token(vendor.settings()["token"]))
    with pytest.raises(AuthError):
        await deliver(connect(), [change("a@example.test", join=["A"], consent=active())], book)
    assert not book.in_doubt()


async def test_a_server_without_batches_is_a_wrong_address_and_no_bad_contact(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.faults.add(Fault(kind="status", status=404, method="POST", path="/batches", times=99))
    with pytest.raises(ProviderError, match="base_url"):
        await deliver(connect(), [change("a@example.test", join=["A"], consent=active())], book)
    assert len(vendor.faults.injected) == 1
    assert not book.in_doubt()


async def test_consent_of_a_kind_that_we_cannot_state_is_left_alone(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.admin.add("a@example.test", relation="web-contacts", date="2026-01-01")
    foreign = Consent("crm-import", dt.date(2026, 1, 1))
    asked = change(
        "a@example.test", join=["New"], fields={"firstname": "Al"}, consent=foreign, create=False, renew=False
    )
    outcomes = await deliver(connect(), [asked], book)
    assert outcomes["a@example.test"].status == "delivered"
    known = vendor.contacts()["a@example.test"]
    assert (known.groups, known.fields, known.consent.relation) == ({"New"}, {"firstname": "Al"}, "web-contacts")
    assert not vendor.writes()["POST /batches"]


async def test_each_person_is_in_one_request_at_a_time(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    """The book refuses a second open attempt of one key; here many lines share people."""
    changes = [
        change(
            f"p{number}@example.test",
            join=[f"G{(number + step) % 7}" for step in range(3)],
            leave=["Gone"],
            consent=active(),
        )
        for number in range(40)
    ]
    vendor.admin.create_group("Gone")
    outcomes = await deliver(connect(batch_size=4, batches_in_flight=8), changes, book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert all(len(known.groups) == 3 for known in vendor.contacts().values())


async def test_tokens_and_mailings_are_never_posted(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    await deliver(connect(), [change("a@example.test", join=["A"], leave=["B"], consent=active())], book)
    assert {seen.path for seen in vendor.write_requests()} == {"/groups", "/batches"}


class SlowClock(FakeClock):
    """Others run for a while before somebody's sleep is over."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.05)
        await super().sleep(seconds)


class SlowBook(Book):
    """All attempts but the first begin only when the first one's request has been throttled."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.throttled = asyncio.Event()

    async def begin(self, parts: Sequence[Part]) -> Attempt:
        if self.entries:
            await self.throttled.wait()
        return await super().begin(parts)


class Telling(Guard):
    """Tells the book of the first answer, a moment after the client has it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if response.status_code == 429:
            assert isinstance(self.book, SlowBook)
            asyncio.get_running_loop().call_later(0.02, self.book.throttled.set)
        return response


async def test_a_batch_that_waits_for_another_ones_retry_after_leaves_with_fresh_suppressions(
    vendor: CyberimpactSandbox, connect: Connect
) -> None:
    """The guard refuses suppressions older than 60 seconds."""
    wait = Fault(kind="status", status=429, headers={"Retry-After": "100"}, method="POST", path="/batches")
    vendor.faults.add(wait)
    clock = SlowClock()
    book = SlowBook(clock)
    changes = [change(f"p{number}@example.test", join=["A"], consent=active()) for number in range(4)]
    contacts = connect(clock=clock, guard=Telling(book), batch_size=1, batches_in_flight=4)
    outcomes = await deliver(contacts, changes, book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert any(entry.renewed for entry in book.entries[1:])


@pytest.mark.parametrize("answer", ["retry_after", "bare", "unavailable"])
async def test_a_throttle_on_everything_only_slows_it_down(
    vendor: CyberimpactSandbox,
    connect: Connect,
    book: Book,
    clock: FakeClock,
    answer: Literal["retry_after", "bare", "unavailable"],
) -> None:
    vendor.now = clock.now
    vendor.switches.throttle_everything = True
    vendor.switches.throttle_per_minute = 12
    vendor.switches.throttle_answer = answer
    changes = [change(f"p{number}@example.test", join=["A"], consent=active()) for number in range(30)]
    contacts = connect(batch_size=10)
    outcomes = await deliver(contacts, changes, book)
    for _ in range(3):
        open_ = [one for one in changes if outcomes[one.key].status in {"retry", "in_doubt"}]
        if not open_:
            break
        book = Book(clock)
        clock.move(60)
        outcomes.update(await deliver(connect(batch_size=10), open_, book))
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}


async def test_every_other_answer_lost_is_no_double_effect(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.switches.lost_answers = True
    changes = [
        change(f"p{number}@example.test", join=["A", f"G{number % 3}"], consent=active()) for number in range(30)
    ]
    outcomes = await deliver(connect(batch_size=5), changes, book)
    assert {outcome.status for outcome in outcomes.values()} == {"delivered"}
    assert sorted(vendor.groups()) == ["A", "G0", "G1", "G2"]
    assert all(len(known.groups) == 2 for known in vendor.contacts().values())


async def test_a_receiver_that_stops_listening_stops_the_delivery(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    changes = [change(f"p{number}@example.test", join=["A"], consent=active()) for number in range(9)]
    running = connect(batch_size=1, batches_in_flight=1).apply(changes, book)
    await anext(running)
    await running.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert 1 <= vendor.writes()["POST /batches"] <= 3
