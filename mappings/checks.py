"""What a mapping names, compared with what there is: fields of the destination, keys, and the tests beside it."""

from collections.abc import Collection, Sequence

from mappings.language import Expression
from mappings.problems import Compiler
from mappings.spec import MappingSpec
from mappings.wording import suggest

__all__ = ["check_fields", "check_keys", "check_tests"]


def check_fields(spec: MappingSpec, compiler: Compiler, draft_fields: frozenset[str], key_field: str) -> None:
    for name in spec.fields:
        if name not in draft_fields:
            compiler.fault(f"fields.{name}", f'The destination has no field "{name}".', suggest(name, draft_fields))
    if spec.renew is not None and spec.where is None:
        compiler.fault("renew", "Without `where` every record makes a draft, so that none is left to renew only.")
    if key_field not in spec.fields:
        compiler.fault("fields", f'The field "{key_field}" is missing.', "The destination knows people by it.")
    for at, name in enumerate(spec.set_once):
        if name not in spec.fields:
            compiler.fault(f"set_once.{at}", f'"{name}" is not among the fields.', suggest(name, spec.fields))
    for at, rule in enumerate(spec.lookup):
        if compiler.names.record_fields and rule.alias in compiler.names.record_fields:
            compiler.fault(f"lookup.{at}.as", f'The record has a field "{rule.alias}".', "Choose another name.")


def check_keys(spec: MappingSpec, compiler: Compiler, compiled: Sequence[Expression], key_field: str) -> None:
    """A key that reads nothing is the same for every record: the braces were forgotten."""
    keys = {f"lookup.{at}.key": rule.key for at, rule in enumerate(spec.lookup)} | {
        f"fields.{key_field}": spec.fields.get(key_field)
    }
    constant = {expression.source for expression in compiled if not expression.names}
    for name, source in keys.items():
        if source in constant:
            hint = f'To read it from the record, write "{{{{ {source} }}}}".'
            compiler.fault(name, "This is the same for every record.", hint)


def check_tests(spec: MappingSpec, compiler: Compiler, draft_fields: frozenset[str]) -> None:
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
