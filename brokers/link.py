"""The life of one link: which connection it is, what is next on it, and whether it still breathes.

            LinkUp                        LinkDown, a gap, silence
    (none) ────────► up: frames 1, 2, 3 ... ────────────────────────► (none)

TCP keeps frames in order and whole or breaks the connection, and so does this: a frame is taken if
it carries the session's number and the next frame number. Earlier ones are duplicates, and those of
another session come late; both mean nothing. A later one means that something was lost, and with it
everything that relies on order: the link is ended, and a new session begins with a comparison of
what both ends hold.
"""

from __future__ import annotations

from brokers.messages import Frame, Peer

__all__ = ["Link"]


class Link:
    """One connection to a neighbour that is up."""

    __slots__ = (
        "agreed", "audited_at", "events_in", "events_out", "heard_at", "joined", "neighbour",
        "next_in", "next_out", "said_at", "session", "since", "synced",
    )  # fmt: skip

    def __init__(self, neighbour: str, session: int, now: float) -> None:
        self.neighbour = neighbour
        self.session = session
        self.since = self.heard_at = self.said_at = self.audited_at = now
        self.next_in = self.next_out = 1
        self.events_in = self.events_out = 0
        self.agreed: float | None = None  #: when its table was last found to be ours
        self.synced = False  #: has the neighbour sent all records that we lacked?
        self.joined = False  #: and is the link in the topology, as everybody will see it?

    def frame(self, message: Peer, now: float) -> Frame:
        """The next frame of this side."""
        number = self.next_out
        self.next_out = number + 1
        self.said_at = now
        return Frame(self.session, number, message)

    def expects(self, frame: Frame) -> int:
        """0: this is the next frame. Below 0: it means nothing. Above 0: frames are missing."""
        if frame.session != self.session:
            return -1
        return frame.number - self.next_in
