"""The short way of checking addresses says what email-validator says."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from connectors.cyberimpact.fields import make_key
from syncengine.errors import Rejected

LOCAL = st.text("ab9._+-\"' é", min_size=0, max_size=12)
DOMAIN = st.one_of(
    st.sampled_from(
        ["example.com", "example.test", "localhost", "[192.0.2.1]", "example..com", "-a.com", "a.com.", ""]
    ),
    st.text("ab9.-_é", min_size=0, max_size=70),
)


def passes(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


@given(LOCAL, DOMAIN)
def test_an_address_is_one_exactly_where_email_validator_says_so(local: str, domain: str) -> None:
    address = f"{local}@{domain}".strip().lower()
    if passes(address):
        assert make_key({"email": address}) == address
    else:
        with pytest.raises(Rejected):
            make_key({"email": address})


@pytest.mark.parametrize("length", [90, 100, 120, 254, 255])
def test_length_is_judged_as_email_validator_does(length: int) -> None:
    address = "a" * (length - len("@example.com")) + "@example.com"
    if passes(address):
        assert make_key({"email": address}) == address
    else:
        with pytest.raises(Rejected):
            make_key({"email": address})
