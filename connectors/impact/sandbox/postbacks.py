"""Event notifications ("postbacks"): what impact.com sends by itself when something happens (impact.md section 10).

They are made when the event happens, and sent when a test says so, so that it decides what arrives before what.
"""

import random
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict

from connectors.impact.sandbox.model import Action
from connectors.impact.sandbox.rows import wire_row
from connectors.impact.sandbox.switches import ImpactSwitches

Event = Literal["tracked", "modified", "reversed"]
"""Approval is no event."""
TOKEN = re.compile(r"\{([A-Za-z]+)\}")
TOKENS = frozenset(
    {
        *("Payout", "DeltaPayout", "Amount", "DeltaAmount", "Currency", "EventDate", "CreationDate", "LockingDate"),
        *("CampaignId", "ActionTrackerId", "MediaPartnerId"),
    }
)
"""Tokens named as the action's field; {ActionId}, {Status} and {StatusDetail} have names of their own."""
UNCONFIRMED = frozenset({"CustomerId", "Oid"})
STATUS_DETAIL = "OPEN"
PATIENCE = 10.0
"""Seconds that it waits for an answer; no document says how many."""


class Hook(BaseModel):
    """What an administrator has configured: where to, and a template that is theirs alone. Tokens look like {ActionId}.

    A GET has its tokens in the URL. A POST has a body too, in which values are put as they are: a quotation mark in one
    breaks the JSON, as it does in impact.com's own sample.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    content_type: str = "application/json"
    events: frozenset[Event] = frozenset({"tracked", "modified", "reversed"})


class Postback(NamedTuple):
    """One notification, as it will be sent or was."""

    method: str
    url: str
    body: str
    content_type: str

    async def post(self, client: httpx.AsyncClient) -> int:
        """The status of the answer, 0 for none."""
        headers = {"Content-Type": self.content_type} if self.method == "POST" else {}
        content = self.body.encode() if self.method == "POST" else None
        try:
            answer = await client.request(self.method, self.url, headers=headers, content=content, timeout=PATIENCE)
        except httpx.TransportError:
            return 0
        return answer.status_code


class Postbacks:
    """The notifications of one account. There is no signature and no event id."""

    def __init__(self, switches: ImpactSwitches, rng: random.Random) -> None:
        self._switches = switches
        self._rng = rng
        self.hooks: list[Hook] = []
        self.pending: list[Postback] = []

    def clear(self) -> None:
        """Nothing is configured, nothing is to be sent."""
        self.hooks.clear()
        self.pending.clear()

    def tell(self, event: str, action: Action) -> None:
        """Something happened to an action: write what each hook says of it now."""
        for hook in self.hooks:
            if event in hook.events:
                self.pending.append(self._write(hook, action))

    async def send(self, client: httpx.AsyncClient | None = None) -> list[int]:
        """Send what is pending, one after the other; the statuses of all answers, 0 for none.

        Duplicates, disorder and a second try are switches.
        """
        sending, self.pending = self.pending, []
        if self._switches.postback_duplicates:
            sending = [postback for postback in sending for _ in range(2)]
        if self._switches.postback_order == "mixed":
            self._rng.shuffle(sending)
        if client is None:
            async with httpx.AsyncClient(trust_env=False) as own:
                return await self._send(sending, own)
        return await self._send(sending, client)

    async def _send(self, sending: list[Postback], client: httpx.AsyncClient) -> list[int]:
        statuses: list[int] = []
        for postback in sending:
            statuses.append(await postback.post(client))
            if self._switches.postback_retry == "once" and not httpx.codes.is_success(statuses[-1]):
                statuses.append(await postback.post(client))
        return statuses

    def _write(self, hook: Hook, action: Action) -> Postback:
        row = wire_row(action, self._switches)
        known = TOKENS | UNCONFIRMED if self._switches.postback_customer_tokens else TOKENS
        values = {name: str(row[name]) for name in known}
        values |= {"ActionId": action.id, "Status": action.state, "StatusDetail": STATUS_DETAIL}
        return Postback(
            method=hook.method,
            url=self._fill(hook.url, {name: quote(value, safe="") for name, value in values.items()}),
            body=self._fill(hook.body, values),
            content_type=hook.content_type,
        )

    def _fill(self, template: str, values: Mapping[str, str]) -> str:
        kept = self._switches.postback_unknown == "kept"
        return TOKEN.sub(lambda found: values.get(found[1], found[0] if kept else ""), template)
