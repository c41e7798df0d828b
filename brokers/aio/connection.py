"""One connection: bytes and words, the handshake before them, and what keeps either end in bounds.

What is to be sent is gathered, and written in one piece when the owner says `flush`, which it does
once for all that arrived in one turn of the event loop.

Three things end a connection by themselves: a word that must not be said, a handshake that takes
too long (whoever opened the connection has a task that waits for `greeted`), and an other end that
does not read while more than `Bounds.unread` bytes wait for it.

Who says much at once is listened to in turns: see TURN.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

from brokers.errors import ProtocolError
from brokers.greetings import Goodbye
from brokers.handshake import Handshake, State
from brokers.wire import Decoder, Speaker, Word, encode

__all__ = ["Bounds", "Connection", "Owner"]

#: Seconds for which one connection is listened to before the others have their turn, so that a
#: crowd of subscriptions holds up neither heartbeats nor other clients.
TURN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What strangers, and those who do not read, may cost us."""

    #: A connection that is not through the handshake after so many seconds is cut.
    handshake_within: float = 5.0
    #: So many may be in the handshake; for one more, the oldest is cut: who means it is quick.
    strangers: int = 128
    #: Connected clients.
    clients: int = 10_000
    #: Connections that the kernel keeps until we take them.
    backlog: int = 1_024
    #: Bytes that may wait for a client that does not read them.
    unread: int = 64 << 20
    #: The same for a broker: a whole table may be on its way. One that is dead says nothing, and is
    #: cut for that.
    unread_by_peers: int = 1 << 30
    #: Who was said goodbye to has so many seconds to read it.
    goodbye_within: float = 1.0
    #: Seconds until a broker is dialled again: from, growing twofold, to.
    redial_from: float = 0.05
    redial_to: float = 2.0


class Owner(Protocol):
    """Who made the connection, and hears from it."""

    bounds: Bounds
    counters: Counter[str]
    connections: set[Connection]  #: all whose sockets are open

    def up(self, connection: Connection) -> Speaker:
        """The handshake is through. Returns who speaks from now on."""

    def heard(self, connection: Connection, word: Any) -> None:
        """A word came. May raise `ProtocolError`."""

    def heard_all(self, connection: Connection) -> None:
        """These were the words that have arrived."""

    def down(self, connection: Connection, reason: str) -> None:
        """A connection that was up is over."""

    def wants_flush(self, connection: Connection) -> None:
        """There is something to write."""


