"""What can be read from Cyberimpact, as streams: `open_streams` has them all."""

from collections.abc import Mapping

from connectors.cyberimpact.client import CyberimpactClient
from connectors.cyberimpact.streams.groups import CustomFieldStream, GroupMemberStream, GroupStream
from connectors.cyberimpact.streams.mailings import MailingStream
from connectors.cyberimpact.streams.people import BouncedStream, ContactStream, UnsubscribedStream
from connectors.cyberimpact.streams.recipients import RecipientStream
from connectors.cyberimpact.streams.templates import TemplateStream
from syncengine.contracts import Clock, Stream


def open_streams(client: CyberimpactClient, clock: Clock) -> Mapping[str, Stream]:
    """Every stream of a connection, by name."""
    return {
        "contacts": ContactStream(client, clock),
        "unsubscribed": UnsubscribedStream(client, clock),
        "bounced": BouncedStream(client, clock),
        "groups": GroupStream(client, clock),
        "group_members": GroupMemberStream(client, clock),
        "custom_fields": CustomFieldStream(client, clock),
        "mailings": MailingStream(client, clock),
        "mailing_recipients": RecipientStream(client, clock),
        "templates": TemplateStream(client, clock),
    }
