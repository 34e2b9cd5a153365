"""The rules of destinations: one effect, the right keys, and nobody who said no."""

import random
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from syncengine.contracts import Auditable, Explaining
from syncengine.errors import AuthError, InDoubt, Rejected, SyncError, Transient
from syncengine.sandbox.kit import Fault
from syncengine.testing.case import Case
from syncengine.testing.delivering import Delivery, once, targets
from syncengine.testing.rules import rule
from syncengine.testing.stage import Power
from syncengine.testing.verdict import Broken, NotStaged, require
from syncengine.testing.wire import Spelling

FEW, SOME, MANY = 3, 7, 40
FOREVER = 1_000_000
SHORTEST_TELLING = 6
"""Characters of a bad value that can't stand in a sentence by chance."""
RETRY_AFTER = 17.0
"""Seconds: no back-off is exactly so long."""
ORDERS = 4
SEED = 20260714


def keys_of(case: Case, count: int) -> list[str]:
    return [case.destinations.key(number) for number in range(count)]


def effect(case: Case, kind: str, **more: object) -> Fault:
    """A fault that strikes requests with effect."""
    method, path = case.destinations.effects
    return Fault.model_validate({"kind": kind, "method": method, "path": path, **more})


def effects_sent(case: Case) -> list[int]:
    """The places of the requests with effect in the log."""
    return [place for place, sent in enumerate(case.wire.sent) if sent.matches(*case.destinations.effects)]


POWERS: Mapping[Power, type] = {"Auditable": Auditable, "Explaining": Explaining}


@rule("destination")
async def every_power_has_its_rules_tried(case: Case) -> None:
    """The stage names the powers that the destination has and that have rules of their own, so none goes untried."""
    async with case.connect() as connection:
        destination = case.destination(connection)
    has = {name for name, power in POWERS.items() if isinstance(destination, power)}
    named = set(case.stage.powers)
    require(has <= named, f"the stage doesn't name a power: {', '.join(sorted(has - named))}")
    require(named <= has, f"the destination hasn't a power: {', '.join(sorted(named - has))}")


# --- drafts ---


@rule("destination")
async def a_bad_value_is_refused_by_field(case: Case) -> None:
    """`draft` refuses a bad value with Rejected that names the field and never quotes the value."""
    stage = case.destinations
    bad = stage.invalid()
    require(bad, "the stage names no bad value")
    async with case.connect() as connection:
        destination = case.destination(connection)
        for name, value in bad.items():
            try:
                destination.draft({**stage.fields(stage.key(0)), name: value})
            except Rejected as refusal:
                require(refusal.field == name, f"a bad {name} is refused as {refusal.field}")
                texts = [str(text) for text in (value if isinstance(value, list | tuple) else [value])]
                telling = [text for text in texts if len(text) >= SHORTEST_TELLING]
                said = f"{refusal} {refusal.code} {refusal.__cause__!r}"
                require(not telling or not Spelling(*telling).within(said), f"refusing {name} quotes the value")
            else:
                raise Broken(f"a bad {name} is taken")


@rule("destination")
async def one_target_has_one_key(case: Case) -> None:
    """Every spelling of a key gives the same one, and that one gives itself."""
    stage = case.destinations
    async with case.connect() as connection:
        destination = case.destination(connection)
        key = destination.draft(stage.fields(stage.key(0))).key
        require(key == stage.key(0), "a normalised key is changed")
        for spelling in stage.spellings(key):
            drafted = destination.draft({**stage.fields(key), destination.key_field: spelling})
            require(drafted.key == key, "another spelling of a key gives another key")


