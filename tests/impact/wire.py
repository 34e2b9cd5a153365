"""The sandbox of impact.com without a network between, and every request seen on its way."""

from collections.abc import Callable

import httpx

from connectors.impact.sandbox import ImpactSandbox


class Wire(httpx.AsyncBaseTransport):
    """`requests` are those sent so far; `sent` is called with each after its answer was made."""

    def __init__(self, sandbox: ImpactSandbox, sent: Callable[[httpx.Request], None] = lambda request: None) -> None:
        self._inner = httpx.ASGITransport(sandbox.app)
        self._sent = sent
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        self.requests.append(request)
        self._sent(request)
        return answer

    def count(self, campaign: str) -> int:
        """Requests about one campaign."""
        return len([1 for request in self.requests if self._is_about(request, campaign)])

    def asked(self) -> list[str]:
        """What was asked for, shortly: resource or object, and the names of its filters."""
        shown = []
        for request in self.requests:
            names = "+".join(
                name for name in request.url.params if name not in {"CampaignId", "PageSize"} and "End" not in name
            )
            shown.append(f"{request.url.path.split('/', 3)[3]} {names}".strip())
        return shown

    @staticmethod
    def _is_about(request: httpx.Request, campaign: str) -> bool:
        path = request.url.path
        return request.url.params.get("CampaignId") == campaign or f"/{campaign}." in path or f"/{campaign}/" in path
