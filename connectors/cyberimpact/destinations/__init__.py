"""What can be written to Cyberimpact beside contacts: groups, templates and mailings, one request for each change."""

from connectors.cyberimpact.destinations.groups import GroupDestination
from connectors.cyberimpact.destinations.mailings import MailingDestination
from connectors.cyberimpact.destinations.templates import TemplateDestination

__all__ = ["GroupDestination", "MailingDestination", "TemplateDestination"]
