"""Whether what a mapping gives fits what its destination takes: found before any record is read."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from mappings.spec import MappingSpec
from syncengine.contracts import Consenting, Destination
from syncengine.errors import Problem
from syncengine.validation import models_in, problems_of

__all__ = ["misfits"]


def misfits(spec: MappingSpec, destination: Destination) -> list[Problem]:
    """The required fields that are left out, the constants and tables that would be refused for every record, and a
    `renew` without a consent. Keys are those below the mapping; each is named once.
    """
    found: dict[str, Problem] = {}
    for problem in (*_misfits(spec, destination), *_nothing_to_renew(spec, destination)):
        found.setdefault(problem.key, problem)
    return list(found.values())


def _misfits(spec: MappingSpec, destination: Destination) -> Iterator[Problem]:
    for field_name, info in destination.Fields.model_fields.items():
        name = info.alias or field_name
        value = spec.fields.get(name, "")
        if name == destination.key_field:
            continue  # `compile_mapping` looks at it
        if value == "":  # an empty text means: leave it alone
            if info.is_required() or _required_here(spec, info):
                yield Problem(f"fields.{name}", "The destination requires this field.", _choice(info))
        elif isinstance(value, str):
            if "{{" not in value:
                yield from _misfit(name, value, info)
        elif isinstance(value, list):
            yield from _misfits_in_list(name, value, info)
        elif isinstance(value, dict) and (model := next(models_in(info.annotation), None)) is not None:
            yield from _misfits_in_table(f"fields.{name}", value, model)


def _required_here(spec: MappingSpec, info: FieldInfo) -> bool:
    """Whether a field is required because none of those is given that take its place ("required_unless")."""
    extra = info.json_schema_extra
    instead = extra.get("required_unless") if isinstance(extra, dict) else None
    return isinstance(instead, list) and all(spec.fields.get(str(name), "") == "" for name in instead)


def _misfit(name: str, value: str, info: FieldInfo) -> Iterator[Problem]:
    """A single text also does for a list."""
    field: TypeAdapter[Any] = TypeAdapter(Annotated[info.annotation, info])  # type: ignore[arg-type]  # known at run time
    try:
        field.validate_python(value)
    except ValidationError as error:
        try:
            field.validate_python([value])
        except ValidationError:
            found = problems_of(error, BaseModel, name)[0]
            message = "The destination takes only certain words here." if _words(info.annotation) else found.message
            yield Problem(f"fields.{name}", message, _choice(info))


def _misfits_in_list(name: str, items: list[Any], info: FieldInfo) -> Iterator[Problem]:
    """Of the tables among its items: names that there aren't, or that are missing."""
    model = next(models_in(info.annotation), None)
    for at, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        if model is None:
            yield Problem(f"fields.{name}.{at}", "The destination takes no table here.", "Write a text.")
            continue
        yield from _misfits_in_table(f"fields.{name}.{at}", item, model)


def _misfits_in_table(key: str, table: dict[str, Any], model: type[BaseModel]) -> Iterator[Problem]:
    try:
        model.model_validate(table)
    except ValidationError as error:
        yield from problems_of(error, model, key)


def _nothing_to_renew(spec: MappingSpec, destination: Destination) -> Iterator[Problem]:
    if spec.renew is None:
        return
    if not isinstance(destination, Consenting):
        yield Problem("renew", "The destination keeps no consent, so there is nothing to renew.", "Leave it out.")
        return
    for name in sorted(destination.consent_fields):
        if spec.fields.get(name, "") == "":
            yield Problem(f"fields.{name}", "`renew` needs this field: without it there is no consent.")


def _choice(info: FieldInfo) -> str:
    """A hint at what a field takes: its words where the model has them."""
    words = _words(info.annotation)
    return f"One of: {', '.join(words)}." if words else info.description or ""


def _words(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if isinstance(word, str)]
    return [word for inner in get_args(annotation) for word in _words(inner)]
