"""Everybody at Cyberimpact is met by a walk, once, or the walk is an error: a short list never counts."""

from typing import Any, Literal

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Auditable, RemoteKey
from syncengine.errors import ProviderError, Transient
from syncengine.sandbox.kit import Fault
from tests.clock import FakeClock
from tests.cyberimpact.conftest import Connect, connection, contacts_of
from tests.cyberimpact.scripted import Scripted, page_of

NONE: frozenset[str] = frozenset()
LEA, OFF, BOUNCED, ORPHAN = (f"{name}@example.test" for name in ("lea", "off", "bounced", "orphan"))


def furnish(vendor: CyberimpactSandbox) -> None:
    vendor.admin.create_group("clients")
    vendor.admin.create_group("Other")
    vendor.admin.create_group("Dynamic", dynamic=True)
    vendor.admin.add_custom_field("Orders", "integer")
    vendor.admin.add(
        "Lea@Example.test",
        fields={"firstname": "Léa", "birthdate": "1991-03-08", "Orders": 7},
        groups=["clients", "Other"],
    )
    vendor.admin.add(ORPHAN)
    vendor.admin.add(OFF, groups=["clients"])
    vendor.admin.unsubscribe(OFF)
    vendor.admin.add(BOUNCED, groups=["clients"])
    vendor.admin.bounce(BOUNCED)


async def test_a_walk_meets_everybody_once_with_what_was_asked_for(
    vendor: CyberimpactSandbox, connect: Connect
) -> None:
    furnish(vendor)
    contacts = connect()
    assert isinstance(contacts, Auditable)
    fields = frozenset({"firstname", "birthdate", "customFields.orders", "customFields.Gone"})
    walk = await contacts.walk(frozenset({"Clients", "Gone", "Dynamic"}), fields)
    assert walk.groups == {"Clients"}
    met = list(walk.keys)
    assert {remote.key: remote for remote in met} == {
        LEA: RemoteKey(
            LEA,
            "subscribed",
            {"firstname": "Léa", "birthdate": "1991-03-08", "customFields.orders": "7"},
            frozenset({"Clients"}),
        ),
        ORPHAN: RemoteKey(
            ORPHAN, "subscribed", {"firstname": None, "birthdate": None, "customFields.orders": None}, NONE
        ),
        OFF: RemoteKey(OFF, "unsubscribed"),
        BOUNCED: RemoteKey(BOUNCED, "bounced"),
    }
    assert len(met) == 4


async def test_without_groups_or_fields_only_the_lists_are_read(vendor: CyberimpactSandbox, connect: Connect) -> None:
    furnish(vendor)
    contacts = connect()
    before = len(vendor.seen)
    walk = await contacts.walk(NONE, NONE)
    assert sorted(remote.key for remote in walk.keys) == sorted([LEA, OFF, BOUNCED, ORPHAN])
    paths = [seen.path for seen in vendor.seen[before:]]
    no = ["/members/bounced", "/members/unsubscribed"]
    assert paths == [*no, "/members", *no]


async def test_somebody_who_unsubscribes_during_the_walk_is_met(vendor: CyberimpactSandbox, connect: Connect) -> None:
    furnish(vendor)
    vendor.admin.meanwhile("GET", "/members/bounced", lambda: vendor.admin.unsubscribe(LEA))
    met = {remote.key: remote.state for remote in (await connect().walk(NONE, NONE)).keys}
    assert met[LEA] == "unsubscribed"


async def test_somebody_who_comes_back_during_the_walk_is_met(vendor: CyberimpactSandbox, connect: Connect) -> None:
    furnish(vendor)
    vendor.admin.meanwhile("GET", "/members/bounced", lambda: vendor.admin.resubscribe(OFF), after=1)
    met = {remote.key: remote.state for remote in (await connect().walk(NONE, NONE)).keys}
    assert met[OFF] == "unsubscribed", "nobody who said no counts as subscribed before it is read that they are"
    vendor.admin.unsubscribe(OFF)
    vendor.admin.meanwhile("GET", "/members", lambda: vendor.admin.resubscribe(OFF))
    met = {remote.key: remote.state for remote in (await connect().walk(NONE, NONE)).keys}
    assert met[OFF] == "subscribed"


@pytest.mark.parametrize("shown", ["hidden", "shown"])
async def test_absent_is_only_who_is_nowhere(
    vendor: CyberimpactSandbox, connect: Connect, shown: Literal["hidden", "shown"]
) -> None:
    furnish(vendor)
    vendor.switches.read_suppressed = shown
    vendor.admin.delete(ORPHAN)
    asked = [LEA, OFF, BOUNCED, ORPHAN, "never+/%@example.test"]
    assert await connect().absent(asked) == {ORPHAN, "never+/%@example.test"}


async def test_nobody_is_absent_where_one_question_fails(vendor: CyberimpactSandbox, connect: Connect) -> None:
    furnish(vendor)
    vendor.faults.add(Fault(kind="status", status=500, path="/members/orphan", times=20))
    with pytest.raises(Transient):
        await connect().absent([LEA, ORPHAN])


def people(request: httpx.Request) -> dict[str, Any]:
    return page_of([{"email": f"P{number}@example.test"} for number in range(45)], "members", request, most=20)


def nobody(request: httpx.Request) -> dict[str, Any]:
    return page_of([], "members", request)


def short(request: httpx.Request) -> dict[str, Any]:
    return {**people(request), "totalCount": 60}


def endless(request: httpx.Request) -> dict[str, Any]:
    return {"members": people(request)["members"]}


@pytest.mark.parametrize("path", ["members", "members__bounced", "members__unsubscribed", "groups__7__members"])
@pytest.mark.parametrize(("answer", "code"), [(short, "drift"), (endless, "no_total"), (404, "not_found")])
async def test_a_list_that_may_not_be_whole_is_an_error(clock: FakeClock, path: str, answer: Any, code: str) -> None:
    routes: dict[str, Any] = {
        "members": people,
        "members__bounced": nobody,
        "members__unsubscribed": nobody,
        "groups": lambda request: page_of([{"id": 7, "title": "Clients"}], "groups", request),
        "groups__7__members": people,
    }
    served = answer if callable(answer) else lambda _: answer
    async with connection(clock, Scripted(**{**routes, path: served})) as opened:
        with pytest.raises(ProviderError) as raised:
            await contacts_of(opened).walk(frozenset({"Clients"}), NONE)
    assert raised.value.code == code


async def test_pages_of_a_server_that_gives_fewer_rows_are_read_to_the_end(clock: FakeClock) -> None:
    server = Scripted(members=people, members__bounced=nobody, members__unsubscribed=nobody)
    async with connection(clock, server) as opened:
        assert len(list((await contacts_of(opened).walk(NONE, NONE)).keys)) == 45
