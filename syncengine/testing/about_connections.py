"""The rules of every connection: what it says about credentials and trouble, and what it never says."""

from contextlib import AsyncExitStack

from pydantic import ValidationError

from syncengine.contracts import NOTHING_OPEN, Connection, Finding
from syncengine.errors import AuthError, ConfigError, Rejected, SyncError
from syncengine.sandbox.kit import Fault
from syncengine.testing.case import Case
from syncengine.testing.delivering import Delivery
from syncengine.testing.reading import everything, lay_out
from syncengine.testing.rules import rule
from syncengine.testing.verdict import Broken, NotStaged, require
from syncengine.testing.wire import Spelling

FOREVER = 1_000_000
RETRY_AFTER = 17
"""Seconds: no back-off is exactly so long."""
TROUBLE = (
    Fault(kind="status", status=500, body="<h1>Oops</h1>", times=FOREVER),
    Fault(kind="status", status=404, body="{}", times=FOREVER),
    Fault(kind="status", status=418, body="{}", times=FOREVER),
    Fault(kind="status", status=200, body="[1, 2", times=FOREVER),
    Fault(kind="status", status=200, body='{"unexpected": true}', times=FOREVER),
    Fault(kind="malformed", times=FOREVER),
    Fault(kind="drop_before", times=FOREVER),
    Fault(kind="truncate", times=FOREVER),
)
"""What a provider does that has trouble, or is none."""


@rule("connection")
async def connecting_asks_nobody(case: Case) -> None:
    """Connecting makes no request: a wrong setting shows at once, a wrong password at the first call."""
    async with case.connect():
        require(not case.wire.sent, "a request left while connecting")
    try:
        async with case.connect(case.stage.bad_settings()):
            require(not case.wire.sent, "a request left while connecting")
    except ConfigError:
        return


@rule("connection")
async def unknown_settings_are_refused(case: Case) -> None:
    """A setting that the connector doesn't know is an error, so that a misspelt one never goes unnoticed."""
    values = case.stage.settings()
    case.connector.Settings.model_validate(values, context={"base": case.folder})
    try:
        case.connector.Settings.model_validate({**values, "misspelt_setting": "x"}, context={"base": case.folder})
    except ValidationError:
        return
    raise Broken("an unknown setting is taken")


@rule("connection")
async def settings_show_no_secret(case: Case) -> None:
    """Settings printed, or refused because of another fault in them, show no secret."""
    secrets = case.stage.secrets()
    if not secrets:
        raise NotStaged("the stage names no secret")
    values = case.stage.settings()
    settings = case.connector.Settings.model_validate(values, context={"base": case.folder})
    shown = f"{settings!r} {settings} {settings.model_dump()!r}"
    for wrong in ({**values, "misspelt_setting": "x"}, {"misspelt_setting": values}):
        try:
            case.connector.Settings.model_validate(wrong, context={"base": case.folder})
        except ValidationError as error:
            shown += f" {error} {error!r}"
    require(not Spelling(*secrets).within(shown), "settings show a secret")


@rule("connection")
async def good_credentials_pass_the_check(case: Case) -> None:
    """`check` with good credentials finds something out, and nothing wrong."""
    await _prepare(case)
    async with case.connect() as connection:
        findings = await connection.check()
    require(findings, "check finds nothing out")
    require(all(finding.level != "error" for finding in findings), "check finds an error where there is none")


@rule("connection")
async def bad_credentials_are_refused(case: Case) -> None:
    """Bad credentials end in AuthError or ConfigError, in `check` and in a real call, and never in an empty answer."""
    await _prepare(case)
    for call in (_check, _use):
        try:
            async with case.connect(case.stage.bad_settings()) as connection:
                findings = await call(case, connection)
        except (AuthError, ConfigError):
            continue
        require(any(finding.level == "error" for finding in findings), "bad credentials pass")


