"""One deliberately wrong connector per rule: each does one thing that people do, and that must not pass."""

import asyncio
import base64
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from pydantic import BaseModel, ConfigDict

from syncengine.contracts import (
    Attempts,
    Change,
    Checkpoint,
    Dossier,
    Draft,
    Finding,
    Found,
    Mail,
    Outcome,
    Page,
    Part,
    Range,
    Record,
    RemoteKey,
    Settled,
    Standing,
    Suppression,
    Walk,
)
from syncengine.errors import AuthError, InDoubt, ProviderError, SyncError, Transient
from syncengine.http import Answer
from syncengine.testing import Stage
from tests.hostile import nasty
from tests.hostile.stages import CallsStage, ContactsStage, PeopleStage, RecordsStage


class Wrong(NamedTuple):
    """A connector that breaks a rule, the stage on which that shows, and what the suite says."""

    connector: type[nasty.NastyConnector]
    stage: type[Stage]
    saying: str


WRONG: dict[str, Wrong] = {}

ROLES = {
    "connection": RecordsStage,
    "client": RecordsStage,
    "Settings": RecordsStage,
    "records": RecordsStage,
    "people": PeopleStage,
    "contacts": ContactsStage,
    "calls": CallsStage,
}


def breaks(rule: str, part: str, saying: str) -> Callable[[type], type]:
    """Put this class in place of a part, to break a rule; `saying` is what the rule then says, or a part of it."""

    def register(kind: type) -> type:
        assert rule not in WRONG
        WRONG[rule] = Wrong(type(f"Wrong{kind.__name__}", (nasty.NastyConnector,), {part: kind}), ROLES[part], saying)
        return kind

    return register


# --- connections ---


@breaks("connecting_asks_nobody", "connection", "a request left while connecting")
class Curious(nasty.Connection):
    async def __aenter__(self) -> nasty.Connection:
        await self.check()
        return self


@breaks("unknown_settings_are_refused", "Settings", "an unknown setting is taken")
class Lenient(nasty.Settings):
    model_config = ConfigDict(extra="ignore")


@breaks("settings_show_no_secret", "Settings", "settings show a secret")
class Open(BaseModel):
    model_config = ConfigDict(extra="forbid")
    base_url: str
    token: str


@breaks("good_credentials_pass_the_check", "connection", "check finds an error where there is none")
class Gloomy(nasty.Connection):
    async def check(self) -> Sequence[Finding]:
        return [Finding("error", "It will never work.")]


@breaks("bad_credentials_are_refused", "connection", "bad credentials pass")
class Trusting(nasty.Connection):
    async def check(self) -> Sequence[Finding]:
        try:
            return await super().check()
        except AuthError:
            return [Finding("ok", "Somebody answers.")]


@breaks("trouble_has_a_name", "client", "trouble ends in KeyError")
class Careless(nasty.Client):
    async def ask(self, path: str, *names: str, method: str = "GET", body: Any = None) -> Any:
        found = (await self.send(method, path, body=body)).json()
        return {name: found[name] for name in names}


@breaks("a_stated_wait_is_kept", "client", "asked to wait")
class Impatient(nasty.Client):
    """Takes a new limiter for each try, and so forgets what it was told."""

    tries = 0

    async def send(self, method: str, path: str, **more: Any) -> Answer:
        while True:
            self.tries += 1
            try:
                return await super().send(method, path, **{**more, "once": True})
            except Transient:
                if self.tries > 9:
                    raise
                await self.http.__aexit__(None, None, None)
                self.http = self.open(f"depot {self.tries}")


@breaks("secrets_and_people_stay_quiet", "client", "a log line shows a secret or a person")
class Talkative(nasty.Client):
    async def send(self, method: str, path: str, **more: Any) -> Answer:
        encoded = base64.b64encode(f"user:{self.headers['Authorization']}".encode()).decode()
        logging.getLogger("talkative").debug("asking with %s", encoded)
        return await super().send(method, path, **more)


# --- streams ---