@rule("destination")
async def none_leaves_alone(case: Case) -> None:
    """None and the empty text set nothing: not in a draft, and a change without a field leaves what is there."""
    stage, key = case.destinations, case.destinations.key(0)
    async with case.connect() as connection:
        destination = case.destination(connection)
        whole = destination.draft(stage.fields(key))
        for name, value in stage.fields(key).items():
            for nothing in (None, "") if isinstance(value, str) else (None,):
                try:
                    less = destination.draft({**stage.fields(key), name: nothing})
                except Rejected as refusal:
                    require(refusal.field == name, "a missing field is refused by another's name")
                    continue
                require(less.fields.items() <= whole.fields.items(), f"{name} = {nothing!r} sets something")
                require(name not in less.fields, f"{name} = {nothing!r} sets the field")
    delivery = Delivery(case, [key])
    await delivery.run()
    before = stage.target(key)
    async with case.connect() as connection:
        destination = case.destination(connection)
        change = stage.change(destination, key)
        if not change.fields:
            raise NotStaged("the stage's fields set nothing beside the key")
        name, value = sorted(change.fields.items())[0]
        again = type(change)(key, 2, False, {name: value}, frozenset(), frozenset(), change.consent, False)
        await delivery.send(destination, [again])
    require(before is not None and stage.target(key) == before, "a change without a field touches what is there")


# --- effects ---


@rule("destination")
async def each_change_has_one_outcome(case: Case) -> None:
    """Every change that may be sent ends in exactly one outcome; delivered means there, and settled in the book."""
    keys = keys_of(case, MANY)
    delivery = Delivery(case, keys)
    outcomes = await delivery.run()
    require(outcomes.keys() == set(keys), "a change has no outcome")
    require(all(outcome.status == "delivered" for outcome in outcomes.values()), "a good change isn't delivered")
    require(all(targets(case, keys).values()), "what is called delivered isn't there")
    require(not delivery.book.open_keys(), "what is called delivered is still open in the book")
    require(delivery.book.confirmed() == set(keys), "what is called delivered was never confirmed in the book")


@rule("destination")
async def no_effect_without_an_attempt(case: Case) -> None:
    """Every request with effect is written down before it leaves, anew before each try, with the allowed keys only."""
    keys = keys_of(case, SOME)
    delivery = Delivery(case, keys)
    await delivery.run()
    case.need_wire()
    require(effects_sent(case), "no request with effect was seen")
    require(not delivery.book.violations, "; ".join(sorted(set(delivery.book.violations))))
    with case.another() as other:
        other.stage.inject(effect(other, "status", status=429, headers={"Retry-After": "1"}))
        again = Delivery(other, keys)
        await again.run()
        require(not again.book.violations, "; ".join(sorted(set(again.book.violations))))


@rule("destination")
async def applied_twice_is_applied_once(case: Case) -> None:
    """Where a destination says that it can be repeated, the same changes sent twice have the effect of once."""
    keys = keys_of(case, SOME)
    async with case.connect() as connection:
        if not case.destination(connection).repeatable:
            raise NotStaged("the destination isn't repeatable")
    expected = await once(case, keys)
    delivery = Delivery(case, keys)
    await delivery.run()
    await delivery.run(keys[::-1])
    require(targets(case, keys) == expected, "sent twice, the effect isn't that of once")


@rule("destination")
async def a_lost_answer_is_one_effect(case: Case) -> None:
    """A request that fails, before or after its effect, ends as one effect; or in doubt where nobody may repeat it."""
    keys = keys_of(case, SOME)
    expected = await once(case, keys)
    for kind in ("drop_after", "truncate", "drop_before", "status"):
        for after in (0, 1):
            with case.another() as other:
                other.stage.inject(effect(other, kind, after=after))
                await _end_in_one_effect(other, keys, expected, kind)


async def _end_in_one_effect(case: Case, keys: Sequence[str], expected: dict[str, object], kind: str) -> None:
    delivery = Delivery(case, keys)
    raised = False
    try:
        await delivery.run()
    except (Transient, InDoubt):
        raised = True
    async with case.connect() as connection:
        repeatable = case.destination(connection).repeatable
    denied = delivery.book.refuted() - delivery.book.confirmed()
    for key in keys:
        outcome, there = delivery.outcomes.get(key), case.destinations.target(key)
        require(outcome is not None or raised or key in delivery.book.open_keys(), f"a change was forgotten ({kind})")
        require(outcome is None or outcome.status != "rejected", f"trouble is blamed on a record ({kind})")
        require(there in (None, expected[key]), f"an effect happened twice, or half ({kind})")
        require(there is None or key not in denied, f"an effect is denied ({kind})")
        require(outcome is None or outcome.status != "delivered" or there, f"nothing is called delivered ({kind})")
    await delivery.finish()
    found = targets(case, keys)
    if repeatable:
        require(found == expected, f"after a lost answer and a retry, the effect isn't that of once ({kind})")
    require(all(found[key] in (None, expected[key]) for key in keys), f"an effect happened twice ({kind})")


