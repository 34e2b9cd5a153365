"""What holds for the whole repository, whoever changes it: sizes, silenced checks, what must not stand in it."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("syncengine", "connectors", "mappings")
SOURCES = (*PACKAGES, "tests", "bench", "docs", "deploy")
TEXT = {
    ".cfg",
    ".css",
    ".html",
    ".ini",
    ".j2",
    ".json",
    ".lock",
    ".mako",
    ".md",
    ".py",
    ".sh",
    ".toml",
    ".yaml",
    ".yml",
}

LONGEST_MODULE = 300
LONG_MODULES: dict[str, str] = {
    "syncengine/contracts.py": "the whole contract in one place, mostly docstrings: read first, top to bottom",
}
"""Longer modules of the program, each with the reason why it is one idea all the same."""

LONGEST_FUNCTION = 50
"""Lines of code, without the docstring."""

ADDRESS = re.compile(r"[\w.+'-]+(?:@|%40)((?:[\w-]+\.)+[a-zA-Z]{2,})")
NOBODY = re.compile(r"(?:.*\.)?(?:example\.(?:com|org|net)|test|example|invalid)", re.IGNORECASE)
PATH_OF_A_MACHINE = re.compile(r"(?<![\w.$}/-])/(?:home|Users|root|work|workspace|mnt|opt)/[\w.-]+")
SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b(.*)", re.IGNORECASE)
WITH_REASON = re.compile(r"\s*(?::\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*|\[[\w, -]+\])\s*[-—#(]+\s*\w.{5,}")


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def texts() -> Iterator[Path]:
    """Every text of the project: its sources and what stands beside them."""
    for path in sorted(ROOT.iterdir()):
        if path.is_file() and (path.suffix in TEXT or path.name in {"Makefile", "LICENSE", ".gitignore"}):
            yield path
    for folder in (*SOURCES, ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and (path.suffix in TEXT or folder == ".ci"):
                yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_a_module_is_one_idea_of_at_most_300_lines() -> None:
    long = {name(path) for path in modules(*PACKAGES) if len(path.read_text().splitlines()) > LONGEST_MODULE}
    assert long - LONG_MODULES.keys() == set()
    assert LONG_MODULES.keys() - long == set(), "no exception is needed any more"


def test_a_function_has_at_most_50_lines() -> None:
    long = []
    for path in modules(*PACKAGES):
        if "migrations" in path.parts:  # a schema is a list, however long
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                if (node.end_lineno or 0) - first.lineno + 1 > LONGEST_FUNCTION:
                    long.append(f"{name(path)}:{node.lineno} {node.name}")
    assert long == []


def test_a_silenced_check_names_its_rule_and_its_reason() -> None:
    """Written as `# noqa: S311 - a seed makes it repeatable` or `# type: ignore[misc] - the library has no types`."""
    bare = []
    for path in modules(*SOURCES):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            for match in SILENCED.finditer(line):
                if path != Path(__file__) and not WITH_REASON.fullmatch(match[1]):
                    bare.append(f"{name(path)}:{number}")
    assert bare == []


@pytest.mark.parametrize(
    ("comment", "fine"),
    [
        ("# noqa: S311 - a seed makes it repeatable", True),
        ("# noqa: S311, N802 — the library's name", True),
        ("# type: ignore[misc] - the library has no types", True),
        ("# type: ignore[misc]  # the library has no types", True),
        ("# noqa", False),
        ("# noqa: S311", False),
        ("# type: ignore", False),
        ("# type: ignore[misc]", False),
        ("# type: ignore - no types", False),
    ],
)
def test_the_search_for_silenced_checks_finds_them(comment: str, fine: bool) -> None:
    match = SILENCED.search(f"value = 1  {comment}")
    assert match
    assert bool(WITH_REASON.fullmatch(match[1])) is fine


def test_the_lock_is_complete_and_names_no_place_to_fetch_from() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pin = re.compile(r"([a-z0-9][a-z0-9._-]*)==[\w.]+(?: ; [\w' .<>=!()]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
    assert [line for line in lines if not pin.fullmatch(line) and not digest.fullmatch(line)] == []
    pins = [index for index, line in enumerate(lines) if pin.fullmatch(line)]
    assert all(digest.fullmatch(lines[index + 1]) for index in pins)


def test_everything_that_pyproject_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["postgresql"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    lock = (ROOT / "requirements.lock").read_text()
    locked = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    wanted = {re.split(r"[\[<>=!~ ;]", text)[0].lower().replace("_", "-") for text in asked}
    assert wanted - locked == set()


def test_no_path_of_anybodys_machine_stands_in_the_repository() -> None:
    found = [
        f"{name(path)}:{number}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if PATH_OF_A_MACHINE.search(line)
    ]
    assert found == []


def test_everybody_in_code_documents_and_cassettes_is_made_up() -> None:
    real = set()
    for path in texts():
        for match in ADDRESS.finditer(path.read_text(encoding="utf-8", errors="replace")):
            if not NOBODY.fullmatch(match[1]):
                real.add(f"{name(path)}: {match[0]}")
    assert real == set()


def test_no_cassette_holds_a_credential() -> None:
    found = [
        name(path)
        for path in (ROOT / "tests").rglob("cassettes/**/*.yaml")
        if re.search(r"(?im)^\s*(authorization|(set-)?cookie):|\bBearer\b|\beyJ\w{8,}", path.read_text())
    ]
    assert found == []
