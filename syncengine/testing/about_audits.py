"""The rules of walking: everybody is met, whoever moves meanwhile, and absence is never taken from a short answer."""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from urllib.parse import unquote

from syncengine.contracts import Auditable, Connection, RemoteKey, Walk
from syncengine.errors import SyncError
from syncengine.sandbox.kit import Fault
from syncengine.testing.about_destinations import FEW, FOREVER, keys_of
from syncengine.testing.case import Case
from syncengine.testing.delivering import Delivery
from syncengine.testing.rules import rule
from syncengine.testing.stage import DestinationStage
from syncengine.testing.verdict import Broken, NotStaged, require
from syncengine.testing.wire import Sent

NOBODYS = "A group that nobody made"
BREAKING = frozenset({"status", "truncate", "malformed"})
"""What can break one request of many; the status is one that nobody repeats."""

Move = Callable[[DestinationStage, str], None]
Question = Callable[[Connection], Awaitable[object]]


class Meanwhile:
    """Does something once, right after the answer of a certain number has left."""

    def __init__(self, after: int, do: Callable[[], None]) -> None:
        self._left = after
        self._do = do
        self.done = False

    def __call__(self, _: Sent) -> None:
        self._left -= 1
        if self._left == 0:
            self._do()
            self.done = True


async def spoil_each(case: Case, ask: Question, what: str) -> None:
    """Ask again and again, each time with another request of it broken. Raises Broken where that ends without an error.

    What is raised is searched for secrets and people.
    """
    start = len(case.wire.sent)
    async with case.connect() as connection:
        await ask(connection)
    asked = {sent.path: sent.status for sent in case.need_wire()[start:]}
    for path, status in asked.items():
        for kind in BREAKING if status == HTTPStatus.OK else BREAKING - {"truncate"}:  # there may be nothing to cut
            case.stage.inject(_fault(kind, path))
            async with case.connect() as connection:
                try:
                    await ask(connection)
                except SyncError as error:
                    case.watch.keep(error)
                else:
                    raise Broken(f"{what} ({kind})")
            case.stage.heal()
    case.watch.verify(case.private())


def _fault(kind: str, path: str) -> Fault:
    """One that strikes every request of this path and query."""
    place, _, query = path.partition("?")
    values = {"kind": kind, "path": f"^{re.escape(unquote(place))}$", "query": f"^{re.escape(query)}$"}
    return Fault.model_validate({**values, "status": HTTPStatus.BAD_REQUEST, "times": FOREVER})


@rule("Auditable")
async def a_walk_meets_everybody_once(case: Case) -> None:
    """A walk names everybody once, with state, with the groups and the fields asked about, and the groups there are."""
    stage = case.destinations
    keys = keys_of(case, FEW)
    delivery = Delivery(case, keys)
    await delivery.run()
    states = dict.fromkeys(keys, "subscribed")
    for number, reason in ((FEW, "unsubscribed"), (FEW + 1, "bounced")):
        stage.suppress(stage.key(number), "unsubscribed" if reason == "unsubscribed" else "bounced")
        states[stage.key(number)] = reason
    async with case.connect() as connection:
        destination = case.destination(connection)
        changes = {key: stage.change(destination, key) for key in keys}
        groups = frozenset().union(*(change.join for change in changes.values()))
        names = frozenset().union(*(change.fields for change in changes.values()))
        walk = await _auditable(case, connection).walk(groups | {NOBODYS}, names)
        met = list(walk.keys)
        bare = await _auditable(case, connection).walk(frozenset(), frozenset())
        unasked = [remote for remote in bare.keys if remote.groups or any(remote.fields.values())]
    found = {remote.key: remote for remote in met}
    require(len(found) == len(met), "a walk names somebody twice")
    require({key: remote.state for key, remote in found.items()} == states, "somebody is missing, or in another state")
    require(walk.groups == groups, "the groups are not those of the asked ones that are there")
    require(all(found[key].groups == changes[key].join for key in keys), "somebody is in other groups than delivered")
    require(all(_shows(found[key], changes[key].fields) for key in keys), "a field isn't as it was delivered")
    require(not unasked, "groups or fields come that nobody asked for")


