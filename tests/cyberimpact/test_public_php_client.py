"""A client that nobody here wrote talks to the sandbox: a public PHP client of the API agrees with our server.

It needs PHP with curl, and Guzzle, on which the client stands: apt-get install php-cli php-curl php-guzzlehttp-guzzle.
It comes at a fixed commit from its repository, or from the clone that SYNCENGINE_PHP_CLIENT names, into a folder made
for the test. It knows only the real host, so its one line with that address is changed there.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.cyberimpact.sandbox import CyberimpactSandbox
from syncengine.sandbox.kit import Server
from tests.clock import NOON

pytestmark = pytest.mark.slow

CLONE = "SYNCENGINE_PHP_CLIENT"
"""The environment variable with the folder of a clone, for machines without a way to the repository."""
REPOSITORY = "https://github.com/Bernier154/php-cyberimpact"
COMMIT = "dd6373ef824d55ed2da843a8719511583defde47"
ADDRESS = "https://api.cyberimpact.com/"
FETCH_SECONDS, CALL_SECONDS = 120, 60
CALLER = r"""<?php
require 'GuzzleHttp/autoload.php';
spl_autoload_register(function ($class) use ($argv) {
    $path = str_replace('\\', '/', str_replace('bernier154\\PhpCyberimpact\\', 'src/', $class));
    require "$argv[1]/$path.php";
});
$client = new bernier154\PhpCyberimpact\CyberimpactClient(getenv('CYBERIMPACT_TOKEN'));
$told = [];
foreach (json_decode(stream_get_contents(STDIN), true) as [$method, $arguments]) {
    try {
        $told[] = $client->$method(...$arguments);
    } catch (bernier154\PhpCyberimpact\Exceptions\ApiException $refusal) {
        $told[] = $refusal->getCode();
    }
}
echo json_encode($told);
"""
"""Calls methods of the client in turn; a refusal is told as its status."""
LEA = {
    "email": "lea.roy@example.test", "gender": "f", "groups": "", "firstname": "Léa", "lastname": "Roy",
    "company": "Maple & fils", "language": "fr_ca", "birthdate": "1991-03-08", "postalCode": "H2X 1Y4", "country": "CA",
    "note": "",
}  # fmt: skip
"""The arguments of `addMember` in their order, but for the custom fields at the end."""
PEOPLE = 45
"""More than two pages of 20, the API's own default."""

Call = Callable[..., Any]


