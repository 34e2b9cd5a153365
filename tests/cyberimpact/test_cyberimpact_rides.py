"""Nobody is put in a group not asked for, and no plan takes more batches than it needs."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from connectors.cyberimpact.rides import count_batches, plan_lines

Wanted = dict[str, tuple[str, frozenset[int]]]

people = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.tuples(st.sampled_from(["active-clients", "express-consent"]), st.frozensets(st.integers(1, 6), max_size=5)),
    max_size=60,
)


def naive(wanted: Wanted, size: int) -> int:
    """One line for each combination."""
    return sum(-(-count // size) for count in Counter(wanted.values()).values())


def per_group(wanted: Wanted, size: int) -> int:
    """One line for each group, and one for those without any."""
    lines: Counter[tuple[str, int | None]] = Counter()
    for basis, groups in wanted.values():
        lines.update((basis, group) for group in groups or [None])
    return sum(-(-count // size) for count in lines.values())


@given(people, st.integers(1, 9))
def test_everybody_is_put_in_exactly_the_groups_asked_for(wanted: Wanted, size: int) -> None:
    reached: dict[str, set[int]] = {}
    for line in plan_lines(wanted, size):
        assert len(set(line.keys)) == len(line.keys), "a key twice on one line could be twice in a batch"
        for key in line.keys:
            basis, groups = wanted[key]
            assert line.basis == basis
            assert line.groups <= groups
            reached.setdefault(key, set()).update(line.groups)
    assert reached == {key: set(groups) for key, (_, groups) in wanted.items()}


@given(people, st.integers(1, 9))
def test_no_more_batches_than_either_simple_way(wanted: Wanted, size: int) -> None:
    planned = count_batches(plan_lines(wanted, size), size)
    assert planned <= naive(wanted, size)
    assert planned <= per_group(wanted, size)


def test_5_000_people_of_25_partners_need_40_batches_and_not_800() -> None:
    rng = random.Random(7)
    everybody, partners = 1, range(100, 125)
    wanted: Wanted = {}
    for number in range(5_000):
        count = rng.choices([1, 2, 3], [84, 8, 8])[0]
        wanted[f"p{number}"] = ("active-clients", frozenset({everybody, *rng.sample(partners, count)}))
    assert naive(wanted, 500) > 500
    assert count_batches(plan_lines(wanted, 500), 500) <= 40


def test_combinations_that_fill_batches_ride_alone() -> None:
    wanted: Wanted = {f"p{number}": ("active-clients", frozenset({1, 2})) for number in range(1000)}
    wanted["other"] = ("active-clients", frozenset({1}))
    lines = plan_lines(wanted, 500)
    assert [(line.groups, len(line.keys)) for line in lines] == [(frozenset({1, 2}), 1000), (frozenset({1}), 1)]
