"""Batches: their schema, their progress, their effects and their results."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox

RunBatch = Callable[..., dict[str, Any]]

LEA = "lea.roy@example.test"
ADD = {"batchType": "addMembers", "relationType": "active-clients"}


def post(api: httpx.Client, **body: Any) -> httpx.Response:
    return api.post("/batches", json={**ADD, "members": [{"email": LEA}], **body})


def poll(api: httpx.Client, number: int, **query: str) -> dict[str, Any]:
    return dict(api.get(f"/batches/{number}", params=query).json())


# --- schema ---


def test_posted_batch_echoes_the_whole_request_as_new(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    body = {**ADD, "members": [{"email": LEA, "phone": "unknown keys pass"}], "other": 1}
    answer = api.post("/batches", json=body)
    row = answer.json()
    assert answer.status_code == 201
    assert row == {
        "id": row["id"], "batchType": "addMembers", "batchJson": body, "createdOn": "2026-06-10 11:00:00.000",
        "status": "NEW", "result": None,
    }  # fmt: skip
    assert sandbox.contacts() == {}


@pytest.mark.parametrize(
    "body",
    [
        {"batchType": "addEverybody"},
        {"batchType": None},
        {"relationType": "friends"},
        {"relationType": None},
        {"members": []},
        {"members": None},
        {"members": [{}]},
        {"members": [{"email": None}]},
        {"members": [{"email": LEA, "firstname": None}]},
        {"members": [{"email": LEA, "firstname": 5}]},
        {"members": [{"email": LEA, "firstname": "x" * 256}]},
        {"members": [{"email": LEA, "consentDate": "03/02/2026"}]},
        {"members": [{"email": LEA, "consentDate": "2026-02-30"}]},
        {"members": [{"email": LEA, "consentDate": "2026-02-03T00:00:00"}]},
        {"members": [{"email": LEA, "consentProof": "x" * 256}]},
        {"members": [{"email": LEA, "customFields": {"1234567890": "x"}}]},
        {"members": [{"email": LEA, "customFields": {"orders": "x"}}]},
        {"members": [{"email": LEA, "customFields": {"1": None}}]},
        {"members": [{"email": LEA, "customFields": {"1": True}}]},
        {"defaultConsentDate": "yesterday"},
        {"defaultConsentProof": "x" * 256},
        {"groups": "14,27"},
        {"groups": ["14"]},
        {"groups": [999_999]},
        {"batchType": "unsubscribe"},
        {"batchType": "unsubscribe", "ids": []},
        {"batchType": "unsubscribe", "ids": [None]},
        {"batchType": "deleteMembers", "ids": "1,2"},
    ],
)
def test_broken_schema_is_refused_whole(api: httpx.Client, sandbox: CyberimpactSandbox, body: dict[str, Any]) -> None:
    assert post(api, **body).status_code == 422
    sandbox.settle()
    assert sandbox.contacts() == {}


def test_relation_type_is_required(api: httpx.Client) -> None:
    body = {"batchType": "addMembers", "members": [{"email": LEA}]}
    assert api.post("/batches", json=body).status_code == 422


def test_dynamic_group_is_refused(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    assert post(api, groups=[sandbox.admin.create_group("Readers", dynamic=True)]).status_code == 422


def test_maximum_of_members(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.switches.batch_maximum = 2
    members = [{"email": f"p{number}@example.test"} for number in range(3)]
    assert post(api, members=members).status_code == 422
    assert post(api, members=members[:2]).status_code == 201
    assert api.post("/batches", json={"batchType": "unsubscribe", "ids": [1, 2, 3]}).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "not-an-address"},
        {"language": "french"},
        {"country": "Canada"},
        {"gender": "x"},
        {"birthdate": "8 March"},
        {"customFields": {"999": "x"}},
    ],
)
def test_meaningless_value_fails_the_batch_or_its_row(
    api: httpx.Client, sandbox: CyberimpactSandbox, add_members: RunBatch, wrong: dict[str, Any]
) -> None:
    bad, good = {"email": "bad@example.test", **wrong}, {"email": LEA}
    assert post(api, members=[bad, good]).status_code == 422
    sandbox.switches.batch_bad_value = "row_error"
    result = add_members(bad, good)
    assert [row["id"] for row in result["errors"]] == [bad["email"]]
    assert result["successes"] == [LEA]
    assert list(sandbox.contacts()) == [LEA]


# --- progress ---


def test_batch_goes_from_new_to_processing_to_completed(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    number = post(api).json()["id"]
    assert [poll(api, number)["status"] for _ in range(2)] == ["NEW", "PROCESSING"]
    assert sandbox.contacts() == {}
    last = poll(api, number)
    assert (last["status"], last["result"]) == ("COMPLETED", {"errors": [], "successes": [LEA]})
    assert poll(api, number) == last
    assert list(sandbox.contacts()) == [LEA]


def test_progress_by_the_clock_needs_no_poll(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.switches.batch_seconds = 60
    number = post(api).json()["id"]
    start = sandbox.now()
    assert [poll(api, number)["status"] for _ in range(5)] == ["NEW"] * 5
    sandbox.now = lambda: start + dt.timedelta(seconds=30)
    assert poll(api, number)["status"] == "PROCESSING"
    assert sandbox.contacts() == {}
    sandbox.now = lambda: start + dt.timedelta(seconds=60)
    assert api.get(f"/members/{LEA}").status_code == 200
    assert poll(api, number)["status"] == "COMPLETED"


def test_batches_take_effect_in_their_order(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    post(api, members=[{"email": LEA, "firstname": "First"}])
    sandbox.switches.batch_polls = 0
    second = post(api, members=[{"email": LEA, "firstname": "Second"}]).json()["id"]
    assert poll(api, second)["status"] == "COMPLETED"
    assert sandbox.contacts()[LEA].fields == {"firstname": "Second"}


def test_settling_works_off_what_nobody_polls(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    post(api)
    assert sandbox.contacts() == {}
    assert api.post("/_sandbox/settle").status_code == 200
    assert list(sandbox.contacts()) == [LEA]


@pytest.mark.parametrize(("progress", "applied"), [("stuck", False), ("stuck_applied", True)])
def test_stuck_batch_never_ends(api: httpx.Client, sandbox: CyberimpactSandbox, progress: Any, applied: bool) -> None:
    sandbox.switches.batch_progress = progress
    number = post(api).json()["id"]
    assert [poll(api, number)["status"] for _ in range(6)] == ["NEW"] + ["PROCESSING"] * 5
    assert poll(api, number)["result"] is None
    assert bool(sandbox.contacts()) == applied
    sandbox.switches.batch_progress = "completes"
    assert poll(api, number)["status"] == "COMPLETED"


def test_unknown_word(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.switches.batch_progress = "unknown_word"
    sandbox.switches.batch_polls = 0
    assert poll(api, post(api).json()["id"])["status"] == "DONE"
    sandbox.switches.batch_unknown_word = "FAILED"
    assert poll(api, post(api).json()["id"])["status"] == "FAILED"


@pytest.mark.parametrize("path", ["/batches/1", "/batches/x"])
def test_unknown_batch_is_not_found(api: httpx.Client, path: str) -> None:
    assert api.get(path).status_code == 404


# --- effects of addMembers ---


def test_existing_member_is_updated_and_keeps_its_groups(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    sandbox.admin.create_group("Old")
    new = sandbox.admin.create_group("New")
    sandbox.admin.add(LEA, fields={"firstname": "Lea", "lastname": "Roy", "company": "Acme"}, groups=["Old"])
    member = {"email": "Lea.ROY@example.test", "firstname": "Léa", "lastname": "", "company": "__EMPTY__"}
    assert add_members(member, groups=[new])["successes"] == ["Lea.ROY@example.test"]
    known = sandbox.contacts()
    assert list(known) == [LEA]
    assert known[LEA].fields == {"firstname": "Léa", "lastname": "Roy"}
    assert known[LEA].groups == {"Old", "New"}


def test_custom_fields_are_kept_set_and_emptied(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    numbers = [str(sandbox.admin.add_custom_field(name, "text")) for name in ("A", "B", "C", "D")]
    sandbox.admin.add(LEA, fields={"A": "a", "B": "b", "C": "c", "D": "d"})
    add_members({"email": LEA, "customFields": {numbers[0]: "", numbers[1]: "__EMPTY__", numbers[2]: 5}})
    assert sandbox.contacts()[LEA].fields == {"A": "a", "C": "5", "D": "d"}


def test_emptying_a_custom_field_may_be_refused(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    number = str(sandbox.admin.add_custom_field("A", "text"))
    sandbox.switches.custom_empty = "refused"
    assert post(api, members=[{"email": LEA, "customFields": {number: "__EMPTY__"}}]).status_code == 422


@pytest.mark.parametrize("how", ["unsubscribe", "bounce"])
@pytest.mark.parametrize(
    ("switch", "succeeds", "comes_back"),
    [("refused", False, False), ("silent", True, False), ("revives", True, True)],
)
def test_adding_a_suppressed_address(
    sandbox: CyberimpactSandbox, add_members: RunBatch, how: str, switch: Any, succeeds: bool, comes_back: bool
) -> None:
    group = sandbox.admin.create_group("New")
    sandbox.admin.add(LEA, relation="express-consent", date="2026-01-01")
    getattr(sandbox.admin, how)(LEA)
    sandbox.switches.add_suppressed = switch
    result = add_members({"email": LEA, "firstname": "Lea"}, groups=[group])
    known = sandbox.contacts()[LEA]
    assert bool(result["successes"]) == succeeds
    assert bool(result["errors"]) != succeeds
    assert (known.state == "subscribed", bool(known.groups), bool(known.fields)) == (comes_back,) * 3


def test_duplicates_inside_one_batch(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    rows = [{"email": LEA, "firstname": "First"}, {"email": LEA.upper(), "firstname": "Last"}]
    assert add_members(*rows)["errors"] == []
    assert sandbox.contacts()[LEA].fields == {"firstname": "Last"}
    sandbox.switches.duplicate_rows = "row_error"
    assert [row["id"] for row in add_members(*rows)["errors"]] == [LEA.upper()]
    assert sandbox.contacts()[LEA].fields == {"firstname": "First"}


def test_group_deleted_before_its_turn_fails_the_rows(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    number = post(api, groups=[sandbox.admin.create_group("New")]).json()["id"]
    sandbox.admin.delete_group("New")
    sandbox.settle()
    sandbox.switches.batch_polls = 0
    result = poll(api, number)["result"]
    assert (len(result["errors"]), result["successes"]) == (1, [])
    assert sandbox.contacts() == {}


def test_ten_thousand_members_are_fast(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    members = [
        {"email": f"p{number}@example.test", "firstname": "P", "consentDate": "2026-01-01", "consentProof": "Order 1"}
        for number in range(10_000)
    ]
    sandbox.switches.batch_polls = 0
    start = time.perf_counter()
    assert len(add_members(*members)["successes"]) == 10_000
    assert time.perf_counter() - start < 3


# --- unsubscribe and delete ---


def test_unsubscribe_takes_numbers_texts_and_addresses(sandbox: CyberimpactSandbox, run_batch: RunBatch) -> None:
    first, second = sandbox.admin.add("a@example.test"), sandbox.admin.add("b@example.test")
    sandbox.admin.add("c@example.test")
    row = run_batch(batchType="unsubscribe", ids=[first, str(second), "C@example.test", 99, "nobody@example.test"])
    assert row["batchType"] == "unsubscribe"
    assert sorted(map(str, row["result"]["successes"])) == sorted([str(first), str(second), "C@example.test"])
    assert first in row["result"]["successes"]
    assert str(second) in row["result"]["successes"]
    assert {error["id"] for error in row["result"]["errors"]} == {99, "nobody@example.test"}
    assert {known.state for known in sandbox.contacts().values()} == {"unsubscribed"}
    again = run_batch(batchType="unsubscribe", ids=[first])
    assert again["result"] == {"errors": [], "successes": [first]}


def test_delete_names_those_that_are_not_there(sandbox: CyberimpactSandbox, run_batch: RunBatch) -> None:
    sandbox.admin.add(LEA)
    result = run_batch(batchType="deleteMembers", ids=[LEA, LEA])["result"]
    assert (result["successes"], [row["id"] for row in result["errors"]]) == ([LEA], [LEA])
    assert sandbox.contacts() == {}


# --- results ---


def test_result_order_differs_from_the_request(sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    sent = [f"p{number:02d}@example.test" for number in range(40)]
    rows = [{"email": email} for email in sent]
    shuffled = add_members(*rows)["successes"]
    assert (sorted(shuffled), shuffled != sent) == (sent, True)
    sandbox.switches.result_order = "as_sent"
    assert add_members(*rows)["successes"] == sent


@pytest.mark.parametrize(("shape", "names"), [("id", "id"), ("email", "email"), ("member_id", "id")])
def test_shape_of_error_rows(sandbox: CyberimpactSandbox, add_members: RunBatch, shape: Any, names: str) -> None:
    number = sandbox.admin.add(LEA)
    sandbox.admin.unsubscribe(LEA)
    sandbox.switches.error_rows = shape
    (row,) = add_members({"email": LEA})["errors"]
    assert row.keys() == {names, "description"}
    assert row[names] == (number if shape == "member_id" else LEA)


def test_error_rows_are_absent_unless_asked_for(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.admin.add(LEA)
    sandbox.admin.bounce(LEA)
    sandbox.switches.batch_polls = 0
    number = post(api).json()["id"]
    assert len(poll(api, number)["result"]["errors"]) == 1
    sandbox.switches.error_rows_unasked = "absent"
    assert poll(api, number)["result"]["errors"] == []
    assert len(poll(api, number, showErrorDetails="true")["result"]["errors"]) == 1


def test_shape_of_success_rows(api: httpx.Client, sandbox: CyberimpactSandbox, add_members: RunBatch) -> None:
    assert add_members({"email": LEA})["successes"] == [LEA]
    number = api.get(f"/members/{LEA}").json()["id"]
    sandbox.switches.success_rows = "member_id"
    assert add_members({"email": LEA})["successes"] == [number]
    sandbox.switches.success_rows = "objects"
    assert add_members({"email": LEA})["successes"] == [{"id": number, "email": LEA}]
