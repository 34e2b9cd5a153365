"""Says what pydantic found in the words of the configuration: one problem per field, and never what stood there.

A value may be a secret or somebody's address, so the input of a failed validation is not repeated.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mappings.wording import suggest
from syncengine.errors import Problem

__all__ = ["Fault", "models_in", "problems_of"]

SHORTEST_QUOTE = 3
"""Characters. A shorter input is found in any sentence by chance."""

_SENTENCES: Mapping[str, str] = {
    "missing": "This is missing.",
    "string_type": "This must be a text in quotes.",
    "int_type": "This must be a whole number.",
    "int_parsing": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "float_type": "This must be a number.",
    "float_parsing": "This must be a number.",
    "bool_type": "This must be true or false.",
    "bool_parsing": "This must be true or false.",
    "list_type": "This must be a list: [ … ].",
    "dict_type": "This must be a table.",
    "model_type": "This must be a table.",
    "model_attributes_type": "This must be a table.",
    "date_parsing": "This is no day.",
    "date_from_datetime_parsing": "This is no day.",
    "date_from_datetime_inexact": "This is no day.",
}
_HINTS: Mapping[str, str] = {kind: 'Such as "2026-06-01".' for kind in _SENTENCES if kind.startswith("date_")}


class Fault(ValueError):
    """What a validator of ours raises: a sentence, and a hint at the next step. Neither quotes the value."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def problems_of(error: ValidationError, model: type[BaseModel], key: str) -> list[Problem]:
    """The faults as problems below `key`; `model` is what was validated, for naming the fields that there are."""
    return [_problem(detail, model, key) for detail in error.errors(include_url=False)]


def _problem(detail: ErrorDetails, model: type[BaseModel], key: str) -> Problem:
    place = detail["loc"]
    name = ".".join([key, *map(str, place)]) if key else ".".join(map(str, place))
    if detail["type"] == "extra_forbidden":
        return Problem(name, "There is no such key.", suggest(str(place[-1]), _names_at(model, place[:-1])))
    if detail["type"] == "missing":
        return Problem(name, _SENTENCES["missing"], _description(model, place))
    return Problem(name, _sentence(detail), _hint(detail) or _description(model, place))


def _sentence(detail: ErrorDetails) -> str:
    own = detail.get("ctx", {}).get("error")
    if detail["type"] in _SENTENCES:
        text = _SENTENCES[detail["type"]]
    elif own is not None:  # a ValueError of the model's own; the mapping language's carry a sentence and a hint
        text = str(getattr(own, "message", own))
    else:
        text = detail["msg"]
    for value in _quotable(detail["input"]):
        text = text.replace(value, "…")
    return text


def _hint(detail: ErrorDetails) -> str:
    own = detail.get("ctx", {}).get("error")
    return str(getattr(own, "hint", "")) or _HINTS.get(detail["type"], "")


def _quotable(value: Any) -> Iterator[str]:
    """The texts of an input that a sentence must not repeat."""
    match value:
        case str() if len(value) >= SHORTEST_QUOTE:
            yield value
        case Mapping():
            for item in value.values():
                yield from _quotable(item)
        case Sequence() if not isinstance(value, str | bytes):
            for item in value:
                yield from _quotable(item)


def _names_at(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The keys that may stand at a place of the model; none where that isn't clear."""
    found = _model_at(model, place)
    return [field.alias or name for name, field in found.model_fields.items()] if found else []


def _description(model: type[BaseModel], place: Sequence[int | str]) -> str:
    found = _model_at(model, place[:-1]) if place else None
    if found is None:
        return ""
    for name, field in found.model_fields.items():
        if place[-1] in (name, field.alias):
            return field.description or ""
    return ""


def _model_at(model: type[BaseModel], place: Sequence[int | str]) -> type[BaseModel] | None:
    if not place:
        return model
    for name, field in model.model_fields.items():
        if place[0] in (name, field.alias):
            inside = (_model_at(inner, place[1:]) for inner in models_in(field.annotation))
            return next(filter(None, inside), None)
    # A key of a dict or an index of a list stands between a field and the model inside it.
    return _model_at(model, place[1:])


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field takes, however they are nested in lists and choices."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)
