"""Recorded answers of providers, fit to be published: nobody real is in them, and no credential.

A recording keeps of a request its method, path, query and body, and of an answer what a client reads. Where it comes
from is not kept, so that one made against a local sandbox and one made against a real account replay alike.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import vcr

from syncengine.redaction import Redactor

REPLAY_URL = "https://replay.test"
"""What `base_url` is while replaying, and what stands in every recording."""

KEPT_REQUEST_HEADERS = {"accept", "content-type"}
KEPT_RESPONSE_HEADERS = re.compile(r"(?i)content-type|retry-after|(x-)?rate-?limit.*|location")

PERSONAL = frozenset({
    "address", "birthdate", "callerid", "calleridname", "callingphonenumber", "city", "company", "customerid",
    "firstname", "fullname", "ipaddress", "lastname", "mobile", "mobilephone", "note", "oid", "phone",
    "phonenumber", "postalcode",
})  # fmt: skip
"""Fields of people in any provider's JSON, in small letters without underscores. E-mails are found by their shape."""

MADE_UP = "made-up"
LOCAL = {"127.0.0.1", "::1", "localhost", "replay.test"}
EMAIL = re.compile(r"[\w.+'-]+(@|%40)([\w-]+\.)+[a-zA-Z]{2,}")
NOBODY = re.compile(r"(@|%40)([\w-]+\.)*(example\.(com|org|net)|[\w-]+\.(test|example))$", re.IGNORECASE)


class Cassettes:
    """The recordings beside one test file. Call it with a name to replay (or record) one, as a context manager."""

    def __init__(self, folder: Path, mode: str) -> None:
        self.folder = folder
        self.mode = mode

    @property
    def recording(self) -> bool:
        """Whether requests really leave: then the test needs a server to ask. Otherwise `REPLAY_URL` will do."""
        return self.mode != "none"

    @contextmanager
    def __call__(self, name: str, *, secrets: Iterable[str] = (), personal: Iterable[str] = ()) -> Iterator[Any]:
        """Requests inside are answered from `cassettes/NAME.yaml`, matched by method, path and query.

        `secrets` (at least four characters each) are replaced wherever they stand, so they may be in the path;
        `personal` names more fields to make up. Gives vcrpy's cassette (`play_count`, `requests`).
        """
        path = self.folder / f"{name}.yaml"
        if not self.recording and not path.exists():
            raise FileNotFoundError(f"There is no cassette {path.name} in {self.folder.name}: `make record` makes it.")
        disguise = Disguise(secrets, PERSONAL | set(personal))
        with vcr.use_cassette(
            str(path),
            record_mode=vcr.mode(self.mode),
            match_on=("method", "path", "query"),
            decode_compressed_response=True,
            drop_unused_requests=self.mode == "all",
            before_record_request=disguise.of_request,
            before_record_response=disguise.of_response,
        ) as tape:
            yield tape


class Disguise:
    """Replaces what may not be published. The same person has the same made-up address throughout one recording."""

    def __init__(self, secrets: Iterable[str], personal: Iterable[str]) -> None:
        self._secrets = Redactor()
        for secret in secrets:
            self._secrets.register(secret)
        self._personal = frozenset(personal)
        self._people: dict[str, str] = {}
        self._real = False

    def of_request(self, request: Any) -> Any:
        parts = urlsplit(request.uri)
        # A sandbox has made-up people only, and their names are worth keeping: accents, empty ones, long ones.
        self._real = self._real or parts.hostname not in LOCAL
        request.uri = self._text(REPLAY_URL + urlunsplit(("", "", parts.path, parts.query, "")))
        request.headers = {key: value for key, value in request.headers.items() if key.lower() in KEPT_REQUEST_HEADERS}
        request.body = self._body(request.body)
        return request

    def of_response(self, response: Any) -> Any:
        response["headers"] = {
            key: [self._text(value) for value in values]
            for key, values in response["headers"].items()
            if KEPT_RESPONSE_HEADERS.fullmatch(key)
        }
        response["body"] = {"string": self._body(response["body"]["string"])}
        return response

    def _body(self, body: bytes | None) -> bytes | None:
        if not body:
            return body
        text = body.decode()
        if self._real:
            try:
                text = json.dumps(self._fields(json.loads(text)), ensure_ascii=False)
            except ValueError:
                text = MADE_UP  # an error page of a real account: nobody can say what stands in it
        return self._text(text).encode()

    def _fields(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._fields(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: MADE_UP
            if key.lower().replace("_", "") in self._personal and isinstance(item, str | int) and item != ""
            else self._fields(item)
            for key, item in value.items()
        }

    def _text(self, text: str) -> str:
        return EMAIL.sub(self._somebody, self._secrets.hide_secrets(text, MADE_UP))

    def _somebody(self, match: re.Match[str]) -> str:
        if NOBODY.search(match[0]):
            return match[0]
        address = unquote(match[0]).lower()
        made_up = self._people.setdefault(address, f"person-{len(self._people) + 1}@example.test")
        return quote(made_up) if match[1] == "%40" else made_up
