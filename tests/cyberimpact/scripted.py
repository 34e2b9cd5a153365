"""A server of a few lines that answers from a table: for what the sandbox doesn't do, lists that move above all."""

from collections.abc import Callable
from typing import Any

import httpx

Answer = Callable[[httpx.Request], httpx.Response | dict[str, Any] | int]


class Scripted(httpx.AsyncBaseTransport):
    """Answers by path. A dict is a 200 answer, a number a status without a body. `requests` are those received."""

    def __init__(self, **routes: Answer) -> None:
        self.routes = {f"/{name.replace('__', '/')}": answer for name, answer in routes.items()}
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.routes.get(request.url.path, lambda _: 404)(request)
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(answer) if isinstance(answer, int) else httpx.Response(200, json=answer)


def page_of(rows: list[dict[str, Any]], key: str, request: httpx.Request, most: int = 10_000) -> dict[str, Any]:
    """The page that a request asks for; a server may give fewer rows than asked for."""
    limit = min(int(request.url.params.get("limit", "20")), most)
    number = int(request.url.params.get("page", "1"))
    return {
        key: rows[(number - 1) * limit : number * limit],
        "totalCount": len(rows),
        "page": number,
        "limit": limit,
        "sort": "",
    }
