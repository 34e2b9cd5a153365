"""Says what went wrong so that the person can go on: the key, a sentence, the next step. One place for all commands.

Everything that is written here is redacted. A traceback appears only with --debug.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from syncengine.errors import ConfigError, SyncError

__all__ = ["DONE", "FAILED", "MISCONFIGURED", "REJECTED", "WrongUsage", "explain"]

DONE, FAILED, MISCONFIGURED, REJECTED = 0, 1, 2, 3
"""Exit codes (design section 9)."""

BUG_HINT = "This is a bug of syncengine. Run the command again with --debug and report what it shows."


class WrongUsage(SyncError):
    """The command itself can't be: an option that there isn't, an argument that is missing."""

    default_code = "usage"


def explain(error: Exception, *, debug: bool, as_json: bool) -> int:
    """Write the error to standard error; the exit code that it means."""
    from syncengine.redaction import redact

    if debug:
        import traceback

        typer.echo(redact("".join(traceback.format_exception(error))), err=True)
    report = _report(error)
    if as_json:
        typer.echo(redact(json.dumps({"error": report}, ensure_ascii=False)), err=True)
    else:
        for line in _lines(report):
            typer.echo(redact(line), err=True)
    return MISCONFIGURED if isinstance(error, ConfigError | WrongUsage) else FAILED


def _report(error: Exception) -> dict[str, Any]:
    if isinstance(error, ConfigError):
        return {
            "code": error.code,
            "message": _count(error),
            "hint": "",
            "problems": [
                {"key": problem.key, "message": problem.message, "hint": problem.hint} for problem in error.problems
            ],
        }
    if isinstance(error, SyncError):
        return {"code": error.code, "message": error.message, "hint": error.hint, "problems": []}
    # The text of an unforeseen exception may quote anything, so only its kind is said.
    return {
        "code": "bug",
        "message": f"Something unexpected happened ({type(error).__name__}).",
        "hint": BUG_HINT,
        "problems": [],
    }


def _count(error: ConfigError) -> str:
    if error.number == 1:
        return f"There is a problem {error.where}."
    first = f" The first {len(error.problems)}:" if len(error.problems) < error.number else ""
    return f"There are {error.number:,} problems {error.where}.{first}"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"Error: {report['message']}"
    if report["hint"]:
        yield f"  → {report['hint']}"
    for problem in report["problems"]:
        yield f"  {problem['key']}: {problem['message']}"
        if problem["hint"]:
            yield f"      → {problem['hint']}"
