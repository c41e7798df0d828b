"""A broker within one's own program: node, store, certificates and shell, put together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from brokers.addresses import Address, read_address
from brokers.aio.connection import Bounds
from brokers.aio.server import Server
from brokers.errors import BrokerError, ConfigurationError
from brokers.node import Node
from brokers.presets import PRESETS
from brokers.security import Credentials, Security, check_exposure
from brokers.settings import Settings
from brokers.status import status
from brokers.store import Store
from brokers.wire_fields import encode_broker

__all__ = ["Broker"]


class Broker:
    """One broker. Runs while its `async with` block does::

        async with Broker("a", listen="127.0.0.1:7001", peers=["127.0.0.1:7002"]) as broker:
            print(broker.address)
            await broker.failure()   # until it cannot go on

    `name` is unlike that of any other broker of the overlay. `peers` are the brokers that it keeps
    a connection to; it is enough when one of two names the other. With port 0 in `listen`, any free
    one is taken. `store` is a file in which the subscriptions of named clients survive. `security`
    has certificates and tokens: see `Security`; with certificates, brokers call at `peer_listen`,
    clients at `listen`; without, both at `listen`, which then must be on the loopback interface.

    Raises `ConfigurationError` for what cannot be, OSError where the address cannot be had.
    """

    def __init__(
        self,
        name: str,
        *,
        listen: str = "127.0.0.1:0",
        peer_listen: str | None = None,
        peers: Sequence[str] = (),
        preset: str = "default",
        store: str | None = None,
        security: Security | None = None,
        settings: Settings | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """Check what can be checked without opening anything."""
        self.name = _checked(name)
        if preset not in list(PRESETS):
            raise ConfigurationError(f"preset is one of {', '.join(PRESETS)}, not {preset!r}")
        self._preset = preset
        for what, given, kind in (
            ("security", security, Security),
            ("settings", settings, Settings),
            ("bounds", bounds, Bounds),
        ):
            if not isinstance(given, kind | None):
                raise ConfigurationError(f"{what} is {kind.__name__}(...), not {given!r}")
        self._security = security or Security()
        self._listen = read_address(listen)
        self._peer_listen = read_address(peer_listen) if peer_listen is not None else None
        if isinstance(peers, str):
            raise ConfigurationError(f"peers is a list of addresses, not {peers!r}")
        self._peers = [read_address(peer) for peer in peers]
        self._settings = settings or Settings()
        if not 0 < self._settings.heartbeat < self._settings.dead_after:
            raise ConfigurationError(
                f"heartbeat, {self._settings.heartbeat:g} s, must be shorter than dead_after, "
                f"{self._settings.dead_after:g} s: links that are well would be ended"
            )
        if store == "":
            raise ConfigurationError("store is a file, not an empty name")
        self._bounds = bounds
        self._store_path = store
        check_exposure(self._security, self._listen, self._peers)
        if self._peer_listen is not None and self._security.peer_authority is None:
            raise ConfigurationError("peer_listen needs a certificate and a peer_authority")
        self._stack = ExitStack()
        self._server: Server | None = None
        self._node: Node
        #: Where clients find it, and where brokers do.
        self.address = self._listen
        self.peer_address: Address | None = self._peer_listen

    async def __aenter__(self) -> Self:
        """Open everything and begin."""
        if self._server is not None:
            raise BrokerError("a broker is entered once")
        credentials = Credentials(self._security)
        store = None
        incarnation = time.time_ns() // 1_000_000
        with ExitStack() as stack:
            if self._store_path is not None:
                store = stack.enter_context(Store(self._store_path, self.name))
                incarnation = store.next_incarnation(incarnation)
            self._node = Node(
                self.name,
                incarnation=incarnation,
                preset=self._preset,
                settings=self._settings,
                peers=len(self._peers),
                saved=store.saved() if store is not None else {},
            )
            server = self._server = Server(
                self._node, incarnation, credentials, store=store, bounds=self._bounds
            )
            try:
                await self._begin(server)
            except BaseException:
                await server.close()
                raise
            self._stack = stack.pop_all()
        return self

    async def _begin(self, server: Server) -> None:
        """Listen, before anybody is called: peers call back where we say we are."""
        self.address = await server.listen(self._listen)
        if self._peer_listen is not None:
            self.peer_address = await server.listen(self._peer_listen, for_peers=True)
        elif not self._security.encrypted:
            self.peer_address = self.address
        server.call(self._peers)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._stack:
            await self._entered().close()

    def status(self) -> dict[str, Any]:
        """What `matchengine status` shows."""
        self._entered()
        return status(self._node)

    @property
    def counters(self) -> Counter[str]:
        """What has happened, counted: of the node and of its connections."""
        self._entered()
        return self._node.counters

    async def failure(self) -> None:
        """Wait until the broker cannot go on, and raise why."""
        await self._entered().failed

    def _entered(self) -> Server:
        if self._server is None:
            raise BrokerError("a broker is used within its `async with` block")
        return self._server


def _checked(name: str) -> str:
    """A name that may travel. Raises `ConfigurationError`."""
    if not isinstance(name, str):
        raise ConfigurationError(f"name is a text, not {name!r}")
    try:
        encode_broker(name)
    except ValueError as error:
        raise ConfigurationError(f"name: {error}") from None
    return name