@rule("Auditable")
async def a_walk_meets_whoever_moves_meanwhile(case: Case) -> None:
    """Whoever says no, or comes back, between two requests of a walk is in it, with all others; or the walk raises."""
    stage, keys = case.destinations, keys_of(case, FEW + 1)
    await Delivery(case, keys[:-1]).run()
    stage.suppress(keys[-1], "unsubscribed")
    whole = 0
    for who, move, back in ((keys[0], _say_no, _come_back), (keys[-1], _come_back, _say_no)):
        moved, after = True, 0
        while moved:
            after += 1
            moved, met = await _walk_while(case, who, move, after)
            if moved:
                back(stage, who)
            if met is not None:
                whole += 1
                require(len(met) == len(set(met)), "somebody who moves is named twice")
                require(set(met) == set(keys), "somebody is missed")
    require(whole, "no walk ends while somebody moves")


async def _walk_while(case: Case, who: str, move: Move, after: int) -> tuple[bool, Sequence[str] | None]:
    """Walk while somebody moves. Gives whether that happened, and who was met; None: the walk raised."""
    meanwhile = Meanwhile(after, partial(move, case.destinations, who))
    case.wire.after = meanwhile
    async with case.connect() as connection:
        try:
            walk = await _auditable(case, connection).walk(frozenset(), frozenset())
        except SyncError:
            return meanwhile.done, None
        return meanwhile.done, [remote.key for remote in walk.keys]


def _say_no(stage: DestinationStage, key: str) -> None:
    stage.suppress(key, "unsubscribed")


def _come_back(stage: DestinationStage, key: str) -> None:
    stage.welcome(key)


@rule("Auditable")
async def a_walk_that_breaks_off_raises(case: Case) -> None:
    """A walk that can't be read to its end raises one of our errors: whom it leaves out would count as deleted."""
    stage = case.destinations
    await Delivery(case, keys_of(case, FEW)).run()
    stage.suppress(stage.key(FEW), "unsubscribed")
    stage.suppress(stage.key(FEW + 1), "bounced")

    async def ask(connection: Connection) -> Walk:
        groups = stage.change(case.destination(connection), stage.key(0)).join
        return await _auditable(case, connection).walk(groups, frozenset())

    await spoil_each(case, ask, "a walk that broke off was taken for complete")


@rule("Auditable")
async def only_who_is_nowhere_is_absent(case: Case) -> None:
    """`absent` names strangers and the deleted, nobody who is there or said no; each key is asked for by itself."""
    stage = case.destinations
    there, deleted, out, back, stranger = (stage.key(number) for number in range(5))
    await Delivery(case, [there, deleted]).run()
    stage.suppress(out, "unsubscribed")
    stage.suppress(back, "bounced")
    stage.remove(deleted)
    start = len(case.need_wire())
    async with case.connect() as connection:
        destination = _auditable(case, connection)
        absent = await destination.absent([there, deleted, out, back, stranger])
        nobody = await destination.absent([])
    require(absent == {deleted, stranger}, "the absent are not those who are nowhere")
    require(not nobody, "nobody was asked for, and somebody is absent")
    keys = {there, deleted, out, back, stranger}
    named = [{key for key in keys if sent.mentions(key)} for sent in case.wire.sent[start:]]
    require(all({key} in named for key in keys), "a key isn't asked for by itself")


@rule("Auditable")
async def nobody_is_absent_for_an_error(case: Case) -> None:
    """One question of `absent` that fails fails the whole: what got no answer would count as deleted."""
    keys = keys_of(case, FEW)
    await Delivery(case, keys).run()

    async def ask(connection: Connection) -> object:
        return await _auditable(case, connection).absent(keys)

    await spoil_each(case, ask, "though a question failed, the others are called absent")


def _auditable(case: Case, connection: Connection) -> Auditable:
    destination = case.destination(connection)
    if not isinstance(destination, Auditable):
        raise NotStaged("the destination isn't Auditable")
    return destination


def _shows(remote: RemoteKey, fields: object) -> bool:
    return isinstance(fields, dict) and all(remote.fields.get(name) == str(value) for name, value in fields.items())
