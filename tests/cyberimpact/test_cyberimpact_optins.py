"""Somebody is asked by mail at most once, and only where the connection may send mail."""

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Change
from syncengine.errors import ConfigError
from syncengine.sandbox.kit import Fault
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import Connect, change, deliver

LEA, JO = "lea.roy@example.test", "jo@example.test"
ASKS = "POST /members/optins"


def ask(key: str, **more: object) -> Change:
    return change(key, renew=False, ask=True, **more)  # type: ignore[arg-type]  # what `change` takes


async def test_the_person_is_asked_with_fields_and_groups_and_is_there_once_they_said_yes(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    vendor.switches.optin_creates = "at_once"  # so that the fields are seen
    vendor.admin.add_custom_field("Orders", "integer")
    asked = ask(LEA, join=["News"], fields={"firstname": "Léa", "customFields.Orders": "3"})
    outcomes = await deliver(connect(allow_sending=True), [asked], book)
    assert outcomes[LEA].status == "delivered"
    (part,) = book.confirmed(LEA)
    assert (part.ask, part.join, part.consent) == (True, ("News",), None)
    known = vendor.contacts()[LEA]
    assert (known.fields, known.groups) == ({"firstname": "Léa", "Orders": 3}, {"News"})
    assert vendor.writes()[ASKS] == 1


@pytest.mark.parametrize("answer", ["retry_after", "bare"])
async def test_questions_wait_their_turn(vendor: CyberimpactSandbox, connect: Connect, book: Book, answer: str) -> None:
    vendor.switches.throttle_answer = answer  # type: ignore[assignment]  # one of its words
    vendor.switches.throttle_per_minute = 1
    outcomes = await deliver(connect(allow_sending=True), [ask(LEA), ask(JO)], book)
    assert outcomes[LEA].status == "delivered"
    assert outcomes[JO].status in {"delivered", "retry"}
    assert not book.in_doubt()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate", "malformed", "status"])
async def test_a_question_without_a_sure_answer_is_never_sent_again(
    vendor: CyberimpactSandbox, connect: Connect, book: Book, kind: str
) -> None:
    vendor.faults.add(Fault(kind=kind, method="POST", path="/members/optins"))  # type: ignore[arg-type]  # one of its words
    outcomes = await deliver(connect(allow_sending=True), [ask(LEA), ask(JO)], book)
    assert (outcomes[LEA].status, outcomes[JO].status) == ("in_doubt", "delivered")
    assert book.in_doubt() == {LEA}
    assert [entry.sent for entry in book.entries] == [1, 1]


async def test_a_question_that_is_refused_is_told(vendor: CyberimpactSandbox, connect: Connect, book: Book) -> None:
    vendor.faults.add(Fault(kind="status", status=422, method="POST", path="/members/optins"))
    outcomes = await deliver(connect(allow_sending=True), [ask(LEA)], book)
    assert (outcomes[LEA].status, outcomes[LEA].code) == ("rejected", "refused")
    assert not book.in_doubt()


async def test_a_question_that_was_taken_is_settled_after_a_crash(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    await deliver(connect(allow_sending=True), [ask(LEA)], book)
    (receipt,) = book.entries[0].receipts
    assert (await connect().settle(receipt, [LEA])).confirmed == {LEA}


async def test_nobody_is_asked_who_may_not_be_written_to(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    book.barred.add(LEA)
    assert await deliver(connect(allow_sending=True), [ask(LEA)], book) == {}
    assert vendor.writes()[ASKS] == 0


async def test_where_the_connection_may_not_send_nobody_is_asked(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    contacts = connect()
    with pytest.raises(ConfigError) as refused:
        contacts.draft({"email": LEA, "optin": "true"})
    assert [problem.key for problem in refused.value.problems] == ["connections.cyberimpact.allow_sending"]
    with pytest.raises(ConfigError):
        await deliver(contacts, [ask(LEA)], book)
    assert not book.entries
    assert connect(allow_sending=True).draft({"email": LEA, "optin": "true"}).ask


async def test_who_said_yes_gets_groups_and_fields_without_any_consent_of_ours(
    vendor: CyberimpactSandbox, connect: Connect, book: Book
) -> None:
    contacts = connect(allow_sending=True)
    await deliver(contacts, [ask(LEA, join=["News"])], book)
    (request,) = vendor.account.optins
    vendor.admin.confirm_optin(request)
    await contacts.standing([LEA], frozenset({"News", "More"}))
    later = change(LEA, join=["More"], fields={"firstname": "Léa"}, create=False, renew=False)
    outcomes = await deliver(contacts, [later], book)
    assert outcomes[LEA].status == "delivered"
    known = vendor.contacts()[LEA]
    assert (known.groups, known.consent.relation) == ({"News", "More"}, "express-consent")
