"""The words: what a node is told, and what nodes and clients say to each other.

A node sees five kinds of messages, told apart by who may say them:

    shell    -> node    LinkUp, LinkDown, ClientUp, ClientDown      (sender: whom it is about)
    broker  <-> broker  Frame(session, number, one of PEER)         (sender: the neighbour's name)
    client   -> broker  FROM_CLIENT                                 (sender: the client's address)
    broker   -> client  TO_CLIENT

All are immutable tuples, so a simulator hands them over as they are; `wire` says how they travel.
Names of brokers and addresses of clients share one space of strings; addresses begin with '#', and
names do not.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

__all__ = [
    "FROM_CLIENT",
    "PEER",
    "TO_CLIENT",
    "Ack",
    "Addressed",
    "Advertise",
    "Answer",
    "Ask",
    "Change",
    "ClientDown",
    "ClientUp",
    "Consumed",
    "Credit",
    "Deliver",
    "Delivery",
    "Digest",
    "Done",
    "Event",
    "Events",
    "Failed",
    "Frame",
    "FromClient",
    "Key",
    "LinkDown",
    "LinkUp",
    "Lost",
    "Message",
    "Peer",
    "Ping",
    "Policy",
    "Probe",
    "Publish",
    "Record",
    "Refused",
    "Resync",
    "Settled",
    "Subscribe",
    "Summary",
    "Synced",
    "Table",
    "Taken",
    "ToClient",
    "Unadvertise",
    "Unsubscribe",
    "Welcome",
]


class Key(NamedTuple):
    """What an entry of an interest table is known by, wherever it travels."""

    origin: str  #: the broker that made the entry
    incarnation: int  #: of that broker
    number: int  #: never used twice by one incarnation


class Event(NamedTuple):
    """What was published, and by whom. (source, incarnation, sequence) happens once."""

    source: str  #: the broker that took it from its publisher
    incarnation: int  #: of that broker
    sequence: int  #: counts the events that the source has taken, from 1
    publisher: str  #: name of the client, unique at its source
    body: bytes  #: JSON, as the publisher sent it

    def json(self) -> Any:
        """The body as Python has it. O(its length)."""
        return json.loads(self.body)


# ---- the shell to the node ----------------------------------------------------------------------


class LinkUp(NamedTuple):
    """A connection to the neighbour is open and both ends know who is there."""

    session: int  #: names this connection; another one to the same neighbour has another
    incarnation: int  #: of the neighbour


class LinkDown(NamedTuple):
    """The connection to the neighbour is gone; what was sent on it may or may not have arrived."""

    session: int
    reason: str


class ClientUp(NamedTuple):
    """A client has connected. Named ones have subscriptions that outlive the connection."""

    name: str | None
    policy: str = "block"  #: what happens when its queue is full: one of `Policy.ALL`
    limit: int = 1_024  #: events that may wait for it


class ClientDown(NamedTuple):
    """The client's connection is gone."""

    reason: str


class Policy:
    """What a full queue of a subscriber does."""

    BLOCK: Final = "block"  #: its publishers wait
    DROP_OLDEST: Final = "drop-oldest"
    DROP_NEWEST: Final = "drop-newest"
    DISCONNECT: Final = "disconnect"
    ALL: Final = (BLOCK, DROP_OLDEST, DROP_NEWEST, DISCONNECT)


# ---- broker to broker ---------------------------------------------------------------------------


class Ping(NamedTuple):
    """I am alive. Sent where nothing else was."""


class Summary(NamedTuple):
    """Which records I hold: (origin, incarnation, version) each. Said when a link comes up."""

    versions: tuple[tuple[str, int, int], ...]


class Synced(NamedTuple):
    """I have sent all records that your Summary lacked."""


class Record(NamedTuple):
    """What a broker says of itself, passed on to every broker: its links and its adverts."""

    origin: str
    incarnation: int
    version: int  #: a later one of the same incarnation replaces it
    neighbours: tuple[str, ...]  #: sorted
    generation: int  #: counts changes of the adverts
    adverts: tuple[str, ...]  #: filters that together cover all that is published there


class Settled(NamedTuple):
    """All brokers beyond this link know the origin's adverts; what they want is on its way before.

    "Beyond" is the sender's subtree in the tree of the origin.
    """

    origin: str
    incarnation: int
    generation: int


class Digest(NamedTuple):
    """The table I export to you should hold so many entries, with this sum of hashes."""

    entries: int
    value: int


class Resync(NamedTuple):
    """What I hold is something else: send it all."""


class Table(NamedTuple):
    """A part of all that I export to you. With the last one, it replaces what you hold."""

    entries: tuple[tuple[Key, str], ...]
    first: bool
    last: bool


