"""A group that is bound to a key stays that key's, whatever a partner or an administrator calls it."""

import json

import pytest

from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.contacts import Contacts
from connectors.cyberimpact.rows import Group
from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.contracts import Outcome, bind_group
from syncengine.sandbox.kit import Fault
from tests.cyberimpact.attempts import Book
from tests.cyberimpact.conftest import Connect, active, change, deliver
from tests.cyberimpact.desk import Kept

LEA, MAX = "lea@example.test", "max@example.test"


def partner(title: str, number: int = 7) -> str:
    return bind_group(f"Partner: {title}", f"partner:{number}")


@pytest.fixture
def memory() -> Kept:
    return Kept()


@pytest.fixture
def contacts(connect: Connect, memory: Kept) -> Contacts:
    return connect(memory=memory)


async def join(contacts: Contacts, book: Book, key: str, *references: str) -> Outcome:
    """Have somebody join these groups."""
    return (await deliver(contacts, [change(key, join=references, consent=active())], book))[key]


def groups_of(vendor: CyberimpactSandbox, key: str) -> set[str]:
    return set(vendor.contacts()[key].groups)


async def test_a_partners_new_name_makes_no_second_group(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    await join(contacts, book, LEA, partner("Acme"))
    await join(contacts, book, MAX, partner("Acme Incorporated"))
    assert set(vendor.groups()) == {"Partner: Acme"}
    assert groups_of(vendor, LEA) == groups_of(vendor, MAX) == {"Partner: Acme"}


async def test_a_group_that_an_administrator_renamed_is_the_same_and_is_not_renamed_back(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    await join(contacts, book, LEA, partner("Acme"))
    vendor.admin.rename_group("Partner: Acme", "VIP")
    await join(contacts, book, MAX, partner("Acme"))
    assert set(vendor.groups()) == {"VIP"}
    assert groups_of(vendor, MAX) == {"VIP"}
    outcomes = await deliver(contacts, [change(LEA, leave=[partner("Acme")], create=False, renew=False)], book)
    assert outcomes[LEA].status == "delivered"
    assert groups_of(vendor, LEA) == set()


async def test_it_is_known_after_a_restart(
    vendor: CyberimpactSandbox, connect: Connect, memory: Kept, book: Book
) -> None:
    await join(connect(memory=memory), book, LEA, partner("Acme"))
    vendor.admin.rename_group("Partner: Acme", "VIP")
    again = connect(memory=memory)
    standing = await again.standing([LEA], frozenset({partner("Acme")}))
    assert standing[LEA].groups == {partner("Acme")}
    walk = await again.walk(frozenset({partner("Acme"), "VIP", "Elsewhere"}), frozenset())
    assert walk.groups == {partner("Acme"), "VIP"}
    assert {remote.key: remote.groups for remote in walk.keys} == {LEA: {partner("Acme"), "VIP"}}
    assert await again.groups_named({partner("Acme"), "VIP", "Elsewhere"}) == {
        reference: str(vendor.admin._group("VIP").id) for reference in (partner("Acme"), "VIP")
    }


async def test_a_group_of_that_title_that_is_there_already_is_adopted(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    vendor.admin.create_group("partner: ACME")
    await join(contacts, book, LEA, partner("Acme"))
    assert set(vendor.groups()) == {"partner: ACME"}
    vendor.admin.rename_group("partner: ACME", "VIP")
    await join(contacts, book, MAX, partner("Acme"))
    assert groups_of(vendor, MAX) == {"VIP"}


async def test_who_still_calls_it_by_the_title_that_it_had_means_the_same_group(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    await join(contacts, book, LEA, partner("Acme"))
    vendor.admin.rename_group("Partner: Acme", "VIP")
    await join(contacts, book, MAX, "partner: ACME")
    assert (set(vendor.groups()), groups_of(vendor, MAX)) == ({"VIP"}, {"VIP"})
    vendor.admin.create_group("Partner: Acme")  # from now on somebody else is called so
    await join(contacts, book, "zoe@example.test", "Partner: Acme", partner("Acme"))
    assert groups_of(vendor, "zoe@example.test") == {"Partner: Acme", "VIP"}


async def test_a_title_and_a_key_may_be_the_same_group(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    await join(contacts, book, LEA, "Partner: Acme", partner("Acme"))
    assert set(vendor.groups()) == {"Partner: Acme"}
    assert vendor.writes()["POST /groups"] == 1


async def test_two_partners_of_one_name_have_two_groups(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    changes = [
        change(LEA, join=[partner("Acme", 7)], consent=active()),
        change(MAX, join=[partner("acme", 8)], consent=active()),
    ]
    await deliver(contacts, changes, book)
    assert groups_of(vendor, LEA) == {"Partner: Acme"}
    assert groups_of(vendor, MAX) == {"Partner: acme (partner:8)"}
    await join(contacts, book, "zoe@example.test", partner("Acme", 9))
    assert groups_of(vendor, "zoe@example.test") == {"Partner: Acme (partner:9)"}
    assert len(vendor.groups()) == 3


async def test_a_mark_beside_a_long_title_still_fits(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    title = "x" * 255
    for number, key in enumerate([LEA, MAX]):
        assert (await join(contacts, book, key, bind_group(title, f"partner:{number}"))).status == "delivered"
    assert groups_of(vendor, MAX) == {"x" * 243 + " (partner:1)"}


async def test_a_bound_group_that_was_deleted_is_made_again_under_its_newest_title(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    await join(contacts, book, LEA, partner("Acme"))
    vendor.admin.delete_group("Partner: Acme")
    await deliver(contacts, [change(LEA, leave=[partner("Acme")], create=False, renew=False)], book)
    assert vendor.groups() == {}
    await join(contacts, book, MAX, partner("Birch"))
    assert groups_of(vendor, MAX) == {"Partner: Birch"}
    assert groups_of(vendor, LEA) == set()
    vendor.admin.rename_group("Partner: Birch", "VIP")
    await join(contacts, book, "zoe@example.test", partner("Birch"))
    assert groups_of(vendor, "zoe@example.test") == {"VIP"}


async def test_a_list_that_came_back_short_deletes_no_group(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: object) -> list[Group]:
        return []

    await join(contacts, book, LEA, partner("Acme"))
    monkeypatch.setattr(CyberimpactClient, "groups", nothing)
    assert (await join(contacts, book, MAX, partner("Acme"))).status == "delivered"
    assert groups_of(vendor, MAX) == {"Partner: Acme"}
    assert vendor.writes()["POST /groups"] == 1


async def test_a_group_that_was_made_and_not_yet_remembered_is_found_by_its_title(
    vendor: CyberimpactSandbox, connect: Connect, memory: Kept, book: Book
) -> None:
    class Dies(Kept):
        async def put(self, key: str, value: str) -> None:
            raise RuntimeError("the process ends here")

    changes = [change(LEA, join=[partner("Acme", 7), partner("Acme", 8)], consent=active())]
    with pytest.raises(RuntimeError):
        await deliver(connect(memory=Dies()), changes, book)
    made = set(vendor.groups())
    assert made == {"Partner: Acme", "Partner: Acme (partner:8)"}
    assert LEA not in vendor.contacts()
    await deliver(connect(memory=memory), changes, book)
    assert set(vendor.groups()) == made == groups_of(vendor, LEA)


async def test_a_group_is_made_once_although_the_answer_was_lost(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    vendor.faults.add(Fault(kind="drop_after", method="POST", path="^/groups$"))
    await join(contacts, book, LEA, partner("Acme"))
    assert vendor.faults.injected
    assert groups_of(vendor, LEA) == set(vendor.groups()) == {"Partner: Acme"}


async def test_of_several_groups_of_one_title_the_oldest_static_one_is_bound(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    vendor.admin.create_group("Partner: Acme", dynamic=True)
    oldest = vendor.admin.create_group("Partner: Acme")
    vendor.admin.create_group("Partner: Acme")
    assert await contacts.groups_named({partner("Acme")}) == {partner("Acme"): str(oldest)}


async def test_a_dynamic_group_is_refused_and_not_bound(
    vendor: CyberimpactSandbox, contacts: Contacts, memory: Kept, book: Book
) -> None:
    vendor.admin.create_group("Partner: Acme", dynamic=True)
    assert (await join(contacts, book, LEA, partner("Acme"))).code == "dynamic_group"
    assert memory.values == {}
    vendor.admin.rename_group("Partner: Acme", "Buyers")
    assert (await join(contacts, book, LEA, partner("Acme"))).status == "delivered"


async def test_a_bound_group_that_was_made_dynamic_is_refused(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book
) -> None:
    await join(contacts, book, LEA, partner("Acme"))
    vendor.admin.make_group_dynamic("Partner: Acme")
    assert (await join(contacts, book, MAX, partner("Acme"))).code == "dynamic_group"


@pytest.mark.parametrize("reference", ["Buyers", bind_group("Buyers", "all")])
async def test_groups_are_only_made_where_the_settings_let_us(
    vendor: CyberimpactSandbox, connect: Connect, memory: Kept, book: Book, reference: str
) -> None:
    contacts = connect(memory=memory, create_groups=False)
    outcome = await join(contacts, book, LEA, reference)
    assert (outcome.status, outcome.code, outcome.field) == ("rejected", "no_such_group", "groups")
    assert outcome.message == 'Create the group "Buyers" in Cyberimpact.'
    assert vendor.groups() == {}
    vendor.admin.create_group("Buyers")
    assert (await join(contacts, book, LEA, reference)).status == "delivered"
    assert groups_of(vendor, LEA) == {"Buyers"}


@pytest.mark.parametrize("form", [int, str])
async def test_whom_a_mailing_went_to_is_told_by_the_key_also_where_numbers_come_as_texts(
    vendor: CyberimpactSandbox, contacts: Contacts, book: Book, form: type[int | str]
) -> None:
    await join(contacts, book, LEA, partner("Acme"))
    number = (await contacts.groups_named([partner("Acme")]))[partner("Acme")]
    mailing = vendor.admin.send_mailing("June", ["Partner: Acme"])
    told = {"id": form(mailing), "subject": "June", "recipientGroups": [{"id": form(number), "title": "VIP"}]}
    vendor.faults.add(Fault(kind="status", status=200, body=json.dumps(told), path=f"/mailings/{mailing}"))
    mail = await contacts.mail(str(mailing), LEA)
    assert mail is not None
    assert mail.groups == (bind_group("VIP", "partner:7"),)
