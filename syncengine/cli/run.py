"""`run`: the daemon, in the foreground, as a supervisor wants it."""

import typer

from syncengine.cli.command import DONE, Session, command

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    command(app)(run)


async def run(session: Session) -> int:
    """Run every mapping when it is due, until SIGTERM or Ctrl-C; --json writes the log as JSON.

    The batch in hand is finished first; a second signal stops at once. Nothing is lost either way.
    """
    from syncengine import logs
    from syncengine.daemon import serve

    settings = session.load()
    engine = settings.engine
    logs.configure("debug" if session.debug else engine.log_level, format="json" if session.json else engine.log_format)
    await serve(settings)
    return DONE
