"""A connection that has nothing but the destination `calls`, and a whole call with all fifty parameters."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from connectors.impact.calls import CallReports
from connectors.impact.calls_settings import CallDataSettings
from syncengine.contracts import Context, Destination, Finding, Lookup, Stream

WHOLE_CALL: dict[str, Any] = {
    "CampaignId": "1000",
    "MediaId": "39787",
    "EventDate": "2026-02-03T06:43:15-08:00",
    "ActionTrackerId": "777",
    "CallProvider": "Invoca",
    "CallSessionId": "Z6E5-C70000000001",
    "CallerId": "866-555-0134",
    "CalledPhoneNumber": "(866) 555 0199 x12",
    "CallDuration": "312",
    "TalkDuration": 280,
    "AdId": "9001",
    "CallStatus": "ANSWER",
    "CallerPhoneNumberCountry": "ca",
    "CalledPhoneNumberCountry": "UK",
    "SubId1": "sub-one",
    "SubId2": "sub-two",
    "SubId3": "sub-three",
    "ClickId": "click-abc",
    "City": "Montréal",
    "Region": "Quebec",
    "Zip": "02139",
    "RepeatCaller": "Repeat",
    "PhoneType": "Mobile",
    "CallRecording": "https://recordings.example.test/1",
    "IvrDuration": "20",
    "Keypresses": "menu 1, menu 2",
    "Key1": "first-key",
    "Key2": "second-key",
    "Key3": "third-key",
    "Key4": "fourth-key",
    "TrafficSource": "Search",
    "OptInSms": "0",
    "UserAgent": "Made-up/1.0",
    "DispositionName": "Quote",
    "SaleAmount": "1,234.50",
    "ReferenceId": "17",
    "CustomConversionEvent1Name": "conversion-name-1",
    "CustomConversionEvent2Name": "conversion-name-2",
    "CustomConversionEvent3Name": "conversion-name-3",
    "CustomConversionEvent1Value": "conversion-value-1",
    "CustomConversionEvent2Value": "conversion-value-2",
    "CustomConversionEvent3Value": "conversion-value-3",
    "VendorEventId": "C624DA2C-00000001",
    "PromoNumberDescription": "spring poster",
    "CustomCallEvent1Name": "call-name-1",
    "CustomCallEvent2Name": "call-name-2",
    "CustomCallEvent3Name": "call-name-3",
    "CustomCallEvent1Value": "call-value-1",
    "CustomCallEvent2Value": "call-value-2",
    "CustomCallEvent3Value": "call-value-3",
}
AS_SENT = {
    **{name: str(value) for name, value in WHOLE_CALL.items()},
    "EventDate": "2026-02-03T14:43:15Z",
    "CalledPhoneNumber": "866-555-0199",
    "CallerPhoneNumberCountry": "CA",
    "CalledPhoneNumberCountry": "GB",
    "SaleAmount": "1234.50",
}
"""What the endpoint is to see of it."""


class CallsConnection:
    """An account of which only the call data credentials are configured."""

    def __init__(self, settings: CallDataSettings, context: Context) -> None:
        self.calls = CallReports(settings, context)
        self.streams: Mapping[str, Stream] = {}
        self.lookups: Mapping[str, Lookup] = {}
        self.destinations: Mapping[str, Destination] = {"calls": self.calls}

    async def check(self) -> Sequence[Finding]:
        return [await self.calls.check()]

    async def __aenter__(self) -> Self:
        await self.calls.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.calls.__aexit__(kind, error, trace)


class CallsConnector:
    """The destination alone, as the impact connector builds it from its table `call_data`."""

    name: ClassVar[str] = "impact"
    summary: ClassVar[str] = "calls reported to impact.com"
    Settings: ClassVar[type[BaseModel]] = CallDataSettings

    def connect(self, settings: CallDataSettings, context: Context) -> CallsConnection:
        return CallsConnection(settings, context)
