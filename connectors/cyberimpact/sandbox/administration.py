"""What people do in the vendor's app meanwhile: unsubscribe, bounce, edit, rename, delete."""

import datetime as dt
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from connectors.cyberimpact.sandbox.account import (
    CUSTOM_TYPES,
    TEXT_FIELDS,
    Account,
    Contact,
    CustomType,
    CustomValue,
    Group,
)
from connectors.cyberimpact.sandbox.consent import RELATIONS, Consent
from connectors.cyberimpact.sandbox.dates import day_of
from connectors.cyberimpact.sandbox.mailings import DEFAULTS as WISHES
from connectors.cyberimpact.sandbox.posting import Mailing, Template, happen, start_due
from connectors.cyberimpact.sandbox.service import Meanwhile, Service

OPTIN_PROOF = "double opt-in"


class Administration:
    """Methods for tests, and the same by name over HTTP. Contacts are named by e-mail, groups by title.

    They raise LookupError where nothing is there, and ValueError for nonsense: no test must go wrong in silence.
    """

    def __init__(self, service: Service, now: Callable[[], dt.datetime]) -> None:
        self._service = service
        self._account: Account = service.account
        self._now = now

    # --- contacts ---

    def add(
        self,
        email: str,
        *,
        fields: Mapping[str, CustomValue] | None = None,
        groups: Iterable[str] = (),
        relation: str | None = None,
        date: dt.date | str | None = None,
        proof: str = "",
    ) -> int:
        """A contact by hand; `fields` are standard names or names of custom fields. Answers its id."""
        if self._account.by_email(email) is not None or (relation is not None and relation not in RELATIONS):
            problem = "there already, or an unknown relation"
            raise ValueError(problem)
        chosen = {self._group(title).id for title in groups}
        texts, customs = self._split(fields or {})
        day = dt.date.fromisoformat(date) if isinstance(date, str) else date
        contact = self._account.create(email, self._now())
        contact.groups = chosen
        contact.consent = Consent(relation, day, proof)
        self._account.set_fields(contact, texts, self._now())
        self._account.set_custom(contact, customs, self._now())
        contact.updated = None
        return contact.id

    def edit(self, email: str, **fields: CustomValue) -> None:
        """Set fields, standard or custom by name; `""` empties one."""
        contact = self._contact(email)
        texts, customs = self._split(fields)
        self._account.set_fields(contact, texts, self._now())
        self._account.set_custom(contact, customs, self._now())

    def unsubscribe(self, email: str) -> None:
        self._account.unsubscribe(self._contact(email), self._now())

    def bounce(self, email: str) -> None:
        contact = self._contact(email)
        contact.bounced = contact.updated = self._now()

    def resubscribe(self, email: str) -> None:
        """By a form, or by the link in the unsubscribe mail: an express consent."""
        contact = self._contact(email)
        self._account.revive(contact)
        self._account.set_consent(contact, Consent("express-consent", day_of(self._now()), OPTIN_PROOF), self._now())

    def confirm_optin(self, request: int) -> None:
        """The person follows the link in the mail that POST /members/optins sent."""
        email, groups = self._account.optins.pop(request)
        contact = self._account.by_email(email) or self._account.create(email, self._now())
        contact.groups |= groups
        self.resubscribe(email)

    def delete(self, email: str) -> None:
        self._account.delete(self._contact(email))

    def join_group(self, email: str, title: str) -> None:
        contact = self._contact(email)
        self._account.set_groups(contact, contact.groups | {self._group(title).id}, self._now())

    def leave_group(self, email: str, title: str) -> None:
        contact = self._contact(email)
        self._account.set_groups(contact, contact.groups - {self._group(title).id}, self._now())

    # --- mailings and templates ---

    def send_mailing(self, subject: str, groups: Iterable[str], at: dt.datetime | None = None) -> int:
        """Send a mailing made in the app, now or then. Answers its id."""
        when = at or self._now()
        chosen = frozenset(self._group(title).id for title in groups)
        number = self._account.new_id()
        self._account.mailings[number] = Mailing(number, subject, chosen, when, {**WISHES})
        start_due(self._account, self._now())
        return number

    def make_template(self, title: str, html: str = "", text: str = "") -> int:
        """A template made in the app. Answers its id."""
        number = self._account.new_id()
        self._account.templates[number] = Template(number, title, html, text, self._now())
        return number

    def archive_mailing(self, mailing: int) -> None:
        self._account.mailings[mailing].archived = self._now()

    def receive(self, mailing: int, email: str, event: str, at: dt.datetime | None = None) -> None:
        """What a recipient does: opened, clicked, unsubscribed; or what becomes of it: stopped, soft-bounced …"""
        happen(self._account, self._account.mailings[mailing], self._contact(email), event, at or self._now())

    # --- groups, custom fields, tokens ---

    def create_group(self, title: str, *, public: bool = False, dynamic: bool = False) -> int:
        return self._account.create_group(title, self._now(), public=public, dynamic=dynamic).id

    def rename_group(self, title: str, to: str) -> None:
        self._group(title).title = to

    def delete_group(self, title: str) -> None:
        self._account.delete_group(self._group(title), self._now())

    def make_group_dynamic(self, title: str) -> None:
        self._group(title).dynamic = True

    def add_custom_field(self, name: str, kind: CustomType) -> int:
        if kind not in CUSTOM_TYPES:
            problem = "no such type"
            raise ValueError(problem)
        return self._account.add_custom_field(name, kind).id

    def revoke_token(self, token: str) -> None:
        self._service.gate.revoke(token)

    # --- by name ---

    def meanwhile(self, method: str, path: str, do: Callable[[], object], *, after: int = 0) -> None:
        """Do something just before a request with this method and (encoded) path, after `after` more of them."""
        self._service.meanwhile.append(Meanwhile(method, path, do, after))

    def order(self, order: Mapping[str, Any]) -> object:
        """`{"do": "unsubscribe", "email": …}`; with `"before": {"method", "path", "after"}` just before that request.

        Raises ValueError for an unknown name or wrong arguments, LookupError as above.
        """
        arguments = dict(order)
        name, before = str(arguments.pop("do", "")), arguments.pop("before", None)
        if name not in ORDERS:
            problem = f"unknown: {name}"
            raise ValueError(problem)
        method = getattr(self, name)
        try:
            inspect.signature(method).bind(**arguments)
            if before is None:
                return method(**arguments)
            self.meanwhile(do=lambda: method(**arguments), **before)
        except TypeError as error:
            raise ValueError(str(error)) from error
        return None

    def _contact(self, email: str) -> Contact:
        contact = self._account.by_email(email)
        if contact is None:
            problem = "no such contact"
            raise LookupError(problem)
        return contact

    def _group(self, title: str) -> Group:
        for group in self._account.groups.values():
            if group.title == title:
                return group
        problem = "no such group"
        raise LookupError(problem)

    def _split(self, fields: Mapping[str, CustomValue]) -> tuple[dict[str, str], dict[int, CustomValue]]:
        """Standard fields, and custom ones by number."""
        numbers = {custom.name: custom.id for custom in self._account.custom_fields.values()}
        unknown = fields.keys() - numbers.keys() - set(TEXT_FIELDS)
        if unknown:
            problem = "no such field"
            raise LookupError(problem)
        texts = {name: str(value) for name, value in fields.items() if name in TEXT_FIELDS}
        customs = {numbers[name]: value for name, value in fields.items() if name not in TEXT_FIELDS}
        return texts, customs


ORDERS = frozenset(
    {
        "add", "edit", "unsubscribe", "bounce", "resubscribe", "confirm_optin", "delete", "join_group", "leave_group",
        "create_group", "rename_group", "delete_group", "make_group_dynamic", "add_custom_field", "revoke_token",
        "send_mailing", "archive_mailing", "receive", "make_template",
    }
)  # fmt: skip
