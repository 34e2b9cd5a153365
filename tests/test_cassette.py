"""Recordings replay what was recorded, and hold nothing that may not be published."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import vcr.errors

from tests.cassette import MADE_UP, REPLAY_URL, Cassettes, Disguise

SECRET = "s3cret-Token"


class Provider(BaseHTTPRequestHandler):
    """Answers with the path that was asked for, a person, and more headers than a client reads."""

    def do_GET(self) -> None:
        body = json.dumps({"asked": self.path, "firstname": "Zoé", "email": "zoe@mail.shop.invalid"}).encode()
        self.send_response(200)
        for name, value in (("Content-Type", "application/json"), ("Set-Cookie", "id=1"), ("X-RateLimit-Limit", "9")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def provider() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def ask(base_url: str, account: str, page: int = 1) -> dict[str, Any]:
    response = httpx.get(f"{base_url}/accounts/{account}?page={page}", auth=(account, SECRET))
    return response.raise_for_status().json()


def test_a_recording_replays_without_the_server_under_another_account(tmp_path: Path, provider: str) -> None:
    with Cassettes(tmp_path, "all")("one", secrets=["ACCOUNT-1"]):
        ask(provider, "ACCOUNT-1")
    with Cassettes(tmp_path, "none")("one", secrets=["ACCOUNT-2"]) as tape:
        answer = ask(REPLAY_URL, "ACCOUNT-2")
    assert answer["asked"] == f"/accounts/{MADE_UP}?page=1"
    assert answer["firstname"] == "Zoé"
    assert tape.play_count == 1


def test_a_recording_holds_no_credential_no_cookie_no_host_and_no_real_address(tmp_path: Path, provider: str) -> None:
    with Cassettes(tmp_path, "all")("one", secrets=["ACCOUNT-1", SECRET]):
        ask(provider, "ACCOUNT-1")
    text = (tmp_path / "one.yaml").read_text().lower()
    for absent in ("account-1", "authorization", "cookie", "127.0.0.1", "shop.invalid", SECRET.lower()):
        assert absent not in text
    assert "person-1@example.test" in text
    assert "x-ratelimit-limit" in text


def test_recording_again_leaves_nothing_of_the_old_one(tmp_path: Path, provider: str) -> None:
    for page in (1, 2):
        with Cassettes(tmp_path, "all")("one"):
            ask(provider, "ACCOUNT-1", page)
    text = (tmp_path / "one.yaml").read_text()
    assert "page=2" in text
    assert "page=1" not in text


def test_replaying_never_asks_a_server(tmp_path: Path, provider: str) -> None:
    with Cassettes(tmp_path, "all")("one"):
        ask(provider, "ACCOUNT-1")
    with (
        Cassettes(tmp_path, "none")("one"),
        pytest.raises(vcr.errors.CannotOverwriteExistingCassetteException),
    ):
        ask(provider, "ACCOUNT-1", page=2)


def test_a_missing_cassette_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make record"), Cassettes(tmp_path, "none")("absent"):
        pass


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        pytest.param("http://127.0.0.1:8000", True, id="sandbox"),
        pytest.param("https://api.provider.invalid", False, id="real account"),
    ],
)
def test_fields_of_people_are_made_up_where_the_account_is_real(host: str, kept: bool) -> None:
    disguise = Disguise([], {"firstname", "phone"})
    disguise.of_request(vcr.request.Request("GET", f"{host}/members", None, {}))
    people = {"members": [{"first_name": "Zoé", "phone": 5145550100, "groups": ["A"], "note": ""}]}
    answer = {"headers": {}, "body": {"string": json.dumps(people).encode()}}
    member = json.loads(disguise.of_response(answer)["body"]["string"])["members"][0]
    assert member["groups"] == ["A"]
    assert (member["first_name"], member["phone"]) == (("Zoé", 5145550100) if kept else (MADE_UP, MADE_UP))


def test_one_person_has_one_made_up_address_in_paths_and_bodies() -> None:
    disguise = Disguise([], ())
    body = b'{"to": ["Zoe@shop.invalid", "max@shop.invalid", "jo@example.test"]}'
    request = vcr.request.Request("PUT", "https://api.test/members/zoe%40shop.invalid/groups", body, {})
    seen = disguise.of_request(request)
    assert seen.path == "/members/person-1%40example.test/groups"
    assert json.loads(seen.body)["to"] == ["person-1@example.test", "person-2@example.test", "jo@example.test"]
