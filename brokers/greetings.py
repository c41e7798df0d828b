"""What both ends of a new connection say before anything else; `handshake` says when.

Nodes never see these words. They are the only ones that a stranger may say, and their first bytes
look the same in every version of the protocol, so that an end of another version can be told why
it is refused.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from brokers.messages import Policy

__all__ = ["GREETINGS", "MAGIC", "VERSION", "Accept", "BrokerHello", "ClientHello", "Goodbye"]

MAGIC: Final = b"MEBR"
VERSION: Final = 1


class BrokerHello(NamedTuple):
    """A broker says who it is: to another broker, or in answer to a client's hello."""

    name: str
    incarnation: int
    session: int = 0  #: proposed for this connection, unlike any other; 0 towards a client
    token: str = ""  #: what lets it in; never said to a client
    preset: str = "default"  #: how it routes; all brokers of an overlay do it alike


class ClientHello(NamedTuple):
    """A client says who it is, and how its events shall wait for it."""

    name: str | None  #: None: its subscriptions end with the connection
    token: str = ""
    policy: str = Policy.BLOCK
    limit: int = 1_024


class Accept(NamedTuple):
    """The other end's hello is good enough for me."""


class Goodbye(NamedTuple):
    """I close this connection, and this is why. Anybody may say it at any time."""

    reason: str  #: for people; longer ones are cut


#: The classes, for tables over them.
GREETINGS: Final = (BrokerHello, ClientHello, Accept, Goodbye)
