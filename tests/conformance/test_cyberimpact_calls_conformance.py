"""Every call of Cyberimpact's API over HTTP in both directions: asked as its reference says, answered well and badly.

The suite's rules try what mappings use; here each method of the client stands before each endpoint that it calls.
"""

import datetime as dt
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import stamina

from connectors.cyberimpact import CyberimpactConnector
from connectors.cyberimpact.api.mailings import NewMailing
from connectors.cyberimpact.api.profile import Profile
from connectors.cyberimpact.client import ENDPOINTS, CyberimpactClient
from connectors.cyberimpact.sandbox.call import Router
from connectors.cyberimpact.sandbox.service import ROUTES
from connectors.cyberimpact.settings import CyberimpactSettings
from syncengine.answer import Answer
from syncengine.contracts import Context
from syncengine.errors import SyncError
from syncengine.http import ATTEMPTS, HttpFactory
from syncengine.sandbox.kit import Fault
from syncengine.testing import MovableClock
from syncengine.testing.case import LABEL, TIMEZONE, Case, open_case
from syncengine.testing.wire import Sent
from tests.conformance.test_cyberimpact_conformance import Contacts

LEA, ZOE, OFF = "lea+madeup@example.test", "zoe-madeup@example.test", "off-madeup@example.test"
FOREVER = 1_000
TROUBLE = (
    Fault(kind="status", status=500, times=FOREVER),
    Fault(kind="status", status=401, times=FOREVER),
    Fault(kind="status", status=403, times=FOREVER),
    Fault(kind="truncate", times=FOREVER),
    Fault(kind="malformed", times=FOREVER),
)


class Account(Contacts):
    """An account in which there is something of everything."""

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        admin = self.sandbox.admin
        self.group = admin.create_group("Clients")
        for address in (LEA, OFF):
            admin.add(address, groups=["Clients"], relation="active-clients", date="2026-06-01", proof="order 77")
        admin.unsubscribe(OFF)
        self.sent, self.archived = (admin.send_mailing(subject, ["Clients"]) for subject in ("June", "July"))
        admin.archive_mailing(self.archived)
        self.scheduled = admin.send_mailing("August", ["Clients"], self.later)
        self.template = admin.make_template("Welcome", "<p>Hello</p>")
        self.batch = ""

    @property
    def later(self) -> dt.datetime:
        return self.clock.now() + dt.timedelta(days=9)

    def people(self) -> list[str]:
        return [LEA, ZOE, OFF]


Call = Callable[[CyberimpactClient, Account], Awaitable[object]]
CALLS: dict[str, Call] = {
    "ping": lambda client, _: client.ping(),
    "count_members": lambda client, _: client.count_members(),
    "members": lambda client, _: client.members(),
    "members_page": lambda client, _: client.members_page(1),
    "create_member": lambda client, at: client.create_member(Profile(email=ZOE, firstname="Zoe"), [at.group]),
    "bounced": lambda client, _: client.bounced(),
    "bounced_page": lambda client, _: client.bounced_page(1),
    "unsubscribed": lambda client, _: client.unsubscribed(),
    "unsubscribed_page": lambda client, _: client.unsubscribed_page(1),
    "unsubscribed_member": lambda client, _: client.unsubscribed_member(OFF),
    "unsubscribe_member": lambda client, _: client.unsubscribe_member(LEA),
    "request_optin": lambda client, at: client.request_optin(Profile(email=ZOE), [at.group]),
    "member": lambda client, _: client.member(LEA),
    "member_row": lambda client, _: client.member_row(LEA),
    "put_member": lambda client, _: client.put_member(LEA, Profile(email=LEA, company="Birch")),
    "patch_member": lambda client, _: client.patch_member(LEA, Profile(company="Birch")),
    "delete_member": lambda client, _: client.delete_member(LEA),
    "member_consent": lambda client, _: client.member_consent(LEA),
    "put_consent": lambda client, _: client.put_consent(LEA, "active-clients", dt.date(2026, 6, 2), "order 78"),
    "member_groups": lambda client, _: client.member_groups(LEA),
    "join_groups": lambda client, at: client.join_groups(LEA, [at.group]),
    "replace_groups": lambda client, at: client.replace_groups(LEA, [at.group]),
    "leave_group": lambda client, at: client.leave_group(LEA, at.group),
    "groups": lambda client, _: client.groups(),
    "groups_page": lambda client, _: client.groups_page(1),
    "create_group": lambda client, _: client.create_group("Newcomers"),
    "group": lambda client, at: client.group(at.group),
    "put_group": lambda client, at: client.put_group(at.group, "Buyers", public=False),
    "patch_group": lambda client, at: client.patch_group(at.group, title="Buyers"),
    "delete_group": lambda client, at: client.delete_group(at.group),
    "group_members": lambda client, at: client.group_members(at.group),
    "group_members_page": lambda client, at: client.group_members_page(at.group, 1),
    "empty_group": lambda client, at: client.empty_group(at.group),
    "custom_fields": lambda client, _: client.custom_fields(),
    "create_mailing": lambda client, at: client.create_mailing(
        NewMailing(subject="Offer", groups=[at.group], body_text="Hello"), at.later
    ),
    "mailing": lambda client, at: client.mailing(at.sent),
    "cancel_mailing": lambda client, at: client.cancel_mailing(at.scheduled),
    "member_mailings_page": lambda client, _: client.member_mailings_page(LEA, 1),
    "templates_page": lambda client, _: client.templates_page(1),
    "create_template": lambda client, _: client.create_template("Goodbye", "<p>Bye</p>"),
    "template": lambda client, at: client.template(at.template),
    "put_template": lambda client, at: client.put_template(at.template, "Welcome back", text="Hello again"),
    "delete_template": lambda client, at: client.delete_template(at.template),
    "post_batch": lambda client, _: client.post_batch(
        {"batchType": "addMembers", "relationType": "active-clients", "members": [{"email": ZOE}]}
    ),
    "post_unsubscriptions": lambda client, _: client.post_unsubscriptions([LEA]),
    "post_deletions": lambda client, _: client.post_deletions([LEA]),
    "batch": lambda client, at: client.batch(at.batch),
}
"""Each method of the client that calls an endpoint."""
OF_SEVERAL: dict[str, Callable[[Any], Call]] = {
    "mailings_page": lambda which: lambda client, _: client.mailings_page(which, 1),
    "recipients_page": lambda which: (
        lambda client, at: client.recipients_page(at.sent, "" if which == "recipients" else which, 1)
    ),
}
"""Methods that call several endpoints, which are told apart by the last part of their path."""
PAIRS = [(endpoint, method) for endpoint, methods in ENDPOINTS.items() for method in methods]


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