@breaks("records_have_ids_of_their_own", "records", "two different records have one id")
class NamesakeRecords(nasty.Records):
    def id(self, row: dict[str, Any]) -> str:
        return str(row["at"])


@breaks("moments_are_aware_utc", "records", "a moment is not in UTC")
class LocalRecords(nasty.Records):
    def moment_of(self, row: dict[str, Any]) -> dt.datetime:
        return super().moment_of(row).astimezone(ZoneInfo("Asia/Kolkata"))


@breaks("record_scalars_are_text", "records", "a value is neither text nor None")
class TypedRecords(nasty.Records):
    def record(self, row: dict[str, Any], fields: frozenset[str] | None) -> Record:
        values = {name: value for name, value in row.items() if fields is None or name in fields}
        return super().record(row, fields)._replace(values=values)


@breaks("partitions_are_stable", "records", "the partitions change their order")
class RestlessRecords(nasty.Records):
    turns = 0

    async def partitions(self, options: Any) -> Sequence[str]:
        RestlessRecords.turns += 1
        return nasty.HALLS[:: -1 if self.turns % 2 else 1]


@breaks("a_range_is_kept", "records", "a record outside the range came")
class BoundlessRecords(nasty.Records):
    def holds(self, place: nasty.Place, moment: dt.datetime) -> bool:
        return place.first is None or place.first <= moment


@breaks("pages_are_bounded", "records", "the provider gives pages of fewer")
class HoardingRecords(nasty.Records):
    async def read(self, partition: str, position: Checkpoint | Range, **more: Any) -> AsyncIterator[Page]:
        pages = [page async for page in super().read(partition, position, **more)]
        yield Page([record for page in pages for record in page.records], pages[-1].checkpoint)


@breaks("a_page_is_asked_for_when_it_is_wanted", "records", "a request left before its page was asked for")
class EagerRecords(nasty.Records):
    async def read(self, partition: str, position: Checkpoint | Range, **more: Any) -> AsyncIterator[Page]:
        pages = super().read(partition, position, **more)
        ahead = asyncio.ensure_future(anext(pages, None))  # type: ignore[arg-type]  # an async generator's step is one
        while (page := await ahead) is not None:
            ahead = asyncio.ensure_future(anext(pages, None))  # type: ignore[arg-type]  # as above
            yield page


@breaks("the_last_page_carries_a_checkpoint", "records", "the last page has no checkpoint")
class ForgetfulRecords(nasty.Records):
    async def read(self, partition: str, position: Checkpoint | Range, **more: Any) -> AsyncIterator[Page]:
        async for page in super().read(partition, position, **more):
            yield page if page.records else Page([])


@breaks("a_restart_loses_nothing", "records", "that came after a checkpoint don't come again")
class HastyRecords(nasty.Records):
    """Says with the first page already that everything is there."""

    async def read(self, partition: str, position: Checkpoint | Range, **more: Any) -> AsyncIterator[Page]:
        pages = [page async for page in super().read(partition, position, **more)]
        for page in pages:
            yield Page(page.records, pages[-1].checkpoint)


@breaks("a_read_that_breaks_off_raises", "records", "a read that could not be completed ended as if all were well")
class ContentRecords(nasty.Records):
    async def read(self, partition: str, position: Checkpoint | Range, **more: Any) -> AsyncIterator[Page]:
        try:
            async for page in super().read(partition, position, **more):
                yield page
        except SyncError:
            yield Page([], nasty.Place.of(position).checkpoint(dt.datetime.min.replace(tzinfo=dt.UTC)))


@breaks("ties_at_a_boundary_are_kept", "records", "24 records never came")
class StrictRecords(nasty.Records):
    """Goes on behind the newest record, and not with it."""

    async def read(self, partition: str, position: Checkpoint | Range, **more: Any) -> AsyncIterator[Page]:
        if not isinstance(position, Range):
            place = nasty.Place.of(position)
            position = place.checkpoint(place.since + dt.timedelta(seconds=1))
        async for page in super().read(partition, position, **more):
            yield page


