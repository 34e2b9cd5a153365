"""The expressions of a mapping, compiled once and called for every record.

An expression is a Python expression of the few kinds that `mappings.syntax` lets through, compiled by RestrictedPython
as a lambda over the names that it reads. A text with `{{ }}` in it is an expression too: `text("Partner: ", Name)`.
"""

import ast
import copy
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from RestrictedPython import compile_restricted_eval

from mappings.functions import FUNCTIONS
from mappings.syntax import FIELD, GUARDED, ExpressionError, Syntax, check, parse

__all__ = [
    "Expression", "ExpressionError", "Template", "all_of", "compile_conditions", "compile_expression",
    "compile_template", "list_of", "table_of",
]  # fmt: skip

Scope = Mapping[str, Any]


class Expression:
    """A compiled expression: called with a scope, it gives the value. A name missing in the scope counts as None.

    `names`: the bare names that it reads (fields of the record, aliases of lookups). `paths`: (name, part) for every
    part of a row that it reads. `bare` and `dotted` are as in `Syntax`. `evaluate` is the call without its overhead.
    """

    __slots__ = ("bare", "dotted", "evaluate", "names", "paths", "source", "tree")

    def __init__(self, source: str, syntax: Syntax) -> None:
        self.source = source
        self.tree, self.bare, self.paths, self.dotted = syntax
        self.names = self.bare | {name for name, _ in self.paths}
        self.evaluate = _restrict(self.tree, sorted(self.names))

    def __call__(self, scope: Scope) -> Any:
        return self.evaluate(scope)


Template = Expression
"""A text with `{{ }}` is an expression once it is compiled."""


def compile_expression(source: str) -> Expression:
    """Compile a bare expression, such as a `where`. Raises ExpressionError."""
    return Expression(source, check(parse(source)))


def compile_conditions(source: str) -> tuple[Expression, ...]:
    """Compile an expression as its conditions, those joined by `and` at its top. Raises ExpressionError."""
    return tuple(Expression(source, check(tree)) for tree in _conditions(parse(source)))


def compile_template(text: str) -> Template:
    """Compile a text with `{{ }}` in it; one that is exactly one expression keeps that one's type.

    A text in which a part is None is None as a whole. Raises ExpressionError.
    """
    parts = list(_parts(text))
    if len(parts) == 1:
        tree = parts[0]
    else:
        tree = ast.Call(ast.Name("text", ast.Load()), parts, []) if parts else ast.Constant("")
    return Expression(text, check(tree))


def all_of(conditions: Sequence[Expression]) -> Expression:
    """One expression that holds where all of these hold (one or more)."""
    trees = [condition.tree for condition in conditions]
    return _combine(conditions, trees[0] if len(trees) == 1 else ast.BoolOp(ast.And(), trees))


def list_of(items: Sequence[Expression]) -> Expression:
    """One expression that gives the values of these, in their order, as a list."""
    return _combine(items, ast.List([item.tree for item in items], ast.Load()))


def table_of(entries: Mapping[str, Expression]) -> Expression:
    """One expression that gives the values of these under their names, as a dict."""
    keys: list[ast.expr | None] = [ast.Constant(name) for name in entries]
    return _combine(entries.values(), ast.Dict(keys, [entry.tree for entry in entries.values()]))


def _combine(parts: Iterable[Expression], tree: ast.expr) -> Expression:
    bare: set[str] = set()
    paths: set[tuple[str, str]] = set()
    dotted: set[str] = set()
    for part in parts:
        bare |= part.bare
        paths |= part.paths
        dotted |= part.dotted
    return Expression("", Syntax(tree, frozenset(bare), frozenset(paths), frozenset(dotted)))


def _conditions(tree: ast.expr) -> list[ast.expr]:
    if not (isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And)):
        return [tree]
    return [condition for value in tree.values for condition in _conditions(value)]


def _parts(text: str) -> Iterable[ast.expr]:
    """The plain texts and the expressions of a text, in their order."""
    position = 0
    while (opening := text.find("{{", position)) >= 0:
        if opening > position:
            yield ast.Constant(text[position:opening])
        tree, position = _enclosed(text, opening + 2)
        yield tree
    if position < len(text):
        yield ast.Constant(text[position:])


def _enclosed(text: str, start: int) -> tuple[ast.expr, int]:
    """The expression that begins there, and the place after its `}}`: the first at which the text between compiles."""
    first_error = None
    closing = text.find("}}", start)
    while closing >= 0:
        try:
            return parse(text[start:closing]), closing + 2
        except ExpressionError as error:
            first_error = first_error or error
        closing = text.find("}}", closing + 1)
    raise first_error or ExpressionError("{{ is not closed by }}.")


# --- the restricted function -----------------------------------------------------------------------------------------


def _part_of_row(row: object, name: str) -> object:
    """The guard of attributes: of a row, its value; empty text counts as None, as everywhere in a record."""
    if type(row) is dict or isinstance(row, Mapping):  # the first is four times as fast, and nearly always true
        value = row.get(name)
        return None if value == "" else value
    if row is None:
        return None
    raise TypeError


def _item(container: object, key: Any) -> object:
    """The guard of [ ]: like the functions total, so what isn't there is None."""
    if container is None or key is None:
        return None
    if isinstance(container, Mapping):
        return _part_of_row(container, key)
    if not isinstance(container, (str, list, tuple)):
        raise TypeError
    try:
        return container[key]
    except IndexError:
        return None


def _items(container: object) -> Iterable[Any]:
    """The guard of `for`: lists only; a text is split by split()."""
    if container is None:
        return ()
    if isinstance(container, (list, tuple)):
        return container
    raise TypeError


def _multiply(one: Any, other: Any) -> Any:
    """Of numbers only: text times a number would be a way to fill the memory."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one * other
    raise TypeError


def _modulo(one: Any, other: Any) -> Any:
    """Of numbers only: with a text on the left it would format."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one % other
    raise TypeError


_GLOBALS: dict[str, Any] = {
    **{name: function.call for name, function in FUNCTIONS.items()},
    GUARDED[ast.Mult]: _multiply,
    GUARDED[ast.Mod]: _modulo,
    "_getattr_": _part_of_row,
    "_getitem_": _item,
    "_getiter_": _items,
    "__builtins__": {},
}


def _restrict(tree: ast.expr, names: Sequence[str]) -> Callable[[Scope], Any]:
    """Compile a checked tree as a lambda with one positional parameter per name, and call it with those of a scope."""
    parameters = ast.arguments(
        posonlyargs=[], args=[ast.arg(FIELD + name) for name in names], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    lambda_ = ast.Expression(ast.Lambda(parameters, copy.deepcopy(tree)))
    try:
        compiled = compile_restricted_eval(ast.fix_missing_locations(lambda_))
    except RecursionError:
        raise ExpressionError("The expression is nested too deeply.") from None
    if compiled.errors or compiled.code is None:
        raise ExpressionError("The expression uses a name that is not allowed.")
    function = types.FunctionType(compiled.code, _GLOBALS)()  # running the code of a lambda makes the lambda
    return _call_with_scope(function, tuple(names))


def _call_with_scope(function: Callable[..., Any], names: tuple[str, ...]) -> Callable[[Scope], Any]:
    if not names:
        return lambda scope: function()
    if len(names) == 1:
        (name,) = names
        return lambda scope: function(scope.get(name))
    pick = itemgetter(*names)

    def evaluate(scope: Scope) -> Any:
        try:
            values = pick(scope)
        except KeyError:  # a name missing counts as None; not asked for beforehand, because it is the rare case
            values = tuple(map(scope.get, names))
        return function(*values)

    return evaluate
