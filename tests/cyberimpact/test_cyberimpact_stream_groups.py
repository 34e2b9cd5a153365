"""The streams of groups, of who is in them and of custom fields: read whole each time."""

import datetime as dt

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import NOTHING_OPEN, Range
from syncengine.errors import ConfigError
from tests.clock import NOON, FakeClock
from tests.cyberimpact.reading import DAY, EVERYTHING, LEA, ZOE, Reader, ids, reader

__all__ = ["reader"]


async def test_a_renamed_group_comes_again_under_its_id(reader: Reader, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.create_group("Partner: Acme")
    (before,) = await reader.read("groups", EVERYTHING)
    vendor.admin.rename_group("Partner: Acme", "Partner: Acme Inc.")
    (after,) = await reader.read("groups")
    assert before.id == after.id == str(number)
    assert after.values["title"] == "Partner: Acme Inc."
    assert after.values["isDynamic"] == "false"


async def test_groups_from_before_the_range_stay_out_of_later_readings(
    reader: Reader, vendor: CyberimpactSandbox, clock: FakeClock
) -> None:
    vendor.admin.create_group("Old")
    clock.move(DAY)
    young = vendor.admin.create_group("Young")
    assert ids(await reader.read("groups", Range(NOON + dt.timedelta(hours=1)))) == [str(young)]
    assert ids(await reader.read("groups")) == [str(young)]


async def test_group_members_are_read_group_by_group(reader: Reader, vendor: CyberimpactSandbox) -> None:
    first, second = vendor.admin.create_group("Clients"), vendor.admin.create_group("Partners")
    vendor.admin.add(LEA, groups=["Clients", "Partners"])
    vendor.admin.add(ZOE, groups=["Partners"])
    records = await reader.read("group_members", EVERYTHING)
    assert ids(records) == [f"{first}/{LEA.lower()}", f"{second}/{LEA.lower()}", f"{second}/{ZOE}"]
    assert records[0].values["groupTitle"] == "Clients"
    chosen = await reader.read("group_members", EVERYTHING, groups=[" clients", second])
    assert len(chosen) == 3
    assert ids(await reader.read("group_members", EVERYTHING, groups=["Clients"])) == ids(records)[:1]


async def test_a_group_that_is_not_there_is_named(reader: Reader) -> None:
    with pytest.raises(ConfigError, match='no group "Clients"') as raised:
        await reader.read("group_members", EVERYTHING, groups=["Clients"])
    assert raised.value.problems[0].key == "options.groups"


async def test_a_group_that_has_gone_has_nobody(reader: Reader, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.create_group("Clients")
    stream = reader.opened.streams["group_members"]
    vendor.admin.delete_group("Clients")
    pages = [page async for page in stream.read(str(number), EVERYTHING, fields=None, open=NOTHING_OPEN)]
    assert [page.records for page in pages] == [[]]
    assert pages[-1].checkpoint is not None


async def test_custom_fields_come_whole(reader: Reader, vendor: CyberimpactSandbox) -> None:
    number = vendor.admin.add_custom_field("Orders", "integer")
    (record,) = await reader.read("custom_fields", EVERYTHING)
    assert record.values == {"id": str(number), "name": "Orders", "type": "integer"}