@breaks(
    "a_checkpoint_from_the_future_is_survived",
    "records",
    "ProviderError where all is well: The start lies behind the end.",
)
class StrictlyPastRecords(nasty.Records):
    async def read(self, partition: str, position: Checkpoint | Range, **more: Any) -> AsyncIterator[Page]:
        now = self.client.context.clock.now()
        if nasty.Place.of(position).since > now:
            raise ProviderError("The start lies behind the end.")
        async for page in super().read(partition, position, **more):
            place = nasty.Place.of(page.checkpoint or position)
            yield Page(page.records, place.checkpoint(now) if page.checkpoint else None)


@breaks("paging_that_never_ends_is_noticed", "records", "requests without end")
class DizzyRecords(nasty.Records):
    async def page(self, partition: str, place: nasty.Place, number: int) -> tuple[list[dict[str, Any]], int]:
        while True:
            rows, following = await super().page(partition, place, number)
            if following != number:
                return rows, following


@breaks("dates_without_an_offset_are_refused", "records", "a date without an offset was taken")
class GuessingRecords(nasty.Records):
    def moment_of(self, row: dict[str, Any]) -> dt.datetime:
        moment = dt.datetime.fromisoformat(row["at"])
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC).astimezone(dt.UTC)


@breaks("unknown_fields_are_tolerated", "records", "ProviderError where all is well: The depot has changed.")
class PedanticRecords(nasty.Records):
    def record(self, row: dict[str, Any], fields: frozenset[str] | None) -> Record:
        if "newer" in row:
            raise ProviderError("The depot has changed.")
        return super().record(row, fields)


@breaks("only_the_fields_asked_for_come", "records", "a field came that nobody asked for")
class GenerousRecords(nasty.Records):
    def record(self, row: dict[str, Any], fields: frozenset[str] | None) -> Record:
        return super().record(row, None)


# --- lookups ---


