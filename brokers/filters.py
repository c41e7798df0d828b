"""Filters as others say them. What is passed on is the canonical text, which has to be one, too."""

from __future__ import annotations

from brokers.errors import ProtocolError
from matchengine import Filter, MatchEngineError, parse

__all__ = ["passed_on", "said_by_client"]


def said_by_client(text: str) -> Filter:
    """What a client wants or advertises. Raises what `parse` raises.

    The canonical text may be longer than the client's. Where it is too long for a filter no other
    broker could be told of it, nor the client when it comes again.
    """
    filter = parse(text)
    parse(str(filter))
    return filter


def passed_on(text: str, neighbour: str) -> Filter:
    """What a neighbour passes on. Raises ProtocolError."""
    try:
        return parse(text)
    except MatchEngineError as error:
        raise ProtocolError(f"{neighbour} passed on a filter that is none: {error}") from None
