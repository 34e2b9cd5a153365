"""The eight shapes in which Invoca says no (invoca.md section 3.4)."""

import random
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from starlette.responses import Response

from connectors.invoca.sandbox.switches import InvocaSwitches

WORDS = ("is not valid", "can't be blank", "Something went wrong", "has already been taken")


class Refused(Exception):
    """The request is refused with this status and body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(status))
        self.status = status
        self.body = body


def of_class(status: int, name: str, words: str) -> Refused:
    """Shapes 1, 6 and 7: an error with its class. (A 500 is made by a fault of the kit.)"""
    return Refused(status, {"errors": {"class": name, "invalid_data": words}})


def not_found(what: str = "Record") -> Refused:
    """Shape 1."""
    return of_class(HTTPStatus.NOT_FOUND, "RecordNotFound", f"{what} not found")


def invalid(field: str, words: str = "is not valid") -> Refused:
    """Shape 2: the field, and no class."""
    return Refused(HTTPStatus.FORBIDDEN, {"errors": {field: [words]}})


def invalid_email() -> Refused:
    """Shape 3: as deep as the body was."""
    inner = [{"email_settings": [{"email_address": ["is not valid"]}]}]
    return Refused(HTTPStatus.FORBIDDEN, {"errors": {"users": inner}})


def invalid_tree() -> Refused:
    """Shape 4: `error` in the singular."""
    return Refused(HTTPStatus.FORBIDDEN, {"error": {"ivr_tree": {"children": [{"0": {"prompt": ["can't be blank"]}}]}}})


def bad_transition(state: str) -> Refused:
    """Shape 5: the error and the state that stays."""
    return Refused(HTTPStatus.FORBIDDEN, {"errors": {"status": ["can't change to that"]}, "status": state})


def not_allowed(name: str = "UnauthorizedOperation") -> Refused:
    """Shape 6, and it means rights: the same status as a wrong argument."""
    return of_class(HTTPStatus.FORBIDDEN, name, "You may not do this")


def answer(refused: Refused, switches: InvocaSwitches, rng: random.Random) -> Response:
    """The refusal as it leaves; shape 8 is everything that isn't the documented JSON."""
    words = rng.choice(WORDS) if switches.random_words else "The request was refused"
    match switches.error_shape:
        case "text":
            return Response(words, refused.status, media_type="text/plain")
        case "xml":
            return Response(f"<errors><error>{escape(words)}</error></errors>", refused.status, media_type="text/xml")
        case "message":
            return Response(msgspec.json.encode({"message": words}), refused.status, media_type="application/json")
        case _:
            return Response(msgspec.json.encode(refused.body), refused.status, media_type="application/json")
