"""What an expression may be made of: our own walk of the syntax tree, before RestrictedPython sees it.

It finds the names and attribute paths that are read (for finding misspelt ones), refuses with a sentence for people
what the language does not have, and makes names unmistakable: what comes from a record or lookup is renamed to
`field_NAME`, what a comprehension binds to `item_NAME`. So a record's field may be called like a function.
"""

import ast
import inspect
import warnings
from typing import NamedTuple

from mappings.functions import FUNCTIONS
from mappings.wording import suggest

LONGEST_SOURCE = 4000
"""Characters; nobody reads a longer one."""
FIELD = "field_"
ITEM = "item_"
GUARDED = {ast.Mult: "multiply", ast.Mod: "modulo"}
"""Operators that repeat or format a text when one side is text: done by functions that take numbers only."""

_HINTS: dict[type[ast.AST], str] = {
    ast.JoinedStr: "Write text(…), or text with {{ }} in a field.",
    ast.Lambda: "There are only the listed functions.",
    ast.GeneratorExp: "Write it in square brackets.",
    ast.SetComp: "Write it in square brackets.",
    ast.DictComp: "Only lists can be made this way: write it in square brackets.",
    ast.NamedExpr: "Compare with ==; nothing can be assigned.",
    ast.Starred: "Name the values one by one.",
    ast.Pow: "Multiply instead.",
    ast.BitAnd: "Write `and`.",
    ast.BitOr: "Write `or`.",
    ast.Invert: "Write `not`.",
}
_WORDS: dict[type[ast.AST], str] = {
    ast.JoinedStr: "An f-string",
    ast.Lambda: "A lambda",
    ast.GeneratorExp: "A generator",
    ast.SetComp: "A set comprehension",
    ast.DictComp: "A dict comprehension",
    ast.NamedExpr: "An assignment",
    ast.Starred: "A star",
    ast.Pow: "The operator **",
    ast.BitAnd: "The operator &",
    ast.BitOr: "The operator |",
    ast.BitXor: "The operator ^",
    ast.LShift: "The operator <<",
    ast.RShift: "The operator >>",
    ast.MatMult: "The operator @",
    ast.Invert: "The operator ~",
    ast.Await: "An await",
    ast.Yield: "A yield",
}
_ALLOWED = (
    ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot,
    ast.IfExp, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Slice, ast.Load, ast.keyword,
)  # fmt: skip
HOW_TO_WRITE = "It is written as in Python: upper(Status) == 'NEW' and Amount != '0'."