@pytest.fixture
def case() -> Iterator[Case]:
    with open_case(CyberimpactConnector, Account) as opened:
        yield opened


async def ask(case: Case, endpoint: str, method: str) -> tuple[object, list[Sent]]:
    """What the call gives, and its requests; an error of ours is given too, and what it says is kept."""
    account = case.stage
    assert isinstance(account, Account)
    settings = CyberimpactSettings.model_validate(account.settings())
    http = HttpFactory(LABEL, case.clock, {}, case.wire.transport())
    call = OF_SEVERAL[method](endpoint.rpartition("/")[2]) if method in OF_SEVERAL else CALLS[method]
    before = len(case.wire.sent)
    async with CyberimpactClient(settings, Context(http, case.memory, case.clock, TIMEZONE)) as client:
        try:
            found: object = await call(client, account)
        except SyncError as error:
            case.watch.keep(error)
            found = error
    return found, case.wire.sent[before:]


async def prepare(case: Case, method: str) -> None:
    """Have a batch to ask for, where that is asked."""
    if method == "batch":
        answer, _ = await ask(case, "POST /batches", "post_batch")
        assert isinstance(answer, Answer)
        assert isinstance(case.stage, Account)
        case.stage.batch = str(json.loads(answer.content)["id"])


def test_every_method_before_every_endpoint_is_tried() -> None:
    assert {method for _, method in PAIRS} == CALLS.keys() | OF_SEVERAL.keys()


@pytest.mark.parametrize(("endpoint", "method"), PAIRS)
async def test_asked_as_the_reference_says_it_is_answered_well(case: Case, endpoint: str, method: str) -> None:
    await prepare(case, method)
    found, sent = await ask(case, endpoint, method)
    assert found is not None
    assert not isinstance(found, SyncError)
    assert not isinstance(found, Answer) or found.good
    router = Router(ROUTES)
    assert {router.find(each.method, each.path.partition("?")[0])[0].name for each in sent} == {endpoint}
    for each in sent:
        assert dict(parse_qsl(each.path.partition("?")[2]))["dateReturnFormat"] == "ISO8601"
        assert not each.body or isinstance(json.loads(each.body), dict)


@pytest.mark.parametrize(("endpoint", "method"), PAIRS)
async def test_whatever_is_answered_badly_ends_in_an_error_of_ours_or_in_the_bare_answer(
    case: Case, endpoint: str, method: str
) -> None:
    verb, _, path = endpoint.partition(" ")
    place = "^" + re.sub(r"\\{[a-zA-Z]+\\}", "[^/]+", re.escape(path)) + "$"
    await prepare(case, method)
    with case.watch.listening():
        for trouble in TROUBLE:
            case.stage.inject(trouble.model_copy(update={"method": verb, "path": place}))
            found, sent = await ask(case, endpoint, method)
            assert sent
            assert isinstance(found, SyncError | Answer), f"{trouble.kind} {trouble.status} passes for an answer"
            assert verb == "GET" or len(sent) == 1, "what writes is sent once: the caller writes each try down"
            case.stage.heal()
    case.watch.verify(case.private())
