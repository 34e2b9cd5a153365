"""Where state files of tests that make thousands of them belong: in memory where there is such a folder."""

from pathlib import Path

SHARED = Path("/dev/shm")  # noqa: S108 - the folder in it has a name of its own
QUICK = SHARED if SHARED.is_dir() else None
"""A folder in memory: thousands of state files would wait for the disk. None: that of the system."""
