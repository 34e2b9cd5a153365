"""The rule from a record to a draft: pure, compiled once, called for every record.

The engine asks in the order of a record's life: `retracts`, `wants`, `keys` (then it looks up), `wants_found`,
`suppressed`, `fields`.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

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
from mappings.wording import suggest

__all__ = ["CompiledMapping", "FieldError", "LookupRule", "MappingError", "MappingProblem", "compile_mapping"]

Row = Mapping[str, Any]


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


class _Rules(NamedTuple):
    """The compiled expressions; None where the mapping has no such rule."""

    retract: Expression | None
    before: Expression | None
    after: Expression | None
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
        single = (rules.retract, rules.before, rules.after, rules.suppress)
        used = [*(rule for rule in single if rule), *rules.keys, *rules.fields.values()]
        self.reads = frozenset().union(*(rule.names for rule in used)) - set(self.aliases)
        paths = frozenset[tuple[str, str]]().union(*(rule.paths for rule in used))
        self.lookup_reads = _columns(paths, self.aliases)
        self.answer_columns = {
            alias: columns
            for alias, columns in _columns(rules.fields[key_field].paths, self.aliases).items()
            if columns
        }
        self._retract, self._before, self._after, self._suppress = single
        self._keys = tuple((f"lookup.{at}.key", key.evaluate) for at, key in enumerate(rules.keys))
        self._fields = rules.fields
        self._all_fields = list_of(list(rules.fields.values()))

    def retracts(self, values: Row) -> bool:
        """Whether what was delivered for this record is to be taken back."""
        return self._retract is not None and _holds("retract", self._retract, values)

    def wants(self, values: Row) -> bool:
        """Whether the conditions of `where` that read no lookup hold."""
        if self._before is None:
            return True
        try:
            return bool(self._before.evaluate(values))
        except Exception as error:
            raise FieldError("where", _reason(error)) from None

    def keys(self, values: Row) -> tuple[str | None, ...]:
        """The key to ask each of `lookups` for; None: don't ask."""
        keys = []
        for name, evaluate in self._keys:
            try:
                keys.append(text(evaluate(values)) or None)
            except Exception as error:
                raise FieldError(name, _reason(error)) from None
        return tuple(keys)

    def wants_found(self, values: Row, found: Mapping[str, Row]) -> bool:
        """Whether the other conditions of `where` hold."""
        return self._after is None or _holds("where", self._after, {**values, **found})

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
                kept = [item for item in value if item is not None and item != ""]
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
    _check_fields(spec, compiler, draft_fields, key_field)
    _check_keys(spec, compiler, rules, key_field)
    _check_tests(spec, compiler, draft_fields)
    if compiler.problems:
        raise MappingError(compiler.problems)
    return CompiledMapping(spec, rules, key_field)


def _compile_rules(spec: MappingSpec, compiler: Compiler) -> _Rules:
    own = "What was delivered is taken back by the record alone: use its own fields."
    retract = spec.retract is not None and compiler.expressions(
        "retract", spec.retract, lambda source: (compile_expression(source),), record_only=own
    )
    conditions = () if spec.where is None else compiler.expressions("where", spec.where, compile_conditions)
    early = [condition for condition in conditions if not condition.names & set(_aliases(spec))]
    late = [condition for condition in conditions if condition not in early]
    suppress = spec.suppress is not None and compiler.expression("suppress", spec.suppress, compile_expression)
    own = "A key is made from the record's own fields."
    keys = [
        compiler.expressions(f"lookup.{at}.key", rule.key, lambda source: (compile_template(source),), record_only=own)
        for at, rule in enumerate(spec.lookup)
    ]
    fields = {name: _compile_field(f"fields.{name}", value, compiler) for name, value in spec.fields.items()}
    return _Rules(
        retract=retract[0] if retract else None,
        before=all_of(early) if early else None,
        after=all_of(late) if late else None,
        suppress=suppress or None,
        keys=tuple(key[0] for key in keys if key),
        fields={name: rule for name, rule in fields.items() if rule},
    )


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


def _check_fields(spec: MappingSpec, compiler: Compiler, draft_fields: frozenset[str], key_field: str) -> None:
    for name in spec.fields:
        if name not in draft_fields:
            compiler.fault(f"fields.{name}", f'The destination has no field "{name}".', suggest(name, draft_fields))
    if key_field not in spec.fields:
        compiler.fault("fields", f'The field "{key_field}" is missing.', "The destination knows people by it.")
    for at, name in enumerate(spec.set_once):
        if name not in spec.fields:
            compiler.fault(f"set_once.{at}", f'"{name}" is not among the fields.', suggest(name, spec.fields))
    for at, rule in enumerate(spec.lookup):
        if compiler.names.record_fields and rule.alias in compiler.names.record_fields:
            compiler.fault(f"lookup.{at}.as", f'The record has a field "{rule.alias}".', "Choose another name.")


def _check_keys(spec: MappingSpec, compiler: Compiler, rules: _Rules, key_field: str) -> None:
    """A key that reads nothing is the same for every record: the braces were forgotten."""
    keys = {f"lookup.{at}.key": rule.key for at, rule in enumerate(spec.lookup)} | {
        f"fields.{key_field}": spec.fields.get(key_field)
    }
    compiled = {key.source for key in (*rules.keys, *rules.fields.values()) if not key.names}
    for name, source in keys.items():
        if source in compiled:
            hint = f'To read it from the record, write "{{{{ {source} }}}}".'
            compiler.fault(name, "This is the same for every record.", hint)


def _check_tests(spec: MappingSpec, compiler: Compiler, draft_fields: frozenset[str]) -> None:
    known = compiler.names.record_fields

    def check(key: str, names: Collection[str], choices: Collection[str], what: str) -> None:
        for name in names:
            if name not in choices:
                compiler.fault(f"{key}.{name}", f'{what} "{name}".', suggest(name, choices))

    for at, test in enumerate(spec.tests):
        if known is not None:
            check(f"tests.{at}.given", test.given, known, "The record has no field")
        check(f"tests.{at}.lookup", test.lookup, compiler.names.aliases, "No lookup is called")
        if isinstance(test.expect, dict):
            check(f"tests.{at}.expect", test.expect, draft_fields, "The destination has no field")


def _aliases(spec: MappingSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.alias for rule in spec.lookup))


def _columns(paths: Collection[tuple[str, str]], aliases: Sequence[str]) -> Mapping[str, frozenset[str]]:
    return {alias: frozenset(column for name, column in paths if name == alias) for alias in aliases}


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
