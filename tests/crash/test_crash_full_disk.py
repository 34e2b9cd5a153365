"""No room left in the middle of a run: one clear sentence, nothing half done, and the next run completes."""

from collections import Counter
from pathlib import Path

from tests.crash.program import run
from tests.crash.world import World

FIRST, STEP, MOST = 4_096, 73_728, 1_500_000
"""How large a file may become before the system refuses to let it grow, in bytes: from nothing to more than enough."""
ENOUGH = 3
"""The exit code where there was room: one of the people has no address, so somebody was rejected."""
GOOD = {0, 3}


def test_a_disk_that_is_full_at_any_moment_stops_the_run_and_loses_nothing(world: World, tmp_path: Path) -> None:
    rooms = [None, *range(FIRST, MOST, STEP)]
    expected = None
    stopped: list[Counter[str]] = []
    for number, room in enumerate(rooms):
        folder = tmp_path / str(number)
        folder.mkdir()
        world.start_over(folder)
        world.first_act()
        ended = run(folder, "sync", room=room)
        if ended.code == ENOUGH and room is not None:
            break
        if room is not None:
            assert ended.code == 1, ended
            assert ended.out == ""
            told, hint = ended.err.splitlines()
            assert "can't be read or written." in told
            assert "Check the disk, then run again" in hint
            stopped.append(world.mail.writes())
            assert run(folder, "sync").code in GOOD
        expected = expected or world.end()
        assert world.end() == expected
    assert stopped[0] == Counter()  # before anything was sent
    assert stopped[-1]["POST /batches"] > 0  # in the middle of delivering
