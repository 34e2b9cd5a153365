"""A mapping that comes to call a group by a key, or by its title again, takes nobody out and puts nobody in again."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.state import reports
from tests.cyberimpact.shop import BOUND, TITLE, Shop, shop_at

LEA, MAX, ZOE = "lea@example.test", "max@example.test", "zoe@example.test"
ACME = "Partner: Acme"
BOTH_WAYS = pytest.mark.parametrize(("before", "after"), [(TITLE, BOUND), (BOUND, TITLE)], ids=["bound", "by title"])


@pytest.fixture
async def shop(
    tmp_path: Path, vendor_server: tuple[CyberimpactSandbox, str], vendor: CyberimpactSandbox
) -> AsyncIterator[Shop]:
    made = shop_at(tmp_path, vendor, vendor_server[1], [TITLE])
    yield made
    await made.close()


def groups_of(vendor: CyberimpactSandbox, key: str) -> set[str]:
    return set(vendor.contacts()[key].groups)


async def customers(shop: Shop, groups: list[Any], *keys: str) -> None:
    """These have bought through Acme, and are in the groups."""
    shop.set_groups(groups)
    for number, key in enumerate(keys):
        shop.sell(str(number), key)
    await shop.sync()


@BOTH_WAYS
async def test_nobody_leaves_and_joins_again(shop: Shop, vendor: CyberimpactSandbox, before: Any, after: Any) -> None:
    await customers(shop, [before], LEA, MAX)
    sent = vendor.writes()
    shop.set_groups([after])
    shop.read_again()
    shop.most_removals = 0  # and nobody is asked whether so many may be taken out
    assert await shop.plan() == []
    report = await shop.sync()
    assert report.failures == []
    assert vendor.writes() == sent
    assert groups_of(vendor, LEA) == {ACME}


@BOTH_WAYS
async def test_what_was_ours_is_taken_back_afterwards(
    shop: Shop, vendor: CyberimpactSandbox, before: Any, after: Any
) -> None:
    await customers(shop, [before], LEA)
    shop.set_groups([after])
    shop.read_again()
    await shop.sync()
    if after is BOUND:
        vendor.admin.rename_group(ACME, "VIP")  # bound when it was taken over, and not only at the next join
    shop.sell("0", LEA, State="REVERSED")
    await shop.sync()
    assert groups_of(vendor, LEA) == set()
    shop.sell("0", LEA, State="PENDING")
    await shop.sync()
    assert groups_of(vendor, LEA) == ({"VIP"} if after is BOUND else {ACME})


@BOTH_WAYS
async def test_what_was_there_before_us_stays_theirs(
    shop: Shop, vendor: CyberimpactSandbox, before: Any, after: Any
) -> None:
    vendor.admin.create_group(ACME)
    vendor.admin.add(LEA, groups=[ACME])
    await customers(shop, [before], LEA)
    shop.set_groups([after])
    shop.read_again()
    await shop.sync()
    shop.sell("0", LEA, State="REVERSED")
    await shop.sync()
    assert groups_of(vendor, LEA) == {ACME}


@BOTH_WAYS
async def test_who_left_by_themselves_is_not_put_in_again(
    shop: Shop, vendor: CyberimpactSandbox, before: Any, after: Any
) -> None:
    await customers(shop, [before, "Buyers"], LEA)
    vendor.admin.leave_group(LEA, ACME)
    assert [title for _, _, title in (await shop.reconcile()).left]
    shop.set_groups([after, "Buyers"])
    shop.read_again()
    await shop.sync()
    assert groups_of(vendor, LEA) == {"Buyers"}


@BOTH_WAYS
async def test_who_left_and_was_not_noticed_yet_is_not_put_in_again(
    shop: Shop, vendor: CyberimpactSandbox, before: Any, after: Any
) -> None:
    await customers(shop, [before, "Buyers"], LEA)
    vendor.admin.leave_group(LEA, ACME)
    shop.set_groups([after, "Buyers"])
    shop.read_again()
    shop.sell("9", LEA, "Birch", "8")
    await shop.sync()
    assert groups_of(vendor, LEA) == {"Buyers", "Partner: Birch"}


@BOTH_WAYS
async def test_old_sales_by_the_old_name_and_new_ones_by_the_new_are_one_group(
    shop: Shop, vendor: CyberimpactSandbox, before: Any, after: Any
) -> None:
    await customers(shop, [before], LEA)
    shop.set_groups([after])
    shop.sell("9", LEA)
    await shop.sync()
    shop.sell("0", LEA, State="REVERSED")
    await shop.sync()
    assert groups_of(vendor, LEA) == {ACME}
    shop.sell("9", LEA, State="REVERSED")
    await shop.sync()
    assert groups_of(vendor, LEA) == set()
    shop.sell("9", LEA, State="PENDING")
    await shop.sync()
    assert groups_of(vendor, LEA) == {ACME}


async def test_what_is_known_by_the_title_is_taken_over_later_too_though_it_was_renamed_since(
    shop: Shop, vendor: CyberimpactSandbox
) -> None:
    await customers(shop, [TITLE], LEA, MAX)
    vendor.admin.create_group("Buyers")
    vendor.admin.join_group(LEA, "Buyers")
    vendor.admin.leave_group(LEA, ACME)
    await shop.reconcile()
    shop.set_groups([BOUND])
    shop.sell("8", ZOE)  # it binds the group
    await shop.sync()
    vendor.admin.rename_group(ACME, "VIP")
    shop.sell("9", LEA)
    shop.sell("10", MAX)
    await shop.sync()
    assert groups_of(vendor, LEA) == {"Buyers"}
    for id in ("1", "10"):
        shop.sell(id, MAX, State="REVERSED")
    await shop.sync()
    assert (groups_of(vendor, MAX), groups_of(vendor, ZOE)) == (set(), {"VIP"})


async def test_both_names_in_one_mapping_are_one_membership(shop: Shop, vendor: CyberimpactSandbox) -> None:
    await customers(shop, [TITLE, BOUND], LEA)
    assert set(vendor.groups()) == groups_of(vendor, LEA) == {ACME}
    vendor.admin.leave_group(LEA, ACME)
    shop.sell("1", LEA)
    await shop.sync()
    assert groups_of(vendor, LEA) == set()


async def test_both_names_are_left_at_once_and_come_back_at_once(shop: Shop, vendor: CyberimpactSandbox) -> None:
    await customers(shop, [TITLE, BOUND], LEA)
    shop.sell("1", LEA)
    await shop.sync()
    for id in ("0", "1"):
        shop.sell(id, LEA, State="REVERSED")
    await shop.sync()
    assert groups_of(vendor, LEA) == set()
    shop.set_groups([BOUND])
    shop.sell("2", LEA)
    await shop.sync()
    assert groups_of(vendor, LEA) == {ACME}


async def test_a_partner_that_is_renamed_meanwhile_is_still_the_same_group(
    shop: Shop, vendor: CyberimpactSandbox
) -> None:
    await customers(shop, [TITLE], LEA)
    shop.set_groups([BOUND])
    shop.read_again()
    await shop.sync()
    shop.sell("1", MAX, "Birch")
    await shop.sync()
    assert set(vendor.groups()) == {ACME}
    assert groups_of(vendor, LEA) == groups_of(vendor, MAX) == {ACME}


async def test_other_groups_are_left_as_before(shop: Shop, vendor: CyberimpactSandbox) -> None:
    """A key whose group is another one is another group: its people change over."""
    vendor.admin.create_group("Partner: Acme (old)")
    await customers(shop, ["Partner: Acme (old)"], LEA)
    shop.set_groups([BOUND])
    shop.read_again()
    await shop.sync()
    assert groups_of(vendor, LEA) == {ACME}


async def test_where_groups_keep_their_names_nobody_asks_about_them(shop: Shop, vendor: CyberimpactSandbox) -> None:
    await customers(shop, ["Buyers", BOUND], LEA)
    before = sum(seen.path == "/groups" for seen in vendor.seen)
    shop.clock.move(86_400)
    shop.sell("1", LEA)
    await shop.sync()
    assert sum(seen.path == "/groups" for seen in vendor.seen) - before == 2  # how they stand, and before sending


async def test_it_is_explained_by_titles(shop: Shop, vendor: CyberimpactSandbox) -> None:
    await customers(shop, [BOUND], LEA)
    (target,) = shop.store.read_now(reports.explain, LEA).targets
    assert [(note.title, note.state) for note in target.memberships] == [(f"{ACME}\x1fpartner:7", "ours")]
