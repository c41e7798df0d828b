"""The shell of a node: it hears, tells the node, and does what the node says.

        accept, dial ──► Connection ──► inbox ──► node.receive ──► effects
                             ▲                                       │ Send, Close: gathered
                             └──── flush, once a turn of the loop ◄──┘ Save: gathered, written first

The inbox makes a queue of what would otherwise be a recursion: a connection may end while the
effects of one message are being done, and the node must hear of it after them. `flush` first writes
what is to be saved in one transaction and then what is to be sent, so nothing is acknowledged that
is not on the disk.

A node that fails, or a file that cannot be written, ends the broker: `failed` says so. What it
would do afterwards could not be trusted.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import secrets
import socket
import ssl
from collections import Counter, deque
from collections.abc import Sequence
from itertools import count
from typing import Any, Protocol

from brokers.addresses import Address
from brokers.aio.connection import Bounds, Connection
from brokers.aio.dialer import dial
from brokers.effects import Effect, Save, Send
from brokers.errors import BrokerError, ProtocolError
from brokers.greetings import BrokerHello, ClientHello
from brokers.handshake import Handshake
from brokers.messages import ClientDown, ClientUp, LinkDown, LinkUp, Message, Publish
from brokers.security import Credentials, Refusal
from brokers.store import Store
from brokers.wire import Speaker

__all__ = ["NodeLike", "Server"]

LOG = logging.getLogger("brokers")


class NodeLike(Protocol):
    """What the shell needs of a node."""

    name: str
    preset: str
    deadline: float
    counters: Counter[str]

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        """Take in a message. May raise `ProtocolError`."""

    def tick(self, now: float) -> list[Effect]:
        """It is `deadline`."""


class Server:
    """One node in the world. Make it within a running event loop."""

    def __init__(
        self,
        node: NodeLike,
        incarnation: int,
        credentials: Credentials,
        *,
        store: Store | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """The node has been told nothing yet."""
        self.node = node
        self.bounds = bounds or Bounds()
        self.counters = node.counters
        self.connections: set[Connection] = set()
        self.credentials = credentials
        loop = asyncio.get_running_loop()
        #: Gets an exception when the broker cannot go on.
        self.failed: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._me = BrokerHello(node.name, incarnation, preset=node.preset)
        self._store = store
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._strangers: dict[asyncio.Task[None], None] = {}  # oldest first
        self._known: dict[str, Connection] = {}  # brokers by name, clients by address
        self._clients = 0
        self._addresses = count(1)
        self._inbox: deque[tuple[str, Message]] = deque()
        self._busy = False
        self._saves: list[Save] = []
        self._held: list[bytes] = []  # publications of the connection that is being read
        self._held_first, self._held_by = 0, ""
        self._unflushed: dict[Connection, None] = {}
        self._flush_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    # ---- life -----------------------------------------------------------------------------------

    async def listen(self, address: Address, for_peers: bool = False) -> Address:
        """Take connections at the address, and return the one it became. Raises OSError."""
        family, *_, resolved = (
            await self._loop.getaddrinfo(
                address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        )[0]
        try:
            listener = socket.create_server(
                (str(resolved[0]), int(resolved[1])), family=family, backlog=self.bounds.backlog
            )
        except OSError as error:
            raise OSError(error.errno, f"{address}: {os.strerror(error.errno or 0)}") from None
        listener.setblocking(False)
        self._listeners.append(listener)
        self._listen_to(listener, for_peers)
        host, port, *_ = listener.getsockname()
        return Address(host, port)

    def call(self, peers: Sequence[Address]) -> None:
        """Keep a connection to each of these brokers."""
        for peer in peers:
            self._spawn(dial(self, peer))
        self.turn()

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
        self._stop_listening()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connections = list(self.connections)
        for connection in connections:
            connection.end("the broker shuts down")
        self._flush()
        for connection in connections:
            if self.failed.done():  # nothing more may be said
                connection.transport.abort()
            await asyncio.wait([connection.closed])
        if not self.failed.done():
            self.failed.cancel()

    def _stop_listening(self) -> None:
        while self._listeners:
            listener = self._listeners.pop()
            self._loop.remove_reader(listener)
            listener.close()

    # ---- connections ----------------------------------------------------------------------------

    def _accept(self, listener: socket.socket, for_peers: bool) -> None:
        """Take a connection; it has a task of its own until it is through the handshake.

        Not `loop.sock_accept`: it fails when it is cancelled just as a connection comes.
        """
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:  # no more files, or no memory: some time helps
            LOG.warning("cannot accept a connection: %s", error.strerror)
            self.counters["cut: no files left"] += 1
            self._loop.remove_reader(listener)
            self._loop.call_later(0.2, self._listen_to, listener, for_peers)
            return
        sock.setblocking(False)
        if len(self._strangers) >= self.bounds.strangers:
            oldest = next(iter(self._strangers))
            self._strangers.pop(oldest)
            oldest.cancel()
            self.counters["cut: too many in the handshake"] += 1
        task = self._spawn(self._greet(sock, for_peers))
        self._strangers[task] = None
        task.add_done_callback(lambda task: self._strangers.pop(task, None))

    def _listen_to(self, listener: socket.socket, for_peers: bool) -> None:
        if listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener, for_peers)

    async def _greet(self, sock: socket.socket, for_peers: bool) -> None:
        """See a connection through TLS and the handshake, or cut it."""
        credentials = self.credentials
        tls = credentials.for_peers if for_peers else credentials.for_clients
        connection = Connection(self, lambda its: self._handshake(its, False, for_peers))
        within = self.bounds.handshake_within
        try:
            async with asyncio.timeout(within):
                await self._loop.connect_accepted_socket(
                    lambda: connection, sock, ssl=tls, ssl_handshake_timeout=within if tls else None
                )
                await connection.greeted
        except TimeoutError:
            self.counters["cut: handshake takes too long"] += 1
        except (ssl.SSLError, OSError) as error:
            self.counters["cut: no TLS"] += 1
            LOG.info("a connection was refused: %s", _reason(error))
        finally:
            if not (connection.is_up or connection.is_over) and hasattr(connection, "transport"):
                connection.end("the handshake took too long")
                connection.transport.abort()

    def handshake_with_broker(self, connection: Connection) -> Handshake:
        """The machine of a connection that we dialled."""
        return self._handshake(connection, True, True)

    def _handshake(self, connection: Connection, dials: bool, for_peers: bool) -> Handshake:
        def admit(hello: BrokerHello | ClientHello) -> str | None:
            try:
                self._admit(hello, connection, for_peers)
            except Refusal as refusal:
                self.counters["refused: credentials"] += 1
                LOG.info("refused %r: %s", hello.name or "a client", refusal)
                return str(refusal)
            if isinstance(hello, ClientHello) and self._clients >= self.bounds.clients:
                self.counters["refused: too many clients"] += 1
                return "there are too many clients"
            return None

        me = self._me._replace(session=secrets.randbits(63) + 1)
        return Handshake(me, dials=dials, admit=admit, linked=self._linked)

    def _admit(
        self, hello: BrokerHello | ClientHello, connection: Connection, for_peers: bool
    ) -> None:
        certificate = connection.certificate
        if isinstance(hello, BrokerHello):
            self.credentials.check_peer(hello.name, certificate, for_peers)
        else:
            self.credentials.check_client(hello.name, hello.token, certificate, for_peers)

    def _linked(self, name: str) -> int | None:
        linked = self._known.get(name)
        if linked is None:
            return None
        peer = linked.handshake.peer
        return peer.incarnation if isinstance(peer, BrokerHello) else None

    def linked(self, name: str) -> Connection | None:
        """The connection to the broker of this name."""
        return self._known.get(name)

    # ---- what connections say -------------------------------------------------------------------

    def up(self, connection: Connection) -> Speaker:
        """Tell the node who is there."""
        hello = connection.handshake.peer
        if isinstance(hello, ClientHello):
            connection.address = f"#{next(self._addresses)}"
            self._known[connection.address] = connection
            self._clients += 1
            self._tell(connection.address, ClientUp(hello.name, hello.policy, hello.limit))
            return Speaker.CLIENT
        assert hello is not None
        older = self._known.pop(hello.name, None)
        connection.address = hello.name
        self._known[hello.name] = connection
        if older is not None:  # the node forgets it when it hears of the new one
            older.end("replaced by another connection", farewell=True)
        LOG.info("linked to broker %s", hello.name)
        self._tell(hello.name, LinkUp(connection.handshake.session, hello.incarnation))
        return Speaker.PEER

    def heard(self, connection: Connection, word: Any) -> None:
        """Give the node a word; publications that arrived together are one, however they came."""
        if type(word) is Publish:
            if self._held and word.first != self._held_first + len(self._held):
                self.heard_all(connection)
            if not self._held:
                self._held_first, self._held_by = word.first, connection.address
            self._held += word.bodies
        else:
            self.heard_all(connection)
            self._tell(connection.address, word)

    def heard_all(self, connection: Connection) -> None:
        """Give the node what was held back while bytes of this connection were read."""
        if self._held:
            publish = Publish(self._held_first, tuple(self._held))
            self._held.clear()
            self._tell(self._held_by, publish)

    def down(self, connection: Connection, reason: str) -> None:
        """Tell the node who is gone, unless it said so itself."""
        self.heard_all(connection)
        hello = connection.handshake.peer
        if isinstance(hello, ClientHello):
            self._clients -= 1
        else:
            LOG.info("lost the link to broker %s: %s", connection.address, reason)
        if self._known.get(connection.address) is connection:
            del self._known[connection.address]
            self._tell(
                connection.address,
                ClientDown(reason)
                if isinstance(hello, ClientHello)
                else LinkDown(connection.handshake.session, reason),
            )

    def wants_flush(self, connection: Connection) -> None:
        """Write before the loop sleeps again."""
        self._unflushed[connection] = None
        self._soon()

    # ---- the node -------------------------------------------------------------------------------

    def turn(self) -> None:
        """Let the node do what is due."""
        self._timer, self._timer_at = None, math.inf
        try:
            if not self.failed.done() and (now := self._loop.time()) >= self.node.deadline:
                self._do(self.node.tick(now))
        except Exception as error:
            self._fail(error)
        self._work()
        self._soon()

    def _tell(self, sender: str, message: Message) -> None:
        self._inbox.append((sender, message))
        if not self._busy:
            self._work()
            self._soon()

    def _work(self) -> None:
        """Give the node all that waits for it, one message at a time."""
        if self._busy or self.failed.done():
            return
        self._busy = True
        inbox, receive, time = self._inbox, self.node.receive, self._loop.time
        try:
            while inbox:
                sender, message = inbox.popleft()
                try:
                    effects = receive(message, sender=sender, now=time())
                except ProtocolError as error:
                    self._blame(sender, error)
                else:
                    self._do(effects)
        except Exception as error:
            self._fail(error)
        finally:
            self._busy = False

    def _blame(self, sender: str, error: ProtocolError) -> None:
        """End the connection of who said what it must not."""
        self.counters["protocol errors"] += 1
        LOG.warning("%s: %s", sender, error)
        if (connection := self._known.get(sender)) is not None:
            connection.end(str(error), farewell=True)

    def _do(self, effects: list[Effect]) -> None:
        known = self._known
        for effect in effects:
            kind = type(effect)
            if kind is Send:
                connection = known.get(effect[0])
                if connection is not None:
                    try:
                        connection.send(effect[1])  # type: ignore[arg-type]
                    except ValueError as error:  # nothing that travels; the link is no use
                        self.counters["cut: cannot be told"] += 1
                        connection.end(str(error))
            elif kind is Save:
                self._saves.append(effect)  # type: ignore[arg-type]
            else:
                self._close(*effect)

    def _close(self, to: str, session: int, reason: str) -> None:
        """The node is done with this connection: it is not told when it ends."""
        connection = self._known.get(to)
        if connection is not None and connection.handshake.session == session:
            del self._known[to]
            connection.end(reason, farewell=True)

    def _soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Save, then write, then see when the node wants to be asked again."""
        self._flush_is_due = False
        if self._saves and self._store is not None:
            try:
                self._store.save(self._saves)
            except BrokerError as error:
                self._fail(error)
        self._saves.clear()
        if self.failed.done():
            return
        unflushed, self._unflushed = self._unflushed, {}
        for connection in unflushed:
            connection.flush()
        if self.node.deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = self.node.deadline
            self._timer = self._loop.call_at(self._timer_at, self.turn)

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            known = isinstance(error, BrokerError)  # anything else is a mistake in here
            LOG.critical("the broker ends: %s", error, exc_info=None if known else error)
            self.failed.set_exception(error)
            self.failed.exception()  # somebody may look; nobody has to
            self._loop.call_soon(self._collapse)

    def _collapse(self) -> None:
        """Leave everybody, in the middle of a word: they notice, and go elsewhere."""
        self._stop_listening()
        for connection in list(self.connections):
            connection.transport.abort()

    def _spawn(self, coroutine: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _reason(error: OSError) -> str:
    return getattr(error, "verify_message", "") or error.strerror or str(error)
