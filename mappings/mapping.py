"""The rule from a record to a draft: pure, compiled once, called for every record.

The engine asks in the order of a record's life: `retracts`, `wants` or `may_renew`, `keys` (then it looks up),
`purpose`, `suppressed`, `fields`.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from mappings.checks import check_fields, check_keys, check_tests
from mappings.functions import NeitherYesNorNo, text
from mappings.language import (
    Expression,
    all_of,
    compile_conditions,
    compile_expression,
    compile_template,
    list_of,
    table_of,
)
from mappings.problems import Compiler, MappingError, MappingProblem, Names
from mappings.spec import MappingSpec

__all__ = ["CompiledMapping", "FieldError", "LookupRule", "MappingError", "MappingProblem", "compile_mapping"]

Row = Mapping[str, Any]
Purpose = Literal["", "draft", "renewal"]
"""What a record is for: nothing, a draft of all fields, or one that only renews a consent (`renew`)."""


class FieldError(Exception):
    """A rule failed on a record. `field` names the rule or the destination's field; `reason` never quotes a value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class LookupRule(NamedTuple):
    """One lookup: `source` is "connection.name", `alias` its name in expressions, `wait` how long to ask again."""

    source: str
    alias: str
    wait: dt.timedelta | None


class _Conditions(NamedTuple):
    """A condition in two steps: what reads no lookup is tried before anybody is looked up."""

    name: str
    before: Expression | None
    after: Expression | None

    def may_hold(self, values: Row) -> bool:
        return self.before is None or _holds(self.name, self.before, values)

    def hold(self, scope: Row) -> bool:
        return self.may_hold(scope) and (self.after is None or _holds(self.name, self.after, scope))


class _Rules(NamedTuple):
    """The compiled expressions; None where the mapping has no such rule."""

    retract: Expression | None
    where: _Conditions
    renew: _Conditions | None
    suppress: Expression | None
    keys: tuple[Expression, ...]
    fields: Mapping[str, Expression]


class CompiledMapping:
    """A mapping ready for records. Rows are `{name: text, None or nested}`; a name that is missing counts as None.

    Every method that takes a record raises FieldError when a rule fails on it.

    `reads`: the record's fields that any rule reads. `lookup_reads`: the columns read of each alias. `answer_columns`:
    those of them that the destination's key is made from; a row in which all of them are empty is no answer. An alias
    that the key does not read has no entry.
    """

    def __init__(self, spec: MappingSpec, rules: _Rules, key_field: str) -> None:
        self.lookups = tuple(LookupRule(rule.source, rule.alias, rule.wait) for rule in spec.lookup)
        self.aliases = _aliases(spec)
        self.set_once = frozenset(spec.set_once)
        steps = [step for conditions in (rules.where, rules.renew) if conditions for step in conditions[1:]]
        single = (rules.retract, rules.suppress, *steps)
        used = [*(rule for rule in single if rule), *rules.keys, *rules.fields.values()]
        self.reads = frozenset().union(*(rule.names for rule in used)) - set(self.aliases)
        paths = frozenset[tuple[str, str]]().union(*(rule.paths for rule in used))
        self.lookup_reads = _columns(paths, self.aliases)
        self.answer_columns = {
            alias: columns
            for alias, columns in _columns(rules.fields[key_field].paths, self.aliases).items()
            if columns
        }
        self._retract, self._where, self._renew, self._suppress = rules[:4]
        self._keys = tuple((f"lookup.{at}.key", key.evaluate) for at, key in enumerate(rules.keys))
        self._fields = rules.fields
        self._all_fields = list_of(list(rules.fields.values()))

    def retracts(self, values: Row) -> bool:
        """Whether what was delivered for this record is to be taken back."""
        return self._retract is not None and _holds("retract", self._retract, values)

    def wants(self, values: Row) -> bool:
        """Whether the conditions of `where` that read no lookup hold."""
        return self._where.may_hold(values)

    def may_renew(self, values: Row) -> bool:
        """Whether the conditions of `renew` that read no lookup hold."""
        return self._renew is not None and self._renew.may_hold(values)

    def keys(self, values: Row) -> tuple[str | None, ...]:
        """The key to ask each of `lookups` for; None: don't ask."""
        keys = []
        for name, evaluate in self._keys:
            try:
                keys.append(text(evaluate(values)) or None)
            except Exception as error:
                raise FieldError(name, _reason(error)) from None
        return tuple(keys)

    def purpose(self, values: Row, found: Mapping[str, Row]) -> Purpose:
        """What the record is for: `where` comes before `renew`."""
        if self._renew is None and self._where.after is None:
            return "draft" if self._where.may_hold(values) else ""  # most mappings; no scope has to be made for it
        scope = {**values, **found}
        if self._where.hold(scope):
            return "draft"
        return "renewal" if self._renew is not None and self._renew.hold(scope) else ""

    def suppressed(self, values: Row, found: Mapping[str, Row]) -> bool:
        """Whether the mapping's own condition says that this person must not be written to."""
        return self._suppress is not None and _holds("suppress", self._suppress, {**values, **found})

    def fields(self, values: Row, found: Mapping[str, Row]) -> tuple[dict[str, Any], int]:
        """The destination's fields, without those to leave alone, and how many list items were left out."""
        scope = {**values, **found}
        try:
            made = self._all_fields.evaluate(scope)
        except Exception:  # which of them it was is only asked for now
            made = [_value(name, rule, scope) for name, rule in self._fields.items()]
        fields: dict[str, Any] = {}
        left_out = 0
        for name, value in zip(self._fields, made, strict=True):
            if isinstance(value, str):
                if value:
                    fields[name] = value
            elif isinstance(value, (list, tuple)):
                kept = [item for item in value if item is not None and item != "" and not _lacks_a_part(item)]
                left_out += len(value) - len(kept)
                if kept:
                    fields[name] = kept
            elif isinstance(value, dict):
                entries = {part: item for part, item in value.items() if item is not None and item != ""}
                if entries:
                    fields[name] = entries
            elif value is not None:
                fields[name] = value
        return fields, left_out


