"""The functions that an expression may call: a short list, all of them total but `yes`.

Total means: None in, None out (unless the description says otherwise), and None instead of an error for a value that
makes no sense. The table FUNCTIONS is the only list: the language, the documentation and the tests read it.
"""

import datetime as dt
import hashlib
import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from mappings.words import LANGUAGE_OF_WORD, NO, PROVINCE_OF_NAME, YES, plain_words

Result = TypeVar("Result")

LONGEST_TEXT = 100_000
"""Characters; a text that would become longer is None, so that no expression can fill the memory."""
LONGEST_EMAIL = 254
"""Characters (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""
LONGEST_PHONE = 64
"""Characters (impact.md section 9, `CallerId`)."""
LONGEST_NUMBER = 30
"""Characters; a longer run of digits is an id, not an amount."""
MOST_PLACES = 10
REMEMBERED = 256
"""Spellings of a language or a province that are remembered: a directory has a handful, and each costs 5 µs to read."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+|\d{1,3}( \d{3})+)(\.\d+)?")
_NUMBER_WITH_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}( \d{3})+),\d{1,2}")
_ISO_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[T ].*)?")
_WRITTEN_DAY = re.compile(r"(\d{1,4})[-/. ](\d{1,2})[-/. ](\d{1,4})(?:[T ,].*)?")


class NeitherYesNorNo(ValueError):
    """A word that `yes` doesn't know; the one thing in an expression's functions that isn't total, on purpose."""


def text(*parts: object) -> str | None:
    """The parts as one text; None where any of them is None or has no text."""
    written = []
    for part in parts:
        if isinstance(part, str):
            written.append(part)
        elif isinstance(part, bool):
            written.append("true" if part else "false")
        elif isinstance(part, int) or (isinstance(part, float) and math.isfinite(part)):
            written.append(str(part))
        elif isinstance(part, dt.date):
            written.append(part.isoformat())
        else:
            return None
    return "".join(written)


def _of_text(change: Callable[[str], Result]) -> Callable[[object], Result | None]:
    """Make a function of text total: other scalars count as their text, everything else gives None."""

    def total(value: object) -> Result | None:
        if isinstance(value, str):
            return change(value)
        known = text(value)
        return None if known is None else change(known)

    return total


def _email(value: str) -> str | None:
    address = value.strip().lower()
    return address if len(address) <= LONGEST_EMAIL and _EMAIL.fullmatch(address) else None


def _number(value: str) -> int | float | None:
    plain = re.sub(r"\s", " ", value.strip())
    if len(plain) > LONGEST_NUMBER or not plain.isascii():
        return None
    if _NUMBER_WITH_DECIMAL_COMMA.fullmatch(plain):
        return float(plain.replace(" ", "").replace(",", "."))
    if _NUMBER.fullmatch(plain):
        amount = plain.replace(" ", "").replace(",", "")
        return float(amount) if "." in amount else int(amount)
    return None


@lru_cache(maxsize=REMEMBERED)
def _language(value: str) -> str | None:
    words = plain_words(value)
    meant = {LANGUAGE_OF_WORD[word] for word in words if word in LANGUAGE_OF_WORD}
    return meant.pop() if len(meant) == 1 and words[0] in LANGUAGE_OF_WORD else None


@lru_cache(maxsize=REMEMBERED)
def _province(value: str) -> str | None:
    return PROVINCE_OF_NAME.get(" ".join(plain_words(value)))


lower = _of_text(str.lower)
upper = _of_text(str.upper)
title = _of_text(str.title)
strip = _of_text(str.strip)
email = _of_text(_email)
language = _of_text(_language)
digits = _of_text(lambda value: "".join(re.findall(r"[0-9]", value)))
province = _of_text(_province)
sha256 = _of_text(lambda value: hashlib.sha256(value.encode(errors="replace")).hexdigest())
_number_of_text = _of_text(_number)


def number(value: object) -> int | float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if math.isfinite(value) else None
    return _number_of_text(value)


def round_number(value: object, places: int = 0) -> int | float | None:
    known = number(value)
    if known is None or not isinstance(places, int) or not 0 <= places <= MOST_PLACES:
        return None
    return round(known, places) if places else round(known)


def yes(value: object) -> bool:
    """Raises NeitherYesNorNo: to take an unknown word for a no could write to somebody who opted out."""
    known = text(value)
    word = "" if known is None else known.strip().casefold()
    if word in YES:
        return True
    if word in NO and (known is not None or value is None):
        return False
    raise NeitherYesNorNo


def default(value: object, otherwise: object) -> object:
    return otherwise if value is None or value == "" else value


def first(*values: object) -> object:
    return next((value for value in values if value is not None and value != ""), None)


