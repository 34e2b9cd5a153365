"""`python -m bench`: both contestants in turn, several rounds in one go, and a report of medians and ratios.

Everything runs on this machine, over the loopback interface. `--quick` is a small run that only shows that it works.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.contestants import Contestants, Providers
from bench.measure import Usage

FULL = (200_000, 40_000)
QUICK = (2_000, 400)
ROUNDS = 5


class Contest(NamedTuple):
    """All that was measured. Each list holds one run per round."""

    sync: list[Usage]
    by_hand: list[Usage]
    sync_start: list[Usage]
    by_hand_start: list[Usage]
    again: list[Usage]
    double: list[Usage]
    done_by_sync: dict[str, Any]
    done_by_hand: dict[str, Any]
    done_again: dict[str, Any]


def hold(actions: int, new: int, rounds: int, *, rehearse: bool) -> Contest:
    """Measure. A rehearsal warms the file cache and what the providers keep; it isn't counted."""
    contest = Contest([], [], [], [], [], [], {}, {}, {})
    with _arena(actions, new) as (providers, contestants):
        if rehearse:
            contestants.by_hand()
            contestants.sync(fresh=True)
        for _ in range(rounds):
            _round(contest, providers, contestants)
    with _arena(actions * 2, new * 2) as (_, contestants):
        contest.double.append(contestants.sync(fresh=True))
    return contest


def _round(contest: Contest, providers: Providers, contestants: Contestants) -> None:
    providers.order("reset")
    contest.by_hand.append(contestants.by_hand())
    contest.done_by_hand.update(providers.order("report"))
    providers.order("reset")
    contest.sync.append(contestants.sync(fresh=True))
    contest.done_by_sync.update(providers.order("report"))
    providers.order("forget")
    contest.again.append(contestants.sync(fresh=False))
    contest.done_again.update(providers.order("report"))
    providers.order("empty")
    contest.by_hand_start.append(contestants.by_hand(empty=True))
    contestants.sync(fresh=True, empty=True)
    contest.sync_start.append(contestants.sync(fresh=False, empty=True))


@contextmanager
def _arena(actions: int, new: int) -> Iterator[tuple[Providers, Contestants]]:
    """Providers and contestants in a folder of their own."""
    with (
        tempfile.TemporaryDirectory(prefix="syncengine-bench-") as folder,
        Providers(Path(folder), actions, new) as providers,
    ):
        yield providers, Contestants(providers)


# --- report ---


def report(contest: Contest, actions: int, new: int) -> Iterator[str]:
    """The lines for people."""
    yield f"{actions:,} actions, {new:,} new customers; {len(contest.sync)} rounds, medians; {_cores()} cores"
    yield f"in turn, against the same providers, both at nice {os.nice(0)}; machine load {os.getloadavg()[0]:.1f}"
    yield ""
    yield f"{'':37}{'sync':>10}{'by hand':>10}{'ratio':>9}"
    walls, seconds = (lambda usage: usage.wall), (lambda usage: usage.cpu)
    yield _row("wall, start-up apart (s)", *_net(contest, walls))
    yield _row("CPU, start-up apart (s)", *_net(contest, seconds))
    yield _row("wall, all in (s)", _median(contest.sync, walls), _median(contest.by_hand, walls))
    yield _row("CPU, all in (s)", _median(contest.sync, seconds), _median(contest.by_hand, seconds))
    yield _row("start-up, wall (s)", _median(contest.sync_start, walls), _median(contest.by_hand_start, walls))
    yield _row("start-up, CPU (s)", _median(contest.sync_start, seconds), _median(contest.by_hand_start, seconds))
    ours, theirs = contest.done_by_sync, contest.done_by_hand
    yield _row("CPU of the providers, last round (s)", ours["seconds"], theirs["seconds"])
    yield _row("peak memory (MB)", _memory(contest.sync), _memory(contest.by_hand))
    yield ""
    yield f"peak memory of sync with twice the history: {_memory(contest.double):.0f} MB"
    again = contest.done_again["requests"]
    writes = sum(number for shape, number in again["cyberimpact"].items() if not shape.startswith("GET "))
    yield (
        f"a second sync with nothing new: {_median(contest.again, walls):.1f} s,"
        f" {sum(again['impact'].values())} requests to impact.com, {sum(again['cyberimpact'].values())} to Cyberimpact,"
        f" {writes} of them writes"
    )
    yield ""
    yield f"{'what they did':37}{'sync':>10}{'by hand':>10}"
    for key, text in DONE.items():
        yield f"{text:37}{ours[key]:>10,}{theirs[key]:>10,}"
    shapes = {**ours["requests"]["cyberimpact"], **theirs["requests"]["cyberimpact"]}
    for provider, names in (("impact", ours["requests"]["impact"]), ("cyberimpact", shapes)):
        for shape in sorted(names):
            counts = [done["requests"][provider].get(shape, 0) for done in (ours, theirs)]
            yield f"  {_without_account(shape):35}{counts[0]:>10,}{counts[1]:>10,}"


DONE = {
    "contacts": "contacts in groups afterwards",
    "wrote_to_suppressed": "wrote to unsubscribed or bounced",
    "dates_set_back": "consent dates set back",
    "names_overwritten": "names overwritten",
    "left_without_groups": "express contacts left out",
}


def _without_account(shape: str) -> str:
    method, _, path = shape.partition(" ")
    return f"{method} /{path.split('/', 3)[3]}" if path.startswith("/Advertisers/") else shape


def _net(contest: Contest, what: Callable[[Usage], float]) -> tuple[float, float]:
    return (
        _median(contest.sync, what) - _median(contest.sync_start, what),
        _median(contest.by_hand, what) - _median(contest.by_hand_start, what),
    )


def _median(usages: Sequence[Usage], what: Callable[[Usage], float]) -> float:
    return statistics.median(what(usage) for usage in usages)


def _memory(usages: Sequence[Usage]) -> float:
    return max(usage.memory for usage in usages)


def _row(name: str, ours: float, theirs: float) -> str:
    return f"{name:37}{ours:>10.2f}{theirs:>10.2f}{ours / theirs:>9.2f}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main(arguments: Sequence[str]) -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each runs [default: {ROUNDS}]")
    options = parser.parse_args(arguments)
    actions, new = QUICK if options.quick else FULL
    contest = hold(actions, new, 1 if options.quick else options.rounds, rehearse=not options.quick)
    for line in report(contest, actions, new):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
