"""The engine's own streams in a mapping: who is due joins a group in time, and leaves it when the reason has gone."""

import datetime as dt
from typing import Any

import pytest

from mappings.mapping import compile_mapping
from mappings.spec import MappingSpec
from syncengine.binding import BoundMapping
from syncengine.contracts import NOTHING_OPEN, Checkpoint, Page, Range, Record
from syncengine.errors import ConfigError
from syncengine.own import OwnConnection
from tests.engine.world import SPEC, TORONTO, YEARS_2, Fields, World

DAY = 86_400.0
JO = "jo@example.com"
CONFIRM: dict[str, Any] = {
    "source": "engine.expiring_consents",
    "destination": "mail.contacts",
    "where": "Destination == 'mail.contacts'",
    "retract": "State != 'expiring'",
    "fields": {
        "email": "{{ Email }}",
        "groups": ["Please confirm"],
        "basis": "{{ RelationType }}",
        "date": "{{ ConsentDate }}T12:00:00+00:00",
    },
}
GONE: dict[str, Any] = {
    **CONFIRM,
    "source": "engine.basis_gone",
    "retract": "State != 'gone'",
    "fields": {**CONFIRM["fields"], "groups": ["No basis"]},
}


def add(world: World, name: str, table: dict[str, Any], **options: Any) -> None:
    """A mapping from one of the engine's own streams."""
    spec = MappingSpec.model_validate(table)
    stream = OwnConnection(world.store, world.clock, TORONTO).streams[spec.source.partition(".")[2]]
    rule = compile_mapping(
        spec, record_fields=stream.fields, draft_fields=frozenset(Fields.model_fields), key_field="email"
    )
    chosen = stream.Options.model_validate(options)
    world.mappings[name] = BoundMapping(
        name, spec, rule, spec.source, stream, chosen, spec.destination, world.mail, (), None
    )


@pytest.fixture
async def ageing(world: World) -> World:
    """Jo has bought, and is a contact; the consent ends in 20 days. Lea's is fresh."""
    world.crm.person("C1", JO)
    world.crm.person("C2", "lea@example.com")
    world.buy("1", "C1", days_ago=YEARS_2.days - 20)
    world.buy("2", "C2", days_ago=3)
    await world.sync()
    add(world, "confirm", CONFIRM)
    return world


async def test_who_is_due_joins_the_group_and_nothing_else_of_them_changes(ageing: World) -> None:
    before = ageing.mail.contacts[JO].consent
    sent = len(ageing.mail.requests)
    await ageing.sync()
    assert ageing.groups(JO) == {"Customers", "Partner: Acme", "Please confirm"}
    assert ageing.groups("lea@example.com") == {"Customers", "Partner: Acme"}
    (request,) = ageing.mail.requests[sent:]
    assert (request.join, request.fields, request.consent) == (("Please confirm",), {}, before)
    assert ageing.mail.contacts[JO].consent == before


async def test_who_joined_is_left_alone_while_nothing_changes(ageing: World) -> None:
    await ageing.sync()
    sent = len(ageing.mail.requests)
    ageing.clock.move(DAY)
    report = await ageing.sync("confirm")
    assert report.mappings[0].counts["repeated"] == 1
    assert len(ageing.mail.requests) == sent


async def test_a_new_purchase_renews_the_consent_and_takes_them_out_of_the_group(ageing: World) -> None:
    await ageing.sync()
    ageing.buy("3", "C1", days_ago=1)
    await ageing.sync()
    assert ageing.groups(JO) == {"Customers", "Partner: Acme"}
    consent = ageing.mail.contacts[JO].consent
    assert consent is not None
    assert consent.expires == (ageing.clock.now() - dt.timedelta(days=1)).date() + YEARS_2


async def test_it_comes_back_into_the_group_when_that_purchase_is_reversed(ageing: World) -> None:
    await ageing.sync()
    ageing.buy("3", "C1", days_ago=1)
    await ageing.sync()
    ageing.buy("3", "C1", days_ago=1, State="REVERSED")
    await ageing.sync()
    assert "Please confirm" in ageing.groups(JO)


async def test_whoever_left_the_group_by_themselves_is_not_put_into_it_again(ageing: World) -> None:
    await ageing.sync()
    ageing.mail.contacts[JO].groups.pop("please confirm")
    ageing.clock.move(DAY)
    ageing.buy("3", "C1", days_ago=YEARS_2.days - 19.5)  # renews by half a day: another record of the stream
    await ageing.sync()
    assert "Please confirm" not in ageing.groups(JO)


async def test_an_express_consent_takes_them_out_of_the_group(ageing: World) -> None:
    await ageing.sync()
    ageing.add_mapping("forms", fields={**SPEC["fields"], "basis": "express"})
    ageing.mappings = {name: ageing.mappings[name] for name in ("sales", "forms", "confirm")}
    await ageing.sync()
    assert "Please confirm" not in ageing.groups(JO)


