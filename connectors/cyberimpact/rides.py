"""Plans the fewest batches: who goes with whom, where a batch has one relation type and one set of groups for all.

One batch per combination of groups would be simple, and far too many: 5,000 people of 25 partners have 800 of them.
So people travel in *lines*: everybody on a line is put in all its groups, and a person takes as many lines as are
needed to be put in all groups asked for, and in none besides. The line of a group has all the groups that everybody who
joins it joins too, so a group that all share costs no ride of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

Groups = frozenset[int]


class Line(NamedTuple):
    """People who travel together, in batches of a given size."""

    basis: str
    groups: Groups
    keys: tuple[str, ...]


def plan_lines(wanted: Mapping[str, tuple[str, Groups]], size: int) -> list[Line]:
    """The lines for these people: key → relation type, groups to join. Fullest lines first.

    At most as many batches as the simple way needs, and at most one per group and `size` people who join it.
    """
    by_basis: dict[str, dict[Groups, list[str]]] = {}
    for key, (basis, groups) in wanted.items():
        by_basis.setdefault(basis, {}).setdefault(groups, []).append(key)
    lines = [
        Line(basis, groups, tuple(keys))
        for basis, combinations in by_basis.items()
        for groups, keys in _plan(combinations, size).items()
    ]
    return sorted(lines, key=lambda line: (-len(line.keys), line.basis, sorted(line.groups)))


def count_batches(lines: Iterable[Line], size: int) -> int:
    """How many batches these lines need."""
    return sum(-(-len(line.keys) // size) for line in lines)


def _plan(combinations: Mapping[Groups, list[str]], size: int) -> dict[Groups, list[str]]:
    """The lines of one relation type."""
    lines: dict[Groups, list[str]] = {}
    pool: dict[Groups, list[str]] = {}
    for groups, keys in combinations.items():
        # Combinations that fill batches ride alone: each full batch replaces at least one of a shared line.
        alone = len(keys) // size * size
        if alone:
            lines[groups] = keys[:alone]
        if keys[alone:]:
            pool[groups] = keys[alone:]
    shared = _share(pool)
    if sum(-(-len(keys) // size) for keys in shared.values()) > len(pool):
        shared = pool  # less than a batch of each: one each is fewer
    for groups, keys in shared.items():
        lines.setdefault(groups, []).extend(keys)
    return lines


def _share(pool: Mapping[Groups, Sequence[str]]) -> dict[Groups, list[str]]:
    """Lines on which people of different combinations travel together."""
    reach: dict[int, Groups] = {}
    for groups in pool:
        for group in groups:
            reach[group] = reach.get(group, groups) & groups
    lines: dict[Groups, list[str]] = {}
    for groups, keys in pool.items():
        for line in _cover(groups, reach):
            lines.setdefault(line, []).extend(keys)
    return lines


def _cover(groups: Groups, reach: Mapping[int, Groups]) -> list[Groups]:
    """The widest lines that together give exactly these groups; for no groups, the one line without any."""
    if not groups:
        return [groups]
    left = set(groups)
    chosen: list[Groups] = []
    for line in sorted({reach[group] for group in groups}, key=lambda line: (-len(line), sorted(line))):
        if not left.isdisjoint(line):
            chosen.append(line)
            left -= line
    return chosen