def compile_mapping(
    spec: MappingSpec,
    *,
    record_fields: frozenset[str] | None,
    draft_fields: frozenset[str],
    key_field: str,
    lookup_columns: Mapping[str, frozenset[str]] | None = None,
) -> CompiledMapping:
    """Compile a mapping and check every name in it.

    `record_fields`: what the stream's records have, None where nobody knows. `draft_fields`: what the destination
    takes; `key_field`: the one that its key is made from. `lookup_columns`: for each alias the columns that every
    lookup of that name has; an alias without an entry is not checked.

    Raises MappingError with all faults at once.
    """
    compiler = Compiler(Names(record_fields, _aliases(spec), lookup_columns or {}))
    rules = _compile_rules(spec, compiler)
    check_fields(spec, compiler, draft_fields, key_field)
    check_keys(spec, compiler, (*rules.keys, *rules.fields.values()), key_field)
    check_tests(spec, compiler, draft_fields)
    if compiler.problems:
        raise MappingError(compiler.problems)
    return CompiledMapping(spec, rules, key_field)


def _compile_rules(spec: MappingSpec, compiler: Compiler) -> _Rules:
    own = "What was delivered is taken back by the record alone: use its own fields."
    retract = spec.retract is not None and compiler.expressions(
        "retract", spec.retract, lambda source: (compile_expression(source),), record_only=own
    )
    where = _compile_conditions("where", spec.where, compiler)
    renew = _compile_conditions("renew", spec.renew, compiler) if spec.renew is not None else None
    suppress = spec.suppress is not None and compiler.expression("suppress", spec.suppress, compile_expression)
    own = "A key is made from the record's own fields."
    keys = [
        compiler.expressions(f"lookup.{at}.key", rule.key, lambda source: (compile_template(source),), record_only=own)
        for at, rule in enumerate(spec.lookup)
    ]
    fields = {name: _compile_field(f"fields.{name}", value, compiler) for name, value in spec.fields.items()}
    return _Rules(
        retract=retract[0] if retract else None,
        where=where,
        renew=renew,
        suppress=suppress or None,
        keys=tuple(key[0] for key in keys if key),
        fields={name: rule for name, rule in fields.items() if rule},
    )


def _compile_conditions(name: str, source: str | None, compiler: Compiler) -> _Conditions:
    conditions = () if source is None else compiler.expressions(name, source, compile_conditions)
    early = [condition for condition in conditions if not condition.names & set(compiler.names.aliases)]
    late = [condition for condition in conditions if condition not in early]
    return _Conditions(name, all_of(early) if early else None, all_of(late) if late else None)


def _compile_field(key: str, value: object, compiler: Compiler) -> Expression | None:
    if isinstance(value, list):
        items = [_compile_field(f"{key}.{at}", item, compiler) for at, item in enumerate(value)]
        return list_of([item for item in items if item])
    if isinstance(value, dict):
        entries = {name: _compile_field(f"{key}.{name}", entry, compiler) for name, entry in value.items()}
        return table_of({name: entry for name, entry in entries.items() if entry})
    if isinstance(value, str):
        return compiler.expression(key, value, compile_template)
    return compiler.expression(key, repr(value), compile_expression)  # a number, true or false is what it is


def _aliases(spec: MappingSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.alias for rule in spec.lookup))


def _columns(paths: Collection[tuple[str, str]], aliases: Sequence[str]) -> Mapping[str, frozenset[str]]:
    return {alias: frozenset(column for name, column in paths if name == alias) for alias in aliases}


def _lacks_a_part(item: object) -> bool:
    """Whether it is a table in which a value is missing: it means nothing then, as a text doesn't."""
    return isinstance(item, dict) and any(part is None or part == "" for part in item.values())


def _holds(name: str, rule: Expression, scope: Row) -> bool:
    return bool(_value(name, rule, scope))


def _value(name: str, rule: Expression, scope: Row) -> Any:
    try:
        return rule.evaluate(scope)
    except Exception as error:
        raise FieldError(name, _reason(error)) from None


def _reason(error: Exception) -> str:
    """Why a rule failed, in words that hold nothing of the record."""
    if isinstance(error, TypeError):
        return "a value is missing or of another kind than the rule needs (values are text: see number() and default())"
    if isinstance(error, NeitherYesNorNo):
        return "a value is neither a yes nor a no"
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    return f"it can't be computed ({type(error).__name__})"
