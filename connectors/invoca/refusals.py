"""What an answer that is no success means: eight shapes told apart by their class, never by their words.

Follows invoca.md section 3.4. The words are never read, kept or shown: they may quote what was sent.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

import msgspec

from syncengine.errors import AuthError, ProviderError, SyncError
from syncengine.http import Answer

Kind = Literal["invalid", "forbidden", "not_found", "internal", "unclear", "kept"]

RIGHTS = "Unauthorized"
"""Classes that begin so mean rights: UnauthorizedOperation, UnauthorizedAdvertiser."""
CLASSES: dict[str, Kind] = {
    "RecordNotFound": "not_found",
    "RecordInvalid": "invalid",
    "InvalidInput": "invalid",
    "InternalServiceError": "internal",
}
DEEPEST = 12
"""Levels of an error body that are looked at."""
MOST_FIELDS = 5
"""Fields that are named to people."""
LONGEST_NAME = 40
BEGINNING = 100
"""Bytes in which a body shows whether it is an object or a list."""
BAD_ARGUMENTS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY})


class Refusal(NamedTuple):
    """Why a request was refused. `fields` are dotted names of what is wrong with it, `state` what stays as it is.

    `unclear`: a 403 without class and fields, which may be either wrong arguments or missing rights. `kept`: it was to
    be deleted and is still there.
    """

    kind: Kind
    fields: tuple[str, ...] = ()
    state: str | None = None

    @property
    def field(self) -> str | None:
        return self.fields[0] if self.fields else None


def says_no(answer: Answer) -> bool:
    """Whether this is a refusal; errors have also been seen in answers of status 200 (shape 8)."""
    if not answer.good:
        return True
    if not answer.content[:BEGINNING].lstrip().startswith(b"{"):  # a list of rows is not decoded for this
        return False
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        return False
    return bool(body.get("errors") or body.get("error"))


def read_refusal(answer: Answer) -> Refusal:
    """What this answer says. Any body will do."""
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        body = None
    found = body if isinstance(body, dict) else {}
    errors = found.get("errors", found.get("error"))
    fields: tuple[str, ...] = ()
    if isinstance(errors, dict):
        name = errors.get("class")
        if isinstance(name, str):
            return Refusal(_of_class(name, answer.status))
        fields = tuple(dict.fromkeys(_fields(errors)))
    state = found.get("status")
    if fields:
        return Refusal("invalid", fields, state if isinstance(state, str) and len(state) < LONGEST_NAME else None)
    return Refusal(_of_status(answer.status))


def error_of(refusal: Refusal, status: int, label: str, what: str) -> SyncError:
    """The error for a read that was refused: by rights (AuthError), or in another way (ProviderError)."""
    match refusal.kind:
        case "forbidden":
            return AuthError(
                f"{label}: the token is not allowed the {what} ({status}).",
                hint="Check role, network_id, and the rights of the user who made the token.",
                code="forbidden",
            )
        case "unclear":
            return AuthError(
                f"{label}: the {what} is refused ({status}), and Invoca doesn't say whether by rights or by arguments.",
                hint="Check the rights of the user who made the token, then network_id and role.",
                code="forbidden",
            )
        case "not_found":
            return ProviderError(
                f"{label}: Invoca doesn't know the {what} ({status}).",
                hint="Check network_id, role, subdomain and versions.",
                code="not_found",
            )
        case "internal":
            return ProviderError(f"{label}: Invoca has trouble with the {what} ({status}).", code="internal")
        case _:
            named = ", ".join(refusal.fields[:MOST_FIELDS]) or "unnamed"
            return ProviderError(
                f"{label}: Invoca refuses the {what} ({status}); wrong: {named}.",
                hint="Check versions, role and page_rows; if they are right, the API has changed.",
                code="invalid_arguments",
            )


def _of_class(name: str, status: int) -> Kind:
    if name.startswith(RIGHTS):
        return "forbidden"
    if name in CLASSES:
        return CLASSES[name]
    # Call Ingestion puts a field's path there (section 3.4): whatever it is, the request was understood.
    return "invalid" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal"


def _of_status(status: int) -> Kind:
    if status == HTTPStatus.FORBIDDEN:
        return "unclear"
    if status == HTTPStatus.NOT_FOUND:
        return "not_found"
    if status in BAD_ARGUMENTS:
        return "invalid"
    return "internal"


def _fields(errors: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    """Dotted names of the innermost fields: an object leads deeper, a list of texts is the end."""
    if depth > DEEPEST:
        return
    if isinstance(errors, dict):
        for name, inner in errors.items():
            step = str(name)[:LONGEST_NAME]
            yield from _fields(inner, f"{path}.{step}" if path else step, depth + 1)
    elif isinstance(errors, list) and any(isinstance(each, dict) for each in errors):
        for each in errors:
            if isinstance(each, dict):
                yield from _fields(each, path, depth + 1)
    elif path:
        yield path