def run(*command: str, **more: Any) -> str:
    """What a command prints. Fails the test with its own words where it ends badly."""
    plain = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    plain |= more.pop("env", {})
    ended = subprocess.run(command, capture_output=True, text=True, env=plain, check=False, **more)
    if ended.returncode:
        pytest.fail(f"{command[0]} ends with {ended.returncode}:\n{ended.stderr[-2000:]}")
    assert not ended.stderr, "PHP complains of an answer, of a field that isn't there for example"
    return str(ended.stdout)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client at its commit."""
    if shutil.which("php") is None:
        pytest.fail("this test needs PHP: apt-get install php-cli php-curl php-guzzlehttp-guzzle")
    folder = tmp_path_factory.mktemp("php-client")
    source = os.environ.get(CLONE, REPOSITORY)
    for step in (["init"], ["fetch", "--depth", "1", source, COMMIT], ["checkout", "--detach", COMMIT]):
        ended = subprocess.run(
            ["git", "-C", str(folder), *step], capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
        if ended.returncode:
            pytest.fail(
                f"the client can't be fetched; {CLONE} may name the folder of a clone. git says:\n{ended.stderr}"
            )
    (folder / "caller.php").write_text(CALLER, encoding="utf-8")
    return folder


@pytest.fixture
def sandbox() -> CyberimpactSandbox:
    """An account with a crowd in a group, an orphan, and two who are not to be written to."""
    made = CyberimpactSandbox(now=lambda: NOON)
    made.admin.add_custom_field("Orders", "integer")
    made.admin.create_group("Clients")
    for number in range(PEOPLE):
        made.admin.add(f"person-{number:02}+news@example.test", groups=["Clients"], fields={"Orders": number})
    for name in ("orphan", "off", "bounced"):
        made.admin.add(f"{name}@example.test")
    made.admin.unsubscribe("off@example.test")
    made.admin.bounce("bounced@example.test")
    return made


@pytest.fixture
def call(sources: Path, sandbox: CyberimpactSandbox) -> Iterator[Call]:
    """Calls methods of the client, all in one run of PHP."""
    file = sources / "src" / "CyberimpactClient.php"
    original = file.read_text(encoding="utf-8")
    assert original.count(ADDRESS) == 1
    with Server(sandbox.app) as server:
        file.write_text(original.replace(ADDRESS, f"{server.url}/"), encoding="utf-8")

        def run_php(*calls: tuple[str, list[Any]], token: str = sandbox.settings()["token"]) -> Any:
            command = ["php", "-d", "display_errors=stderr", "-d", "error_reporting=-1"]
            command += [str(sources / "caller.php"), str(sources)]
            told = run(*command, input=json.dumps(calls), env={"CYBERIMPACT_TOKEN": token}, timeout=CALL_SECONDS)
            return json.loads(told)

        yield run_php
    file.write_text(original, encoding="utf-8")


def test_it_signs_in_and_hears_of_a_wrong_token(call: Call, sandbox: CyberimpactSandbox) -> None:
    assert call(("ping", []))[0]["ping"] == "success"
    assert call(("ping", []), ("retrieveMembers", []), token="nobody-gave-this") == [
        {"ping": "failure", "username": None, "email": None, "account": None}, 401,
    ]  # fmt: skip


def test_it_lists_members_page_by_page(call: Call) -> None:
    pages = call(*(("retrieveMembers", [page]) for page in (1, 2, 3, 4)))
    assert [len(page["members"]) for page in pages] == [20, 20, 5, 0]
    assert {page["totalCount"] for page in pages} == {PEOPLE}
    listed = {member["email"]: member for page in pages for member in page["members"]}
    assert set(listed) == {f"person-{number:02}+news@example.test" for number in range(PEOPLE)}
    assert [list(member["customFields"].values()) for member in listed.values()] == [[n] for n in range(PEOPLE)]
    everybody, orphans, recent = call(
        ("retrieveMembers", [1, 10_000, "all", "email_asc"]),
        ("retrieveMembers", [1, 10_000, "orphans"]),
        ("retrieveMembers", [1, 10_000, "all", "", "2026-07-15"]),
    )
    assert [member["email"] for member in everybody["members"]] == sorted([*listed, "orphan@example.test"])
    assert [member["email"] for member in orphans["members"]] == ["orphan@example.test"]
    assert recent["members"] == []


def test_it_creates_members_and_reads_them_by_address_and_by_number(call: Call, sandbox: CyberimpactSandbox) -> None:
    group, field = sandbox.admin.create_group("Newcomers"), sandbox.admin.add_custom_field("Size", "text")
    wanted = {**LEA, "groups": str(group)}
    with_plus = {**wanted, "email": "lea+size@example.test"}
    made, again, other = call(
        ("addMember", [*wanted.values(), {str(field): "XL"}]),
        ("addMember", [*wanted.values(), {str(field): "XL"}]),
        ("addMember", [*with_plus.values(), {str(field): "M"}]),
    )
    assert made.items() >= {name: value for name, value in LEA.items() if name != "groups"}.items()
    assert made["customFields"] == {str(field): "XL"}
    assert again == 409
    by_address, by_number, by_odd_address, unknown, groups = call(
        ("retrieveMember", [LEA["email"]]),
        ("retrieveMember", [made["id"]]),
        ("retrieveMember", [with_plus["email"]]),
        ("retrieveMember", ["nobody@example.test"]),
        ("retrieveMemberGroups", [LEA["email"]]),
    )
    assert by_address == by_number == made
    assert (by_odd_address, unknown) == (other, None)
    assert [each["title"] for each in groups["groups"]] == ["Newcomers"]


def test_an_empty_table_of_php_is_no_object(call: Call, sandbox: CyberimpactSandbox) -> None:
    """It sends `customFields: []` where it has none. The page says object, and nobody knows whether more is taken."""
    before = len(sandbox.contacts())
    assert call(("addMember", list(LEA.values()))) == [422]
    assert len(sandbox.contacts()) == before


def test_it_changes_a_member_its_groups_and_deletes_it(call: Call, sandbox: CyberimpactSandbox) -> None:
    group, field = sandbox.admin.create_group("Newcomers"), sandbox.admin.add_custom_field("Size", "text")
    sandbox.admin.add(LEA["email"], fields={"company": "Maple & fils"}, groups=["Clients"])
    wanted = {**LEA, "company": "", "firstname": "Léa-Marie"}
    edited, joined, left, deleted, gone, unknown = call(
        ("editMember", [LEA["email"], *wanted.values(), {str(field): ""}]),
        ("addGroupsToMember", [LEA["email"], str(group)]),
        ("removeGroupMember", [LEA["email"], group]),
        ("deleteMember", [LEA["email"]]),
        ("retrieveMember", [LEA["email"]]),
        ("deleteMember", ["nobody@example.test"]),
    )
    assert (edited["firstname"], edited["company"]) == ("Léa-Marie", "")
    assert [each["title"] for each in joined["groups"]] == ["Newcomers"]
    assert left == {str(group): "deleted"}
    assert deleted == {LEA["email"]: "deleted"}
    assert gone is None
    assert unknown == {"nobody@example.test": "not-found"}


def test_a_batch_of_it_is_taken_and_told(call: Call, sandbox: CyberimpactSandbox) -> None:
    members = [{"email": f"batch-{number}@example.test", "firstname": "Léa"} for number in range(3)]
    (posted,) = call(("createAddMemberBatch", [members, "active-clients", "2026-06-01", "Order 7"]))
    assert (posted["status"], posted["batchJson"]["members"]) == ("NEW", members)
    sandbox.settle()
    (told,) = call(("retrieveBatch", [posted["id"], True]))
    assert told["status"] == "COMPLETED"
    assert sorted(told["result"]["successes"]) == [member["email"] for member in members]
    consent = call(("retrieveMemberConsentDetails", ["batch-0@example.test"]))[0]
    assert (consent["relationType"], consent["consentProof"]) == ("active-clients", "Order 7")
