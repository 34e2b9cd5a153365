"""`status`: is it fresh, was anybody left out and why, and who must not be written to. Asks the state only."""

import datetime as dt
from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING, Any

import typer

from syncengine.cli.command import DONE, Session, command
from syncengine.cli.phrases import (
    describe_age,
    describe_moment,
    describe_reason,
    join_counts,
    number_of,
    revisions_sum,
)
from syncengine.cli.screen import print_json, style_level

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from syncengine.config import Settings
    from syncengine.pacing import Quota
    from syncengine.schedule import Schedule
    from syncengine.state.status import DestinationStatus, MappingStatus
    from syncengine.state.store import Store

__all__ = ["register"]

RECORD_STATES = {
    "live": "in effect",
    "waiting": "waiting",
    "rejected": "rejected",
    "suppressed": "refused by the shop",
    "retracted": "taken back",
    "dropped": "dropped",
}
NO_DAEMON = ", but no daemon is running: syncengine run"
RUN_LEVELS = {"done": "ok", "failed": "error"}


def register(app: typer.Typer) -> None:
    command(app)(status)


async def status(session: Session) -> int:
    """Show how fresh everything is and what is left out.

    Without any network; what is at the providers now is not asked.
    """
    from syncengine.cli.workplace import NO_RUN_YET, open_existing, tell_interrupted
    from syncengine.state import written
    from syncengine.state.status import destination_status, mapping_status

    settings = session.load()
    with open_existing(settings) as store:
        if store is None:
            nothing = {"daemon": False, "mappings": [], "destinations": [], "quotas": []}
            print_json(nothing) if session.json else typer.echo(NO_RUN_YET)
            return DONE
        daemon = store.locks.held("daemon")
        now = store.clock.now()
        names = [*settings.mappings, *store.read_now(written.mappings)]
        mappings = [store.read_now(mapping_status, name) for name in names]
        mappings = [
            each._replace(last_run=tell_interrupted(store, each.last_run)) if each.last_run else each
            for each in mappings
        ]
        targeted = [mapping.spec.destination for mapping in settings.mappings.values()]
        targeted += store.read_now(written.destinations)
        destinations = [store.read_now(destination_status, name) for name in dict.fromkeys(targeted)]
        destinations = [
            each._replace(reconciled=tell_interrupted(store, each.reconciled)) if each.reconciled else each
            for each in destinations
        ]
        quotas = {name: limited for name in settings.connections if (limited := await _quotas(store, name))}
    if session.json:
        print_json(
            {
                "daemon": daemon,
                "mappings": [_mapping_data(each, settings, now) for each in mappings],
                "destinations": [_destination_data(each) for each in destinations],
                "quotas": [_quota_data(name, quota, now) for name, limited in quotas.items() for quota in limited],
            }
        )
        return DONE
    for mapping in mappings:
        for line in _mapping_lines(mapping, settings, now):
            typer.echo(line)
        typer.echo(f"  next run    {_next_run(mapping, settings, now, daemon)}")
    for destination in destinations:
        for line in _destination_lines(destination, now):
            typer.echo(line)
    for name, limited in quotas.items():
        typer.echo(typer.style(name, bold=True))
        for quota in limited:
            typer.echo(f"  quota       {_quota_line(quota, settings, now)}")
    return DONE


async def _quotas(store: "Store", connection: str) -> "list[Quota]":
    """Those of a connection that have a limit, the scarcest first, as its last run left them."""
    from syncengine.quotas import QUOTA, read_quotas

    known = read_quotas(await store.memory(connection).get(QUOTA)).values()
    limited = [quota for quota in known if quota.remaining is not None or quota.blocked_until]
    return sorted(limited, key=lambda quota: (quota.next_call(quota.at), -(quota.remaining or 0)), reverse=True)


def _quota_data(connection: str, quota: "Quota", now: dt.datetime) -> dict[str, Any]:
    return {
        "connection": connection,
        "limit": quota.limit,
        "remaining": quota.remaining,
        "resets_at": quota.resets_at,
        "blocked_until": quota.blocked_until,
        "read_at": quota.at,
        "next_call": quota.next_call(now),
    }


def _quota_line(quota: "Quota", settings: "Settings", now: dt.datetime) -> str:
    zone = settings.engine.timezone
    next_call = quota.next_call(now)
    if next_call > now:
        return f"{style_level('warning', 'used up')}: the next request may leave at {_clock(next_call, zone)}"
    known = f"as of {_clock(quota.at, zone)}"
    if quota.remaining is None or (quota.resets_at is not None and quota.resets_at <= now):
        return f"free again ({known})"
    limit = f" of {quota.limit:,}" if quota.limit else ""
    until = f" until {_clock(quota.resets_at, zone)}" if quota.resets_at else ""
    return f"{quota.remaining:,}{limit} requests left{until} ({known})"


