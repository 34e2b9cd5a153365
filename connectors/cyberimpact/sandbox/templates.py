"""/templates: created, replaced and deleted; there is no PATCH (cyberimpact.md sections 3 and 4)."""

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from connectors.cyberimpact.sandbox.call import Answer, Call, Route, not_found, unprocessable
from connectors.cyberimpact.sandbox.lists import NEVER, PAGED, Listing, answer_page
from connectors.cyberimpact.sandbox.posting import Template
from connectors.cyberimpact.sandbox.schema import Name

Body = Annotated[str, Meta(max_length=1_000_000)]
"""How long a page may be is unknown."""


class TemplateBody(msgspec.Struct, rename="camel"):
    """POST and PUT of a template: a title, and one body at least."""

    title: Name
    body_html: Body = ""
    body_text: Body = ""


TEMPLATE_SORTS = {
    "template": lambda one: one.title,
    "language": lambda one: "",
    "subject": lambda one: "",
    "updated": lambda one: one.updated or NEVER,
    "usage": lambda one: 0,
    "created": lambda one: one.created,
}


def _bare_row(call: Call, template: Template) -> dict[str, Any]:
    """A row of the list: without the bodies."""
    return {
        "id": template.id,
        "title": template.title,
        "createdOn": call.stamp(template.created),
        "updatedOn": call.stamp(template.updated),
    }


def _row(call: Call, template: Template) -> dict[str, Any]:
    return {**_bare_row(call, template), "bodyHtml": template.html, "bodyText": template.text}


TEMPLATES = Listing("templates", TEMPLATE_SORTS, _bare_row)


def _template(call: Call) -> Template:
    """The template that the path names. Raises Refusal (404)."""
    number = call.path["id"]
    template = call.account.templates.get(int(number)) if number.isascii() and number.isdigit() else None
    if template is None:
        raise not_found("Template")
    return template


def _read(call: Call) -> TemplateBody:
    body = call.read(TemplateBody)
    if not body.body_html and not body.body_text:
        raise unprocessable("A body is missing")
    return body


def list_templates(call: Call) -> Answer:
    return answer_page(call, list(call.account.templates.values()), TEMPLATES)


def get_template(call: Call) -> Answer:
    return Answer(_row(call, _template(call)))


def create_template(call: Call) -> Answer:
    account, body = call.account, _read(call)
    taken = any(one.title == body.title for one in account.templates.values())
    if taken and account.switches.template_title_taken == "refused":
        raise unprocessable("Title is taken")
    template = Template(account.new_id(), body.title, body.body_html, body.body_text, call.now)
    account.templates[template.id] = template
    return Answer(_row(call, template), HTTPStatus.CREATED)


def put_template(call: Call) -> Answer:
    """What isn't named is reset."""
    template, body = _template(call), _read(call)
    template.title, template.html, template.text = body.title, body.body_html, body.body_text
    template.updated = call.now
    return Answer(_row(call, template))


def delete_template(call: Call) -> Answer:
    del call.account.templates[_template(call).id]
    return Answer({call.path["id"]: "deleted"})


ROUTES = (
    Route("GET", "/templates", list_templates, PAGED),
    Route("POST", "/templates", create_template),
    Route("GET", "/templates/{id}", get_template),
    Route("PUT", "/templates/{id}", put_template),
    Route("DELETE", "/templates/{id}", delete_template),
)
