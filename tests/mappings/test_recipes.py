import tomllib
from typing import Any

import pytest

from mappings.mapping import CompiledMapping, compile_mapping
from mappings.recipes import RecipeError, expand, recipe_names, recipe_text
from mappings.spec import MappingSpec
from mappings.testing import run_tests

CONTACT = frozenset(
    {"email", "firstname", "lastname", "language", "groups", "relationType", "consentDate", "consentProof"}
)
COLUMNS = {"customer": frozenset({"customer_id", "email", "first_name", "last_name", "language", "opted_out"})}


def compiled(raw: dict[str, Any]) -> tuple[MappingSpec, CompiledMapping]:
    spec = MappingSpec.model_validate(raw)
    action = {"Id", "CustomerStatus", "State", "CustomerId", "MediaPartnerId", "MediaPartnerName", "EventDate", "Oid"}
    made = compile_mapping(
        spec, record_fields=frozenset(action), draft_fields=CONTACT, key_field="email", lookup_columns=COLUMNS
    )
    return spec, made


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_a_whole_configuration_with_a_mapping_of_its_name(name: str) -> None:
    whole = tomllib.loads(recipe_text(name))
    assert {"engine", "connections", "mappings"} == whole.keys()
    assert next(iter(whole["mappings"])) == name
    specs = [MappingSpec.model_validate(raw) for raw in whole["mappings"].values()]
    assert all(spec.tests for spec in specs)
    named = {lookup.source for spec in specs for lookup in spec.lookup}
    named |= {reference for spec in specs for reference in (spec.source, spec.destination)}
    assert {reference.partition(".")[0] for reference in named} == whole["connections"].keys()


def test_new_customers_passes_its_own_tests() -> None:
    spec, made = compiled(expand({"use": "new-customers"}, "mappings.x"))

    def draft(fields: dict[str, Any]) -> dict[str, Any]:
        return fields | {"email": fields["email"].lower()}

    results = run_tests(made, spec.tests, draft)
    assert [result.differences for result in results] == [()] * 5


def test_a_key_beside_use_replaces_the_recipes_key_whole() -> None:
    whole = expand({"use": "new-customers", "schedule": "every hour", "set_once": []}, "mappings.x")
    assert "use" not in whole
    assert whole["schedule"] == "every hour"
    assert whole["set_once"] == []
    assert whole["source"] == "impact.actions"
    assert whole["tests"]
    fields = expand({"use": "new-customers", "fields": {"email": "{{ customer.email }}"}}, "mappings.x")["fields"]
    assert fields == {"email": "{{ customer.email }}"}


def test_a_recipes_tests_are_left_out_where_what_they_test_is_replaced() -> None:
    assert "tests" not in expand({"use": "new-customers", "where": "State == 'PENDING'"}, "mappings.x")
    own = [{"given": {}, "expect": "filtered"}]
    assert expand({"use": "new-customers", "where": "False", "tests": own}, "mappings.x")["tests"] == own


def test_expanding_leaves_what_it_was_given_alone() -> None:
    raw = {"use": "new-customers"}
    expand(raw, "mappings.x")["fields"]["email"] = "changed"
    assert raw == {"use": "new-customers"}
    assert expand(raw, "mappings.x")["fields"]["email"] == "{{ customer.email }}"


def test_a_mapping_without_a_recipe_is_itself() -> None:
    assert expand({"source": "a.b"}, "mappings.x") == {"source": "a.b"}


@pytest.mark.parametrize("name", ["new-custmers", "", "../new-customers", 7])
def test_an_unknown_recipe_names_the_choices(name: object) -> None:
    with pytest.raises(RecipeError) as caught:
        expand({"use": name}, "mappings.x")
    assert caught.value.key == "mappings.x.use"
    assert "new-customers" in caught.value.hint
    with pytest.raises(RecipeError):
        recipe_text(str(name))
