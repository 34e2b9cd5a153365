"""The rules of records: what each of them says, whatever the wire had."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from syncengine.contracts import Record
from syncengine.errors import SyncError
from syncengine.testing.case import Case
from syncengine.testing.reading import everything, identity, ids, lay_out, read, records
from syncengine.testing.rules import rule
from syncengine.testing.verdict import Broken, require


@rule("stream")
async def records_have_ids_of_their_own(case: Case) -> None:
    """Every record has an id, as text; two records never share one."""
    made = lay_out(case)
    found = records(await read(case, everything(case)))
    require(all(isinstance(record.id, str) and record.id.strip() for record in found), "a record has no id")
    versions: dict[str, set[tuple[str, str]]] = {}
    for record in found:
        versions.setdefault(record.id, set()).add(identity(record))
    require(all(len(each) == 1 for each in versions.values()), "two different records have one id")
    require(versions.keys() == made, f"{len(made)} records were made, {len(versions.keys() & made)} of them came")


@rule("stream")
async def moments_are_aware_utc(case: Case) -> None:
    """`Record.moment` is an aware moment in UTC."""
    lay_out(case)
    for record in records(await read(case, everything(case))):
        require(record.moment.tzinfo is not None, "a moment is naive")
        require(record.moment.utcoffset() == dt.timedelta(0), "a moment is not in UTC")


@rule("stream")
async def record_scalars_are_text(case: Case) -> None:
    """Every scalar of a record is text or None, also inside lists and objects."""
    lay_out(case)
    found = records(await read(case, everything(case)))
    require(any(record.values for record in found), "no record has any value")
    require(all(is_textual(record.values) for record in found), "a value is neither text nor None")


@rule("stream")
async def dates_without_an_offset_are_refused(case: Case) -> None:
    """A date without an offset is an error of ours, never a guess."""
    lay_out(case)
    case.streams.send_naive_dates()
    try:
        await read(case, everything(case))
    except SyncError:
        return
    raise Broken("a date without an offset was taken")


@rule("stream")
async def unknown_fields_are_tolerated(case: Case) -> None:
    """A field that no document names changes nothing: providers add fields without a new version."""
    made = lay_out(case)
    case.streams.send_unknown_field()
    require(ids(await read(case, everything(case))) == made, "with a field more, other records come")


@rule("stream")
async def only_the_fields_asked_for_come(case: Case) -> None:
    """With `fields` a record has these and no others, with the same values as without; ids and moments stay."""
    lay_out(case)
    full = records(await read(case, everything(case)))
    names = sorted({name for record in full for name in record.values})
    require(len(names) > 1, "records have fewer than two fields")
    for asked in (frozenset(names[:1]), frozenset(names[1::2]), frozenset[str]()):
        found = records(await read(case, everything(case), fields=asked))
        require(all(record.values.keys() <= asked for record in found), "a field came that nobody asked for")
        require(_cut(found, asked) == _cut(full, asked), "asked for a few fields, other records or values come")


def _cut(found: Iterable[Record], names: Collection[str]) -> set[tuple[str, str]]:
    """What is to be the same of these records when only these fields are asked for."""
    return {identity(record._replace(values={name: record.values.get(name) for name in names})) for record in found} | {
        (record.id, record.moment.isoformat()) for record in found
    }


def is_textual(value: Any) -> bool:
    """Whether all scalars in it are text or None."""
    match value:
        case None | str():
            return True
        case list() | tuple():
            return all(is_textual(item) for item in value)
        case Mapping():
            return all(isinstance(name, str) and is_textual(item) for name, item in value.items())
        case _:
            return False
