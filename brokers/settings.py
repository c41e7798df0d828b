"""The times and bounds of a broker. Seconds, events and bytes; every one has its reason."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all brokers of an overlay should agree on."""

    #: A link on which nothing was sent for so long gets a Ping.
    heartbeat: float = 1.0
    #: A link on which nothing came for so long is dead: three heartbeats and some delay.
    dead_after: float = 3.5
    #: So often each side of a link says what its table should be, and the other compares.
    audit: float = 10.0
    #: What a change of links or adverts makes superfluous is kept for so long. Longer than an event
    #: is under way, so that no event finds the old path gone and the new one not yet laid.
    retain: float = 2.0
    #: A link that is up, and of which the overlay has not learnt for so long, is ended: clients
    #: wait for it.
    joining: float = 10.0
    #: A broker with peers to find takes nothing from clients for so long while it has found none.
    patience: float = 5.0
    #: Events of a source that may be on their way to one broker and not yet consumed there.
    window: int = 1_024
    #: Publications of a client that may be unanswered.
    client_window: int = 1_024
    #: How many events back a duplicate is still recognised; older ones are dropped as too late.
    duplicates: int = 4_096
    #: Adverts of one broker, and characters of all of them. More are said as one that matches
    #: everything: every broker keeps them, and gets all of them at each change.
    adverts: int = 256
    advert_text: int = 1 << 16
    #: Subscriptions of one client, and characters of all its filters: what a named one has left
    #: behind is told to it in one frame. And so many adverts, of so many characters.
    subscriptions: int = 100_000
    subscription_text: int = 1 << 22  # a character takes up to four bytes
    #: Preset rendezvous: events and subscriptions meet by the value of this attribute.
    key: str = "key"
