"""The life of an action, what its rows look like on the wire, the made-up data, and steering from outside."""

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.impact.sandbox import Book, ImpactSandbox, Partner
from syncengine.sandbox.kit import people
from tests.impact.test_sandbox.conftest import NOW, Ids, List

DAY = dt.timedelta(days=1)
DOCUMENTED = """
Id CampaignId CampaignName ActionTrackerId ActionTrackerName EventCode MediaPartnerId MediaPartnerName State
AdId ClientCost Payout DeltaPayout IntendedPayout Amount DeltaAmount IntendedAmount Currency ReferringDate
EventDate CreationDate LockingDate ClearedDate ReferringType ReferringDomain IpAddress PromoCode Oid
CustomerId CustomerPostCode CustomerStatus Note CallerId CustomerArea CustomerCity CustomerRegion
CustomerCountry SharedId Uri
"""
DOCUMENTED_UPDATE = """
Id ActionId CampaignId ActionTrackerId EventTypeId EventTypeName EventCode MediaPartnerId State StateDetail
StateDetailDescription AdId Disposition DeltaPayout DeltaAmount Currency Category Sku Quantity CatalogName
CatalogCategory CatalogDescription CatalogManufacturer CatalogOriginalFormatCategory CatalogSubCategory
PayoutLevel DefaultPayoutRate ContractId UpdateDate LockingDate ClearingDate ActionDate Oid CustomerId
CustomerStatus SharedId ActionUri Uri
"""


def get(api: httpx.Client, action_id: str) -> dict[str, Any]:
    answer = api.get(f"/Actions/{action_id}")
    assert answer.status_code == 200
    return dict(answer.json())


def deltas(book: Book, action_id: str) -> list[tuple[str, str, str]]:
    """Id's end, State and DeltaAmount of an action's updates, oldest first."""
    return [
        (update.id.rpartition(".")[2], book.update_state(update), update.delta_amount)
        for update in book.updates.values()
        if update.action_id == action_id
    ]


# --- on the wire ---


def test_an_action_has_the_documented_fields_all_as_text(book: Book, api: httpx.Client, ask: List) -> None:
    action = book.create("1000", customer_id="00042", oid="9217", partner=Partner("7", "Café Élan"), amount="21.99")
    row = get(api, action.id)
    assert sorted(row) == sorted(DOCUMENTED.split())
    assert len(row) == 39
    assert all(isinstance(value, str) for value in row.values())
    assert (row["CustomerId"], row["Oid"], row["MediaPartnerName"]) == ("00042", "9217", "Café Élan")
    assert (row["Amount"], row["Payout"], row["ClientCost"]) == ("21.99", "0.88", "0.8800")
    assert (row["ClearedDate"], row["CustomerArea"], row["ReferringDomain"]) == ("", "n/a", "NA")
    assert row["Id"] == "1000.4636.200001"
    assert row["Uri"] == "/Advertisers/IRSandboxAccount00000001/Actions/1000.4636.200001"
    assert ask().json()["Actions"] == [row]


def test_an_update_has_the_documented_fields_all_as_text(book: Book, api: httpx.Client, ask: List) -> None:
    action = book.create("1000", customer_id="C1")
    (row,) = ask("ActionUpdates").json()["ActionUpdates"]
    assert sorted(row) == sorted(DOCUMENTED_UPDATE.split())
    assert len(row) == 38
    assert all(isinstance(value, str) for value in row.values())
    assert (row["Id"], row["ActionId"], row["CustomerId"]) == (f"{action.id}.1", action.id, "C1")
    assert row["ActionDate"] == get(api, action.id)["EventDate"]
    assert row["ActionUri"] == get(api, action.id)["Uri"]
    assert api.get(f"/ActionUpdates/{action.id}.1").json() == row


def test_dates_are_in_the_accounts_zone_with_daylight_saving(
    book: Book, sandbox: ImpactSandbox, api: httpx.Client
) -> None:
    summer = book.create("1000", at=dt.datetime(2026, 6, 1, 5, tzinfo=dt.UTC))
    winter = book.create("1000", at=dt.datetime(2026, 1, 1, 5, tzinfo=dt.UTC))
    assert get(api, summer.id)["EventDate"] == "2026-05-31T22:00:00-07:00"
    assert get(api, winter.id)["EventDate"] == "2025-12-31T21:00:00-08:00"
    assert get(api, summer.id)["LockingDate"] == "2026-06-30T00:00:00-07:00"
    sandbox.switches.timezone = "Asia/Kolkata"
    assert get(api, winter.id)["EventDate"] == "2026-01-01T10:30:00+05:30"


