"""Says what a run did: both sums, what was sent, and everything that failed with its next step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from syncengine.cli.command import DONE, FAILED, MISCONFIGURED, REJECTED
from syncengine.cli.phrases import describe_moment, join_counts, number_of, records_sum, revisions_sum
from syncengine.cli.screen import style_level
from syncengine.errors import ConfigError, RateLimited

if TYPE_CHECKING:
    from syncengine.engine.report import DeliveryReport, MappingReport, RunReport
    from syncengine.errors import SyncError

__all__ = ["doubt_lines", "exit_code", "failure_lines", "failure_places", "report_data", "report_lines", "unknown_line"]

THIS_RUN = {
    "delivered": "delivered",
    "there": "already there",
    "suppressed": "suppressed",
    "rejected": "rejected",
    "retry": "to be tried again",
    "unanswered": "asked by mail and not there yet",
    "in_doubt": "in doubt",
    "settled_later": "of earlier requests settled",
    "lifted": "subscribed again",
}
STATUS = "status_"
UNLISTED = "who said no could not be read, so delivering would stop at the first contact to add."


def exit_code(report: "RunReport") -> int:
    """2 where the configuration is at fault, 1 where something failed, 3 where all but the rejected went through.

    A run that a quota deferred isn't done, so it is 1 as well: whoever waits for it must not go on. A record that was
    asked for and that the provider doesn't know counts as rejected.
    """
    if any(isinstance(error, ConfigError) for error in report.failures):
        return MISCONFIGURED
    if report.failures:
        return FAILED
    return REJECTED if report.rejected or report.unknown else DONE


def report_lines(report: "RunReport", zone: ZoneInfo) -> Iterator[str]:
    """The whole report for people."""
    for part in report.mappings:
        again = ", read again" if part.kind == "resync" else ""
        yield f"{part.mapping}{again}: {_state(part, report, zone)}"
        yield f"  records     {records_sum(part.counts)}"
        yield from _requests_to(part.requests)
        yield from _notes(part)
    for delivery in report.deliveries:
        yield f"{delivery.destination}:"
        yield f"  this run    {_this_run(delivery)}"
        yield from (f"  told        {outcome.key}: {outcome.message}" for outcome in delivery.told)
        yield f"  all runs    {revisions_sum(delivery.revisions)}"
        yield from _requests_to(delivery.requests)
    yield _requests(report.requests)
    yield from doubt_lines(report)
    if report.stopped:
        yield "Stopped as asked. The same command goes on from here."
    if report.rejected:
        yield f"{number_of(report.rejected, 'reject')}: syncengine rejects list shows why."
    yield from failure_lines(report, zone)


def failure_lines(report: "RunReport", zone: ZoneInfo) -> Iterator[str]:
    """What stopped something, or would: where, why, what to do."""
    from syncengine.redaction import redact

    for where, error in _failures(report):
        label = style_level("warning", "Deferred") if isinstance(error, RateLimited) else style_level("error", "Error")
        yield f"{label}: {where}: {_message(error, zone)}"
        if error.hint:
            yield f"  → {redact(error.hint)}"
    for delivery in report.deliveries:
        if (unlisted := delivery.unlisted) is not None:
            yield f"{style_level('warning', 'Warning')}: {delivery.destination}: {UNLISTED} {redact(str(unlisted))}"


def doubt_lines(report: "RunReport") -> Iterator[str]:
    """What no run will end, where there is such a doubt."""
    for delivery in report.deliveries:
        if left := delivery.counts["left_in_doubt"]:
            yield f"{delivery.destination}: {left:,} left in doubt, and sent again only by syncengine rejects retry."


def failure_places(report: "RunReport") -> list[str]:
    """The mappings, partitions and destinations that something stopped."""
    return list(dict.fromkeys(where for where, _ in _failures(report)))


def unknown_line(ids: Sequence[str]) -> str:
    """Which of the records asked for there are not."""
    return f"the provider has no {', '.join(ids)} that the mapping's options let through"


def report_data(report: "RunReport") -> dict[str, Any]:
    """The whole report for programs."""
    return {
        "mappings": [
            {
                "mapping": part.mapping,
                "run": part.run,
                "kind": part.kind,
                "state": part.state,
                "counts": dict(part.counts),
                "requests": dict(part.requests),
                "unknown": part.unknown,
                "failures": [
                    {"partition": partition, **_failure_data(error)} for partition, error in part.failures.items()
                ],
            }
            for part in report.mappings
        ],
        "destinations": [
            {
                "destination": delivery.destination,
                "counts": dict(delivery.counts),
                "told": [{"key": outcome.key, "message": outcome.message} for outcome in delivery.told],
                "requests": dict(delivery.requests),
                "revisions": dict(delivery.revisions),
                "failure": _failure_data(delivery.failure) if delivery.failure else None,
                "unlisted": _failure_data(delivery.unlisted) if delivery.unlisted else None,
            }
            for delivery in report.deliveries
        ],
        "requests": dict(report.requests),
        "stopped": report.stopped,
    }


def _failure_data(error: "SyncError") -> dict[str, str]:
    from syncengine.redaction import redact

    return {"code": error.code, "message": redact(error.message), "hint": redact(error.hint)}


def _failures(report: "RunReport") -> "Iterator[tuple[str, SyncError]]":
    for part in report.mappings:
        for partition, error in part.failures.items():
            yield f"{part.mapping}, {partition}" if partition else part.mapping, error
    for delivery in report.deliveries:
        if delivery.failure is not None:
            yield delivery.destination, delivery.failure


def _message(error: "SyncError", zone: ZoneInfo) -> str:
    from syncengine.redaction import redact

    if isinstance(error, RateLimited):
        # The sentence of the connection says the moment in UTC; people are told it once, on their own clock.
        message = error.message.replace(f" until {error.until:%Y-%m-%d %H:%M:%S} UTC", "")
        return f"{redact(message)} It can go on at {describe_moment(error.until, zone)}."
    return redact(error.message)


def _state(part: "MappingReport", report: "RunReport", zone: ZoneInfo) -> str:
    if part.state == "done" and report.stopped:
        return "stopped"
    if part.state != "deferred":
        return part.state
    errors = list(part.failures.values()) or report.failures  # none of its own: delivering was deferred
    return f"deferred until {describe_moment(max(e.until for e in errors if isinstance(e, RateLimited)), zone)}"


def _requests_to(requests: Mapping[str, int]) -> Iterator[str]:
    if requests:
        yield f"  requests    {', '.join(f'{number:,} to {name}' for name, number in sorted(requests.items()))}"


def _notes(part: "MappingReport") -> Iterator[str]:
    """What is worth knowing and in neither sum."""
    if left_out := part.counts["list_items_left_out"]:
        yield f"  left out    {number_of(left_out, 'list item')} in which a value is missing (no group without a name)"
    if renewals := part.counts["renewals"]:
        yield f"  renewing    {renewals:,} of those drafted renew a consent where there is one, and create nobody"
    if part.unknown:
        yield f"  unknown     {unknown_line(part.unknown)}"
    if changed := part.counts["address_changed"]:
        yield f"  kept        {number_of(changed, 'record')} at the address first delivered, though it has changed"


def _this_run(delivery: "DeliveryReport") -> str:
    counts = delivery.counts
    done = join_counts(counts, THIS_RUN) or "nothing to deliver"
    created = f" ({counts['created']:,} created)" if counts["created"] else ""
    done = done.replace(" delivered", f" delivered{created}", 1)
    return f"{done}, in {number_of(counts['attempts'], 'request')}" if counts["attempts"] else done


def _requests(requests: Mapping[str, int]) -> str:
    refused = {name.removeprefix(STATUS): n for name, n in sorted(requests.items()) if name.startswith(STATUS)}
    told = ", ".join(f"status {status} {n:,} times" for status, n in refused.items())
    failed = requests.get("failed_requests", 0)
    retried = f", {failed:,} of them failed and were sent again or put off" if failed else ""
    return f"{number_of(requests.get('requests', 0), 'request')} sent{retried}{f' ({told})' if told else ''}."
