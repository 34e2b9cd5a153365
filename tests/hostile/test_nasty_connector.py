"""A connector made to be nasty passes the whole suite: the rules ask for what the contract says and for no more."""

from typing import ClassVar

from syncengine.testing import ConformanceSuite
from tests.hostile.nasty import NastyConnector
from tests.hostile.stages import CallsStage, ContactsStage, PeopleStage, RecordsStage

NO_LISTS = "calls are reported about whoever called: the depot keeps no list of who doesn't want that"


class TestNastyRecords(ConformanceSuite):
    connector = NastyConnector
    sandbox = RecordsStage


class TestNastyPeople(ConformanceSuite):
    connector = NastyConnector
    sandbox = PeopleStage


class TestNastyContacts(ConformanceSuite):
    connector = NastyConnector
    sandbox = ContactsStage


class TestNastyCalls(ConformanceSuite):
    connector = NastyConnector
    sandbox = CallsStage
    waivers: ClassVar = {
        "none_leaves_alone": "a call is an event: one with fewer fields is another call",
        "applied_twice_is_applied_once": "a call is counted each time: the depot has no key to know it by",
        "suppression_lists_are_complete": NO_LISTS,
        "a_short_suppression_list_is_an_error": NO_LISTS,
        "standings_answer_every_key": NO_LISTS,
        "a_receipt_tells_what_became_of_it": "the depot gives no receipt for a call",
    }
