"""Who gets in, and what every request goes through before its route."""

import datetime as dt

import httpx
import jwt
import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.sandbox.kit import Fault


def ping_with(api: httpx.Client, token: str, scheme: str = "Bearer") -> int:
    return api.get("/ping", headers={"Authorization": f"{scheme} {token}"}).status_code


def test_ping_says_which_account(api: httpx.Client) -> None:
    answer = api.get("/ping")
    assert answer.status_code == 200
    assert answer.json() == {
        "ping": "success",
        "username": "svc-sync",
        "email": "ops@example.test",
        "account": "Maple Bakery Inc.",
    }


def test_token_is_a_jwt_with_the_claims_of_the_page(sandbox: CyberimpactSandbox) -> None:
    token = sandbox.settings()["token"]
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, options={"verify_signature": False})
    assert {"exp", "accountId", "userId", "login", "firstName", "lastName", "email"} <= claims.keys()
    assert dt.datetime.fromtimestamp(claims["exp"], dt.UTC).year == sandbox.now().year + 10


@pytest.mark.parametrize("token", ["x", "nonsense", "a.b.c"])
def test_nonsense_is_no_token(api: httpx.Client, token: str) -> None:
    assert ping_with(api, token) == 401


def test_token_of_another_issuer_is_refused(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    forged = jwt.encode({"exp": sandbox.now() + dt.timedelta(days=1)}, "x" * 40, algorithm="HS256")
    assert ping_with(api, forged) == 401


def test_unsigned_token_is_refused(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    unsigned = jwt.encode({"exp": sandbox.now() + dt.timedelta(days=1)}, "", algorithm="none")
    assert ping_with(api, unsigned) == 401


def test_basic_login_is_unsupported(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    assert api.get("/ping", auth=("user", "password")).status_code == 401
    assert ping_with(api, sandbox.settings()["token"], scheme="Basic") == 401


def test_missing_header_is_refused(api: httpx.Client) -> None:
    assert httpx.get(api.base_url.join("/ping")).status_code == 401


def test_token_works_until_it_expires_by_the_sandboxs_clock(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    ends = sandbox.now() + dt.timedelta(minutes=1)
    token = sandbox.mint_token(ends)
    assert ping_with(api, token) == 200
    sandbox.now = lambda: ends
    assert ping_with(api, token) == 401


def test_revoked_token_is_refused(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    assert api.get("/ping").status_code == 200
    sandbox.admin.revoke_token(sandbox.settings()["token"])
    assert api.get("/ping").status_code == 401


def test_minted_token_works_and_minting_is_counted(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    answer = api.post("/tokens").json()
    assert answer["expiration"] == "2036-06-10 11:00:00"
    assert ping_with(api, answer["token"]) == 200
    assert sandbox.writes() == {"POST /tokens": 1}


@pytest.mark.parametrize("path", ["//ping", "/ping/", "/nowhere", "/v4/ping", "/members//groups"])
def test_unknown_path_is_not_found(api: httpx.Client, path: str) -> None:
    assert api.get(f"{api.base_url}".rstrip("/") + path).status_code == 404


@pytest.mark.parametrize(("method", "path"), [("PUT", "/ping"), ("GET", "/batches"), ("POST", "/customfields")])
def test_other_method_is_not_allowed(api: httpx.Client, method: str, path: str) -> None:
    assert api.request(method, path).status_code == 405


def test_body_must_be_json(api: httpx.Client) -> None:
    form = api.post("/members", data={"email": "lea@example.test"})
    broken = api.post("/members", content=b"{", headers={"Content-Type": "application/json"})
    latin = api.post(
        "/members", content=b'{"email":"l\xe9a@example.test"}', headers={"Content-Type": "application/json"}
    )
    assert [form.status_code, broken.status_code, latin.status_code] == [415, 400, 400]


@pytest.mark.parametrize(
    "query", ["dateReturnFormat=RFC", "unknown=1", "limit=x", "limit=0", "page=-1", "sort=email", "sort=title_asc"]
)
def test_wrong_parameter_is_refused(api: httpx.Client, query: str) -> None:
    assert api.get(f"/members?{query}").status_code == 422


def test_empty_parameters_are_accepted(api: httpx.Client) -> None:
    assert api.get("/members?sort=&joinedOnFrom=&joinedOnTo=&page=&limit=&status=").status_code == 200


# --- errors ---


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("message", {"message": "Member not found"}),
        ("error", {"error": "Member not found"}),
        ("errors", {"errors": [{"description": "Member not found"}]}),
    ],
)
def test_form_of_error_bodies(api: httpx.Client, sandbox: CyberimpactSandbox, form: str, body: object) -> None:
    sandbox.switches.error_body = form  # type: ignore[assignment]  # a parameter of this test
    assert api.get("/members/1").json() == body


def test_error_body_as_plain_text(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.switches.error_body = "text"
    answer = api.get("/members/1")
    assert (answer.headers["content-type"], answer.text) == ("text/plain; charset=utf-8", "Member not found")


def test_random_wording_says_nothing_stable(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.switches.error_wording = "random"
    texts = {api.get("/members/1").json()["message"] for _ in range(30)}
    assert len(texts) > 1


# --- throttling ---


def add(api: httpx.Client, number: int) -> httpx.Response:
    return api.post("/members", json={"email": f"p{number}@example.test"})


def test_single_adds_are_throttled_and_come_through_after_retry_after(
    api: httpx.Client, sandbox: CyberimpactSandbox
) -> None:
    sandbox.switches.throttle_per_minute = 2
    assert [add(api, number).status_code for number in range(3)] == [201, 201, 429]
    optin = api.post("/members/optins", json={"email": "o@example.test"})
    assert optin.status_code == 429
    later = sandbox.now() + dt.timedelta(seconds=int(optin.headers["Retry-After"]))
    sandbox.now = lambda: later
    assert add(api, 3).status_code == 201
    assert len(sandbox.contacts()) == 3


@pytest.mark.parametrize(("answer", "status"), [("bare", 429), ("unavailable", 503)])
def test_throttling_without_retry_after(
    api: httpx.Client, sandbox: CyberimpactSandbox, answer: str, status: int
) -> None:
    sandbox.switches.throttle_per_minute = 1
    sandbox.switches.throttle_answer = answer  # type: ignore[assignment]  # a parameter of this test
    add(api, 1)
    refused = add(api, 2)
    assert (refused.status_code, "Retry-After" in refused.headers) == (status, False)


def test_reads_are_throttled_only_by_switch(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.switches.throttle_per_minute = 1
    assert [api.get("/groups").status_code for _ in range(3)] == [200, 200, 200]
    sandbox.switches.throttle_everything = True
    assert [api.get("/groups").status_code for _ in range(2)] == [200, 429]


# --- lost answers ---


def test_lost_answer_comes_after_the_effect_and_its_repetition_is_answered(
    api: httpx.Client, sandbox: CyberimpactSandbox
) -> None:
    sandbox.switches.lost_answers = True
    with pytest.raises(httpx.RemoteProtocolError):
        add(api, 1)
    assert list(sandbox.contacts()) == ["p1@example.test"]
    assert add(api, 1).status_code == 409
    assert [fault.kind for fault in sandbox.faults.injected] == ["drop_after"]


def test_faults_of_the_kit_reach_it(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.faults.add(Fault(kind="status", method="POST", path="/batches", status=502))
    assert api.post("/batches", json={}).status_code == 502
    assert sandbox.seen[-1].headers["authorization"] == "present"


# --- dates ---


@pytest.mark.parametrize(
    ("form", "offset", "expected"),
    [
        ("", "php", "2026-01-05 22:30:00.250"),
        ("ISO8601", "php", "2026-01-05T22:30:00-0500"),
        ("ISO8601", "colon", "2026-01-05T22:30:00-05:00"),
        ("ATOM", "php", "2026-01-05T22:30:00-05:00"),
    ],
)
def test_moments_are_eastern_and_carry_an_offset_on_request(
    api: httpx.Client, sandbox: CyberimpactSandbox, form: str, offset: str, expected: str
) -> None:
    sandbox.now = lambda: dt.datetime(2026, 1, 6, 3, 30, 0, 250_999, tzinfo=dt.UTC)
    sandbox.switches.iso_offset = offset  # type: ignore[assignment]  # a parameter of this test
    sandbox.admin.add("lea@example.test")
    row = api.get("/members/lea@example.test", params={"dateReturnFormat": form}).json()
    assert (row["joinedOn"], row["updatedOn"]) == (expected, None)


def test_summer_time_has_another_offset(api: httpx.Client, sandbox: CyberimpactSandbox) -> None:
    sandbox.admin.add("lea@example.test")
    row = api.get("/members/lea@example.test", params={"dateReturnFormat": "ISO8601"}).json()
    assert row["joinedOn"] == "2026-06-10T11:00:00-0400"
