"""Steering the account from another process: what happens in it, what is in it, and what it notifies of."""

import datetime as dt
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from connectors.impact.sandbox.model import Partner
from connectors.impact.sandbox.postbacks import Hook
from connectors.impact.sandbox.query import Refused

if TYPE_CHECKING:
    from connectors.impact.sandbox.account import ImpactSandbox

ACTION_STEPS = ("add_campaign", "create", "modify", "approve", "approve_due", "reverse", "reset", "remove")
INQUIRY_STEPS = ("inquire", "resolve")
PARTNER_STEPS = (
    *("add_partner", "join", "update_partner", "unsubscribe"),
    *("add_contact", "update_contact", "remove_contact"),
)
MOMENTS = ("at", "event", "transaction")
"""Arguments that are dates."""


class Control:
    """The control routes of an impact.com sandbox."""

    def __init__(self, sandbox: "ImpactSandbox") -> None:
        self._sandbox = sandbox

    def routes(self) -> Iterable[BaseRoute]:
        return [
            Route("/_sandbox/admin", self._admin, methods=["POST"]),
            Route("/_sandbox/actions", self._actions, methods=["GET"]),
            Route("/_sandbox/postbacks", self._postbacks, methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/postbacks/send", self._send, methods=["POST"]),
        ]

    def _steps(self) -> dict[str, Callable[..., Any]]:
        owners = (
            (self._sandbox.book, ACTION_STEPS),
            (self._sandbox.inquiries, INQUIRY_STEPS),
            (self._sandbox.partners, PARTNER_STEPS),
        )
        return {name: getattr(owner, name) for owner, names in owners for name in names}

    async def _admin(self, request: Request) -> Response:
        """POST {"do": "create", "campaign_id": "1000", …}: a step in a life, with the method's arguments."""
        try:
            arguments = dict(await request.json())
            steps = self._steps()
            step = arguments.pop("do", None)
            if step not in steps:
                return _refuse(f"do: one of {sorted(steps)}")
            for name in MOMENTS:
                if name in arguments:
                    arguments[name] = dt.datetime.fromisoformat(arguments[name])
            if "partner" in arguments:
                arguments["partner"] = Partner(**arguments["partner"])
            done = steps[step](**arguments)
        except (KeyError, TypeError, ValueError, Refused) as error:
            return _refuse(str(error))
        row = self._sandbox.row
        return JSONResponse([row(item) for item in done] if isinstance(done, list) else row(done))

    async def _actions(self, _: Request) -> Response:
        """Every action as it is now, as it would be read."""
        return JSONResponse(list(self._sandbox.every_action().values()))

    async def _postbacks(self, request: Request) -> Response:
        """POST a Hook to be notified; the answer lists the hooks and what waits to be sent."""
        postbacks = self._sandbox.postbacks
        if request.method == "DELETE":
            postbacks.clear()
        elif request.method == "POST":
            try:
                postbacks.hooks.append(Hook.model_validate_json(await request.body()))
            except ValidationError as error:
                return _refuse(str(error))
        return JSONResponse(
            {
                "hooks": [hook.model_dump(mode="json") for hook in postbacks.hooks],
                "pending": [postback._asdict() for postback in postbacks.pending],
            }
        )

    async def _send(self, _: Request) -> Response:
        """Send what waits; the answer has the status of each, 0 for none."""
        return JSONResponse({"statuses": await self._sandbox.postbacks.send()})


def _refuse(problem: str) -> Response:
    return JSONResponse({"error": problem}, HTTPStatus.UNPROCESSABLE_ENTITY)
