"""Keeps secrets and personal data out of everything that is written for people: logs, errors, cassettes.

Two nets, one behind the other. Secrets that were registered are masked in every spelling in which they can turn up.
Whatever merely *looks* like an e-mail address, a phone number or a credential is masked as well.
"""

import base64
import json
import re
from urllib.parse import quote, quote_plus, unquote

__all__ = ["MASK", "Redactor", "redact", "register_secret"]

MASK = "[masked]"

SHORTEST_SECRET = 4
"""Characters. Shorter ones are not masked: they would blank out half of every line and protect nothing."""

SHORTEST_ENCODED = 8
"""Characters of base64 that must be left of a secret at any alignment before they are looked for."""

USERINFO = re.compile(r"(?<=://)([^\s/?#@:]*):([^\s/?#]*)@")

_EDGE = r"\s/?&=\"<>()\[\]{},;:|\\"
"""Characters at which a word ends: an address inside a URL, JSON or a Python value stands between two of them."""

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # A credential in a header, whatever its scheme: the rest of the line goes, since schemes have several parts.
    (re.compile(r"(?i)\b((?:proxy-)?authorization)\b[\"']?\s*[:=,].*"), rf"\1: {MASK}"),
    (re.compile(r"\b((?i:basic|bearer))\s+(?=\S*[A-Z0-9=])[\w.~+/=-]{6,}"), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,2}"), MASK),  # a JSON web token, whole or its first part
    # A query is masked whole: names of parameters say little, their values are addresses, phones and keys.
    (re.compile(r"\?[\w.%\[\]-]+=[^\s\"'<>]*"), f"?{MASK}"),
    (re.compile(r"(?i)\b([\w-]*(?:password|passwd|pwd|secret|token|api_?key|signature))([\"']?\s*=\s*|[\"']\s*:\s*)"
                r"(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"), rf"\1\2{MASK}"),
    (re.compile(r"(?<=://)[^\s/?#]*@"), f"{MASK}@"),
    # An e-mail address, plain or percent-encoded any number of times.
    (re.compile(rf"(?<![^{_EDGE}])[^{_EDGE}]+(?:@|%(?:25)*40)[^'{_EDGE}]+"), MASK),
    # Phone numbers: international, North American (3-3-4), French (five pairs), and bare runs of digits.
    (re.compile(r"(?<![\w.])\+\d(?:[\s().-]{0,2}\d){7,14}(?!\d)"), MASK),
    (re.compile(r"(?<!\d)(?:1[-. ])?\(?\d{3}\)?[-. ]{1,2}\d{3}[-. ]\d{4}(?!\d)"), MASK),
    (re.compile(r"(?<!\d)0\d(?:[ .-]\d{2}){4}(?!\d)"), MASK),
    (re.compile(r"(?<!\d)\d{10,15}(?!\d)"), MASK),
    # An opaque token: base64 of an address or a key has small and capital letters and digits, close together.
    (re.compile(r"(?<![A-Za-z0-9])(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}={0,2}"), MASK),
)  # fmt: skip


class Redactor:
    """Masks what must not be read, and remembers the secrets to look for. Safe to use from several threads."""

    def __init__(self) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._spellings: re.Pattern[str] | None = None

    def register(self, secret: str) -> None:
        """Mask this from now on: as it is, percent-encoded, escaped in JSON, and in base64 at every alignment.

        The password inside a URL counts as a secret of its own, plain and decoded. Secrets of fewer than four
        characters are ignored.
        """
        secrets = {secret}
        for match in USERINFO.finditer(secret):
            secrets |= {match[2], unquote(match[2])}
        self._secrets |= {text for text in secrets if len(text) >= SHORTEST_SECRET}
        spellings = sorted(
            {form for text in self._secrets for form in _spellings(text)}, key=lambda form: (-len(form), form)
        )
        self._spellings = re.compile("|".join(map(re.escape, spellings)), re.IGNORECASE) if spellings else None

    def hide_secrets(self, text: str, mask: str = MASK) -> str:
        """The text without the registered secrets, and otherwise as it was."""
        return self._spellings.sub(lambda _: mask, text) if self._spellings else text

    def redact(self, text: str) -> str:
        """The text without registered secrets and without anything that looks like personal data or a credential."""
        text = self.hide_secrets(text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _spellings(secret: str) -> set[str]:
    """Every form in which a secret can turn up in a URL, a header, a body or the text of an error."""
    raw = secret.encode()
    forms = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
    }
    # Inside a longer text ("account:token" of Basic) base64 starts at one of three alignments. The characters at both
    # ends depend on the neighbours as well, so only those between are looked for.
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        after = (before + len(raw)) % 3
        core = encoded[(0, 2, 3)[before] : len(encoded) - (1 if after else 0)].decode()
        if len(core) >= SHORTEST_ENCODED:
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms


_everywhere = Redactor()
"""Logs are one place for the whole process, and so are the secrets that must not stand in them."""

register_secret = _everywhere.register
redact = _everywhere.redact
