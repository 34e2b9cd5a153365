"""How parts of changes look in requests, and how batches look in answers (cyberimpact.md sections 4 and 5)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from connectors.cyberimpact.fields import CUSTOM
from connectors.cyberimpact.rows import CustomField, Member
from syncengine.contracts import Part, Scalar, group_identity
from syncengine.errors import ConfigError, Problem

PROSE = frozenset({"description", "message"})
"""Keys of sentences for people. Nothing is concluded from them but which address an error is about."""
ADDRESS = re.compile(r"[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\",;:]+")
"""What may be an address in a sentence, with marks around it that may also be part of one."""
MARKS = "'`.!?"


class CustomIds(NamedTuple):
    """The numbers of custom fields by their flat names in drafts."""

    ids: Mapping[str, str]

    def body(self, fields: Mapping[str, Scalar]) -> dict[str, Any]:
        """Fields as a request has them: texts, custom fields by number."""
        body: dict[str, Any] = {name: str(value) for name, value in fields.items() if not name.startswith(CUSTOM)}
        custom = {self.ids[name]: str(value) for name, value in fields.items() if name.startswith(CUSTOM)}
        return {**body, "customFields": custom} if custom else body

    def shown(self, member: Member, fields: Mapping[str, Scalar]) -> bool:
        """Whether a contact has these values; capitals and spaces may have been tidied up."""
        plain: dict[str, Any] = msgspec.to_builtins(member)
        custom = member.custom_fields if isinstance(member.custom_fields, dict) else {}
        return all(
            _tidy(custom.get(self.ids[name]) if name.startswith(CUSTOM) else plain.get(name)) == _tidy(value)
            for name, value in fields.items()
        )


def resolve_custom(names: Iterable[str], existing: Iterable[CustomField]) -> CustomIds:
    """Find custom fields by name (trimmed, case-folded). Raises ConfigError with all that don't exist."""
    known = {group_identity(field.name): str(field.id) for field in sorted(existing, key=lambda row: -row.id)}
    wanted = {name: known.get(group_identity(name.removeprefix(CUSTOM))) for name in sorted(set(names))}
    there = ", ".join(sorted(field.name for field in existing)) or "none"
    problems = [
        Problem(name, "Cyberimpact has no custom field of that name.", f"It has: {there}. The app makes new ones.")
        for name, id_ in wanted.items()
        if id_ is None
    ]
    if problems:
        raise ConfigError(problems)
    return CustomIds({name: id_ for name, id_ in wanted.items() if id_ is not None})


def batch_body(basis: str, groups: Collection[int], parts: Iterable[Part], custom: CustomIds) -> dict[str, Any]:
    """An addMembers batch. Consent stands with every member, never as a default for others."""
    body: dict[str, Any] = {"batchType": "addMembers", "relationType": basis}
    if groups:
        body["groups"] = sorted(groups)
    body["members"] = [_member(part, custom) for part in parts]
    return body


def _member(part: Part, custom: CustomIds) -> dict[str, Any]:
    member = {"email": part.key, **custom.body(part.fields)}
    if part.consent is not None:
        member["consentDate"] = part.consent.date.isoformat()
        if part.consent.proof:
            member["consentProof"] = part.consent.proof
    return member


class Result(NamedTuple):
    """What the rows of a completed batch name: addresses in lower case, and numbers as text."""

    successes: frozenset[str]
    errors: frozenset[str]

    def succeeded(self, name: str) -> bool:
        return name in self.successes and name not in self.errors

    def failed(self, name: str) -> bool:
        return name in self.errors


NOTHING_NAMED = Result(frozenset(), frozenset())


def read_result(result: object, asked: frozenset[str] = frozenset()) -> Result:
    """Read the rows of a batch about these addresses. Their shape is undocumented: a name counts wherever it stands
    alone, and an error that so names nobody is about the one address asked for that its texts mention.
    """
    if not isinstance(result, Mapping):
        return NOTHING_NAMED
    successes = frozenset(_texts(result.get("successes")))
    errors = result.get("errors")
    rows = errors if isinstance(errors, list) else [errors]
    return Result(successes, frozenset[str]().union(*(_blamed(row, asked, successes) for row in rows)))


def _blamed(row: object, asked: frozenset[str], successes: frozenset[str]) -> frozenset[str]:
    """Whom an error names, or else mentions. Who is among the successes is not blamed for a mention."""
    names = frozenset(_texts(row))
    if not names.isdisjoint(asked):
        return names
    found = (mention.strip(MARKS) for text in _texts(row, prose=True) for mention in ADDRESS.findall(text))
    mentioned = asked.intersection(found)
    return names | (mentioned - successes) if len(mentioned) == 1 else names


def _texts(value: object, *, prose: bool = False) -> Iterator[str]:
    """Every name in a value of any shape, as keys are written; without `prose`, and without numbers that are no ids."""
    if isinstance(value, str | int):
        yield str(value).strip().lower()
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if (prose or name not in PROSE) and ("id" in str(name).lower() or not isinstance(item, int)):
                yield from _texts(item, prose=prose)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, prose=prose)


def _tidy(value: object) -> str:
    return "" if value is None else "".join(str(value).casefold().split())