@rule("connection")
async def trouble_has_a_name(case: Case) -> None:
    """Whatever a provider answers, a call ends in one of our errors, never in one of a library."""
    for fault in TROUBLE:
        for call in (_check, _use):
            with case.another() as other:
                await _prepare(other)
                other.stage.inject(fault)
                async with other.connect() as connection:
                    try:
                        findings = await call(other, connection)
                    except SyncError:
                        continue
                    except Exception as error:
                        raise Broken(f"trouble ends in {type(error).__name__} ({fault.kind})") from error
                    fine = call is _check and all(finding.level == "ok" for finding in findings)
                    require(not fine, f"check takes nonsense for an answer ({fault.kind} {fault.status})")


@rule("connection")
async def a_stated_wait_is_kept(case: Case) -> None:
    """After 429 with Retry-After no request leaves before that time."""
    await _prepare(case)
    case.stage.inject(Fault(kind="status", status=429, headers={"Retry-After": str(RETRY_AFTER)}))
    async with case.connect() as connection:
        await connection.check()
    sent = case.need_wire()
    waited = case.wire.waited(sent[0])
    if waited is None:
        raise Broken("after a stated wait, nothing was tried again")
    require(waited >= RETRY_AFTER, f"asked to wait {RETRY_AFTER} s, it waited {waited:g} s")


@rule("connection")
async def secrets_and_people_stay_quiet(case: Case) -> None:
    """No log line at any level and no error shows a secret or a person: raw, percent-encoded or in base64."""
    private: set[str] = set()
    for fault in (None, *TROUBLE, Fault(kind="status", status=401, times=FOREVER), Fault(kind="drop_after", times=3)):
        for bad in (False, True):
            with case.another() as other:
                await _prepare(other)
                private |= other.private()
                if fault is not None:
                    try:
                        other.stage.inject(fault)
                    except NotStaged:
                        continue
                await _listen(case, other, other.stage.bad_settings() if bad else other.stage.settings())
    case.watch.verify(private)


# --- a real call of each role ---


async def _listen(case: Case, other: Case, settings: dict[str, object]) -> None:
    """Do everything once and keep what is raised."""
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(other.connect(settings))
        except SyncError as error:
            case.watch.keep(error)
            return
        for call in (_check, _use, _misuse):
            try:
                for finding in await call(other, connection):
                    case.watch.lines.append(repr(finding))
            except Exception as error:
                case.watch.keep(error)


async def _prepare(case: Case) -> None:
    """Put something there that a real call finds."""
    match case.stage.role:
        case "stream":
            lay_out(case)
        case "lookup":
            for key in case.lookups.keys:
                case.lookups.add(key)
        case "destination":
            """A change brings all that it needs."""


async def _check(_: Case, connection: Connection) -> list[Finding]:
    return list(await connection.check())


async def _use(case: Case, connection: Connection) -> list[Finding]:
    """Read the first page of each partition, ask for all keys, or deliver one change."""
    match case.stage.role:
        case "stream":
            stream = case.stream(connection)
            for partition in await stream.partitions(stream.Options.model_validate(dict(case.streams.options))):
                async for _ in stream.read(partition, everything(case), fields=None, open=NOTHING_OPEN):
                    pass
        case "lookup":
            await case.lookup(connection).find(list(case.lookups.keys))
        case "destination":
            destination = case.destination(connection)
            key = case.destinations.key(0)
            await Delivery(case, [key]).send(destination, [case.destinations.change(destination, key)])
    return []


async def _misuse(case: Case, connection: Connection) -> list[Finding]:
    """What a wrong mapping or an odd record would ask for."""
    match case.stage.role:
        case "lookup":
            reasons = (await case.lookup(connection).find(list(case.lookups.odd_keys))).refused.values()
            return [Finding("warning", reason) for reason in reasons]
        case "destination":
            destination, stage = case.destination(connection), case.destinations
            for name, value in stage.invalid().items():
                try:
                    destination.draft({**stage.fields(stage.key(0)), name: value})
                except Rejected as refusal:
                    case.watch.keep(refusal)
            return []
        case _:
            return []