def test_rows_that_were_read_before_follow_a_switch(book: Book, sandbox: ImpactSandbox, ask: List) -> None:
    book.create("1000", at=NOW)
    assert ask().json()["Actions"][0]["EventDate"] == "2026-06-15T12:00:00-07:00"
    sandbox.switches.timezone = "America/Toronto"
    assert ask().json()["Actions"][0]["EventDate"] == "2026-06-15T15:00:00-04:00"


def test_scalars_can_have_the_schemas_types(book: Book, sandbox: ImpactSandbox, ask: List, api: httpx.Client) -> None:
    book.create("1000", customer_id="00042")
    sandbox.switches.scalars = "schema"
    answer = ask().json()
    row = answer["Actions"][0]
    assert (row["CampaignId"], row["Amount"], row["CustomerId"], row["Note"]) == (1000, 21.99, "00042", "")
    assert (answer["@total"], answer["@page"]) == (1, 1)
    update = ask("ActionUpdates").json()["ActionUpdates"][0]
    assert (update["Quantity"], update["DeltaPayout"], update["ContractId"]) == (1, 0.88, "")
    assert api.get("/Campaigns/1000").json()["Id"] == 1000


def test_a_single_object_can_be_wrapped(book: Book, sandbox: ImpactSandbox, api: httpx.Client) -> None:
    action = book.create("1000")
    sandbox.switches.single_object = "wrapped"
    assert get(api, action.id)["Action"]["Id"] == action.id


# --- life ---


def test_a_new_action_has_one_update_with_all_of_its_money(book: Book) -> None:
    action = book.create("1000", amount="50")
    assert deltas(book, action.id) == [("1", "PENDING", "50.00")]


def test_a_modified_action_moves_and_stays_pending(book: Book, api: httpx.Client) -> None:
    action = book.create("1000", amount="50", at=NOW - DAY)
    book.modify(action.id, amount="30", status="EXISTING", note="smaller")
    row = get(api, action.id)
    assert (row["State"], row["Amount"], row["DeltaAmount"], row["IntendedAmount"]) == (
        "PENDING",
        "30.00",
        "-20.00",
        "50.00",
    )
    assert (row["Payout"], row["DeltaPayout"], row["IntendedPayout"]) == ("1.20", "-0.80", "2.00")
    assert (row["CustomerStatus"], row["Note"]) == ("EXISTING", "smaller")
    assert action.changed == NOW
    assert deltas(book, action.id) == [("1", "PENDING", "50.00"), ("2", "PENDING", "-20.00")]


def test_one_modification_can_give_several_updates_of_one_date(book: Book) -> None:
    action = book.create("1000", amount="50", at=NOW - DAY)
    book.modify(action.id, amount="30", items=3)
    updates = [update for update in book.updates.values() if update.action_id == action.id]
    assert [update.update_date for update in updates] == [NOW - DAY, NOW, NOW, NOW]
    assert sum(Decimal(update.delta_amount) for update in updates) == 30


def test_an_approval_changes_the_state_and_moves_nothing(book: Book, api: httpx.Client, ids: Ids, ask: List) -> None:
    action = book.create("1000", at=NOW - DAY)
    assert ask().json()["Actions"][0]["State"] == "PENDING"
    book.approve(action.id)
    assert ask().json()["Actions"][0]["State"] == get(api, action.id)["State"] == "APPROVED"
    assert action.changed == NOW - DAY
    assert ids("ActionUpdates") == [f"{action.id}.1"]
    assert ids(State="PENDING") == []


def test_an_approval_can_create_an_update(book: Book, sandbox: ImpactSandbox, ids: Ids) -> None:
    sandbox.switches.approval_creates_update = True
    action = book.create("1000", at=NOW - DAY)
    book.approve(action.id)
    assert deltas(book, action.id) == [("1", "PENDING", "21.99"), ("2", "APPROVED", "0.00")]
    assert ids("ActionUpdates") == [f"{action.id}.2", f"{action.id}.1"]


