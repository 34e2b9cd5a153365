"""Ready-made mappings. A recipe is one TOML file: a whole configuration with comments for people.

`syncengine init --recipe NAME` writes it as it stands; `use = "NAME"` in a mapping takes its `[mappings.NAME]`.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from mappings.wording import suggest

TESTED = frozenset({"where", "renew", "retract", "suppress", "lookup", "fields"})
"""A recipe's own tests say nothing about a mapping that replaces one of these."""


class RecipeError(ValueError):
    """There is no such recipe. `key` is the dotted key of the configuration where it is named."""

    def __init__(self, key: str, message: str, hint: str = "") -> None:
        super().__init__(f"{key}: {message} {hint}".strip())
        self.key = key
        self.message = message
        self.hint = hint


def recipe_names() -> tuple[str, ...]:
    """The recipes there are, sorted."""
    files = (file.name for file in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def recipe_text(name: str) -> str:
    """The whole configuration of a recipe, with its comments. Raises RecipeError."""
    _check_name(name, "recipe")
    return resources.files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")


def recipe_purpose(name: str) -> str:
    """What a recipe is for, in one line: the first of its comments, behind the title. Raises RecipeError."""
    return recipe_text(name).partition("\n")[0].partition(": ")[2].removesuffix(".")


def expand(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The table of a mapping with its recipe put in: a key set beside `use` replaces the recipe's key whole.

    `raw` is the table as read from the file, `key` its dotted key ("mappings.new-customers"). The recipe's tests are
    left out where what they test is replaced. Raises RecipeError.
    """
    own = {name: value for name, value in raw.items() if name != "use"}
    if "use" not in raw:
        return own
    _check_name(raw["use"], f"{key}.use")
    recipe = _recipe(raw["use"])
    if TESTED & own.keys():
        recipe.pop("tests", None)
    return recipe | own


def _check_name(name: object, key: str) -> None:
    names = recipe_names()
    if not isinstance(name, str) or name not in names:
        raise RecipeError(key, f'There is no recipe "{name}".', suggest(str(name), names))


def _recipe(name: str) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads(recipe_text(name))["mappings"][name]
    return table
