"""The rules of lookups: a key gets its own rows, all of them, and never somebody else's."""

from functools import partial

from syncengine.contracts import Found
from syncengine.errors import SyncError
from syncengine.testing.about_records import is_textual
from syncengine.testing.case import Case
from syncengine.testing.rules import rule
from syncengine.testing.verdict import require

MANY = 2_500
"""Keys of one page: more than any database takes as parameters of one query."""


async def find(case: Case, keys: list[str]) -> Found:
    async with case.connect() as connection:
        return await case.lookup(connection).find(keys)


@rule("lookup")
async def each_key_gets_its_own_rows(case: Case) -> None:
    """Keys are text in and out, exactly as asked: leading zeros, case and accents are kept."""
    keys = list(case.lookups.keys)
    for key in keys:
        case.lookups.add(key)
    together = await find(case, keys)
    require(together.rows.keys() == set(keys), "a key that is there has no answer, or is answered in another spelling")
    require(not together.refused, "a key that is there is refused")
    seen = [repr(sorted(rows[0].items())) for rows in together.rows.values() if len(rows) == 1]
    require(len(set(seen)) == len(keys), "two keys got the same row, or one key several")
    for key in keys:
        require((await find(case, [key])).rows.get(key) == together.rows[key], "asked alone, a key gets another answer")


@rule("lookup")
async def an_unknown_key_is_absent(case: Case) -> None:
    """A key that the source doesn't know has no entry, not an empty one and not somebody else's."""
    known, unknown = case.lookups.keys[:2]
    case.lookups.add(known)
    found = await find(case, [known, unknown])
    require(found.rows.keys() == {known}, "an unknown key has an entry")
    require(not found.refused, "an unknown key is called refused")


@rule("lookup")
async def two_people_for_one_key_both_come(case: Case) -> None:
    """Several people under one key all come, so that the engine sees that the key is ambiguous."""
    one, two = case.lookups.keys[:2]
    case.lookups.add(one)
    case.lookups.add(two, rows=2)
    rows = (await find(case, [one, two])).rows
    require(len(rows.get(two, ())) > 1, "one of two people was chosen")
    require(len(rows.get(one, ())) == 1, "another key's people came as well")


@rule("lookup")
async def an_odd_key_spoils_only_itself(case: Case) -> None:
    """A key that can't be asked for is refused or unknown alone; all others get their answer in the same call."""
    keys, odd = list(case.lookups.keys), list(case.lookups.odd_keys)
    for key in keys:
        case.lookups.add(key)
    found = await find(case, [key for pair in zip(keys * len(odd), odd * len(keys), strict=True) for key in pair])
    require(found.rows.keys() == set(keys), "beside an odd key others get no answer, or the odd one gets one")
    require(found.refused.keys() <= set(odd), "a key is refused that wasn't odd, or wasn't asked for")
    require(all(reason.strip() for reason in found.refused.values()), "a key is refused without a reason")


@rule("lookup")
async def nothing_asked_is_nothing_answered(case: Case) -> None:
    """No keys, no rows, no error."""
    case.lookups.add(case.lookups.keys[0])
    found = await find(case, [])
    require(not found.rows and not found.refused, "nothing was asked, and something answered")


@rule("lookup")
async def columns_are_those_of_the_rows(case: Case) -> None:
    """`columns` names exactly the columns of the rows, or says that it can't (None)."""
    key = case.lookups.keys[0]
    case.lookups.add(key)
    async with case.connect() as connection:
        columns = await case.lookup(connection).columns()
    row = (await find(case, [key])).rows[key][0]
    require(columns is None or columns == row.keys(), "the columns are not those of the rows")


@rule("lookup")
async def row_scalars_are_text(case: Case) -> None:
    """Every scalar of a row is text or None."""
    for key in case.lookups.keys:
        case.lookups.add(key)
    for rows in (await find(case, list(case.lookups.keys))).rows.values():
        require(all(is_textual(row) for row in rows), "a value is neither text nor None")


@rule("lookup")
async def a_page_of_keys_is_answered_at_once(case: Case) -> None:
    """Thousands of keys in one call, most of them unknown, get all their answers."""
    keys = list(case.lookups.keys)
    for key in keys:
        case.lookups.add(key)
    many = [str(10**8 + number) for number in range(MANY)]
    for place, key in enumerate(keys):
        many.insert(place * MANY // len(keys), key)
    require((await find(case, many)).rows.keys() == set(keys), "among thousands of keys, some get no answer")


@rule("lookup")
async def a_source_that_is_away_is_no_answer(case: Case) -> None:
    """A source that can't be asked is an error of ours, also after it has answered: nobody is unknown for it."""
    key = case.lookups.keys[0]
    case.lookups.add(key)
    async with case.connect() as connection:
        lookup = case.lookup(connection)
        await lookup.find([key])
        case.lookups.cut_off()
        for ask in (lookup.find, partial(find, case)):
            try:
                found = await ask([key])
            except SyncError:
                continue
            require(key in found.rows, "a source that is away answers that nobody is there")
