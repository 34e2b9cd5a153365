"""Lines written by hand as a stream, so that they take the same way as the records of any provider.

What a line speaks of is the destination's key, so the last line for a key is what is asked for it: a line given again
is a repeated record, another one for the key a newer reading of it, and one that takes back retracts it. A line that
stops somebody is a record of its own beside it: no later line undoes a "no" that may not even be delivered yet.
"""

import datetime as dt
import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn

import msgspec
from pydantic import BaseModel, ConfigDict

from mappings.fold import group_identity
from mappings.mapping import FieldError, compile_mapping
from mappings.spec import MappingSpec
from mappings.wording import suggest
from syncengine.binding import BoundMapping, draft_fields
from syncengine.contracts import Checkpoint, Destination, Open, Page, Range, Record
from syncengine.engine.spool import LONGEST_LINE, Spool, Spooled
from syncengine.errors import ConfigError, Problem, Rejected
from syncengine.state import written
from syncengine.state.store import Store
from syncengine.state.written import LINE, NUMBER

__all__ = ["INPUT", "Lines", "RefusedLine", "UnusableLines"]

INPUT: Final = "standard input"
BACK: Final = "taken_back"
"""What a record has beside its fields and its number: "yes" where it takes back."""
SOURCE: Final = "write.lines"
ALWAYS: Final = dt.date(1970, 1, 1)
"""Nothing written by hand is too old."""
HANDFUL: Final = 5
"""Faults that are told; whoever mends these finds the others."""
ID_BYTES: Final = 16
"""Of the hash that stands for a key: two keys with one are out of reach."""
STOP: Final = "-stop"
"""Ends the name of a record that stops somebody."""
STEP: Final = dt.timedelta(microseconds=1)
"""Between the moments of two lines: the finest that is stored."""


class UnusableLines(ConfigError):
    """Some lines are none that can be written, so none was. `problems` are the first of them, `number` all."""

    def __init__(self, problems: Sequence[Problem], number: int) -> None:
        super().__init__(problems)
        self.where = f"on {INPUT}, so nothing was written"
        self.number = number


