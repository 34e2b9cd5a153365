"""A connector that keeps every rule and makes it as hard as it can: odd names, odd orders, empty pages, repeats."""

import datetime as dt
import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SecretStr

from syncengine.contracts import (
    Attempts,
    Change,
    Checkpoint,
    Context,
    Draft,
    Finding,
    Found,
    Open,
    Outcome,
    Page,
    Part,
    Range,
    Record,
    Settled,
    Standing,
    Suppression,
)
from syncengine.errors import AuthError, InDoubt, ProviderError, RateLimited, Rejected, Transient
from syncengine.http import Answer
from tests.hostile.asked import Asked

HALLS = ("ünï/1 %", "0")
CHUNK = 500
TRIES = 5
LONGEST_NAME = 80


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    base_url: str
    token: SecretStr


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Fields(BaseModel):
    email: str
    name: str | None = None
    note: str | None = None
    tags: list[str] = []


class Client:
    """The depot, typed as little as possible."""

    def __init__(self, settings: Any, context: Context) -> None:
        self.context = context
        self.base_url = settings.base_url
        self.headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"}
        self.http = self.open("depot")

    def open(self, account: str) -> Any:
        return self.context.http.client(base_url=self.base_url, account=account, headers=self.headers)

    async def send(self, method: str, path: str, *, body: Any = None, once: bool = False, again: bool = True) -> Answer:
        answer: Answer = await self.http.send(
            method, path, what="question", json=body, repeatable=True if method == "GET" else again, once=once
        )
        if answer.status == 403:
            raise AuthError("The depot forbids it (403).")
        return answer

    async def ask(self, path: str, *names: str, method: str = "GET", body: Any = None) -> Any:
        """A good answer with these keys."""
        answer = await self.send(method, path, body=body)
        if not answer.good:
            raise ProviderError(f"The depot answers with status {answer.status}.")
        found = answer.json()
        if not isinstance(found, dict) or not all(name in found for name in names):
            raise ProviderError("The depot's answer is none.")
        return found

    async def close(self) -> None:
        await self.http.__aexit__(None, None, None)


class Place(BaseModel):
    since: dt.datetime
    first: dt.datetime | None = None
    until: dt.datetime | None = None

    @classmethod
    def of(cls, position: Checkpoint | Range) -> "Place":
        if isinstance(position, Range):
            return cls(since=position.since, first=position.since, until=position.until)
        return cls.model_validate_json(position.removeprefix("☃ "))

    def checkpoint(self, moment: dt.datetime) -> Checkpoint:
        later = self.model_copy(update={"since": max(self.since, moment)})
        return Checkpoint(f"☃ {later.model_dump_json()}")


class Records:
    """Hands over an empty page first, each page backwards and with a row of the one before, few checkpoints."""

    Options = Options
    fields = None
    moment = "at"

    def __init__(self, client: Client) -> None:
        self.client = client

    async def partitions(self, options: Any) -> Sequence[str]:
        return HALLS

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncIterator[Page]:
        place = Place.of(position)
        yield Page([], None, "the void")
        number, newest, before = 1, place.since, list[Record]()
        visited = set[int]()
        while number:
            if number in visited:
                raise ProviderError("The depot goes round in circles.", code="loop")
            visited.add(number)
            rows, following = await self.page(partition, place, number)
            found = [self.record(row, fields) for row in rows]
            newest = max([newest, *(record.moment for record in found)])
            inside = [record for record in found if self.holds(place, record.moment)]
            checkpoint = place.checkpoint(newest) if not following or number % 2 else None
            yield Page([*reversed(inside), *before], checkpoint, f"page {number}")
            before, number = inside[-1:], following

    async def page(self, partition: str, place: Place, number: int) -> tuple[list[dict[str, Any]], int]:
        since = place.since.isoformat().replace("+", "%2B")
        found = await self.client.ask(
            f"/changes?hall={HALLS.index(partition)}&since={since}&page={number}", "rows", "next"
        )
        return found["rows"], found["next"] or 0

    def holds(self, place: Place, moment: dt.datetime) -> bool:
        return (place.first is None or place.first <= moment) and (place.until is None or moment < place.until)

    def record(self, row: dict[str, Any], fields: frozenset[str] | None) -> Record:
        try:
            values = {name: textual(value) for name, value in row.items() if fields is None or name in fields}
            return Record(self.id(row), self.moment_of(row), values)
        except KeyError:
            raise ProviderError("A record of the depot is none.") from None

    def id(self, row: dict[str, Any]) -> str:
        return str(row["id"])

    def moment_of(self, row: dict[str, Any]) -> dt.datetime:
        moment = dt.datetime.fromisoformat(row["at"])
        if moment.tzinfo is None:
            raise ProviderError("A date of the depot has no offset.")
        return moment.astimezone(dt.UTC)