class ExpressionError(ValueError):
    """An expression that can't be used. `message` is a sentence for people, `hint` what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


class Syntax(NamedTuple):
    """A checked tree, with what it reads.

    `bare`: names read as values. `paths`: names of which a part is read, with the part. `dotted`: those of them written
    with a dot, which only the row of a lookup may be; a part of a record's own value is written `Address["city"]`.
    """

    tree: ast.expr
    bare: frozenset[str]
    paths: frozenset[tuple[str, str]]
    dotted: frozenset[str]


def parse(source: str) -> ast.expr:
    """The syntax tree of one expression, not checked yet. Raises ExpressionError."""
    line = source.translate({ord("\n"): " ", ord("\r"): " "}).strip()
    if not line:
        raise ExpressionError("There is no expression here.")
    if line.startswith("{{"):  # a set of a set otherwise, which never works
        raise ExpressionError("An expression is written without {{ }} here.", "Only texts, such as fields, have it.")
    if len(line) > LONGEST_SOURCE:
        raise ExpressionError(f"The expression is longer than {LONGEST_SOURCE} characters.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SyntaxWarning)  # such as "\d": a slip, said now instead of on the console
            warnings.simplefilter("error", DeprecationWarning)  # what it is called before Python 3.12
            return ast.parse(line, mode="eval").body
    except SyntaxError as error:
        where = f" (at character {error.offset})" if error.offset else ""
        raise ExpressionError(f"This is not an expression: {error.msg}{where}.", HOW_TO_WRITE) from None
    except (RecursionError, MemoryError):
        raise ExpressionError("The expression is nested too deeply.") from None
    except ValueError:
        raise ExpressionError("The expression has a character that can't stand there.") from None


def check(tree: ast.expr) -> Syntax:
    """Check a tree and rename what it reads. Raises ExpressionError."""
    walk = _Walk()
    try:
        checked = walk.visit(tree)
    except RecursionError:
        raise ExpressionError("The expression is nested too deeply.") from None
    return Syntax(checked, frozenset(walk.bare), frozenset(walk.paths), frozenset(walk.dotted))


class _Walk(ast.NodeTransformer):
    def __init__(self) -> None:
        self.bare: set[str] = set()
        self.paths: set[tuple[str, str]] = set()
        self.dotted: set[str] = set()
        self._bound: str | None = None

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _ALLOWED):
            what = _WORDS.get(type(node), f"A {type(node).__name__}")
            raise ExpressionError(f"{what} is not part of the language.", _HINTS.get(type(node), ""))
        return super().generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if node.value is not None and not isinstance(node.value, str | int | float):
            raise ExpressionError("A value is a text, a number, True, False or None.")
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        if None in node.keys:
            raise ExpressionError("A table can't be unpacked.", _HINTS[ast.Starred])
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._read(node, bare=True)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        guard = GUARDED.get(type(node.op))
        if guard is None:
            return node
        call = ast.Call(ast.Name(guard, ast.Load()), [node.left, node.right], [])
        return ast.copy_location(call, node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Attribute):
            method = node.func.attr
            hint = f"Write {method}(…)." if method in FUNCTIONS else "There are only the listed functions."
            raise ExpressionError(f"There are no methods: .{method}() can't be called.", hint)
        if not isinstance(node.func, ast.Name):
            raise ExpressionError("Only a function can be called, by its name.")
        name = node.func.id
        if name not in FUNCTIONS:
            every = f"The functions are: {', '.join(sorted(FUNCTIONS))}."
            raise ExpressionError(f'There is no function "{name}".', suggest(name, FUNCTIONS) or every)
        node.args = [self.visit(argument) for argument in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        try:
            inspect.signature(FUNCTIONS[name].call).bind(
                *node.args, **{keyword.arg or "**": keyword.value for keyword in node.keywords}
            )
        except TypeError:
            hint = f"For example: {FUNCTIONS[name].example}"
            raise ExpressionError(f"{name}() is given too few, too many or unknown values.", hint) from None
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if node.attr.startswith("_"):
            raise ExpressionError(f'A name can\'t start with "_": {node.attr}.')
        if isinstance(node.value, ast.Name) and node.value.id != self._bound:
            self.dotted.add(node.value.id)
        node.value = self._row(node.value, node.attr)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        named = isinstance(key, str) and isinstance(node.value, ast.Name)
        node.value = self._row(node.value, str(key)) if named else self.visit(node.value)
        node.slice = self.visit(node.slice)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        loop = node.generators[0]
        if self._bound is not None or len(node.generators) > 1 or loop.is_async:
            raise ExpressionError("A list can go through one other list only.")
        if not isinstance(loop.target, ast.Name):
            raise ExpressionError("The items of a list have one name.")
        self._bound = ""  # forbids another loop in here, binds nothing yet
        loop.iter = self.visit(loop.iter)
        self._bound = loop.target.id
        loop.target = self._read(loop.target, bare=True)
        loop.ifs = [self.visit(condition) for condition in loop.ifs]
        node.elt = self.visit(node.elt)
        self._bound = None
        return node

    def _row(self, node: ast.expr, part: str) -> ast.expr:
        """What an attribute or a named part is read from: a row, or something inside one."""
        if isinstance(node, ast.Name):
            if node.id != self._bound:
                self.paths.add((node.id, part))
            return self._read(node, bare=False)
        if not isinstance(node, ast.Attribute | ast.Subscript):
            raise ExpressionError(f'"{part}" can only be read from the row of a lookup.')
        checked: ast.expr = self.visit(node)
        return checked

    def _read(self, node: ast.Name, *, bare: bool) -> ast.Name:
        if node.id.startswith("_"):
            raise ExpressionError(f'A name can\'t start with "_": {node.id}.')
        bound = node.id == self._bound
        if bare and not bound:
            self.bare.add(node.id)
        return ast.copy_location(ast.Name((ITEM if bound else FIELD) + node.id, node.ctx), node)
