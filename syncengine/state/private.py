"""Files and folders beside the state: its owner's alone, and one sentence with a next step where they can't be made."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from syncengine.errors import StateError

FOLDER_MODE = 0o700
HINT = "It is beside the state (engine.database); give the user who runs syncengine access to it, and room on the disk."


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter, unless it is there. Raises StateError."""
    with explained_place(folder):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


@contextlib.contextmanager
def explained_place(path: Path) -> Iterator[None]:
    """Turn what the system says of a place beside the state into StateError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise StateError(f"{path}: {reason}.", hint=HINT, code="place") from None
