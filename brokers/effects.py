"""What a node asks its shell to do. The shell does it in order, and nothing else."""

from __future__ import annotations

from typing import NamedTuple

from brokers.messages import Frame, ToClient

__all__ = ["Close", "Effect", "Save", "Send"]


class Send(NamedTuple):
    """Send a message to a neighbour (a `Frame`) or to a client."""

    to: str
    message: Frame | ToClient


class Close(NamedTuple):
    """End the connection to a neighbour or a client. The node has already forgotten it."""

    to: str
    session: int  #: which connection to a neighbour; 0 for a client
    reason: str


class Save(NamedTuple):
    """Keep a subscription of a named client, or forget it (None), before what follows is done."""

    client: str
    subscription: int
    filter: str | None


Effect = Send | Close | Save
