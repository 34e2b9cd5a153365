"""`check` and `test`: would this configuration work, and do its mappings do what they are meant to?"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from syncengine.cli.command import DONE, FAILED, MISCONFIGURED, Session, command
from syncengine.cli.screen import print_json, style_level
from syncengine.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncengine.checking import CheckFinding

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    command(app)(check)
    command(app)(test)


async def check(session: Session) -> int:
    """Would it work? Ask every connection; change nothing.

    Compares the names in the mappings with what is really there, and runs the mappings' tests.
    """
    from syncengine.binding import bind
    from syncengine.checking import check_workspace
    from syncengine.cli.world import contexts

    settings = session.load()
    async with bind(settings, contexts(settings)) as workspace:
        findings = await check_workspace(workspace)
    if session.json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        _print_findings(findings)
    errors = [finding for finding in findings if finding.level == "error"]
    if any(finding.code == "config" for finding in errors):
        return MISCONFIGURED
    return FAILED if errors else DONE


def _print_findings(findings: "Sequence[CheckFinding]") -> None:
    from syncengine.redaction import redact

    for finding in findings:
        typer.echo(f"{style_level(finding.level, f'{finding.level:8}')} {finding.key}: {redact(finding.message)}")
        if finding.hint:
            typer.echo(f"         → {redact(finding.hint)}")
    count = {level: sum(finding.level == level for finding in findings) for level in ("error", "warning")}
    if count["error"]:
        typer.echo(f"\n{_number(count['error'], 'error')}, {_number(count['warning'], 'warning')}.")
    else:
        warnings = f", {_number(count['warning'], 'warning')}" if count["warning"] else ""
        typer.echo(f"\nAll is well{warnings}. Next: syncengine plan")


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def test(
    session: Session,
    mappings: Annotated[list[str] | None, typer.Argument(metavar="[MAPPING]...", help="Left out: all.")] = None,
) -> int:
    """Run the mappings' own tests, without any network."""
    from mappings.wording import suggest
    from syncengine.binding import bind
    from syncengine.checking import test_mapping
    from syncengine.cli.world import contexts

    settings = session.load()
    bound = bind(settings, contexts(settings)).mappings
    unknown = [name for name in mappings or () if name not in bound]
    if unknown:
        raise ConfigError(
            [Problem(f"mappings.{name}", "There is no such mapping.", suggest(name, bound)) for name in unknown]
        )
    results = {name: test_mapping(bound[name]) for name in mappings or bound}
    if session.json:
        print_json({name: [asdict(result) for result in group] for name, group in results.items()})
    else:
        for name, group in results.items():
            for result in group:
                mark = style_level("ok", "passed") if result.passed else style_level("error", "failed")
                typer.echo(f"{mark}  {name}: {result.name}")
                for difference in result.differences:
                    typer.echo(f"        {difference}")
            if not group:
                typer.echo(f"{name}: it has no tests; [[mappings.{name}.tests]] says what should become of a record.")
    return DONE if all(result.passed for group in results.values() for result in group) else FAILED