async def test_once_the_consent_has_ended_they_leave_the_group_however_late_that_is_read(ageing: World) -> None:
    await ageing.sync()
    ageing.clock.move(100 * DAY)
    await ageing.sync()
    assert "Please confirm" not in ageing.groups(JO)


@pytest.mark.parametrize("said", ["unsubscribed", "reversed"])
async def test_who_says_no_or_has_nothing_to_rest_on_is_taken_out(ageing: World, said: str) -> None:
    await ageing.sync()
    if said == "unsubscribed":
        ageing.mail.unsubscribed.add(JO)
    else:
        ageing.buy("1", "C1", days_ago=YEARS_2.days - 20, State="REVERSED")
    await ageing.sync()
    assert "Please confirm" not in ageing.groups(JO)


async def test_a_shorter_look_ahead_lets_nobody_be_forgotten(ageing: World) -> None:
    await ageing.sync()
    add(ageing, "confirm", CONFIRM, within="2 days")
    await ageing.sync()
    assert "Please confirm" in ageing.groups(JO)
    ageing.buy("3", "C1", days_ago=1)
    await ageing.sync()
    assert "Please confirm" not in ageing.groups(JO)


async def test_it_never_keeps_a_consent_alive_whose_purchase_was_taken_back(ageing: World) -> None:
    await ageing.sync()
    ageing.buy("1", "C1", days_ago=YEARS_2.days - 20, State="REVERSED")
    await ageing.sync()
    (row,) = await read(ageing, "basis_gone")
    assert (row.values["Email"], row.values["State"]) == (JO, "gone")
    assert await read(ageing, "expiring_consents") == []


async def test_plan_lists_what_sync_then_does(ageing: World) -> None:
    _, planned = await ageing.plan()
    assert [(item.target.key, item.verdict.change and item.verdict.change.join) for item in planned] == [
        (JO, frozenset({"Please confirm"}))
    ]
    assert "Please confirm" not in ageing.groups(JO)


async def test_who_bought_again_after_everything_was_taken_back_leaves_the_other_group(world: World) -> None:
    world.crm.person("C1", JO)
    world.buy("1", "C1", days_ago=3)
    await world.sync()
    world.clock.move(DAY)
    world.buy("1", "C1", days_ago=4, State="REVERSED")
    await world.sync()
    add(world, "gone", GONE)
    await world.sync()
    assert world.groups(JO) == {"No basis"}
    world.buy("2", "C1", days_ago=1)
    await world.sync()
    assert world.groups(JO) == {"Customers", "Partner: Acme"}


async def test_a_range_with_the_day_of_reading_in_it_is_read_and_any_other_is_empty(ageing: World) -> None:
    now = ageing.clock.now()
    week = dt.timedelta(days=7)
    assert len(await read(ageing, "expiring_consents", Range(now - week))) == 1
    assert await read(ageing, "expiring_consents", Range(now - 2 * week, now - week)) == []
    assert len(await read(ageing, "expiring_consents", Checkpoint("2026-01-01"))) == 1


async def test_only_the_fields_asked_for_are_handed_over_and_all_of_them_are_told(ageing: World) -> None:
    (whole,) = await read(ageing, "expiring_consents")
    end = (ageing.clock.now() + dt.timedelta(days=20)).date()
    assert whole.id == f"mail.contacts/{JO}/{end}"
    assert whole.values == {
        "Id": whole.id, "Email": JO, "Destination": "mail.contacts", "State": "expiring", "RelationType": "client",
        "ConsentDate": str(end - YEARS_2), "ConsentProof": f"proof of {end - YEARS_2}", "ExpiresOn": str(end),
        "Mapping": "sales", "RecordId": "1",
    }  # fmt: skip
    (some,) = await read(ageing, "expiring_consents", fields=frozenset({"Email", "State"}))
    assert some.values == {"Email": JO, "State": "expiring"}


async def test_without_a_state_there_is_nobody(world: World) -> None:
    for stream in OwnConnection(None, world.clock, TORONTO).streams.values():
        (partition,) = await stream.partitions(stream.Options())
        pages = [page async for page in stream.read(partition, Checkpoint(""), fields=None, open=NOTHING_OPEN)]
        assert [page.records for page in pages] == [[]]
        assert pages[-1].checkpoint is not None


async def test_a_single_record_can_not_be_asked_for(ageing: World) -> None:
    with pytest.raises(ConfigError, match=r"engine\.expiring_consents can't be asked for single records"):
        await ageing.runner().fetch(["confirm"], ["1"])


async def read(world: World, name: str, position: Checkpoint | Range | None = None, **asked: Any) -> list[Record]:
    stream = OwnConnection(world.store, world.clock, TORONTO).streams[name]
    (partition,) = await stream.partitions(stream.Options())
    fields = asked.get("fields")
    pages: list[Page] = [
        page
        async for page in stream.read(partition, position or Checkpoint(""), fields=fields, open=NOTHING_OPEN)
    ]  # fmt: skip
    assert pages[-1].checkpoint is not None
    return [record for page in pages for record in page.records]