class Change(NamedTuple):
    """The table I export to you changes. Put in place what is added before the rest is taken away.

    An entry added again is the same entry; one dropped that you do not hold is none.
    """

    added: tuple[tuple[Key, str], ...]
    dropped: tuple[Key, ...]


class Ack(NamedTuple):
    """These entries are in place here and wherever I had to pass them on to."""

    keys: tuple[Key, ...]


class Events(NamedTuple):
    """Events, in their order; the receiver finds out where they go."""

    batch: tuple[Event, ...]


class Addressed(NamedTuple):
    """An event for the brokers named; nobody on the way has to match it."""

    to: tuple[str, ...]
    meet: bool  #: there the event meets the subscriptions, and goes on to whom it concerns
    hops: int  #: how many more links it may take: what loops comes to an end
    event: Event


class Credit(NamedTuple):
    """From `taker` to `source`: what was for me of your events up to this one is consumed."""

    source: str
    incarnation: int
    taker: str
    sequence: int


class Probe(NamedTuple):
    """From `source` to `taker`: up to which event have you consumed? Travels behind the events."""

    source: str
    incarnation: int
    taker: str
    sequence: int


Peer = (
    Ping
    | Summary
    | Synced
    | Record
    | Settled
    | Digest
    | Resync
    | Table
    | Change
    | Ack
    | Events
    | Addressed
    | Credit
    | Probe
)


class Frame(NamedTuple):
    """One message on a link. Numbers count from 1 in each session and direction, without a gap."""

    session: int
    number: int
    message: Peer


# ---- client to broker ---------------------------------------------------------------------------


class Subscribe(NamedTuple):
    """Make a subscription, or replace the filter of one. Done once it is message-complete."""

    request: int  #: named by the answer, `Done` or `Failed`
    subscription: int  #: the client's number for it
    filter: str


class Unsubscribe(NamedTuple):
    """End a subscription."""

    request: int
    subscription: int


class Advertise(NamedTuple):
    """From now on this client publishes only what one of its adverts matches."""

    request: int
    advert: int  #: the client's number for it
    filter: str


class Unadvertise(NamedTuple):
    """End an advert. Who has none advertises everything with its next publication."""

    request: int
    advert: int


class Publish(NamedTuple):
    """Events. Each is answered: `Taken`, or `Refused`."""

    first: int  #: the first one's number; a client numbers its publications from 1
    bodies: tuple[bytes, ...]


class Consumed(NamedTuple):
    """So many deliveries of this connection have been consumed, all told."""

    total: int


class Ask(NamedTuple):
    """A question about the broker: "status", "explain" or "audit", with arguments as JSON."""

    request: int
    what: str
    arguments: str


FromClient = Subscribe | Unsubscribe | Advertise | Unadvertise | Publish | Consumed | Ask | Ping


# ---- broker to client ---------------------------------------------------------------------------


class Welcome(NamedTuple):
    """The connection stands. A named client is told of the subscriptions it left behind."""

    broker: str
    client: str  #: the name under which its events are published
    subscriptions: tuple[tuple[int, str], ...]


class Done(NamedTuple):
    """The request is fulfilled."""

    request: int


class Failed(NamedTuple):
    """The request is not fulfilled, and nothing has changed."""

    request: int
    error: str  #: name of the exception
    text: str


class Taken(NamedTuple):
    """All publications up to this number are taken, except those that were refused."""

    number: int


class Refused(NamedTuple):
    """The publication of this number is not taken: nobody gets it."""

    number: int
    error: str
    text: str


class Delivery(NamedTuple):
    """An event, and which of the client's subscriptions wanted it."""

    subscriptions: tuple[int, ...]
    event: Event


class Deliver(NamedTuple):
    """Deliveries, in their order."""

    batch: tuple[Delivery, ...]


class Lost(NamedTuple):
    """So many deliveries to this client were dropped for this reason, all told."""

    reason: str
    total: int


class Answer(NamedTuple):
    """What was asked, as JSON."""

    request: int
    text: str


ToClient = Welcome | Done | Failed | Taken | Refused | Deliver | Lost | Answer | Ping

Message = LinkUp | LinkDown | ClientUp | ClientDown | Frame | FromClient | ToClient

#: The classes that may be said, for tables over them.
PEER: Final = (
    Ping, Summary, Synced, Record, Settled, Digest, Resync, Table, Change, Ack, Events, Addressed,
    Credit, Probe,
)  # fmt: skip
FROM_CLIENT: Final = (
    Subscribe, Unsubscribe, Advertise, Unadvertise, Publish, Consumed, Ask, Ping,
)  # fmt: skip
TO_CLIENT: Final = (
    Welcome, Done, Failed, Taken, Refused, Deliver, Lost, Answer, Ping,
)  # fmt: skip
