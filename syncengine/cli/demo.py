"""`demo`: the whole story in one minute, with the real commands, against local servers, in a folder that goes away."""

import csv
import datetime as dt
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from syncengine.cli.command import DONE, REJECTED, Session, command
from syncengine.cli.screen import print_json
from syncengine.errors import SyncError

if TYPE_CHECKING:
    from syncengine.cli.sandbox import Running

__all__ = ["register"]

PEOPLE, SEED = 24, 1
ROWS = 8
"""Of each kind in the demo's plan: enough to see what it is like."""
SECONDS = 120
"""No step takes more than a few; one that hangs must not hang the demo."""
OURS = "impact.com action"
"""How the recipe begins the proof of a consent: such a contact is one that was delivered in the demo."""
AGO = dt.timedelta(minutes=20)
"""The new purchase lies behind the margin up to which actions are read, and inside what is read again."""


def register(app: typer.Typer) -> None:
    command(app)(demo)


def demo(session: Session) -> int:
    """Show all of it with made-up people, here, without any account."""
    from syncengine.cli.sandbox import start_sandboxes

    with (
        tempfile.TemporaryDirectory(prefix="syncengine-demo-") as folder,
        start_sandboxes(Path(folder), PEOPLE, SEED) as running,
    ):
        story = _Story(session, running, Path(folder))
        story.tell()
    if session.json:
        print_json({"steps": story.steps})
    return DONE


class _Story:
    """The steps of the demo. Each is a real command in a process of its own; what it must do is checked."""

    def __init__(self, session: Session, running: "Running", folder: Path) -> None:
        self._session = session
        self._running = running
        self._folder = folder
        self.steps: list[dict[str, Any]] = []

    def tell(self) -> None:
        """Run it. Raises SyncError where a step doesn't behave."""
        self._say("Local servers stand in for impact.com, Cyberimpact and Invoca, a CSV file for the shop's customers.")
        self._run("Would it work? Every account is asked, nothing is changed.", "check")
        self._run(
            "Who would be written to, and who not, and why? Still nothing is changed.", "plan", "--limit", str(ROWS)
        )
        self._expect(not self._writes(), "plan sent a request with effect")
        self._run(
            "Now for real. Exit code 3 says: done, but something was rejected (a made-up address that is none).",
            "sync",
            code=REJECTED,
        )
        before = self._writes()
        self._expect(bool(before), "sync wrote nothing")
        self._run("Once more: nothing has changed, so nothing is sent.", "sync")
        self._expect(self._writes() == before, "the second sync sent a request with effect")
        self._respect_no(before)
        self._run("Is it fresh, and was anybody left out?", "status")
        self._say("\nThe end; all of it is gone. To look around yourself:")
        self._say("  syncengine sandbox               the same servers, for as long as you like")
        self._say("  syncengine init                  a configuration for your own accounts")

    def _respect_no(self, before: Mapping[str, int]) -> None:
        """Somebody unsubscribes and buys again: the purchase is read, and they are left alone."""
        email, customer = self._somebody()
        self._post("cyberimpact", {"do": "unsubscribe", "email": email})
        moment = (dt.datetime.now(dt.UTC) - AGO).isoformat()
        purchase = {"campaign_id": "1000", "customer_id": customer, "oid": "79999999", "event": moment, "at": moment}
        self._post("impact", {"do": "create", **purchase})
        self._say(f"\n{email} unsubscribes by the link in a mailing, and later buys something again.")
        self._run("The purchase is read. It would renew the consent, but who said no is not written to.", "sync")
        self._expect(self._writes() == before, "somebody who unsubscribed was written to")
        self._expect(self._contacts()[email]["state"] == "unsubscribed", "the contact is not unsubscribed any more")
        self._run("Why is this address there, and why does nothing more reach it?", "explain", email)

    def _somebody(self) -> tuple[str, str]:
        """A contact that the sync delivered, with the id by which the shop knows them."""
        with (self._folder / "customers.csv").open(encoding="utf-8", newline="") as file:
            ids = {row["email"].lower(): row["customer_id"] for row in csv.DictReader(file)}
        ours = sorted(
            email
            for email, contact in self._contacts().items()
            if email in ids and str(contact["consent"]["proof"]).startswith(OURS) and contact["state"] == "subscribed"
        )
        self._expect(bool(ours), "sync delivered no contact")
        return ours[0], ids[ours[0]]

    def _run(self, why: str, *arguments: str, code: int = DONE) -> None:
        """Run a command as a person would. Raises SyncError where it ends with another code."""
        self._say(f"\n{why}")
        self._say(typer.style(f"$ syncengine {' '.join(arguments)}", bold=True))
        sys.stdout.flush()
        as_json = self._session.json
        environ = {**os.environ, "SYNCENGINE_CONFIG": str(self._running.config)}
        ended = subprocess.run(  # noqa: S603 - this very program, and nothing that anybody typed
            [sys.executable, "-m", "syncengine.cli", *arguments, *(["--json"] if as_json else [])],
            cwd=self._folder, env=environ, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
            stdout=subprocess.PIPE if as_json else None,
        )  # fmt: skip
        if as_json:
            import json

            self.steps.append(
                {"command": arguments, "exit_code": ended.returncode, "output": json.loads(ended.stdout or b"null")}
            )
        elif ended.returncode:
            self._say(f"(exit code {ended.returncode})")
        self._expect(ended.returncode == code, f"`{arguments[0]}` ended with {ended.returncode} instead of {code}")

    def _writes(self) -> dict[str, int]:
        """The requests with effect that the contacts' server has taken, by route."""
        found: dict[str, int] = self._ask("cyberimpact", "writes")
        return found

    def _contacts(self) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("cyberimpact", "contacts")
        return found

    def _ask(self, name: str, what: str) -> Any:
        import httpx

        return httpx.get(f"{self._running.urls[name]}/_sandbox/{what}", trust_env=False).raise_for_status().json()

    def _post(self, name: str, order: Mapping[str, str]) -> None:
        import httpx

        httpx.post(f"{self._running.urls[name]}/_sandbox/admin", json=order, trust_env=False).raise_for_status()

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            hint = "This is a bug of syncengine: please report it with what the demo printed."
            raise SyncError(f"The demo failed: {otherwise}.", hint=hint, code="demo")

    def _say(self, text: str) -> None:
        if not self._session.json:
            typer.echo(text)
