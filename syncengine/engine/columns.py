"""Before anything is read: do the lookups really have the columns that a mapping reads?

A column that was renamed would read as None for everybody, and a `suppress` that reads it would let mail out to people
who said no. So a run begins with this, not only `check`.
"""

from collections.abc import Collection, Mapping

from mappings.mapping import MappingError, compile_mapping
from syncengine.binding import BoundMapping, draft_fields
from syncengine.errors import ConfigError, Problem


async def verify_columns(mapping: BoundMapping) -> None:
    """Raise ConfigError naming every column that is missing, or what is wrong with a lookup by its place in the file.

    A lookup that can't be reached raises as it does when it is asked.
    """
    known: dict[str, frozenset[str]] = {}
    for rule, lookup in mapping.lookups:
        try:
            columns = await lookup.columns()
        except ConfigError as error:
            place = f"connections.{rule.source.partition('.')[0]}"
            raise ConfigError(
                [Problem(f"{place}.{fault.key}", fault.message, fault.hint) for fault in error.problems]
            ) from error
        if columns is not None:
            known[rule.source] = columns
    if problems := missing_columns(mapping, known):
        raise ConfigError(problems)


def missing_columns(mapping: BoundMapping, known: Mapping[str, frozenset[str]]) -> list[Problem]:
    """The columns that expressions read but lookups don't have. Of lookups with one alias, each must have them.

    `known`: the real columns by lookup ("shop.customers"); those of others are not looked at.
    """
    problems: list[Problem] = []
    for rule, _ in mapping.lookups:
        if rule.source not in known:
            continue
        columns = known[rule.source]
        try:
            compile_mapping(
                mapping.spec,
                record_fields=mapping.stream.fields,
                draft_fields=draft_fields(mapping.destination),
                key_field=mapping.destination.key_field,
                lookup_columns={rule.alias: columns},
            )
        except MappingError as error:
            problems += [
                Problem(f"mappings.{mapping.name}.{fault.key}", fault.message, hint)
                for fault in error.problems
                for hint in [_with_columns(fault.hint, rule.source, columns)]
            ]
    return problems


def _with_columns(hint: str, source: str, columns: Collection[str]) -> str:
    guess = hint if hint.startswith("Did you mean") else ""
    return f"{guess} The columns of {source} are: {', '.join(sorted(columns))}.".strip()
