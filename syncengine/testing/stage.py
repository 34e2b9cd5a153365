"""What an author writes once for a connector: how to make its provider do what the rules need.

A stage is one provider with one part of the connector (a stream, a lookup or a destination) in view. Each rule gets a
new one. A method that isn't written raises NotStaged, and the rule that needed it fails until it is written or waived.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, NoReturn, Self

from syncengine.contracts import Change, Destination
from syncengine.sandbox.kit import Fault, Sandbox, Server
from syncengine.testing.clock import MovableClock
from syncengine.testing.verdict import NotStaged
from syncengine.testing.wire import Edit

Role = Literal["stream", "lookup", "destination"]
Power = Literal["Auditable", "Explaining"]
"""What only some destinations can do, and has rules of its own: the protocol's name in `syncengine.contracts`."""


def _unwritten(stage: object, name: str) -> NoReturn:
    raise NotStaged(f"{type(stage).__name__}.{name} isn't written")


class Stage:
    """What holds for every part. A context manager: the provider runs inside, by the given clock.

    `part` names the stream, lookup or destination. `powers` are those of the destination that have rules of their own.
    `edit`, where set, changes the body of every answer on its way.
    """

    role: ClassVar[Role]
    powers: ClassVar[Collection[Power]] = ()
    part: ClassVar[str]

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        """`folder` is empty, the stage's own, and the one that relative paths of the settings are relative to."""
        self.clock = clock
        self.folder = folder
        self.edit: Edit | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to stop."""

    def settings(self) -> dict[str, Any]:
        """What stands under [connections.NAME], with credentials that the provider accepts."""
        _unwritten(self, "settings")

    def bad_settings(self) -> dict[str, Any]:
        """The same with credentials that it refuses."""
        _unwritten(self, "bad_settings")

    def secrets(self) -> Collection[str]:
        """Texts of the settings that nobody may ever see in a log or an error."""
        _unwritten(self, "secrets")

    def people(self) -> Collection[str]:
        """Texts of the provider's data that are personal: addresses, phone numbers, names."""
        _unwritten(self, "people")

    def inject(self, fault: Fault) -> None:
        """Spoil the requests that the fault waits for."""
        _unwritten(self, "inject")

    def heal(self) -> None:
        """Forget all faults."""
        _unwritten(self, "heal")


class StreamStage(Stage):
    """A provider with records to read.

    `options` are those of the stream, `page_size` is the most records that a page of this provider holds (make it
    small), `history` is how far back records may lie.
    """

    role: ClassVar[Role] = "stream"
    options: ClassVar[Mapping[str, Any]] = {}
    page_size: ClassVar[int]
    history: ClassVar[dt.timedelta] = dt.timedelta(days=100)

    def put(self, at: dt.datetime) -> str:
        """Make one more record, dated and last changed at this moment (whole seconds, aware UTC). Gives its id."""
        _unwritten(self, "put")

    def loop(self) -> None:
        """From now on paging never ends: a page leads back to itself or to an earlier one."""
        _unwritten(self, "loop")

    def send_naive_dates(self) -> None:
        """From now on the date that makes `Record.moment` comes without an offset."""
        _unwritten(self, "send_naive_dates")

    def send_unknown_field(self) -> None:
        """From now on records have one more field, one that no document names."""
        _unwritten(self, "send_unknown_field")


class LookupStage(Stage):
    """A source that is asked by key.

    `keys` are different keys in its own form, three at least, some of which only differ by what careless code drops
    (leading zeros, case). `odd_keys` are not there and may be impossible: they spoil nobody else's answer.
    """

    role: ClassVar[Role] = "lookup"
    keys: ClassVar[Sequence[str]] = ("007", "7", "A8", "a8", "Zoë-1", "o'brien")
    odd_keys: ClassVar[Sequence[str]] = ("", " ", "\0", "\ud800", "nobody", "9" * 400, "'; DROP TABLE customers; --")

    def add(self, key: str, rows: int = 1) -> None:
        """The source has so many rows under this key, each of another person."""
        _unwritten(self, "add")

    def cut_off(self) -> None:
        """From now on the source can't be asked."""
        _unwritten(self, "cut_off")


class DestinationStage(Stage):
    """A provider that is written to.

    `effects` are the requests that have an effect on a target: a pattern for the whole method, one searched in the
    path.
    """

    role: ClassVar[Role] = "destination"
    effects: ClassVar[tuple[str, str]] = ("POST|PUT|PATCH|DELETE", "")

    def key(self, number: int) -> str:
        """A different, normalised key for each number. None is part of another."""
        return f"person-{number:03d}@example.test"

    def spellings(self, key: str) -> Sequence[str]:
        """Other spellings that mean the same target."""
        return (f"  {key} ", key.upper(), key.title())

    def fields(self, key: str) -> dict[str, Any]:
        """Good values for every kind of field, as a mapping sets them for the target with this key."""
        _unwritten(self, "fields")

    def invalid(self) -> Mapping[str, Any]:
        """For each field that is checked a value that it refuses: a telling one, of six characters at least."""
        _unwritten(self, "invalid")

    def target(self, key: str) -> Any:
        """All that the provider has under this key, as a value to compare; what is there twice shows twice.

        None: nothing. Numbers that the provider gives out and times of writing are left out.
        """
        _unwritten(self, "target")

    def refuse(self, key: str) -> None:
        """Make `change` of this key one that the provider refuses, while it takes others of the same request."""
        _unwritten(self, "refuse")

    def suppress(self, key: str, reason: Literal["unsubscribed", "bounced"]) -> None:
        """Have a target there that the provider lists as not to be written to; it may be there already."""
        _unwritten(self, "suppress")

    def welcome(self, key: str) -> None:
        """Take a target that is there off those lists: it may be written to again. For Auditable."""
        _unwritten(self, "welcome")

    def remove(self, key: str) -> None:
        """Delete a target by hand, whatever it is: the provider forgets it. For Auditable."""
        _unwritten(self, "remove")

    def send_mail(self, key: str) -> str:
        """Send a mailing to this target and not to the rules' other ones. Gives its id. For Explaining."""
        _unwritten(self, "send_mail")

    def change(self, destination: Destination, key: str) -> Change:
        """Everything that `fields` asks for, as the engine would send it the first time."""
        draft = destination.draft(self.fields(key))
        groups = frozenset(draft.groups)
        return Change(draft.key, 1, True, draft.fields, groups, frozenset(), draft.consent, draft.consent is not None)


class KitStage(Stage):
    """A stage whose provider is a sandbox made from the kit: it serves it, by the clock of the rule, with faults.

    Put it before the role: `class Mine(KitStage, StreamStage)`. `make` is the sandbox's class.
    """

    make: ClassVar[Callable[[Callable[[], dt.datetime]], Sandbox]]

    def __init__(self, clock: MovableClock, folder: Path) -> None:
        super().__init__(clock, folder)
        self.sandbox = type(self).make(clock.now)
        self._server = Server(self.sandbox.app)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    def settings(self) -> dict[str, Any]:
        return {**self.sandbox.settings(), "base_url": self._server.url}

    def inject(self, fault: Fault) -> None:
        self.sandbox.faults.add(fault)

    def heal(self) -> None:
        self.sandbox.faults.clear()
