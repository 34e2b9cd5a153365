"""Who is the person of a record? Asks the lookups of a mapping for a whole page at once."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from mappings.mapping import LookupRule
from syncengine.binding import BoundMapping
from syncengine.contracts import Row


@dataclass(slots=True)
class Answered:
    """What the lookups said of one record.

    `found`: the row per alias. `code` is empty where all aliases have a row; else why not: `no_key`, `ambiguous`,
    `key_refused`, `unknown`. `wait` is how long the directory may still take to learn of the key.
    """

    found: dict[str, Row] = field(default_factory=dict)
    person: str | None = None
    code: str = ""
    field: str = ""
    message: str = ""
    wait: dt.timedelta = dt.timedelta(0)


async def ask(mapping: BoundMapping, keys: Sequence[tuple[str | None, ...]]) -> list[Answered]:
    """One answer per record, in order. `keys` holds a record's key for each lookup; None or empty is not asked for."""
    answers = [Answered() for _ in keys]
    for alias in mapping.rule.aliases:
        await _ask_alias(mapping, alias, keys, answers)
    return answers


async def _ask_alias(
    mapping: BoundMapping, alias: str, keys: Sequence[tuple[str | None, ...]], answers: Sequence[Answered]
) -> None:
    """Lookups with the same alias are alternatives, tried in order until one answers."""
    open_ = {number for number, answer in enumerate(answers) if not answer.code}
    refused: dict[int, tuple[int, str]] = {}
    asked: set[int] = set()
    waits: dict[int, dt.timedelta] = {}
    for place, (rule, lookup) in enumerate(mapping.lookups):
        if rule.alias != alias:
            continue
        wanted = {number: key for number in open_ if (key := keys[number][place])}
        if not wanted:
            continue
        found = await lookup.find(set(wanted.values()))
        for number, key in wanted.items():
            asked.add(number)
            waits[number] = max(waits.get(number, dt.timedelta(0)), rule.wait or dt.timedelta(0))
            if key in found.refused:
                refused[number] = (place, found.refused[key])
                continue
            rows = _answers(mapping, rule, found.rows.get(key, ()))
            if rows:
                open_.discard(number)
                _take(answers[number], rule, place, key, rows)
    for number in open_:
        _leave_open(answers[number], number in asked, refused.get(number), waits.get(number))


def _answers(mapping: BoundMapping, rule: LookupRule, rows: Sequence[Row]) -> list[Row]:
    """The rows that say who it is: one in which the key field's attributes are all empty is no answer."""
    columns = mapping.rule.answer_columns.get(rule.alias, frozenset())
    answering = [row for row in rows if not columns or any((row.get(name) or "").strip() for name in columns)]
    if len(answering) <= 1:
        return answering
    different: dict[frozenset[tuple[str, object]], Row] = {}
    for row in answering:
        # The same but for blanks and case is the same person: addresses are keyed so, too.
        same = frozenset(
            (name, text.strip().casefold() if isinstance(text, str) else text) for name, text in row.items()
        )
        different.setdefault(same, row)
    return list(different.values())


def _take(answer: Answered, rule: LookupRule, place: int, key: str, rows: Sequence[Row]) -> None:
    if len(rows) > 1:
        answer.code, answer.field = "ambiguous", f"lookup.{place}"
        answer.message = f"{rule.source} knows {len(rows)} different people by this record's key."
        return
    answer.found[rule.alias] = rows[0]
    answer.person = answer.person or f"{rule.source}:{key}"


def _leave_open(answer: Answered, asked: bool, refused: tuple[int, str] | None, wait: dt.timedelta | None) -> None:
    if not asked:
        answer.code, answer.message = "no_key", "The record has no key to ask any lookup with."
    elif refused is not None:
        answer.code, answer.field = "key_refused", f"lookup.{refused[0]}"
        answer.message = refused[1]
    else:
        answer.code, answer.message = "unknown", "No lookup knows this record's key."
        answer.wait = wait or dt.timedelta(0)
