import datetime as dt

import pytest

from mappings.durations import DurationError, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15 minutes", 900),
        ("3 days", 259_200),
        ("90s", 90),
        ("1 hour 30 minutes", 5400),
        ("1h30m", 5400),
        ("1 hour, 30 minutes", 5400),
        ("1 hour and 30 minutes", 5400),
        ("1.5 hours", 5400),
        (" 2 Weeks ", 1_209_600),
        ("0 seconds", 0),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: int) -> None:
    assert parse_duration(text) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "minutes", "3 months", "-3 days", "3 days ago", "1 hour 30", "every day"])
def test_what_is_no_duration_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert "15 minutes" in caught.value.hint


def test_a_duration_longer_than_time_is_refused() -> None:
    with pytest.raises(DurationError, match="too long"):
        parse_duration("999999999 weeks 999999999 weeks")
