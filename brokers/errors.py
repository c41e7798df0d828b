"""Whose fault was it? One class for each answer."""

from __future__ import annotations

__all__ = [
    "BrokerError",
    "BrokerUnreachable",
    "ConfigurationError",
    "ConnectionLost",
    "NotAdvertised",
    "ProtocolError",
    "RequestRefused",
]


class BrokerError(Exception):
    """Something between brokers, or between a broker and a client, went wrong."""


class ProtocolError(BrokerError):
    """The other end of a connection said what it must not: its connection is closed."""


class BrokerUnreachable(BrokerError, ConnectionError):
    """No broker answered at the address, or none that lets us in."""


class ConnectionLost(BrokerError, ConnectionError):
    """The connection to the broker ended before the answer came."""


class RequestRefused(BrokerError):
    """The broker understood, and refuses."""


class NotAdvertised(RequestRefused, ValueError):
    """An event that no advert of its publisher matches, or not with so many values at a path."""


class ConfigurationError(BrokerError, ValueError):
    """A setting cannot be what it is. Names the file and the line, where there are any."""
