"""The benchmark runs, and its two contestants differ where they should: in the harm done, not in the work."""

from bench.__main__ import hold, report

ACTIONS, NEW = 1_500, 300


def test_the_script_does_the_job_and_harm_with_it_and_sync_does_the_job() -> None:
    contest = hold(ACTIONS, NEW, 1, rehearse=False)
    ours, theirs = contest.done_by_sync, contest.done_by_hand
    assert 0 < theirs["contacts"] <= ours["contacts"] < NEW
    harm = ("wrote_to_suppressed", "dates_set_back", "names_overwritten")
    assert [ours[kind] for kind in harm] == [0, 0, 0]
    assert all(theirs[kind] > 0 for kind in harm)
    batches = "POST /batches"
    assert 0 < ours["requests"]["cyberimpact"][batches] <= theirs["requests"]["cyberimpact"][batches]
    again = contest.done_again["requests"]
    assert again["impact"]
    assert all(shape.startswith("GET ") for shape in again["cyberimpact"])
    assert all(usage.memory > 0 and usage.cpu > 0 for usage in (*contest.sync, *contest.by_hand, *contest.double))
    assert any("wrote to unsubscribed or bounced" in line for line in report(contest, ACTIONS, NEW))
