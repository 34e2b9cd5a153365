"""What is known to be at the provider of one target, and what one more request changes of it."""

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import Connection

from mappings.fold import STOPS, Consent, Desired, Scalar, Stop, better, group_identity
from syncengine.contracts import Part
from syncengine.state.bulk import as_list, execute_many, fetch


class Delivered(msgspec.Struct, omit_defaults=True):
    """What is known to be at the provider. `consent` is the best one that we delivered or read there.

    `left`: groups (identities) that it is out of because a record said so, `exact`: those that were made all it is in;
    both only as long as it is still asked for. `stopped`: the strongest stop that took effect. `asked`: the provider
    was told to ask the person, or may have been.
    """

    present: bool = False
    express: bool = False
    fields: dict[str, Scalar] = {}
    consent: Consent | None = None
    left: tuple[str, ...] = ()
    exact: tuple[str, ...] | None = None
    stopped: Stop = ""
    asked: bool = False


decode_delivered = msgspec.json.Decoder(Delivered).decode
NOTHING_DELIVERED = msgspec.json.encode(Delivered()).decode()


def identities(references: Collection[str]) -> tuple[str, ...]:
    """The groups of these references, in an order of their own."""
    return tuple(sorted({group_identity(reference) for reference in references}))


def better_delivered(before: Delivered, part: Part, to_be_left: Collection[str] = ()) -> Delivered:
    """What is there after one more part took effect.

    `to_be_left`: the groups (identities) that a record wants the target out of, whoever put it there.
    """
    if part.stop == "delete":
        return Delivered(stopped="delete", asked=before.asked)
    if part.stop:
        return msgspec.structs.replace(before, stopped=max(before.stopped, part.stop, key=STOPS.index))
    if part.ask:  # it is there once the person has said yes
        return msgspec.structs.replace(before, asked=True)
    left = {*before.left, *identities(part.leave)}.intersection(to_be_left) if part.leave else set(before.left)
    after = msgspec.structs.replace(
        before,
        left=tuple(sorted(left.difference(identities(part.join)))),
        exact=before.exact if part.exact is None else identities(part.exact),
    )
    if not part.adds:  # what only takes out of groups says nothing of the rest
        return after
    return msgspec.structs.replace(
        after, present=True, fields={**before.fields, **part.fields}, consent=better(before.consent, part.consent)
    )


def still_asked(delivered: Delivered, desired: Desired) -> Delivered:
    """Without what no record says any more: if one says it again, it is to be done again."""
    return msgspec.structs.replace(
        delivered,
        left=tuple(each for each in delivered.left if each in identities(desired.leave)),
        exact=delivered.exact if desired.exact else None,
    )


def delivered_of(connection: Connection, destination: str, keys: Collection[str]) -> dict[str, Delivered]:
    """What is known to be at the provider of these keys."""
    return {
        key: decode_delivered(body)
        for key, body in fetch(
            connection,
            "SELECT key, delivered FROM target WHERE destination=? AND key IN (SELECT value FROM json_each(?))",
            (destination, as_list(keys)),
        )
    }


def keep_delivered(connection: Connection, destination: str, delivered: Mapping[str, Delivered]) -> None:
    """Store what is known to be at the provider."""
    execute_many(
        connection,
        "UPDATE target SET delivered=? WHERE destination=? AND key=?",
        [(msgspec.json.encode(value).decode(), destination, key) for key, value in delivered.items()],
    )
