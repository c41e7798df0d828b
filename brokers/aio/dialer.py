"""Keeping a connection to another broker: dial, wait until it ends, dial again, later each time.

The pause grows twofold and is shortened at random, so that brokers that lost each other at the same
moment do not call at the same moment.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from typing import TYPE_CHECKING

from brokers.addresses import Address, why_unreachable
from brokers.aio.connection import Connection

if TYPE_CHECKING:
    from brokers.aio.server import Server

__all__ = ["dial"]

LOG = logging.getLogger("brokers")


async def dial(server: Server, peer: Address) -> None:
    """Keep a connection to the broker at `peer`, until cancelled."""
    loop, bounds = asyncio.get_running_loop(), server.bounds
    pause, said = bounds.redial_from, ""
    while True:
        connection = Connection(server, server.handshake_with_broker)
        reason = await _call(server, peer, connection)
        if connection.is_up:
            since = loop.time()
            await asyncio.wait([connection.closed])
            if loop.time() - since > bounds.redial_to:
                pause, said = bounds.redial_from, ""
        elif (linked := _other_link(server, connection)) is not None:
            await asyncio.wait([linked.closed])  # they called us
        elif reason != said:
            LOG.warning("broker at %s: %s", peer, reason)
            said = reason
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, bounds.redial_to)


async def _call(server: Server, peer: Address, connection: Connection) -> str:
    """Connect and shake hands. Returns why that did not work, or ""."""
    within = server.bounds.handshake_within
    tls = server.credentials.to_peers
    try:
        async with asyncio.timeout(within):
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                peer.host,
                peer.port,
                ssl=tls,
                ssl_handshake_timeout=within if tls else None,
            )
            await connection.greeted
    except TimeoutError:
        reason = f"no answer within {within:g} s"
    except ssl.SSLError as error:
        reason = f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}"
    except OSError as error:
        reason = why_unreachable(error)
    else:
        return "" if connection.is_up else connection.reason
    finally:
        if not (connection.is_up or connection.is_over) and hasattr(connection, "transport"):
            connection.end("the handshake took too long")
            connection.transport.abort()
    return reason


def _other_link(server: Server, connection: Connection) -> Connection | None:
    """The link that stands already to the broker that was reached."""
    peer = connection.handshake.peer if hasattr(connection, "handshake") else None
    return server.linked(peer.name) if peer is not None and peer.name else None