@breaks("each_key_gets_its_own_rows", "people", "a key that is there has no answer, or is answered in another spelling")
class NumericPeople(nasty.People):
    def keep(self, row: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> None:
        key = row["key"]
        rows.setdefault(str(int(key)) if key.isdigit() else key, []).append(nasty.textual(row))


@breaks("an_unknown_key_is_absent", "people", "an unknown key has an entry")
class PolitePeople(nasty.People):
    async def find(self, keys: Collection[str]) -> Found:
        found = await super().find(keys)
        return Found({**dict.fromkeys(keys, ()), **found.rows}, found.refused)


@breaks("two_people_for_one_key_both_come", "people", "one of two people was chosen")
class DecidedPeople(nasty.People):
    def keep(self, row: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> None:
        rows[row["key"]] = [nasty.textual(row)]


@breaks("an_odd_key_spoils_only_itself", "people", "beside an odd key others get no answer, or the odd one gets one")
class DelicatePeople(nasty.People):
    async def find_some(self, keys: list[str], rows: dict[str, list[dict[str, Any]]], refused: dict[str, str]) -> None:
        if (await self.client.send("POST", "/people", body={"keys": keys})).status == 422:
            refused.update(dict.fromkeys(keys, "the depot refuses it"))
        else:
            await super().find_some(keys, rows, refused)


@breaks("nothing_asked_is_nothing_answered", "people", "nothing was asked, and something answered")
class EagerPeople(nasty.People):
    async def find(self, keys: Collection[str]) -> Found:
        rows: dict[str, list[dict[str, Any]]] = {}
        if not keys:
            await self.find_some([], rows, {})
            return Found(rows)
        return await super().find(keys)


@breaks("columns_are_those_of_the_rows", "people", "the columns are not those of the rows")
class SecretivePeople(nasty.People):
    async def columns(self) -> frozenset[str]:
        return frozenset({"email"})


@breaks("row_scalars_are_text", "people", "a value is neither text nor None")
class TypedPeople(nasty.People):
    def keep(self, row: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> None:
        rows.setdefault(row["key"], []).append(row)


@breaks("a_page_of_keys_is_answered_at_once", "people", "among thousands of keys, some get no answer")
class TiredPeople(nasty.People):
    async def find(self, keys: Collection[str]) -> Found:
        return await super().find(sorted(keys)[: nasty.CHUNK])


@breaks("a_source_that_is_away_is_no_answer", "people", "a source that is away answers that nobody is there")
class CalmPeople(nasty.People):
    async def find(self, keys: Collection[str]) -> Found:
        try:
            return await super().find(keys)
        except Transient:
            return Found({})


# --- destinations ---


@breaks("a_bad_value_is_refused_by_field", "contacts", "refusing email quotes the value")
class QuotingContacts(nasty.Contacts):
    def complaint(self, value: str) -> str:
        return f"{value!r} is not what it should be."


@breaks("one_target_has_one_key", "contacts", "another spelling of a key gives another key")
class LiteralContacts(nasty.Contacts):
    def key(self, text: str) -> str:
        return text.strip()


@breaks("none_leaves_alone", "contacts", "name = None sets something")
class EmptyingContacts(nasty.Contacts):
    def draft(self, fields: Mapping[str, Any]) -> Draft:
        draft = super().draft(fields)
        return Draft(draft.key, {"name": "", "note": "", **draft.fields}, draft.groups)


@breaks("each_change_has_one_outcome", "contacts", "a change has no outcome")
class TerseContacts(nasty.Contacts):
    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        last = None
        async for outcome in super().apply(changes, attempts):
            if last is not None:
                yield last
            last = outcome


@breaks("no_effect_without_an_attempt", "contacts", "a request with effect left that was not written down")
class LateBookingContacts(nasty.Contacts):
    """Writes each request down when it has left."""

    async def attempt(self, attempts: Attempts, parts: Sequence[Part], path: str, body: Any) -> Any:
        keys = frozenset(part.key for part in parts)
        answer = await self.client.send("POST", path, body=body(keys))
        return "good", (await attempts.begin(parts), answer), keys


@breaks("applied_twice_is_applied_once", "calls", "sent twice, the effect isn't that of once")
class RepeatableCalls(nasty.Calls):
    repeatable = True


class TwiceCalls(nasty.Calls):
    """Sends again what got no answer, though each sending counts."""

    async def attempt(self, attempts: Attempts, parts: Sequence[Part], path: str, body: Any) -> Any:
        once = await attempts.begin(parts)
        for _ in range(nasty.TRIES):
            try:
                answer = await self.client.send("POST", path, body=body(once.allowed), once=True, again=False)
            except InDoubt:
                continue
            return "good", (once, answer), once.allowed
        return "lost", (once, None), once.allowed


breaks("a_lost_answer_is_one_effect", "calls", "an effect happened twice, or half (drop_after)")(TwiceCalls)


@breaks("silence_is_no_outcome", "contacts", "without any answer, a change ends as delivered")
class OptimisticContacts(nasty.Contacts):
    async def apply(self, changes: Sequence[Change], attempts: Attempts) -> AsyncIterator[Outcome]:
        async for outcome in super().apply(changes, attempts):
            yield Outcome(outcome.key, "delivered") if outcome.status == "in_doubt" else outcome


@breaks("a_partial_failure_names_the_right_keys", "contacts", "the rejected are not those that the provider refuses")
class PositionalContacts(nasty.Contacts):
    """Believes that results stand in the order of the request."""

    def part(self, change: Change) -> Part:
        self.order = [*getattr(self, "order", ()), change.key]
        return super().part(change)

    def read(self, results: list[Any], keys: list[str]) -> Settled:
        ordered = sorted(keys, key=getattr(self, "order", keys).index)
        said = dict(zip(ordered, (done for _, done in results), strict=True))
        return super().read(list(said.items()), keys)


@breaks("forbidden_stops_early", "contacts", "credentials that may only read raise no AuthError")
class StubbornContacts(nasty.Contacts):
    async def send_some(self, changes: Sequence[Change], attempts: Attempts) -> list[Outcome]:
        try:
            return await super().send_some(changes, attempts)
        except AuthError:
            return [Outcome(change.key, "rejected", "forbidden") for change in changes]


class ImpatientContacts(nasty.Contacts):
    """Takes a new limiter for each attempt, and so forgets what it was told."""

    async def attempt(self, attempts: Attempts, parts: Sequence[Part], path: str, body: Any) -> Any:
        attempt = await attempts.begin(parts)
        for number in range(nasty.TRIES):
            try:
                answer = await self.client.send("POST", path, body=body(attempt.allowed), once=True)
            except Transient:
                await self.client.http.__aexit__(None, None, None)
                self.client.http = self.client.open(f"depot {number}")
                attempt = await attempts.renew(attempt)
                continue
            return "good", (attempt, answer), attempt.allowed
        return "lost", (attempt, None), attempt.allowed


breaks("a_stated_wait_is_kept_before_writing_again", "contacts", "asked to wait")(ImpatientContacts)


@breaks("a_crash_anywhere_is_one_effect", "contacts", "a change is never delivered")
class HopefulContacts(nasty.Contacts):
    """Notes as done what it is only about to do, and skips it the next time."""

    done: frozenset[str] = frozenset()

    async def send_some(self, changes: Sequence[Change], attempts: Attempts) -> list[Outcome]:
        memory = self.client.context.memory
        known = (await memory.get("done") or "").split()
        new = [change for change in changes if change.key not in known]
        await memory.put("done", " ".join([*known, *(change.key for change in new)]))
        skipped = [Outcome(change.key, "delivered") for change in changes if change.key in known]
        return [*skipped, *(await super().send_some(new, attempts) if new else [])]


@breaks("a_receipt_tells_what_became_of_it", "contacts", "a receipt confirms what isn't there, or denies what is")
class DenyingContacts(nasty.Contacts):
    """Of a batch of an earlier run it knows nothing, and says that it was nothing."""

    async def settle(self, receipt: str, keys: Collection[str]) -> Settled:
        if not getattr(self, "sending", False):
            return Settled(refuted=frozenset(keys))
        return await super().settle(receipt, keys)

    async def send_some(self, changes: Sequence[Change], attempts: Attempts) -> list[Outcome]:
        self.sending = True
        return await super().send_some(changes, attempts)


# --- people who said no ---


class _AllAllowed:
    """A book of attempts seen through pink glasses."""

    def __init__(self, attempts: Attempts, keys: frozenset[str], *, renews: bool) -> None:
        self._attempts = attempts
        self._keys = keys
        self._renews = renews
        self.receipt, self.settle = attempts.receipt, attempts.settle

    async def begin(self, parts: Sequence[Part]) -> Any:
        attempt = await self._attempts.begin(parts)
        return attempt._replace(allowed=self._keys) if not self._renews else attempt

    async def renew(self, attempt: Any) -> Any:
        await self._attempts.renew(attempt)
        return attempt


def blind(*, renews: bool) -> type:
    class Blind(nasty.Contacts):
        async def send_some(self, changes: Sequence[Change], attempts: Attempts) -> list[Outcome]:
            keys = frozenset(change.key for change in changes)
            pink: Any = _AllAllowed(attempts, keys, renews=renews)
            return await super().send_some(changes, pink)

    return Blind


breaks("a_barred_key_is_in_no_request", "contacts", "a barred key is in a request with effect")(blind(renews=False))
breaks("a_key_barred_while_waiting_is_left_out", "contacts", "a key was sent after it was barred")(blind(renews=True))


@breaks("suppression_lists_are_complete", "contacts", "the lists give 2")
class FirstPageContacts(nasty.Contacts):
    async def suppressions(self) -> AsyncIterator[Suppression]:
        for email, reason in (await self.client.ask("/blocked?page=1", "rows"))["rows"]:
            yield Suppression(self.key(email), reason)


@breaks("a_short_suppression_list_is_an_error", "contacts", "a list that broke off was taken for complete (status)")
class ContentContacts(nasty.Contacts):
    async def suppressions(self) -> AsyncIterator[Suppression]:
        try:
            async for suppression in super().suppressions():
                yield suppression
        except SyncError:
            return


@breaks("standings_answer_every_key", "contacts", "a key has no standing, or somebody else has")
class SilentContacts(nasty.Contacts):
    async def standing(self, keys: Collection[str], groups: frozenset[str]) -> Mapping[str, Standing]:
        found = await super().standing(keys, groups)
        return {key: each for key, each in found.items() if each.state != "absent"}


# --- powers of some destinations ---


@breaks("every_power_has_its_rules_tried", "calls", "the stage doesn't name a power: Auditable")
class WalkedCalls(nasty.Calls):
    async def walk(self, groups: frozenset[str], fields: frozenset[str]) -> Walk:
        return Walk([], frozenset())

    async def absent(self, keys: Collection[str]) -> frozenset[str]:
        return frozenset()


@breaks("a_walk_meets_everybody_once", "contacts", "somebody is missing, or in another state")
class ShoutingContacts(nasty.Contacts):
    async def walk(self, groups: frozenset[str], fields: frozenset[str]) -> Walk:
        found = await super().walk(groups, fields)
        return Walk([msgspec.structs.replace(each, key=each.key.upper()) for each in found.keys], found.groups)


@breaks("a_walk_meets_whoever_moves_meanwhile", "contacts", "somebody is missed")
class HastyContacts(nasty.Contacts):
    """Reads who said no only once, and before the others."""

    async def walk(self, groups: frozenset[str], fields: frozenset[str]) -> Walk:
        states = await self.blocked()
        found = {key: RemoteKey(key, state) for key, state in states.items()}
        rows = await self.rows()
        for row in rows:
            key = row["email"].lower()
            found.setdefault(key, RemoteKey(key, "subscribed"))
        return Walk(found.values(), frozenset())


@breaks("a_walk_that_breaks_off_raises", "contacts", "a walk that broke off was taken for complete")
class ContentWalk(nasty.Contacts):
    async def blocked(self) -> dict[str, Any]:
        try:
            return await super().blocked()
        except SyncError:
            return {}


@breaks("only_who_is_nowhere_is_absent", "contacts", "the absent are not those who are nowhere")
class ForgettingContacts(nasty.Contacts):
    async def absent(self, keys: Collection[str]) -> frozenset[str]:
        return frozenset(keys) - {row["email"].lower() for row in await self.rows()}


@breaks("nobody_is_absent_for_an_error", "contacts", "though a question failed, the others are called absent")
class RashContacts(nasty.Contacts):
    async def look(self, key: str) -> dict[str, Any] | None:
        try:
            return await super().look(key)
        except SyncError:
            return None


@breaks("a_dossier_says_how_somebody_stands", "contacts", "somebody stands otherwise than told")
class FlatteringContacts(nasty.Contacts):
    async def dossier(self, key: str) -> Dossier:
        return msgspec.structs.replace(await super().dossier(key), state="subscribed")


@breaks("a_dossier_of_a_stranger_is_empty", "contacts", "of a stranger something is told")
class InventiveContacts(nasty.Contacts):
    async def dossier(self, key: str) -> Dossier:
        told = await super().dossier(key)
        return Dossier("unsubscribed") if told.state == "absent" else told


@breaks("a_mail_says_whom_it_reached", "contacts", "somebody is told to have got a mailing of others")
class EveryonesMail(nasty.Contacts):
    def told(self, row: dict[str, Any], key: str) -> Mail:
        return msgspec.structs.replace(super().told(row, key), received=True)


@breaks("a_mail_that_is_not_there_is_none", "contacts", "ProviderError where all is well: There is no such mailing.")
class StrictMail(nasty.Contacts):
    async def mail(self, id: str, key: str) -> Mail | None:
        found = await super().mail(id, key)
        if found is None:
            raise ProviderError("There is no such mailing.")
        return found


@breaks("what_can_not_be_read_is_not_told", "contacts", "a dossier is told of which a part is missing")
class EasyGoingContacts(nasty.Contacts):
    async def mails(self) -> list[dict[str, Any]]:
        try:
            return await super().mails()
        except SyncError:
            return []