def _clock(moment: dt.datetime, zone: "ZoneInfo") -> str:
    """To the second, because the shortest wait is one."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def _next(mapping: "MappingStatus", now: dt.datetime, settings: "Settings") -> dt.datetime | None:
    """When the daemon runs it next, as it reckons itself: at once where a turn has passed since the last good run."""
    schedule = _schedule(mapping, settings)
    if schedule is None:
        return None
    if mapping.last_good is None:
        return now
    return max(now, schedule.next_after(min(mapping.last_good, now), settings.engine.timezone))


def _schedule(mapping: "MappingStatus", settings: "Settings") -> "Schedule | None":
    """None where it only runs when asked to; what is written by hand stands in no configuration."""
    configured = settings.mappings.get(mapping.mapping)
    return configured.schedule if configured else None


def _mapping_data(mapping: "MappingStatus", settings: "Settings", now: dt.datetime) -> dict[str, Any]:
    return {
        **mapping._asdict(),
        "last_run": mapping.last_run._asdict() if mapping.last_run else None,
        "partitions": [partition._asdict() for partition in mapping.partitions],
        "fresh": mapping.fresh,
        "next": _next(mapping, now, settings),
    }


def _mapping_lines(mapping: "MappingStatus", settings: "Settings", now: dt.datetime) -> Iterator[str]:
    from syncengine.redaction import redact

    zone = settings.engine.timezone
    yield typer.style(mapping.mapping, bold=True)
    yield f"  last run    {_last_run(mapping, settings, now)}"
    if mapping.read and mapping.mapping in settings.mappings:  # what is written by hand has no place to go on from
        yield f"  fresh       {_freshness(mapping, now)}"
    for part in mapping.read:
        if part.error:
            since = f"since {describe_moment(part.moved_at, zone)}" if part.moved_at else "never read"
            yield f"  {style_level('error', 'failing')}     {part.partition}, {since}: {redact(part.error)}"
    yield f"  records     {join_counts(mapping.records, RECORD_STATES) or 'none'}"
    if mapping.waiting_since:
        yield f"  waiting     since {describe_moment(mapping.waiting_since, zone)} for the directory to know them"
    if mapping.rejects:
        yield f"  rejects     {mapping.rejects:,}: syncengine rejects list --mapping {quote(mapping.mapping)}"
    if mapping.backfills:
        yield f"  resync      {number_of(mapping.backfills, 'range')} to be read again"


def _freshness(mapping: "MappingStatus", now: dt.datetime) -> str:
    """How far behind the farthest is; those that were never read hide no other."""
    moved = [partition.moved_at for partition in mapping.read if partition.moved_at]
    told = number_of(len(mapping.read), "partition")
    if never := len(mapping.read) - len(moved):
        told += f", {never:,} never read"
    return f"{told}, the oldest read {describe_age(now - min(moved))} ago" if moved else told


def _last_run(mapping: "MappingStatus", settings: "Settings", now: dt.datetime) -> str:
    from syncengine.redaction import redact

    last, zone = mapping.last_run, settings.engine.timezone
    if last is None:
        return "never"
    state = style_level(RUN_LEVELS.get(last.state, "warning"), last.state)
    told = f"{state}, {last.kind}, {describe_age(now - last.started_at)} ago ({describe_moment(last.started_at, zone)})"
    if last.message:
        told += f": {redact(last.message)}"
    if last.state != "done":
        told += f"; last good one {describe_moment(mapping.last_good, zone)}"
    return told


def _next_run(mapping: "MappingStatus", settings: "Settings", now: dt.datetime, daemon: bool) -> str:
    from syncengine.state.written import destination_of

    schedule = _schedule(mapping, settings)
    if by_hand := destination_of(mapping.mapping):
        return f"when lines are written by hand: syncengine write {by_hand}"
    if schedule is None:
        return "when asked to: it has no schedule"
    due = _next(mapping, now, settings) or now
    when = describe_moment(due, settings.engine.timezone) if due > now else "due now"
    return f"{when} ({schedule.text}){'' if daemon else NO_DAEMON}"


def _destination_data(destination: "DestinationStatus") -> dict[str, Any]:
    reconciled = destination.reconciled
    return {**destination._asdict(), "reconciled": reconciled._asdict() if reconciled else None}


def _destination_lines(destination: "DestinationStatus", now: dt.datetime) -> Iterator[str]:
    from syncengine.redaction import redact

    yield typer.style(destination.destination, bold=True)
    yield f"  all runs    {revisions_sum(destination.revisions)}"
    reasons = ", ".join(
        f"{number:,} {describe_reason(code)}" for code, number in sorted(destination.suppressions.items())
    )
    yield f"  suppressed  {reasons or 'nobody'}"
    if destination.rejects:
        yield f"  rejects     {destination.rejects:,}: syncengine rejects list"
    if (run := destination.reconciled) is not None:
        state = style_level(RUN_LEVELS.get(run.state, "warning"), run.state)
        verified = number_of(run.counts.get("verified", 0), "contact")
        told = f": {redact(run.message)}" if run.message else f", {verified} verified"
        yield f"  reconciled  {state}, {describe_age(now - run.started_at)} ago{told}"