def test_a_reversal_takes_the_money_back_and_a_reset_restores_it(book: Book, api: httpx.Client) -> None:
    action = book.create("1000", amount="50", at=NOW - 2 * DAY)
    book.reverse(action.id, at=NOW - DAY)
    row = get(api, action.id)
    assert (row["State"], row["Amount"], row["Payout"], action.changed) == ("REVERSED", "0.00", "0.00", NOW - DAY)
    book.reset(action.id)
    row = get(api, action.id)
    assert (row["State"], row["Amount"], row["Payout"], action.changed) == ("PENDING", "50.00", "2.00", NOW)
    assert deltas(book, action.id) == [
        ("1", "PENDING", "50.00"),
        ("2", "REVERSED", "-50.00"),
        ("3", "PENDING", "50.00"),
    ]


def test_the_state_of_an_update_is_frozen_unless_switched(book: Book, sandbox: ImpactSandbox, ask: List) -> None:
    action = book.create("1000", at=NOW - DAY)
    book.reverse(action.id)

    def states() -> list[str]:
        return [row["State"] for row in ask("ActionUpdates").json()["ActionUpdates"]]

    assert states() == ["REVERSED", "PENDING"]
    sandbox.switches.update_state_frozen = False
    assert states() == ["REVERSED", "REVERSED"]
    book.reset(action.id)
    assert states() == ["PENDING", "PENDING", "PENDING"]
    assert ask("ActionUpdates", State="REVERSED").json()["@total"] == "0"


@pytest.mark.parametrize("step", ["modify", "reverse", "reset"])
def test_an_approved_action_changes_no_more(book: Book, step: str) -> None:
    action = book.create("1000")
    book.approve(action.id)
    with pytest.raises(ValueError, match="approved"):
        getattr(book, step)(action.id)


def test_actions_are_approved_when_their_locking_date_comes(book: Book) -> None:
    due = book.create("1000", at=NOW - 31 * DAY, locking_days=30)
    later = book.create("1000", at=NOW, locking_days=30)
    never = book.create("1000", at=NOW - 90 * DAY, locking_days=None)
    gone = book.create("1000", at=NOW - 31 * DAY, locking_days=30)
    book.reverse(gone.id)
    assert book.approve_due() == [due]
    assert [action.state for action in (due, later, never, gone)] == ["APPROVED", "PENDING", "PENDING", "REVERSED"]


def test_a_late_arrival_was_created_long_after_its_event(book: Book, api: httpx.Client) -> None:
    row = get(api, book.create("1000", event=NOW - 30 * DAY).id)
    assert (row["EventDate"], row["CreationDate"]) == ("2026-05-16T12:00:00-07:00", "2026-06-15T12:00:00-07:00")


def test_a_step_happens_at_the_clock(book: Book, sandbox: ImpactSandbox) -> None:
    sandbox.now = lambda: NOW + DAY
    assert book.create("1000").creation_date == NOW + DAY


