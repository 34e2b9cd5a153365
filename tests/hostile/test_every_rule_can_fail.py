"""For each rule there is a connector that breaks it, and the suite notices."""

from typing import Any

import pytest

from syncengine.errors import ProviderError, SyncError
from syncengine.testing.case import run_rule
from syncengine.testing.rules import RULES
from syncengine.testing.verdict import Broken
from tests.hostile import nasty
from tests.hostile.nasty import NastyConnector
from tests.hostile.stages import ContactsStage
from tests.hostile.wrong import WRONG


def test_every_rule_has_a_connector_that_breaks_it() -> None:
    assert WRONG.keys() == RULES.keys()


@pytest.mark.parametrize("name", RULES)
def test_the_rule_notices(name: str) -> None:
    wrong = WRONG[name]
    with pytest.raises(Broken) as caught:
        run_rule(RULES[name], wrong.connector, wrong.stage)
    assert wrong.saying in str(caught.value), "it fails, but for another reason"


class NamingContacts(nasty.Contacts):
    """Names whom it can't tell anything about."""

    async def look(self, key: str) -> dict[str, Any] | None:
        try:
            return await super().look(key)
        except SyncError:
            raise ProviderError(f"Nobody knows how {key} stands.") from None


class NamingConnector(nasty.NastyConnector):
    contacts = NamingContacts


@pytest.mark.parametrize("name", ["nobody_is_absent_for_an_error", "what_can_not_be_read_is_not_told"])
def test_a_question_about_people_that_fails_may_not_name_them(name: str) -> None:
    with pytest.raises(Broken, match="an error shows a secret or a person"):
        run_rule(RULES[name], NamingConnector, ContactsStage)


@pytest.mark.parametrize("name", ["a_restart_loses_nothing", "a_barred_key_is_in_no_request"])
def test_only_the_wrong_part_makes_the_difference(name: str) -> None:
    """The connector that the wrong ones are made from passes before the same stage."""
    run_rule(RULES[name], NastyConnector, WRONG[name].stage)