def phone(value: object, country: str = "CA") -> str | None:
    known = text(value)
    if known is None or len(known) > LONGEST_PHONE or not isinstance(country, str):
        return None
    import phonenumbers  # its tables take long to load, and most mappings have no phone number

    try:
        parsed = phonenumbers.parse(known, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def date(value: object, order: str = "ymd") -> str | None:
    known = text(value)
    if known is None or not isinstance(order, str) or sorted(order) != ["d", "m", "y"]:
        return None
    found = (order == "ymd" and _ISO_DAY.fullmatch(known.strip())) or _WRITTEN_DAY.fullmatch(known.strip())
    if not found:
        return None
    parts = dict(zip(order, found.groups(), strict=True))
    if len(parts["y"]) != len("2026"):
        return None
    try:
        return dt.date(int(parts["y"]), int(parts["m"]), int(parts["d"])).isoformat()
    except ValueError:
        return None


def replace(value: object, old: str, new: str) -> str | None:
    known = text(value)
    if known is None or not (isinstance(old, str) and isinstance(new, str)):
        return None
    if old == "":
        return known
    longest = len(known) + known.count(old) * len(new)
    return known.replace(old, new) if longest <= LONGEST_TEXT else None


def split(value: object, separator: str = ",") -> list[str] | None:
    known = text(value)
    if known is None or not isinstance(separator, str) or separator == "":
        return None
    return [part for part in (part.strip() for part in known.split(separator)) if part]


def join(values: object, separator: str = ", ") -> str | None:
    if not isinstance(values, (list, tuple)) or not isinstance(separator, str):
        return None
    written = [part for part in (text(value) for value in values) if part]
    longest = sum(map(len, written)) + len(written) * len(separator)
    return separator.join(written) if longest <= LONGEST_TEXT else None


def length(value: object) -> int:
    return len(value) if isinstance(value, (str, list, tuple, Mapping)) else 0


def contains(value: object, part: object) -> bool:
    if isinstance(value, (list, tuple)):
        return part in value
    known, sought = text(value), text(part)
    return known is not None and sought is not None and sought in known


def starts(value: object, part: object) -> bool:
    known, sought = text(value), text(part)
    return known is not None and sought is not None and known.startswith(sought)


def ends(value: object, part: object) -> bool:
    known, sought = text(value), text(part)
    return known is not None and sought is not None and known.endswith(sought)


class Function(NamedTuple):
    """One function as people see it. `example` is an expression without names, `result` what it gives."""

    call: Callable[..., Any]
    doc: str
    example: str
    result: object


FUNCTIONS: Mapping[str, Function] = {
    "lower": Function(lower, "In small letters.", "lower('Acme')", "acme"),
    "upper": Function(upper, "In capitals.", "upper('new')", "NEW"),
    "title": Function(title, "Each word with a capital.", "title('jo-ann ROY')", "Jo-Ann Roy"),
    "strip": Function(strip, "Without blanks at both ends.", "strip('  Jo ')", "Jo"),
    "text": Function(
        text, "All its values as one text; None if one of them is None. `{{ }}` in a text does this.",
        "text('order ', 77)", "order 77",
    ),
    "number": Function(
        number, "A number, for comparing: values are text. Knows 1,234.50 and 1 234,50.", "number('1,234.50') > 3", True
    ),
    "round": Function(
        round_number, "A number rounded to so many places (none unless given).", "round('2.345', 1)", 2.3
    ),
    "digits": Function(digits, "Only the digits 0 to 9.", "digits('H2X-514')", "2514"),
    "email": Function(
        email, "An e-mail address, trimmed and in small letters; None if it is none.", "email(' Jo@Example.com')",
        "jo@example.com",
    ),
    "phone": Function(
        phone, "A phone number with + and country code; numbers without one are of the country given, else Canadian.",
        "phone('(514) 555-0123')", "+15145550123",
    ),
    "date": Function(
        date, "The day as written, as 2026-06-02. A second value says how day, month and year stand: 'dmy', 'mdy'.",
        "date('2/6/2026', 'dmy')", "2026-06-02",
    ),
    "language": Function(
        language, "fr_ca or en_ca, from fr, FR-ca, français, French, anglais …; None if unknown.",
        "language('Français')", "fr_ca",
    ),
    "province": Function(
        province, "The two letters of a Canadian province, from its name in either language; None if unknown.",
        "province('Québec')", "QC",
    ),
    "yes": Function(
        yes,
        "Whether it says yes (1, true, yes, y, oui, on …) or no (0, false, no, non, off …, empty). Another word rejects"
        " the record: a guess could write to somebody who opted out.",
        "yes('Oui')",
        True,
    ),
    "default": Function(
        default, "The first value, or the second where the first is None or empty.", "default(None, 'none')", "none"
    ),
    "first": Function(first, "The first of its values that is neither None nor empty.", "first(None, '', 'Jo')", "Jo"),
    "sha256": Function(
        sha256, "The SHA-256 of the text, in hexadecimal.", "sha256('Jo')[:8]", hashlib.sha256(b"Jo").hexdigest()[:8]
    ),
    "replace": Function(replace, "With one text replaced by another.", "replace('a-b', '-', ' ')", "a b"),
    "split": Function(
        split, "A list of the parts between commas (or another separator), without empty ones.", "split('a, b,,c')",
        ["a", "b", "c"],
    ),
    "join": Function(
        join, "One text of a list, with ', ' (or another separator) between; None and empty ones are left out.",
        "join(['a', None, 'b'])", "a, b",
    ),
    "len": Function(length, "How many characters or items; 0 for None.", "len('Acme')", 4),
    "contains": Function(
        contains, "Whether the text contains the second one, or the list has it as an item; no for None.",
        "contains('vip, gold', 'gold')", True,
    ),
    "starts": Function(starts, "Whether the text starts with the second one; no for None.", "starts('H2X', 'H')", True),
    "ends": Function(ends, "Whether the text ends with the second one; no for None.", "ends('a.pdf', '.pdf')", True),
}  # fmt: skip