def textual(value: Any) -> Any:
    match value:
        case None | str():
            return value
        case list():
            return [textual(item) for item in value]
        case dict():
            return {name: textual(item) for name, item in value.items()}
        case _:
            return json.dumps(value)


class People:
    """Asks for many keys at once, and halves them where one spoils the question."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def columns(self) -> frozenset[str] | None:
        return frozenset({"key", "email", "age"})

    async def find(self, keys: Collection[str]) -> Found:
        rows: dict[str, list[dict[str, Any]]] = {}
        refused: dict[str, str] = {}
        wanted = sorted(dict.fromkeys(keys), reverse=True)
        for key in wanted:
            if any("\ud800" <= letter <= "\udfff" for letter in key):
                refused[key] = "no text"
        wanted = [key for key in wanted if key not in refused]
        for start in range(0, len(wanted), CHUNK):
            await self.find_some(wanted[start : start + CHUNK], rows, refused)
        return Found({key: rows[key] for key in sorted(rows)}, refused)

    async def find_some(self, keys: list[str], rows: dict[str, list[dict[str, Any]]], refused: dict[str, str]) -> None:
        answer = await self.client.send("POST", "/people", body={"keys": keys})
        if answer.status == 422 and len(keys) == 1:
            refused[keys[0]] = "the depot refuses it"
        elif answer.status == 422:
            await self.find_some(keys[::2], rows, refused)
            await self.find_some(keys[1::2], rows, refused)
        elif not answer.good or not isinstance(found := answer.json(), dict) or "rows" not in found:
            raise ProviderError("The depot's answer is none.")
        else:
            for row in found["rows"]:
                self.keep(row, rows)

    def keep(self, row: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> None:
        rows.setdefault(row["key"], []).append(textual(row))


class Writes:
    """What contacts and calls have in common: drafts, and sending that is written down first."""

    Fields = Fields
    key_field = "email"
    repeatable = True

    def __init__(self, client: Client) -> None:
        self.client = client

    def draft(self, fields: Mapping[str, Any]) -> Draft:
        key = self.key(str(fields.get("email") or ""))
        if key.count("@") != 1:
            raise Rejected(self.complaint(key), field="email", code="no_address")
        values = {name: str(fields[name]).strip() for name in ("name", "note") if fields.get(name)}
        for name, value in values.items():
            if len(value) > LONGEST_NAME:
                raise Rejected(self.complaint(value), field=name, code="too_long")
        return Draft(key, values, tuple(fields.get("tags") or ()))

    def key(self, text: str) -> str:
        return text.strip().lower()

    def complaint(self, value: str) -> str:
        return "It is not what it should be."

    async def attempt(
        self, attempts: Attempts, parts: Sequence[Part], path: str, body: Any
    ) -> tuple[str, Any, frozenset[str]]:
        """Send a request until it is answered. Gives how it ended, the answer, and who was in it."""
        attempt = await attempts.begin(parts)
        untouched = True
        for number in range(TRIES):
            if number:
                await self.client.http.ready()
                attempt = await attempts.renew(attempt)
            if not attempt.allowed:
                return "barred", None, attempt.allowed
            try:
                answer = await self.client.send(
                    "POST", path, body=body(attempt.allowed), once=True, again=self.repeatable
                )
            except (RateLimited, AuthError):
                raise
            except InDoubt:
                return "lost", (attempt, None), attempt.allowed
            except Transient as trouble:
                untouched = untouched and trouble.code == "status_429"
                continue
            if answer.good:
                return "good", (attempt, answer), attempt.allowed
            await attempts.settle(attempt, Settled(refuted=attempt.allowed))
            if answer.status == 422:
                return "refused", None, attempt.allowed
            raise ProviderError(f"The depot answers with status {answer.status}.")
        if untouched:
            await attempts.settle(attempt, Settled(refuted=attempt.allowed))
            return "put_off", None, attempt.allowed
        return "lost", (attempt, None), attempt.allowed


class Contacts(Asked, Writes):
    """Sends two at a time, polls, and tells all outcomes at the end, backwards."""

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        outcomes: list[Outcome] = []
        for start in range(0, len(changes), 2):
            outcomes += await self.send_some(changes[start : start + 2], attempts)
        for outcome in reversed(outcomes):
            yield outcome

    def part(self, change: Change) -> Part:
        return Part(change.key, dict(change.fields), tuple(sorted(change.join)))

    async def send_some(self, changes: Sequence[Change], attempts: Attempts) -> list[Outcome]:
        parts = {change.key: self.part(change) for change in changes}

        def body(allowed: frozenset[str]) -> Any:
            return {"contacts": [{"email": key, **part.fields, "tags": part.join} for key, part in parts.items()
                                 if key in allowed]}  # fmt: skip

        ended, sent, keys = await self.attempt(attempts, list(parts.values()), "/contacts", body)
        barred = [Outcome(key, "suppressed", "barred") for key in sorted(parts.keys() - keys)][::2]
        if sent is None:
            status = {"barred": "suppressed", "refused": "rejected", "put_off": "retry"}[ended]
            return [*barred, *(Outcome(key, status, ended) for key in keys)]  # type: ignore[arg-type]  # one of three
        if ended == "lost":
            return [*barred, *(Outcome(key, "in_doubt", "lost") for key in keys)]
        attempt, answer = sent
        taken = answer.json() if answer.content[:1] == b"{" else {}
        if "receipt" not in taken:
            return [*barred, *(Outcome(key, "in_doubt", "no_receipt") for key in keys)]
        receipt = str(taken["receipt"])
        await attempts.receipt(attempt, receipt)
        settled = await self.settle(receipt, keys)
        await attempts.settle(attempt, settled)
        said = {**dict.fromkeys(settled.confirmed, "delivered"), **dict.fromkeys(settled.refuted, "rejected")}
        return [*barred, *(Outcome(key, said.get(key, "in_doubt")) for key in keys)]  # type: ignore[arg-type]  # of three

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        while True:
            found = await self.client.ask(f"/receipts/{receipt}", "done", "results")
            if found["done"]:
                return self.read(found["results"], list(keys))
            await self.client.context.clock.sleep(1)

    def read(self, results: list[Any], keys: list[str]) -> Settled:
        good = {key for key, done in results if done} & set(keys)
        return Settled(frozenset(good), frozenset({key for key, done in results if not done} & set(keys)))

    async def suppressions(self) -> AsyncIterator[Suppression]:
        rows: list[Any] = []
        number = 1
        while number:
            found = await self.client.ask(f"/blocked?page={number}", "rows", "next")
            rows += found["rows"]
            number = found["next"]
        for email, reason in reversed(rows):
            yield Suppression(self.key(email), reason)

    async def standing(self, keys: Collection[str], groups: frozenset[str]) -> Mapping[str, Standing]:
        found = {}
        for key in keys:
            answer = await self.client.send("GET", f"/contacts/{key}")
            if not answer.good and answer.status != 404:
                raise ProviderError("The depot's answer is none.")
            known = answer.json() if answer.good else {"state": "absent", "tags": []}
            found[key] = Standing(known["state"], frozenset(known["tags"]) & groups)
        return found


class Calls(Writes):
    """Counts each request, so none may be repeated without an answer."""

    repeatable = False

    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        for change in changes:
            body = {"email": change.key, **change.fields}
            parts = [Part(change.key, dict(change.fields), tuple(sorted(change.join)))]
            ended, sent, _ = await self.attempt(attempts, parts, "/calls", lambda _, body=body: body)
            if ended == "good":
                await attempts.settle(sent[0], Settled(confirmed=frozenset({change.key})))
            if ended != "barred":
                status = {"good": "delivered", "lost": "in_doubt", "refused": "rejected", "put_off": "retry"}[ended]
                yield Outcome(change.key, status, ended)  # type: ignore[arg-type]  # one of four


class Connection:
    def __init__(self, connector: "NastyConnector", settings: Any, context: Context) -> None:
        self.client = connector.client(settings, context)
        self.streams = {"records": connector.records(self.client)}
        self.lookups = {"people": connector.people(self.client)}
        self.destinations = {"contacts": connector.contacts(self.client), "calls": connector.calls(self.client)}

    async def check(self) -> Sequence[Finding]:
        found = await self.client.ask("/me", "account")
        return [Finding("ok", f"account {found['account']}"), Finding("warning", "It is a nasty one.")]

    async def __aenter__(self) -> "Connection":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()


class NastyConnector:
    """Its parts are attributes, so that a wrong one can be put in place of each."""

    name: ClassVar[str] = "nasty"
    summary: ClassVar[str] = "keeps every rule, unwillingly"
    Settings: ClassVar[type[BaseModel]] = Settings
    connection: ClassVar[type[Connection]] = Connection
    client: ClassVar[type[Client]] = Client
    records: ClassVar[type[Records]] = Records
    people: ClassVar[type[People]] = People
    contacts: ClassVar[type[Any]] = Contacts
    calls: ClassVar[type[Any]] = Calls

    def connect(self, settings: Any, context: Context) -> Any:
        return type(self).connection(self, settings, context)