class Connection(asyncio.Protocol):
    """A connection of either kind, at either end."""

    def __init__(self, owner: Owner, handshake: Callable[[Connection], Handshake]) -> None:
        """`handshake` makes the machine, once the certificate of the other end is known."""
        loop = asyncio.get_running_loop()
        self.owner = owner
        self.handshake: Handshake
        self.transport: asyncio.Transport
        self.certificate: dict[str, Any] | None = None
        #: What the owner knows it by, once it is up.
        self.address = ""
        #: Done when the handshake is through, or will never be.
        self.greeted: asyncio.Future[None] = loop.create_future()
        #: Done when the socket is closed.
        self.closed: asyncio.Future[None] = loop.create_future()
        self.reason = ""  #: why it is over
        self.dismissed = False  #: the other end said goodbye
        self.congested = False  #: much waits to be read by the other end
        self.is_up = self.is_over = False
        self._make_handshake = handshake
        self._decoder = Decoder(Speaker.STRANGER)
        self._outgoing: list[bytes] = []
        self._time = loop.time
        self._unheard: Iterator[Word] | None = None  # words for which there was no time
        self._more = bytearray()  # what came behind them
        self._is_paused = False
        self._most_unread = owner.bounds.unread

    # ---- what the event loop says ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open, and TLS stands where there is any."""
        self.owner.connections.add(self)
        self.transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it
        self.certificate = transport.get_extra_info("peercert") or None
        _keep_alive(transport.get_extra_info("socket"))
        self.handshake = self._make_handshake(self)
        for greeting in self.handshake.start():
            self.send(greeting)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.is_over:
            return
        if self._unheard is not None:  # TLS may have had some more when reading was paused
            self._more += data
        else:
            self._hear(self._decoder.feed(data))

    def _hear(self, words: Iterator[Word]) -> None:
        """Take in words, for a while: what is left waits for its next turn."""
        until = self._time() + TURN
        try:
            for word in words:
                if self.is_up:
                    if type(word) is Goodbye:
                        self._leave(word.reason)
                    else:
                        self.owner.heard(self, word)
                else:
                    self._greet(word)
                if self._has_ended():
                    break
                if self._time() > until:
                    self._wait(words)
                    break
            if self.is_up:
                self.owner.heard_all(self)
        except ProtocolError as error:
            self.owner.counters["protocol errors"] += 1
            self.end(str(error), farewell=True)

    def _wait(self, words: Iterator[Word]) -> None:
        """Let the others have a turn."""
        self._unheard = words
        if not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        words, self._unheard = self._unheard, None
        if self._has_ended() or words is None:
            return
        self._hear(words)
        if self._more and self._has_heard_all() and not self._has_ended():
            data, self._more = bytes(self._more), bytearray()
            self._hear(self._decoder.feed(data))
        if self._has_heard_all():
            self._is_paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def eof_received(self) -> None:
        """The other end has nothing more to say, so there is no conversation."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self.end(str(exc) if exc else "the other end closed the connection")
        self.owner.connections.discard(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Much is waiting."""
        self.congested = True

    def resume_writing(self) -> None:
        """Not so much any more."""
        self.congested = False
        self.owner.wants_flush(self)

    # ---- what the owner says --------------------------------------------------------------------

    def send(self, word: Word) -> None:
        """Send it with the next `flush`. Raises ValueError for a word that cannot travel."""
        self._outgoing.append(encode(word))
        self.owner.wants_flush(self)

    def flush(self) -> None:
        """Write what was said, and close if it is over. For the owner, when it is time to write."""
        if self._outgoing and not self.transport.is_closing():
            parts = self._outgoing
            self.transport.write(b"".join(parts) if len(parts) > 1 else parts[0])
            if self.congested and self.transport.get_write_buffer_size() > self._most_unread:
                self.owner.counters["cut: does not read"] += 1
                self.end("does not read what is sent to it")
                self.transport.abort()
        self._outgoing.clear()
        if self.is_over and not self.transport.is_closing():
            self.transport.close()
            if not self.closed.done():  # the other end may not read it, or not close its side
                loop = asyncio.get_running_loop()
                timer = loop.call_later(self.owner.bounds.goodbye_within, self.transport.abort)
                self.closed.add_done_callback(lambda _: timer.cancel())

    def end(self, reason: str, farewell: bool = False) -> None:
        """Close it with the next `flush`, with a `Goodbye` if `farewell`. Idempotent."""
        if self.is_over:
            return
        self.is_over, self.reason = True, reason
        if farewell:
            self._outgoing.append(encode(Goodbye(reason)))
        self.owner.wants_flush(self)
        if not self.greeted.done():
            self.greeted.set_result(None)
        if self.is_up:
            self.owner.down(self, reason)

    # ---- parts ----------------------------------------------------------------------------------

    def _greet(self, word: Word) -> None:
        """One step of the handshake."""
        for greeting in self.handshake.receive(word):
            self.send(greeting)
        if self.handshake.state is State.UP:
            self.is_up = True
            speaker = self.owner.up(self)
            self._decoder.expect(speaker)
            if speaker is Speaker.PEER:
                self._most_unread = self.owner.bounds.unread_by_peers
            if not self.greeted.done():
                self.greeted.set_result(None)
        elif self.handshake.state is State.CLOSED:
            self.dismissed = type(word) is Goodbye
            self.end(self.handshake.reason)

    # Calls, as mypy does not see what the ones before them change.

    def _has_ended(self) -> bool:
        return self.is_over

    def _has_heard_all(self) -> bool:
        return self._unheard is None

    def _leave(self, reason: str) -> None:
        self.dismissed = True
        self.end(reason)


def _keep_alive(sock: Any) -> None:
    """Let the kernel find out about an other end that is gone, and send small things at once."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