@pytest.mark.parametrize("name", ["nonsense", "seq", "encoded"])
def test_a_field_that_an_action_has_not_is_refused(book: Book, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        getattr(book, "create")("1000", **{name: "1"})  # noqa: B009 - mypy would see the wrong name
    assert book.actions == {}


# --- made-up data ---


def test_the_data_of_a_year_are_the_same_for_the_same_seed(sandbox: ImpactSandbox) -> None:
    def fill(seed: int) -> list[dict[str, Any]]:
        sandbox.reset()
        sandbox.populate(people(60, 1), seed, NOW)
        return [sandbox.row(action) for action in sandbox.book.actions.values()]

    assert fill(1) == fill(1)
    assert fill(1) != fill(2)


def test_the_data_of_a_year_hold_every_case(sandbox: ImpactSandbox) -> None:
    made = people(400, 1)
    sandbox.reset()
    sandbox.populate(made, 1, NOW)
    actions = list(sandbox.book.actions.values())
    assert [campaign.state for campaign in sandbox.book.campaigns.values()] == ["ACTIVE", "ACTIVE", "CLOSED"]
    assert sorted(action.oid for action in actions) == sorted(order for person in made for order in person.orders)
    share = sum(action.customer_status == "NEW" for action in actions) / len(actions)
    assert 0.5 < share < 0.7
    assert {action.state for action in actions} == {"PENDING", "APPROVED", "REVERSED"}
    names = {action.media_partner_name for action in actions}
    assert {"", "n/a", "Café Élan"} < names
    shared = {action.campaign_id for action in actions if action.media_partner_name == "Café Élan"}
    assert shared == {"1000", "2000", "3000"}
    assert Counter(action.customer_id for action in actions)[made[6].customer_id] == 2
    assert any(action.creation_date - action.event_date > 5 * DAY for action in actions)
    assert any(action.delta_amount.startswith("-") and action.state != "REVERSED" for action in actions)
    assert all(
        NOW - 365 * DAY <= action.event_date <= action.creation_date <= action.changed <= NOW for action in actions
    )
    assert [action.customer_id for action in actions if action.oid == made[7].orders[0]] == [""]


def test_the_closed_campaign_has_only_old_orders(sandbox: ImpactSandbox) -> None:
    sandbox.reset()
    sandbox.populate(people(400, 1), 1, NOW)
    closed = [action.event_date for action in sandbox.book.actions.values() if action.campaign_id == "3000"]
    assert max(closed) < NOW - 180 * DAY


def test_very_many_actions_have_one_new_customer_each(sandbox: ImpactSandbox, ask: List) -> None:
    sandbox.reset()
    made = sandbox.bulk_populate(3_000, 600, days=30)
    actions = list(sandbox.book.actions.values())
    new = [action.customer_id for action in actions if action.customer_status == "NEW"]
    assert len(actions) == 3_000
    assert sorted(new) == sorted(person.customer_id for person in made)
    assert len(new) == len(set(new)) == 600
    assert {action.customer_id for action in actions} == set(new)
    assert min(action.event_date for action in actions) == NOW - 30 * DAY
    start, end = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (NOW - 31 * DAY, NOW))
    assert len(ask(StartDate=start, EndDate=end).json()["Actions"]) == 1_500


@pytest.mark.parametrize(("actions", "customers"), [(10, 11), (10, 0)])
def test_impossible_numbers_of_customers_are_refused(sandbox: ImpactSandbox, actions: int, customers: int) -> None:
    with pytest.raises(ValueError, match="new customer"):
        sandbox.bulk_populate(actions, customers)


# --- from outside ---


def admin(api: httpx.Client, **step: Any) -> httpx.Response:
    return api.post(api.base_url.copy_with(raw_path=b"/_sandbox/admin"), json=step)


def test_a_life_is_steered_from_another_process(sandbox: ImpactSandbox, api: httpx.Client) -> None:
    admin(api, do="add_campaign", campaign_id="5", name="Pop-up", state="SETUP")
    made = admin(
        api,
        do="create",
        campaign_id="5",
        customer_id="C9",
        event="2026-06-01T00:00:00Z",
        partner={"id": "1", "name": "A"},
    ).json()
    assert (made["CampaignName"], made["EventDate"]) == ("Pop-up", "2026-05-31T17:00:00-07:00")
    assert (made["CustomerId"], made["MediaPartnerName"]) == ("C9", "A")
    steps = [
        admin(api, do=do, action_id=made["Id"]).json()["State"] for do in ("modify", "reverse", "reset", "approve")
    ]
    assert steps == ["PENDING", "REVERSED", "PENDING", "APPROVED"]
    assert admin(api, do="approve_due").json() == []
    everything = api.get(api.base_url.copy_with(raw_path=b"/_sandbox/actions")).json()
    assert [row["Id"] for row in everything] == [made["Id"]]
    assert sandbox.seen == []


@pytest.mark.parametrize(
    "step",
    [
        {},
        {"do": "clear"},
        {"do": "approve"},
        {"do": "approve", "action_id": "none"},
        {"do": "create", "campaign_id": "none"},
        {"do": "create", "campaign_id": "1000", "event": "yesterday"},
        {"do": "create", "campaign_id": "1000", "nonsense": "1"},
    ],
)
def test_a_wrong_step_is_refused(book: Book, api: httpx.Client, step: dict[str, Any]) -> None:
    assert admin(api, **step).status_code == 422
    assert book.actions == {}


def test_reset_leaves_no_data(sandbox: ImpactSandbox, api: httpx.Client, book: Book) -> None:
    book.create("1000")
    sandbox.reset()
    assert (book.campaigns, book.actions, book.updates) == ({}, {}, {})
    assert api.get("/Campaigns").json()["Campaigns"] == []
    assert api.get("/Actions", params={"CampaignId": "1000"}).json()["Actions"] == []
