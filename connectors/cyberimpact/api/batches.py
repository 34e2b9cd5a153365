"""/batches and /ping: many changes in one request, worked off later (section 5); whose account this is."""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.cyberimpact.api.calls import Calls, decode, endpoint, segment
from connectors.cyberimpact.rows import Ping
from syncengine.http import Answer


class BatchCalls(Calls):
    """Batches. There is no list of them: whoever loses the answer has lost the number."""

    @endpoint("GET /ping")
    async def ping(self) -> Ping:
        """Whose account this is; the check of the credentials."""
        return decode(await self._get("/ping", "ping"), Ping)

    @endpoint("POST /batches")
    async def post_batch(self, body: Mapping[str, Any]) -> Answer:
        return await self._write("POST", "/batches", "batch", body)

    @endpoint("POST /batches")
    async def post_unsubscriptions(self, ids: Sequence[int | str]) -> Answer:
        """Unsubscribe many, by number or address; there is no way back by the API."""
        return await self.post_batch({"batchType": "unsubscribe", "ids": list(ids)})

    @endpoint("POST /batches")
    async def post_deletions(self, ids: Sequence[int | str]) -> Answer:
        """Erase many, by number or address."""
        return await self.post_batch({"batchType": "deleteMembers", "ids": list(ids)})

    @endpoint("GET /batches/{id}")
    async def batch(self, receipt: str) -> Mapping[str, Any]:
        """How far a batch is; ProviderError with the code `not_found` where it isn't known (any more)."""
        answer = await self._get(f"/batches/{segment(receipt)}", "such batch", {"showErrorDetails": "true"})
        return decode(answer, dict[str, Any])