@rule("destination")
async def silence_is_no_outcome(case: Case) -> None:
    """While no answer ever comes, nothing is called delivered, rejected or refuted: it is in doubt or tried again."""
    keys = keys_of(case, SOME)
    expected = await once(case, keys)
    case.stage.inject(effect(case, "drop_after", times=FOREVER))
    delivery = Delivery(case, keys)
    try:
        await delivery.run()
    except SyncError as error:
        require(isinstance(error, Transient | InDoubt), "no answer ends in an error that says something else")
    said = {outcome.status for outcome in delivery.outcomes.values()}
    require(said <= {"in_doubt", "retry"}, f"without any answer, a change ends as {', '.join(sorted(said))}")
    require(not delivery.book.confirmed() | delivery.book.refuted(), "without any answer, an attempt is settled")
    case.stage.heal()
    await delivery.finish()
    found = targets(case, keys)
    require(all(found[key] in (None, expected[key]) for key in keys), "after a silence, an effect happened twice")
    async with case.connect() as connection:
        if case.destination(connection).repeatable:
            require(found == expected, "after a silence, a change is never delivered")


@rule("destination")
async def a_partial_failure_names_the_right_keys(case: Case) -> None:
    """Of many changes a few of which the provider refuses, exactly those are rejected, in whatever order they stand."""
    keys = keys_of(case, SOME)
    bad = {keys[1], keys[4]}
    rng = random.Random(SEED)  # noqa: S311 - shuffles a test, the same each time
    for number in range(ORDERS):
        order = keys[:: -1 if number == 1 else 1]
        if number > 1:
            rng.shuffle(order)
        with case.another() as other:
            for key in bad:
                other.destinations.refuse(key)
            delivery = Delivery(other, order)
            outcomes = await delivery.run()
            rejected = {key for key, outcome in outcomes.items() if outcome.status == "rejected"}
            delivered = {key for key, outcome in outcomes.items() if outcome.status == "delivered"}
            require(rejected == bad, "the rejected are not those that the provider refuses")
            require(delivered == set(keys) - bad, "those beside a refused one are not delivered")
            require(bad.isdisjoint(delivery.book.confirmed()), "a refused key is confirmed in the book")
            require(not delivery.book.open_keys(), "a refused key is still open in the book")
            require(all(other.destinations.target(key) for key in delivered), "a delivered one isn't there")


@rule("destination")
async def forbidden_stops_early(case: Case) -> None:
    """Credentials that may only read end in AuthError at the first refused request, and no record is blamed."""
    keys = keys_of(case, MANY)
    case.stage.inject(effect(case, "status", status=403, times=FOREVER))
    delivery = Delivery(case, keys)
    try:
        await delivery.run()
    except AuthError:
        pass
    else:
        raise Broken("credentials that may only read raise no AuthError")
    require(not delivery.outcomes, "what was forbidden has an outcome")
    require(not delivery.book.confirmed(), "what was forbidden is confirmed in the book")
    require(len(effects_sent(case)) < MANY / 2, "after it was forbidden, the rest was tried as well")


@rule("destination")
async def a_stated_wait_is_kept_before_writing_again(case: Case) -> None:
    """After 429 with Retry-After no request leaves before that time, and then everything is delivered."""
    keys = keys_of(case, SOME)
    case.stage.inject(effect(case, "status", status=429, headers={"Retry-After": str(int(RETRY_AFTER))}))
    delivery = Delivery(case, keys)
    try:
        await delivery.run()
    except Transient:
        case.clock.move(RETRY_AFTER)
    await delivery.finish()
    refused = [sent for sent in case.need_wire() if sent.status == HTTPStatus.TOO_MANY_REQUESTS]
    require(refused, "no request with effect met the fault")
    waited = case.wire.waited(refused[0])
    require(waited is not None and waited >= RETRY_AFTER, f"asked to wait {RETRY_AFTER:g} s, it waited {waited} s")
    require(all(targets(case, keys).values()), "after a stated wait, a change is never delivered")
