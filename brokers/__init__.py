"""Brokers that filter by content inside the network, and their clients.

async with connect("127.0.0.1:7001") as client:
    subscription = await client.subscribe("price < 10")
    async for event in subscription:
        print(event.json())
"""

from __future__ import annotations

from brokers.aio.broker import Broker
from brokers.aio.client import Client, connect
from brokers.aio.connection import Bounds
from brokers.aio.subscription import Advert, Subscription
from brokers.errors import (
    BrokerError,
    BrokerUnreachable,
    ConfigurationError,
    ConnectionLost,
    NotAdvertised,
    ProtocolError,
    RequestRefused,
)
from brokers.messages import Event, Policy
from brokers.security import Security, client_context
from brokers.settings import Settings

__all__ = [
    "Advert",
    "Bounds",
    "Broker",
    "BrokerError",
    "BrokerUnreachable",
    "Client",
    "ConfigurationError",
    "ConnectionLost",
    "Event",
    "NotAdvertised",
    "Policy",
    "ProtocolError",
    "RequestRefused",
    "Security",
    "Settings",
    "Subscription",
    "client_context",
    "connect",
]
