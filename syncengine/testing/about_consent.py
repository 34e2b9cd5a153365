"""The rules about people who said no: no request names them, and nobody is forgotten on the lists."""

from http import HTTPStatus
from typing import Literal

from syncengine.contracts import Destination, Standings, Suppressing
from syncengine.errors import SyncError
from syncengine.sandbox.kit import Fault
from syncengine.testing.about_destinations import FOREVER, SOME, effect, effects_sent, keys_of
from syncengine.testing.case import Case
from syncengine.testing.delivering import Delivery
from syncengine.testing.rules import rule
from syncengine.testing.verdict import Broken, NotStaged, require

Reason = Literal["unsubscribed", "bounced"]
STALE = 60
"""Seconds for which suppressions are fresh: `Attempts.begin` says so."""
LISTED: tuple[Reason, ...] = ("unsubscribed", "bounced", "unsubscribed", "unsubscribed", "bounced")


@rule("destination")
async def a_barred_key_is_in_no_request(case: Case) -> None:
    """A key that `begin` doesn't allow is in no request with effect, and the others go all the same."""
    keys = keys_of(case, SOME)
    barred = {keys[0], keys[3]}
    delivery = Delivery(case, keys)
    delivery.book.barred = set(barred)
    outcomes = await delivery.run()
    case.need_wire()
    require(not _named(case, barred), "a barred key is in a request with effect")
    require(all(outcomes[key].status == "suppressed" for key in barred & outcomes.keys()), "a barred key has an end")
    delivered = {key for key, outcome in outcomes.items() if outcome.status == "delivered"}
    require(delivered == set(keys) - barred, "beside a barred key, others are not delivered")
    with case.another() as other:
        alone = Delivery(other, sorted(barred))
        alone.book.barred = set(barred)
        await alone.run()
        require(not effects_sent(other), "with nobody allowed, a request with effect left")


@rule("destination")
async def a_key_barred_while_waiting_is_left_out(case: Case) -> None:
    """A key that is barred while a request waits to be sent again is not in it when it leaves."""
    keys = keys_of(case, SOME)
    left_out = False
    for late in keys:
        with case.another() as other:
            other.stage.inject(effect(other, "status", status=429, headers={"Retry-After": str(STALE + 10)}))
            delivery = Delivery(other, keys)
            delivery.book.bar_late = {late}
            outcomes = await delivery.run()
            refused = [sent for sent in other.need_wire() if sent.status == HTTPStatus.TOO_MANY_REQUESTS]
            require(refused, "no request with effect met the fault")
            stale = refused[0].answered_at + STALE
            after = [sent for place in effects_sent(other) if (sent := other.wire.sent[place]).at > stale]
            require(not any(sent.mentions(late) for sent in after), "a key was sent after it was barred")
            require(not delivery.book.violations, "; ".join(sorted(set(delivery.book.violations))))
            left_out |= late not in outcomes or outcomes[late].status != "delivered"
            others = [key for key in keys if key != late and key in outcomes]
            require(all(outcomes[key].status in {"delivered", "retry"} for key in others), "others fall with it")
    require(left_out, "whoever is barred while a request waits is delivered all the same")


@rule("destination")
async def suppression_lists_are_complete(case: Case) -> None:
    """`suppressions` names everybody who is unsubscribed or bounced, by their normalised key, and nobody else."""
    expected = {}
    for number, reason in enumerate(LISTED):
        expected[case.destinations.key(number)] = reason
        case.destinations.suppress(case.destinations.key(number), reason)
    async with case.connect() as connection:
        listed = await _suppressions(_suppressing(case.destination(connection)))
    require(listed == expected, f"{len(expected)} are suppressed, the lists give {len(listed)}, or other reasons")


@rule("destination")
async def a_short_suppression_list_is_an_error(case: Case) -> None:
    """Lists that can't be read to their end raise one of our errors: a short list would let mail out."""
    for number, reason in enumerate(LISTED):
        case.destinations.suppress(case.destinations.key(number), reason)
    async with case.connect() as connection:
        await _suppressions(_suppressing(case.destination(connection)))
    requests = len(case.need_wire())
    for after in range(requests):
        for kind in ("status", "truncate", "malformed"):
            case.stage.inject(Fault.model_validate({"kind": kind, "after": after, "times": FOREVER}))
            async with case.connect() as connection:
                try:
                    await _suppressions(_suppressing(case.destination(connection)))
                except SyncError:
                    pass
                else:
                    raise Broken(f"a list that broke off was taken for complete ({kind})")
            case.stage.heal()


@rule("destination")
async def standings_answer_every_key(case: Case) -> None:
    """`standing` says of every key how it stands, in which of the groups asked about, and *absent* of a stranger."""
    stage = case.destinations
    there, stranger, out, back = (stage.key(number) for number in range(4))
    await Delivery(case, [there]).run()
    stage.suppress(out, "unsubscribed")
    stage.suppress(back, "bounced")
    async with case.connect() as connection:
        destination = case.destination(connection)
        if not isinstance(destination, Standings):
            raise NotStaged("the destination isn't Standings")
        groups = stage.change(destination, there).join
        found = await destination.standing([there, stranger, out, back], groups | {"A group that nobody made"})
    states = {there: "subscribed", stranger: "absent", out: "unsubscribed", back: "bounced"}
    require(found.keys() == states.keys(), "a key has no standing, or somebody else has")
    require({key: each.state for key, each in found.items()} == states, "somebody stands otherwise than said")
    require(found[there].groups == groups, "the groups are not those that it is in")
    require(not found[stranger].groups, "a stranger is in a group")


def _suppressing(destination: Destination) -> Suppressing:
    if not isinstance(destination, Suppressing):
        raise NotStaged("the destination isn't Suppressing")
    return destination


async def _suppressions(destination: Suppressing) -> dict[str, str]:
    return {each.key: each.reason async for each in destination.suppressions()}


def _named(case: Case, keys: set[str]) -> bool:
    return any(case.wire.sent[place].mentions(key) for place in effects_sent(case) for key in keys)
