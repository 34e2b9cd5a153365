"""A local call data endpoint, with its own host and credentials, written from the provider's page."""

import base64
import datetime as dt
import json
import re
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import ClassVar, Literal
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from syncengine.sandbox.kit import Person, Sandbox, Switches

USERNAME, PASSWORD = "calls-made-up", "made-up-call-password"
PATH = "/calldata/logCallData"
PAGE_ANSWER = b'{\n"Status": "OK",\n}'
"""As the page shows it: with a comma too many."""

WHOLE = frozenset({"CampaignId", "MediaId", "ActionTrackerId", "AdId"})
SECONDS = frozenset({"CallDuration", "TalkDuration", "IvrDuration"})
NUMBERS = frozenset({"SaleAmount", "ReferenceId"})
SHORT = frozenset({
    "CallProvider", "CallerId", "CallerPhoneNumberCountry", "CalledPhoneNumberCountry", "SubId1", "SubId2", "SubId3",
})  # fmt: skip
REQUIRED = (
    "CampaignId", "MediaId", "EventDate", "ActionTrackerId", "CallProvider", "CallSessionId", "CallerId",
    "CalledPhoneNumber", "CallDuration", "TalkDuration",
)  # fmt: skip
OTHERS = (
    "CallStatus", "ClickId", "City", "Region", "Zip", "RepeatCaller", "PhoneType", "CallRecording", "Keypresses",
    "Key1", "Key2", "Key3", "Key4", "TrafficSource", "OptInSms", "UserAgent", "DispositionName", "VendorEventId",
    "PromoNumberDescription",
    *(f"CustomConversionEvent{number}{part}" for part in ("Name", "Value") for number in (1, 2, 3)),
    *(f"CustomCallEvent{number}{part}" for part in ("Name", "Value") for number in (1, 2, 3)),
)  # fmt: skip
PARAMETERS = WHOLE | SECONDS | NUMBERS | SHORT | set(REQUIRED) | set(OTHERS)
STATUSES = frozenset({
    "UNKNOWN_CALLERID", "CONGESTION", "INCOMPLETE", "CANCEL", "IVR_DROPOFF", "NO_TRANSFER_ATTEMPT", "ANSWER", "FAILURE",
})  # fmt: skip
LONGEST_SHORT = 64
CALLED = re.compile(r"\(\d{3}\) \d{3} \d{4}|\d{3}-\d{3}-\d{4}|\d{10}")
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})")
TWO_LETTERS = re.compile(r"[A-Z]{2}")

Call = dict[str, str]


class CallDataSwitches(Switches):
    """What nobody knows about the endpoint, the likeliest value first (impact.md section 9)."""

    sent_as: Literal["either", "query", "form"] = "either"
    answer: Literal["page", "json", "empty"] = "page"
    """`page`: with the trailing comma of the documented sample; `empty`: 200 without a body."""
    refusal: Literal[400, 402, 422, 200] = 400
    """The status of an invalid report; 200 comes with `{"Status": "ERROR"}`."""
    repeated: Literal["twice", "once", "refused"] = "twice"
    """What becomes of a session that is reported again."""
    zip: Literal["integer", "text"] = "integer"
    countries: Literal["letters", "text"] = "letters"


class CallDataSandbox(Sandbox):
    """Takes reports of calls; `reports` are those that count, in the order in which they came."""

    name: ClassVar[str] = "impact-call-data"
    Switches: ClassVar[type[Switches]] = CallDataSwitches
    switches: CallDataSwitches

    def __init__(self, now: Callable[[], dt.datetime] | None = None) -> None:
        super().__init__(now)
        self.reports: list[Call] = []

    def settings(self) -> dict[str, str]:
        """What stands in [connections.NAME.call_data], besides its base_url."""
        return {"username": USERNAME, "password": PASSWORD}

    def populate(self, people: Sequence[Person], seed: int, now: dt.datetime) -> None:
        """It starts without any call: nobody can read one here."""

    def clear(self) -> None:
        self.reports.clear()

    def control(self) -> Iterable[BaseRoute]:
        return [Route("/_sandbox/reports", self._list, methods=["GET"])]

    def provider(self) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            raw = await request.body()
            await self._respond(request, raw)(scope, receive, send)

        return answer

    def of_session(self, session: str) -> list[Call]:
        """Every report of this session that counts."""
        return [each for each in self.reports if each["CallSessionId"] == session]

    def _respond(self, request: Request, raw: bytes) -> Response:
        if request.url.path != PATH:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        expected = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        if request.method not in {"GET", "POST"}:
            return JSONResponse({"Status": "ERROR"}, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, POST"})
        pairs = self._pairs(request, raw)
        call = dict(pairs)
        if len(call) < len(pairs) or (fault(call, self.switches) is not None):
            return self._refuse()
        key = ("CampaignId", "ActionTrackerId", "CallSessionId")
        before = [each for each in self.reports if all(each[name] == call[name] for name in key)]
        if before and self.switches.repeated == "refused":
            return self._refuse()
        if not before or self.switches.repeated == "twice":
            self.reports.append(call)
        match self.switches.answer:
            case "page":
                return Response(PAGE_ANSWER, media_type="application/json")
            case "json":
                return JSONResponse({"Status": "OK"})
            case _:
                return Response()

    def _pairs(self, request: Request, raw: bytes) -> list[tuple[str, str]]:
        query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        form = parse_qsl(raw.decode("utf-8"), keep_blank_values=True) if is_form else []
        match self.switches.sent_as:
            case "query":
                return query
            case "form":
                return form
            case _:
                return [*query, *form]

    def _refuse(self) -> Response:
        status = self.switches.refusal
        return Response(json.dumps({"Status": "ERROR"}), status, media_type="application/json")

    async def _list(self, _: Request) -> Response:
        return JSONResponse(self.reports)


def fault(call: Call, switches: CallDataSwitches) -> str | None:
    """The first parameter that is missing, unknown or wrong; None where there is none."""
    for name in REQUIRED:
        if not call.get(name):
            return name
    for name, value in call.items():
        if name not in PARAMETERS or not _good(name, value, switches):
            return name
    return None


def _good(name: str, value: str, switches: CallDataSwitches) -> bool:
    if name in SHORT and len(value) > LONGEST_SHORT:
        return False
    if name.endswith("Country"):
        return switches.countries == "text" or TWO_LETTERS.fullmatch(value) is not None
    if name in WHOLE | SECONDS or (name == "Zip" and switches.zip == "integer"):
        return value.isascii() and value.isdigit()
    if name in NUMBERS:
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    match name:
        case "CallStatus":
            return value in STATUSES
        case "PhoneType":
            return value in {"Landline", "Mobile", ""}
        case "EventDate":
            return MOMENT.fullmatch(value) is not None
        case "CalledPhoneNumber":
            return CALLED.fullmatch(value) is not None
        case "CallRecording":
            return value.startswith(("http://", "https://"))
        case _:
            return True
