"""Requests about one contact: leaving groups, being in some only, being asked, and what a batch can't do.

A batch must state a consent. Somebody whose consent there is better than ours, or of a kind that we can't state, gets
fields and groups by requests that state none.
"""

from connectors.cyberimpact.client import MISSING, CyberimpactClient
from connectors.cyberimpact.journey import Journey
from connectors.cyberimpact.receipts import ASKED, write_receipt
from connectors.cyberimpact.wire import CustomIds
from connectors.cyberimpact.writer import Reply, Request, Writer
from syncengine.contracts import Part


class Singles:
    """Changes single contacts; what can't be done ends their journey."""

    def __init__(self, client: CyberimpactClient, writer: Writer, custom: CustomIds) -> None:
        self._client = client
        self._writer = writer
        self._custom = custom

    async def add(self, journey: Journey) -> None:
        """Set the fields and join the groups of a contact that is there, without touching its consent."""
        key, fields = journey.key, dict(journey.change.fields)
        if fields and not journey.carried:
            body = self._custom.body(fields)
            part = Part(key, fields=fields)
            if not await self._change(journey, part, lambda _: self._client.patch_member(key, body)):
                return
        journey.carried = True
        groups = frozenset(journey.joins.keys() - journey.joined)
        if groups:
            part = Part(key, join=tuple(journey.joins[group] for group in sorted(groups)))
            if not await self._change(journey, part, lambda _: self._client.join_groups(key, groups)):
                return
        journey.joined |= groups

    async def ask(self, journey: Journey) -> None:
        """Have Cyberimpact ask somebody who isn't there. Without a sure answer it stays in doubt: once is enough."""
        body = {"email": journey.key, **self._custom.body(journey.change.fields)}
        groups = sorted(journey.joins)
        titles = tuple(journey.joins[group] for group in groups)
        part = Part(journey.key, fields=dict(journey.change.fields), join=titles, ask=True)
        reply = await self._writer.send([part], lambda _: self._client.request_optin(body, groups or None))
        if reply.status == "good":
            await self._writer.note(reply.attempt, write_receipt(ASKED, ""))
        if await self._end(journey, reply):
            journey.arrive(frozenset(groups))

    async def replace(self, journey: Journey) -> None:
        """Have a contact in exactly its groups."""
        if journey.exact is None:
            return
        groups = sorted(journey.exact)
        part = Part(journey.key, exact=tuple(journey.exact[group] for group in groups))
        await self._change(journey, part, lambda _: self._client.replace_groups(journey.key, groups))

    async def leave(self, journey: Journey) -> None:
        """Take a contact out of groups, one by one; out of one in which it isn't, or which has gone, it is already."""
        for group, title in sorted(journey.leaves.items()):
            if not await self._leave(journey, group, title):
                return

    async def _leave(self, journey: Journey, group: int, title: str) -> bool:
        part = Part(journey.key, leave=(title,))
        reply = await self._writer.send([part], lambda _: self._client.leave_group(journey.key, group))
        if reply.status == "refused" and reply.answer is not None and reply.answer.status == MISSING:
            await self._writer.confirm(reply.attempt)
            return True
        return await self._end(journey, reply)

    async def _change(self, journey: Journey, part: Part, request: Request) -> bool:
        reply = await self._writer.send([part], request)
        if reply.status == "refused" and reply.answer is not None and reply.answer.status == MISSING:
            await self._writer.refute(reply.attempt)
            journey.retry("gone", "The contact or a group went away meanwhile.")
            return False
        return await self._end(journey, reply)

    async def _end(self, journey: Journey, reply: Reply) -> bool:
        """Settle the attempt, and the journey where it can't go on. Gives whether it can."""
        if reply.status == "good":
            await self._writer.confirm(reply.attempt)
            return True
        if reply.status == "refused":
            await self._writer.refute(reply.attempt)
            journey.reject("refused", "Cyberimpact refuses this change of the contact.")
        else:
            stop_short(journey, reply)
        return False


def stop_short(journey: Journey, reply: Reply) -> None:
    """End a journey whose request got no answer, or was not allowed to leave."""
    if reply.status == "barred":
        journey.barred = True
    elif reply.status == "put_off":
        journey.retry("throttled", "Cyberimpact took no more requests.")
    else:
        journey.doubt("no_answer", "Cyberimpact gave no answer; the request may have taken effect.")
