"""What stands in the configuration under `[mappings.NAME]`: its form. `compile_mapping` checks what it means.

No fault quotes the value that is wrong (`hide_input_in_errors`): a table of tests holds addresses.
"""

import datetime as dt
import keyword
import re
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from mappings.durations import Duration

Fate = Literal["filtered", "retracted", "suppressed", "rejected", "waiting", "renewed"]
"""What becomes of a record that makes no whole draft. `renewed`: only `renew` holds, so that it is a consent alone."""

_CONNECTION_AND_NAME = re.compile(r"[\w-]+\.[\w-]+")


def _connection_and_name(value: str) -> str:
    if not _CONNECTION_AND_NAME.fullmatch(value):
        raise ValueError('It has the form "connection.name".')
    return value


def _plain_name(value: str) -> str:
    if not value.isidentifier() or keyword.iskeyword(value) or value.startswith("_"):
        raise ValueError("It is a name of letters, digits and _, for use in expressions.")
    return value


def _with_unit(value: object) -> object:
    if isinstance(value, int | float):  # 3 would be taken for days by some and for seconds by others
        raise ValueError('It is a duration such as "3 days".')  # noqa: TRY004 - pydantic makes a problem of it
    return value


def _day(value: object) -> object:
    if value is None or (isinstance(value, str | dt.date) and not isinstance(value, dt.datetime)):
        return value
    raise ValueError('It is a day such as "2026-06-01".')


def _field(value: object) -> object:
    """A field is a text (or another single value), a table of them, or a list of either."""
    inside = value if isinstance(value, list) else [value]
    parts = [part for item in inside for part in (item.values() if isinstance(item, dict) else [item])]
    if not all(isinstance(part, str | int | float | bool) for part in parts):
        raise ValueError("It is a text, a table of texts, or a list of texts or of such tables.")
    return value


def _expectation(value: object) -> object:
    if isinstance(value, dict) or value in get_args(Fate):
        return value
    raise ValueError(f"It is a table of fields, or one of: {', '.join(get_args(Fate))}.")


ConnectionName = Annotated[str, AfterValidator(_connection_and_name)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class LookupSpec(_Part):
    """One `[[mappings.NAME.lookup]]`: `from` is `source` here, `as` is `alias`."""

    source: ConnectionName = Field(alias="from", description='The lookup to ask, such as "shop.customers".')
    key: str = Field(description='What to ask it for, such as "{{ CustomerId }}".')
    alias: Annotated[str, AfterValidator(_plain_name)] = Field(
        alias="as", description='Its name in expressions, such as "customer".'
    )
    wait: Annotated[Duration | None, BeforeValidator(_with_unit)] = None


class TestSpec(_Part):
    """One `[[mappings.NAME.tests]]`.

    `expect` is a table of the draft's fields, compared only on those that it names ("" means: not set), or the word for
    what becomes of the record instead. A table in a list may be named by its title. A `lookup` that is left out did
    not answer.
    """

    __test__: ClassVar[bool] = False  # not one of pytest's

    name: str = ""
    given: dict[str, Any] = Field(description="The record: a table of its fields.")
    lookup: dict[str, dict[str, Any]] = {}
    expect: Annotated[dict[str, Any] | Fate, BeforeValidator(_expectation)] = Field(
        description="What should come of it: a table of fields, or a word such as 'filtered'."
    )


class MappingSpec(_Part):
    """One `[mappings.NAME]`, after its recipe."""

    source: ConnectionName = Field(description='The stream to read, such as "impact.actions".')
    destination: ConnectionName = Field(description='Where to write, such as "cyberimpact.contacts".')
    schedule: str | None = None
    start: Annotated[dt.date | None, BeforeValidator(_day)] = None
    where: str | None = None
    renew: str | None = None
    retract: str | None = None
    suppress: str | None = None
    options: dict[str, Any] = {}
    lookup: list[LookupSpec] = []
    fields: dict[str, Annotated[Any, BeforeValidator(_field)]] = Field(
        description="What to write: a table of the destination's fields."
    )
    set_once: list[str] = []
    tests: list[TestSpec] = []
