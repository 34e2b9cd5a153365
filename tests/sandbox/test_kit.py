"""The sandbox kit: log, faults, switches, clock and control, over real connections."""

import csv
import datetime as dt
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import httpx
import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from syncengine.sandbox.kit import Fault, Person, Sandbox, Server, Switches, people, write_directory

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


class CounterSwitches(Switches):
    step: Literal[1, 2] = 1
    word: str = "count"


class Counter(Sandbox):
    """A provider that counts: POST /count has an effect, GET /count reads it."""

    name: ClassVar[str] = "counter"
    Switches: ClassVar[type[Switches]] = CounterSwitches
    switches: CounterSwitches

    def __init__(self) -> None:
        super().__init__(lambda: NOW)
        self.count = 0
        self.filled: list[tuple[int, int, dt.datetime]] = []

    def provider(self) -> ASGIApp:
        async def count(request: Request) -> Response:
            if request.method == "POST":
                await request.body()
                self.count += self.switches.step
            return JSONResponse({self.switches.word: self.count, "padding": "x" * 100_000})

        return Starlette(routes=[Route("/count", count, methods=["GET", "POST"])])

    def settings(self) -> dict[str, str]:
        return {"token": "made-up"}

    def populate(self, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
        self.filled.append((len(people), seed, now))

    def clear(self) -> None:
        self.count = 0


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def client(counter: Counter) -> Iterator[httpx.Client]:
    with Server(counter.app) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def test_a_request_is_logged_with_its_answer_and_without_its_credentials(
    counter: Counter, client: httpx.Client
) -> None:
    client.post("/count?a=1&a=2&empty=", json={"k": "é"}, headers={"Authorization": "Bearer secret", "X-One": "1"})
    client.get("/nowhere")
    first, second = counter.seen
    assert (first.method, first.path, first.status) == ("POST", "/count", 200)
    assert first.query == [("a", "1"), ("a", "2"), ("empty", "")]
    assert first.json == {"k": "é"}
    assert (first.headers["authorization"], first.headers["x-one"]) == ("present", "1")
    assert "Bearer secret" not in repr(first)
    assert (second.status, second.headers["authorization"]) == (404, "absent")


def test_a_status_fault_answers_instead_of_the_provider(counter: Counter, client: httpx.Client) -> None:
    counter.faults.add(Fault(kind="status", status=429, headers={"Retry-After": "7"}, body="later"))
    answer = client.post("/count")
    assert (answer.status_code, answer.headers["retry-after"], answer.text) == (429, "7", "later")
    assert counter.count == 0
    assert (counter.seen[0].status, counter.seen[0].fault) == (429, "status")


@pytest.mark.parametrize(("kind", "effect"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_connection_gives_no_answer(
    counter: Counter, client: httpx.Client, kind: Literal["drop_before", "drop_after"], effect: int
) -> None:
    counter.faults.add(Fault(kind=kind))
    with pytest.raises(httpx.TransportError):
        client.post("/count")
    assert counter.count == effect
    assert counter.seen[0].status == "dropped"
    assert client.get("/count").json()["count"] == effect


def test_a_truncated_answer_promises_more_than_it_sends(counter: Counter, client: httpx.Client) -> None:
    counter.faults.add(Fault(kind="truncate"))
    received: list[bytes] = []
    with client.stream("POST", "/count") as answer, pytest.raises(httpx.RemoteProtocolError):
        received.extend(answer.iter_bytes())
    assert answer.status_code == 200
    promised = int(answer.headers["content-length"])
    assert len(b"".join(received)) == promised // 2
    assert counter.count == 1


def test_a_delayed_answer_comes_late_and_whole(counter: Counter, client: httpx.Client) -> None:
    counter.faults.add(Fault(kind="delay", seconds=0.2, times=2))
    with pytest.raises(httpx.ReadTimeout):
        client.get("/count", timeout=0.05)
    assert client.get("/count").json()["count"] == 0


def test_a_malformed_answer_is_html_under_200(counter: Counter, client: httpx.Client) -> None:
    counter.faults.add(Fault(kind="malformed"))
    answer = client.post("/count")
    assert answer.status_code == 200
    assert answer.text.startswith("<html>")
    assert counter.count == 0


def test_a_fault_hits_only_what_it_matches_after_so_many_and_so_often(counter: Counter, client: httpx.Client) -> None:
    counter.faults.add(Fault(kind="status", method="POST", path="^/count$", query="a", after=2, times=2))
    asked = ["POST /count", "GET /count?a", *["POST /count?a"] * 5]
    answered = [client.request(*line.split()).status_code for line in asked]
    assert answered == [200, 200, 200, 200, 503, 503, 200]
    assert len(counter.faults.injected) == 2
    assert counter.faults.pending == []


def test_of_two_faults_that_are_due_the_first_one_fires(counter: Counter, client: httpx.Client) -> None:
    counter.faults.add(Fault(kind="status", status=500), Fault(kind="status", status=502))
    assert [client.get("/count").status_code for _ in range(3)] == [500, 502, 200]


@pytest.mark.parametrize(
    "wrong", [{"kind": "explode"}, {"kind": "delay"}, {"kind": "status", "path": "("}, {"kind": "status", "times": 0}]
)
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, Any], client: httpx.Client) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate(wrong)
    assert client.post("/_sandbox/faults", json=wrong).status_code == 422
    assert client.get("/_sandbox/faults").json()["pending"] == []


def test_faults_are_steered_from_another_process(counter: Counter, client: httpx.Client) -> None:
    client.post("/_sandbox/faults", json={"kind": "status", "status": 500})
    client.post("/_sandbox/faults", json=[{"kind": "status", "status": 502}, {"kind": "status", "status": 504}])
    assert [client.get("/count").status_code for _ in range(2)] == [500, 502]
    state = client.get("/_sandbox/faults").json()
    assert [fault["status"] for fault in state["pending"]] == [504]
    assert [fault["status"] for fault in state["injected"]] == [500, 502]
    client.delete("/_sandbox/faults")
    assert client.get("/count").status_code == 200
    assert counter.faults.injected == []


def test_requests_are_read_and_forgotten_from_another_process(client: httpx.Client) -> None:
    client.post("/count?q=1", content=b"\xff")
    (seen,) = client.get("/_sandbox/requests").json()
    assert (seen["method"], seen["path"], seen["query"], seen["status"]) == ("POST", "/count", [["q", "1"]], 200)
    assert client.delete("/_sandbox/requests").json() == []
    assert client.get("/_sandbox/requests").json() == []


def test_a_switch_is_validated_when_it_is_assigned(counter: Counter, client: httpx.Client) -> None:
    with pytest.raises(ValidationError):
        counter.switches.step = 3  # type: ignore[assignment]  # wrong on purpose
    assert client.post("/_sandbox/switches", json={"step": 2}).json() == {"step": 2, "word": "count"}
    assert client.post("/count").json()["count"] == 2


def test_of_several_switches_all_are_set_or_none(counter: Counter, client: httpx.Client) -> None:
    for wrong in ({"word": "n", "step": 3}, {"word": "n", "unknown": 1}):
        assert client.post("/_sandbox/switches", json=wrong).status_code == 422
    assert client.post("/_sandbox/switches", content=b"[1").status_code == 422
    assert client.get("/_sandbox/switches").json() == {"step": 1, "word": "count"}
    assert counter.switches.word == "count"


def test_the_clock_is_set_and_moved(counter: Counter, client: httpx.Client) -> None:
    assert client.get("/_sandbox/clock").json() == {"now": NOW.isoformat()}
    client.post("/_sandbox/clock", json={"now": "2026-07-01T00:00:00Z"})
    client.post("/_sandbox/clock", json={"advance": 90})
    assert counter.now() == dt.datetime(2026, 7, 1, 0, 1, 30, tzinfo=dt.UTC)
    assert client.post("/_sandbox/clock", json={"now": "soon"}).status_code == 422


def test_reset_makes_it_as_new(counter: Counter, client: httpx.Client) -> None:
    switches = counter.switches
    counter.switches.step = 2
    counter.faults.add(Fault(kind="status", after=5))
    counter.now = lambda: NOW + dt.timedelta(days=1)
    client.post("/count")
    client.post("/_sandbox/reset")
    assert (counter.count, counter.seen, counter.faults.pending, counter.now()) == (0, [], [], NOW)
    assert counter.switches is switches
    assert switches.model_dump() == {"step": 1, "word": "count"}


def test_it_is_populated_from_another_process(counter: Counter, client: httpx.Client) -> None:
    assert client.post("/_sandbox/populate", json={"count": 12, "seed": 5}).json() == {"people": 12}
    assert counter.filled == [(12, 5, NOW)]
    assert client.post("/_sandbox/populate", json={"seed": 5}).status_code == 422


async def test_the_server_runs_beside_an_asynchronous_client(counter: Counter) -> None:
    async with Server(counter.app) as server, httpx.AsyncClient(base_url=server.url, trust_env=False) as client:
        assert (await client.post("/count")).json()["count"] == 1


def test_the_server_stops_though_requests_are_running(counter: Counter, caplog: pytest.LogCaptureFixture) -> None:
    counter.faults.add(Fault(kind="delay", seconds=60))
    failed: list[Exception] = []

    def ask(url: str) -> None:
        try:
            httpx.get(f"{url}/count", trust_env=False, timeout=30)
        except httpx.TransportError as error:
            failed.append(error)

    with Server(counter.app) as server:
        thread = threading.Thread(target=ask, args=(server.url,))
        thread.start()
        while not counter.seen:
            thread.join(0.005)
    thread.join(10)
    assert not thread.is_alive()
    assert len(failed) == 1
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/count", trust_env=False)


def test_a_taken_port_is_an_error_at_the_start(counter: Counter) -> None:
    with Server(counter.app) as server, pytest.raises(OSError, match="in use"):
        Server(counter.app, port=int(server.url.rpartition(":")[2])).start()


def test_people_are_the_same_for_the_same_seed() -> None:
    assert people(50, 3) == people(50, 3)
    assert people(50, 3) != people(50, 4)


def test_people_have_keys_of_their_own() -> None:
    made = people(500, 1)
    orders = [order for person in made for order in person.orders]
    assert len({person.customer_id for person in made}) == 500
    assert len(set(orders)) == len(orders) > 500
    addresses = [person.email.lower() for person in made if person.email]
    assert len(set(addresses)) == len(addresses)
    assert all(address.endswith("@example.com") for address in addresses if "@" in address)


def test_the_first_people_are_the_difficult_ones() -> None:
    mixed, zeros, unlisted, empty, invalid, out, twice = people(20, 1)[:7]
    assert mixed.email != mixed.email.lower()
    assert zeros.customer_id.startswith("0")
    assert not unlisted.listed
    assert empty.email == ""
    assert "@" not in invalid.email
    assert out.opted_out == "yes"
    assert len(twice.orders) == 2
    assert any(not person.first_name.isascii() for person in people(20, 1))


def test_the_directory_lists_those_whom_the_shop_knows(tmp_path: Path) -> None:
    made = people(20, 1)
    write_directory(made, tmp_path / "customers.csv")
    with (tmp_path / "customers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["customer_id", "email", "first_name", "last_name", "language", "opted_out", "phone"]
    assert [row["customer_id"] for row in rows] == [person.customer_id for person in made if person.listed]
    assert len(rows) == 19
    assert rows[0]["email"] == made[0].email
