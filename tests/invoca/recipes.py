"""The two recipes about calls, compiled against what their connectors really offer."""

import json
import tomllib
from functools import cache
from typing import Any

from pydantic import BaseModel

from mappings.mapping import CompiledMapping, compile_mapping
from mappings.recipes import recipe_text
from mappings.spec import MappingSpec


def recipe(name: str) -> dict[str, Any]:
    """The table of the recipe's mapping."""
    table: dict[str, Any] = tomllib.loads(recipe_text(name))["mappings"][name]
    return table


def compiled(name: str, model: type[BaseModel], key_field: str, **changes: Any) -> tuple[MappingSpec, CompiledMapping]:
    """The recipe with these keys set beside it."""
    return _compiled(name, model, key_field, json.dumps(changes, sort_keys=True))


@cache  # compiling costs more than a whole run of a small history
def _compiled(name: str, model: type[BaseModel], key_field: str, changes: str) -> tuple[MappingSpec, CompiledMapping]:
    spec = MappingSpec.model_validate({**recipe(name), **json.loads(changes)})
    names = frozenset(field.alias or field_name for field_name, field in model.model_fields.items())
    return spec, compile_mapping(spec, record_fields=None, draft_fields=names, key_field=key_field)
