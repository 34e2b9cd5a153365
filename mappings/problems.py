"""The faults of a mapping, found all at once and named by where they stand."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from mappings.functions import FUNCTIONS
from mappings.language import Expression, ExpressionError
from mappings.wording import suggest


class MappingProblem(NamedTuple):
    """One fault. `key` is dotted, below the mapping: "fields.email", "lookup.0.key"."""

    key: str
    message: str
    hint: str


class MappingError(ValueError):
    """The mapping can't be used. `problems` are all its faults."""

    def __init__(self, problems: Collection[MappingProblem]) -> None:
        super().__init__("; ".join(f"{problem.key}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class Names(NamedTuple):
    """What expressions may read. None: nobody knows, so nothing is refused."""

    record_fields: frozenset[str] | None
    aliases: tuple[str, ...]
    columns: Mapping[str, frozenset[str]]


class Compiler:
    """Compiles the expressions of one mapping against the names there are, and collects what is wrong with them."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.problems: list[MappingProblem] = []

    def fault(self, key: str, message: str, hint: str = "") -> None:
        self.problems.append(MappingProblem(key, message, hint))

    def expression(self, key: str, source: str, compile_: Callable[[str], Expression]) -> Expression | None:
        """Compile one that may read lookups; None where it is at fault."""
        found = self.expressions(key, source, lambda text: (compile_(text),))
        return found[0] if found else None

    def expressions(
        self,
        key: str,
        source: str,
        compile_: Callable[[str], tuple[Expression, ...]],
        *,
        record_only: str = "",
    ) -> tuple[Expression, ...]:
        """Compile; empty where it is at fault. `record_only`: why it may read the record's own fields only."""
        try:
            compiled = compile_(source)
        except ExpressionError as error:
            self.fault(key, error.message, error.hint)
            return ()
        before = len(self.problems)
        for expression in compiled:
            self._check_names(key, expression, record_only)
        return compiled if len(self.problems) == before else ()

    def _check_names(self, key: str, expression: Expression, record_only: str) -> None:
        aliases = self.names.aliases
        for name in sorted(expression.names):
            if name in aliases and record_only:
                self.fault(key, f'The lookup "{name}" can\'t be read here.', record_only)
            elif name in aliases and name in expression.bare:
                self.fault(key, f'"{name}" is a whole row, not a value.', f"Name one of its columns: {name}.email.")
            elif name not in aliases and name in expression.dotted:
                own = name in (self.names.record_fields or ())
                hint = f'A part of a record\'s own value is written {name}["…"].' if own else suggest(name, aliases)
                self.fault(key, f'No lookup is called "{name}".', hint)
            elif name not in aliases:
                self._check_record_field(key, name)
        for name, column in sorted(expression.paths):
            columns = self.names.columns.get(name)
            if name in aliases and not record_only and columns is not None and column not in columns:
                self.fault(key, f'The lookup "{name}" has no column "{column}".', suggest(column, columns))

    def _check_record_field(self, key: str, name: str) -> None:
        known = self.names.record_fields
        if known is None or name in known:
            return
        as_function = name in FUNCTIONS and f"As a function it is written {FUNCTIONS[name].example}."
        hint = as_function or suggest(name, known)
        self.fault(key, f'The record has no field "{name}".', hint)