class RefusedLine(NamedTuple):
    """A line that can't go through, and why; it is kept as a reject until it is written again."""

    number: int
    field: str | None
    message: str
    code: str


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Lines:
    """The lines of one input for one destination: `check` first, then they are a stream.

    `take_back`: each line names a key, and takes back what was written for it. `mapping` is what a `Runner` runs.
    """

    Options: type[BaseModel] = NoOptions
    fields: frozenset[str] | None = frozenset({LINE, NUMBER, BACK})
    moment = "when the line was written"

    def __init__(self, spool: Spool, store: Store, name: str, destination: Destination, *, take_back: bool) -> None:
        """`name` is the destination's: "cyberimpact.contacts"."""
        self._spool = spool
        self._store = store
        self._destination = destination
        self._take_back = take_back
        self._fields = draft_fields(destination)
        spec = _spec(name, self._fields)
        self._rule = compile_mapping(
            spec, record_fields=self.fields, draft_fields=self._fields, key_field=destination.key_field
        )
        self.mapping = BoundMapping(
            name=written.mapping_of(name),
            spec=spec,
            rule=self._rule,
            source_name=SOURCE,
            stream=self,
            options=NoOptions(),
            destination_name=name,
            destination=destination,
            lookups=(),
            schedule=None,
        )

    async def check(self, watch: Callable[[int], None]) -> None:
        """Look at all lines before any is used; `watch` is told how many were. Raises UnusableLines."""
        problems: list[Problem] = []
        number = 0
        for spooled in self._spool.lines():
            good: list[tuple[int, dict[str, Any]]] = []
            for each in spooled:
                try:
                    good.append((each.number, self._read(each)))
                except _Fault as fault:
                    number += 1
                    if len(problems) < HANDFUL:
                        problems.append(Problem(f"line {each.number}", fault.message, fault.hint))
            if not number:
                self._spool.keep(await self._name(good))
            watch(spooled[-1].number)
            await self._store.clock.sleep(0)  # Ctrl-C is heard between two slices
        if number:
            raise UnusableLines(problems, number)

    async def refused(self) -> list[RefusedLine]:
        """The lines that stand among the open rejects, in their order."""
        found: list[RefusedLine] = []
        for named in self._spool.named():
            by_id = {id_: number for id_, _, number in named}
            by_key = {key: number for _, key, number in named}
            rows = await self._store.read(
                written.refused, self.mapping.name, self.mapping.destination_name, by_id, by_key
            )
            found += [
                RefusedLine(
                    by_key[row.key] if row.key is not None else by_id[str(row.id)], row.field, row.message, row.code
                )
                for row in rows
            ]
        return sorted(found)

    def number_of(self, id: str) -> int | None:
        """The line that a record is, or that takes it back."""
        named = id.removesuffix(STOP) if self._take_back else id
        return self._spool.numbers([named]).get(named)

    # --- the stream ---

    async def partitions(self, options: Any) -> Sequence[str]:
        return [INPUT]

    async def read(
        self, partition: str, position: Checkpoint | Range, *, fields: frozenset[str] | None, open: Open
    ) -> AsyncGenerator[Page, None]:
        """All lines, whatever was read before; their moments are later than those of all lines before them."""
        newest = await self._store.read(written.newest, self.mapping.name)
        now = self._store.clock.now()
        start = now if newest is None else max(now, newest + STEP)
        for spooled in self._spool.last_lines():
            stops = await self._stops_of(spooled) if self._take_back else frozenset()
            records = [
                Record(id_, start + each.number * STEP, self._values(each))
                for each in spooled
                for id_ in (each.id, f"{each.id}{STOP}")
                if id_ == each.id or id_ in stops
            ]
            yield Page(records, scope=f"lines {spooled[0].number:,} to {spooled[-1].number:,}")

    async def _stops_of(self, spooled: Sequence[Spooled]) -> frozenset[str]:
        """The stops that were written for the keys of these lines."""
        return await self._store.read(written.known_ids, self.mapping.name, [f"{each.id}{STOP}" for each in spooled])

    def _values(self, each: Spooled) -> dict[str, Any]:
        if self._take_back:
            return {LINE: {}, NUMBER: str(each.number), BACK: "yes"}
        return {LINE: self._read(each), NUMBER: str(each.number), BACK: None}

    # --- one line ---

    def _read(self, spooled: Spooled) -> dict[str, Any]:
        """The fields of a line, sorted, every scalar as text or None. Raises _Fault."""
        line = _parse(spooled.body)
        unknown = [] if self._take_back else sorted(line.keys() - self._fields)
        if unknown:
            raise _Fault(f'The destination has no field "{unknown[0]}".', suggest(unknown[0], self._fields))
        key = self._destination.key_field
        if self._take_back and not _text(line.get(key)):
            raise _Fault(f'The field "{key}" is missing.', "It says of what to take back what was written.")
        return {name: line[name] for name in sorted(line.keys() & self._fields)}

    async def _name(self, lines: Sequence[tuple[int, dict[str, Any]]]) -> list[tuple[str, str, int]]:
        """(id, key, number) of each line: of its possible keys the first that something was written for."""
        keys = [(number, *self._keys(line)) for number, line in lines]
        unsure = {_hash(key) for _, each, _ in keys if len(each) > 1 for key in each}
        known = await self._store.read(written.known_ids, self.mapping.name, unsure) if unsure else frozenset()
        named = []
        for number, each, end in keys:
            key = next((key for key in each if _hash(key) in known), each[0])
            named.append((f"{_hash(key)}{end}", key, number))
        return named

    def _keys(self, line: dict[str, Any]) -> tuple[list[str], str]:
        """The destination's key, and how the record's name ends; of a line that makes no draft, all that it may be."""
        try:
            fields, _ = self._rule.fields({LINE: line}, {})
            draft = self._destination.draft(fields)
        except (FieldError, Rejected):
            raw = _text(line.get(self._destination.key_field))
            forms = (raw, raw.lower(), group_identity(raw)) if raw else (msgspec.json.encode(line).decode(),)
            return list(dict.fromkeys(forms)), ""
        return [draft.key], STOP if draft.stop and not self._take_back else ""


class _Fault(Exception):
    """Why a line is none. `message` quotes names, and no value."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _parse(body: bytes | None) -> dict[str, Any]:
    """The object of a line, every scalar as text or None: what comes from a wire does so too. Raises _Fault."""
    if body is None:
        raise _Fault(f"It is longer than {LONGEST_LINE:,} bytes.", "Each object stands on a line of its own.")
    try:
        line = json.loads(body.decode(), object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_odd)
        line = _as_text(line)
        msgspec.json.encode(line)
    except json.JSONDecodeError as error:
        raise _Fault(f"It is not JSON: {error.msg} (at character {error.pos + 1}).", ONE_OBJECT) from None
    except UnicodeError:
        raise _Fault("It is not in UTF-8, or holds half a character.", "Save the input as UTF-8.") from None
    except RecursionError:
        raise _Fault("It is nested too deeply.", ONE_OBJECT) from None
    if not isinstance(line, dict):
        raise _Fault("It is no JSON object.", ONE_OBJECT)
    return line


ONE_OBJECT: Final = 'Each line is one object: {"FIELD": "value", …}.'


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
        raise _Fault(f'The field "{twice}" stands there twice.')
    return found


def _odd(name: str) -> NoReturn:
    raise _Fault(f"{name} is no value of JSON.")


def _as_text(value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case list():
            return [_as_text(item) for item in value]
        case dict():
            return {name: _as_text(item) for name, item in value.items()}
    return value


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _hash(key: str) -> str:
    """What a record is called: its key is personal data, and names of records are told."""
    return hashlib.blake2b(key.encode(), digest_size=ID_BYTES).hexdigest()


def _spec(destination: str, fields: frozenset[str]) -> MappingSpec:
    """Each field is what the line says of it; a name of a field may be none that an expression could read by itself."""
    return MappingSpec(
        source=SOURCE,
        destination=destination,
        start=ALWAYS,
        retract=f"{BACK} == 'yes'",
        fields={name: f"{{{{ {LINE}[{name!r}] }}}}" for name in sorted(fields)},
    )
