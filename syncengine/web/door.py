"""Opens the door for hooks while the daemon runs: for those streams that a scheduled mapping can fetch records of."""

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, nullcontext

import structlog

from syncengine.config import Settings
from syncengine.contracts import Fetching
from syncengine.session import Session

__all__ = ["hook_listener"]

log = structlog.get_logger(__name__)


def hook_listener(
    settings: Settings, session: Session, scheduled: Collection[str], hint: Callable[[str, Collection[str]], None]
) -> AbstractAsyncContextManager[object]:
    """What takes hooks while it is entered; nothing where none are wanted. `hint` is told a mapping and ids."""
    hooks = settings.engine.hooks
    if hooks is None:
        return nullcontext()
    from syncengine.web.hooks import Hook, hook_app  # a web server's imports, for those who want one
    from syncengine.web.listener import listening

    readers: dict[str, list[str]] = {}
    for name in scheduled:
        mapping = session.workspace.mappings[name]
        if isinstance(mapping.stream, Fetching):
            readers.setdefault(mapping.source_name, []).append(name)
    if not readers:
        log.warning("No hook is of use: no scheduled mapping reads a stream that gives single records")

    def pass_on(stream: str, ids: Collection[str]) -> None:
        for name in readers[stream]:
            hint(name, ids)

    hook = Hook(hooks.secret.get_secret_value(), readers, pass_on, session.store.clock)
    return listening(hook_app(hook), *hooks.listen)
