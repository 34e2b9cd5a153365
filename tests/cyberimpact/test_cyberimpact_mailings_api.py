"""Every call about mailings, their recipients and templates, in both directions."""

import datetime as dt
import json

import pytest

from connectors.cyberimpact.api.mailings import NewMailing, RecipientList
from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.errors import InDoubt
from syncengine.sandbox.kit import Fault
from tests.clock import NOON
from tests.cyberimpact.api import body, client, tap
from tests.cyberimpact.endpoints import Wiretap, exercises

__all__ = ["client", "tap"]

LATER = NOON + dt.timedelta(days=2)
READERS = ("a@example.test", "b@example.test", "c@example.test", "d@example.test")
LISTS: tuple[RecipientList, ...] = (
    "delivered", "stopped", "hard-bounced", "soft-bounced", "unsubscribed", "opened", "clicked",
)  # fmt: skip


@pytest.fixture
def group(vendor: CyberimpactSandbox) -> int:
    number = vendor.admin.create_group("Clients")
    for address in READERS:
        vendor.admin.add(address, groups=["Clients"])
    return number


@exercises("POST /mailings", "GET /mailings/{id}", "GET /mailings/scheduled", "DELETE /mailings/{id}")
async def test_a_mailing_is_scheduled_and_cancelled(
    client: CyberimpactClient, vendor: CyberimpactSandbox, group: int, tap: Wiretap
) -> None:
    new = NewMailing(subject="Offer", groups=[group], body_html="<p>Hello</p>", language="fr_ca")
    number = body(await client.create_mailing(new, LATER), 201)["id"]
    sent = json.loads(tap.requests[-1].content)
    assert (sent["groups"], sent["sendAt"]) == (str(group), "2026-07-16 08:00:00")
    assert vendor.account.mailings[number].scheduled == LATER
    mailing = await client.mailing(number)
    assert mailing is not None
    assert (mailing["status"], mailing["recipientsCount"], mailing["startedOn"]) == ("scheduled", 4, None)
    page = await client.mailings_page("scheduled", 1, group)
    assert page is not None
    assert [row["id"] for row in page.rows] == [number]
    assert body(await client.cancel_mailing(number)) == {str(number): "deleted"}
    assert await client.mailing(number) is None


async def test_without_a_time_a_mailing_goes_out_at_once_and_can_not_be_cancelled(
    client: CyberimpactClient, vendor: CyberimpactSandbox, group: int
) -> None:
    new = NewMailing(subject="Offer", groups=[group], body_text="Hello")
    number = body(await client.create_mailing(new, None), 201)["id"]
    assert (await client.cancel_mailing(number)).status == 422
    assert len(vendor.account.mailings[number].recipients) == 4


async def test_a_mailing_without_an_answer_is_in_doubt_and_never_repeated(
    client: CyberimpactClient, vendor: CyberimpactSandbox, group: int
) -> None:
    vendor.faults.add(Fault(kind="drop_after", method="POST", path="/mailings"))
    with pytest.raises(InDoubt):
        await client.create_mailing(NewMailing(subject="Offer", groups=[group], body_text="Hello"), None)
    assert len(vendor.account.mailings) == 1


@exercises("GET /mailings/sent", "GET /mailings/archived")
async def test_an_archived_mailing_is_not_among_the_sent(
    client: CyberimpactClient, vendor: CyberimpactSandbox, group: int
) -> None:
    first, second = (vendor.admin.send_mailing(subject, ["Clients"]) for subject in ("One", "Two"))
    vendor.admin.archive_mailing(second)
    sent, archived = await client.mailings_page("sent", 1), await client.mailings_page("archived", 1)
    assert sent is not None
    assert archived is not None
    assert [row["id"] for row in sent.rows] == [first]
    assert [row["id"] for row in archived.rows] == [second]
    assert archived.rows[0]["archivedOn"]


@exercises("GET /mailings/{id}/recipients", *(f"GET /mailings/{{id}}/recipients/{name}" for name in LISTS))
async def test_recipients_are_listed_by_what_became_of_the_message(
    client: CyberimpactClient, vendor: CyberimpactSandbox, group: int
) -> None:
    number = vendor.admin.send_mailing("Offer", ["Clients"])
    for address, event in zip(READERS, ("clicked", "hard-bounced", "soft-bounced", "stopped"), strict=True):
        vendor.admin.receive(number, address, event)
    vendor.admin.receive(number, READERS[0], "unsubscribed")
    found = {}
    for name in ("", *LISTS):
        page = await client.recipients_page(number, name, 1, None if name else group)
        assert page is not None
        found[name] = [row["email"] for row in page.rows]
    a, b, c, d = ([address] for address in READERS)
    assert found == {
        "": [*READERS], "delivered": a, "stopped": d, "hard-bounced": b, "soft-bounced": c, "unsubscribed": a,
        "opened": a, "clicked": a,
    }  # fmt: skip
    page = await client.recipients_page(number, "opened", 1)
    assert page is not None
    assert page.rows[0]["openedOn"] == "2026-07-14T08:00:00-0400"
    assert page.rows[0]["idMember"]
    mailing = await client.mailing(number)
    assert mailing is not None
    assert (mailing["emailsSent"], mailing["emailsDelivered"], mailing["views"]) == (3, 1, 1)


@exercises("POST /templates", "GET /templates", "GET /templates/{id}", "PUT /templates/{id}", "DELETE /templates/{id}")
async def test_a_template_is_created_replaced_and_deleted(
    client: CyberimpactClient, vendor: CyberimpactSandbox
) -> None:
    number = body(await client.create_template("Welcome", "<p>Hello</p>", "Hello"), 201)["id"]
    page = await client.templates_page(1)
    assert page is not None
    assert [(row["title"], "bodyHtml" in row) for row in page.rows] == [("Welcome", False)]
    assert (await client.put_template(number, "Welcome back", text="Hello again")).good
    template = await client.template(number)
    assert template is not None
    assert (template["title"], template["bodyHtml"], template["bodyText"]) == ("Welcome back", "", "Hello again")
    assert body(await client.delete_template(number)) == {str(number): "deleted"}
    assert await client.template(number) is None


async def test_a_template_without_a_body_is_refused(client: CyberimpactClient) -> None:
    assert (await client.create_template("Welcome")).status == 422
