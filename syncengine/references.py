"""Fetches what the configuration only points at: `{ env = "NAME" }` and `{ file = "path" }`.

So that no secret has to stand in a file that people mail to each other.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from syncengine.errors import Problem
from syncengine.redaction import register_secret

__all__ = ["References", "plain_secrets"]

READABLE_BY_OTHERS = 0o077
"""The bits of a file's mode that give anything to anybody but its owner."""


NOTHING_ELSE = "It holds the secret and nothing else."


class References:
    """Resolves references, and collects what went wrong. `base` is the folder that relative files are relative to."""

    def __init__(self, base: Path, environ: Mapping[str, str]) -> None:
        self._base = base
        self._environ = environ
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def resolve(self, value: Any, key: str) -> Any:
        """The value with every reference in it replaced; by "" where that fails, so that the rest can be checked."""
        match value:
            case {"env": str(name), **others} if not others:
                return self._keep(self._from_environment(name, key))
            case {"file": str(name), **others} if not others:
                return self._keep(self._from_file(name, key))
            case dict():
                return {name: self.resolve(inner, f"{key}.{name}") for name, inner in value.items()}
            case list():
                return [self.resolve(inner, f"{key}.{at}") for at, inner in enumerate(value)]
        return value

    def failed_below(self, key: str) -> frozenset[str]:
        """The keys at or below this one that could not be resolved."""
        return frozenset(problem.key for problem in self.problems if f"{problem.key}.".startswith(f"{key}."))

    def _keep(self, text: str) -> str:
        register_secret(text)
        return text

    def _from_environment(self, name: str, key: str) -> str:
        text = self._environ.get(name, "")
        if not text:
            state = "is empty" if name in self._environ else "is not set"
            hint = f"Set {name}, or point at a file: {{ file = … }}."
            self.problems.append(Problem(key, f"The environment variable {name} {state}.", hint))
        return text

    def _from_file(self, name: str, key: str) -> str:
        path = self._base / Path(name).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
            mode = path.stat().st_mode
        except UnicodeDecodeError:
            self.problems.append(Problem(key, f"The file {path} is no text in UTF-8.", NOTHING_ELSE))
            return ""
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            hint = "A relative file is relative to the configuration file."
            self.problems.append(Problem(key, f"The file {path} can't be read: {reason}.", hint))
            return ""
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            self.problems.append(Problem(key, f"The file {path} is empty.", NOTHING_ELSE))
        if mode & READABLE_BY_OTHERS:
            self.warnings.append(Problem(key, f"Others on this machine may read {path}.", f"chmod 600 {path}"))
        return text


def plain_secrets(model: BaseModel) -> Iterator[str]:
    """Every secret of validated settings, however deep, as plain text."""
    for _, value in model:
        yield from _secrets_in(value)


def _secrets_in(value: Any) -> Iterator[str]:
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case BaseModel():
            yield from plain_secrets(value)
        case Mapping():
            for inner in value.values():
                yield from _secrets_in(inner)
        case list() | tuple():
            for inner in value:
                yield from _secrets_in(inner)
