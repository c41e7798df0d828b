"""A client of a broker: `connect`, and what it gives.

`brokers.client.ClientState` knows what was asked for; here are the socket, the waiting, and one
task that connects again whenever a connection ends. Words gather until the event loop turns, so a
loop of `publish` sends frames of many events, and one of `async for` says once how many it took.

Cancelling any call is safe: a subscription or advert that nobody waits for any more is ended, an
event that was not handed out is still there, a publication that waited for the window is not sent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl as tls
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from brokers.addresses import Address, is_loopback, read_address, why_unreachable
from brokers.aio.connection import Bounds, Connection
from brokers.aio.subscription import Advert, Subscription, canonical
from brokers.client import Answered, ClientState, body_of
from brokers.errors import (
    BrokerError,
    BrokerUnreachable,
    ConfigurationError,
    ConnectionLost,
    ProtocolError,
)
from brokers.greetings import ClientHello
from brokers.handshake import Handshake
from brokers.messages import Ask, FromClient, Policy, Subscribe, Welcome
from brokers.settings import Settings
from brokers.wire import Speaker, encode
from matchengine import Filter

__all__ = ["Client", "connect"]

LOG = logging.getLogger("brokers")

#: Bytes of publications that are gathered before they are handed to the socket.
GATHER = 1 << 18


def connect(
    address: str,
    *,
    name: str | None = None,
    token: str | None = None,
    ssl: tls.SSLContext | None = None,
    policy: str = Policy.BLOCK,
    limit: int = 1_024,
    retry: float = 5.0,
) -> Client:
    """A client of the broker at `address`, HOST:PORT. Use it in an `async with` statement.

    Entering it connects, and tries again for `retry` seconds; `BrokerUnreachable` then says why
    not. A `name` makes its subscriptions durable: they outlive the connection, and the broker's
    restarts. `token` and `ssl` (see `brokers.client_context`) prove who it is. At most `limit`
    events are on their way to it and not yet taken; when as many more wait at the broker, `policy`
    decides: "block" (their publishers wait), "drop-oldest", "drop-newest" or "disconnect".

    Raises `ConfigurationError` for a bad address or policy, and for a token that would go to
    another machine in the clear.
    """
    at = read_address(address)
    if policy not in Policy.ALL:
        raise ConfigurationError(f"policy is one of {', '.join(Policy.ALL)}, not {policy!r}")
    if type(limit) is not int or not 1 <= limit < 1 << 32:
        raise ConfigurationError(f"limit is an integer, 1 to {(1 << 32) - 1:,}, not {limit!r}")
    if type(retry) not in (int, float) or not retry >= 0:
        raise ConfigurationError(f"retry is a number of seconds, not {retry!r}")
    for what, text in (("name", name), ("token", token)):
        if not (text is None or isinstance(text, str)):
            raise ConfigurationError(f"{what} is a text, not {text!r}")
    if token and ssl is None and not is_loopback(at.host):
        raise ConfigurationError(f"a token goes to {at} through TLS only: give ssl")
    hello = ClientHello(name, token or "", policy, limit)
    try:
        encode(hello)
    except ValueError as error:
        raise ConfigurationError(str(error).removeprefix("ClientHello.")) from None
    return Client(at, hello, ssl, retry)


class Client:
    """A connection to a broker that comes back when it is lost. Made by `connect`."""

    def __init__(
        self, at: Address, hello: ClientHello, ssl: tls.SSLContext | None, retry: float
    ) -> None:
        """See `connect`."""
        self.bounds = Bounds()
        self.counters: Counter[str] = Counter()
        self.connections: set[Connection] = set()
        self._at, self._hello, self._ssl, self._retry = at, hello, ssl, retry
        self._state = ClientState()
        self._window = Settings().client_window
        self._connection: Connection | None = None
        self._subscriptions: dict[int, Subscription] = {}
        self._left_behind: set[int] = set()  # nobody has asked for them yet
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._arrivals: dict[int, list[asyncio.Future[None]]] = {}
        self._changes: list[asyncio.Future[None]] = []
        self._gathered = 0
        self._unflushed: dict[Connection, None] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._over: Exception | None = None  # it will not connect again
        self._closing = self._flush_is_due = self._welcomed = False

    # ---- life -----------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect. Raises `BrokerUnreachable`."""
        if self._keeper is not None:
            raise BrokerError("a client is entered once")
        self._keeper = asyncio.get_running_loop().create_task(self._keep())
        try:
            while not self._welcomed:
                self._check()
                await self._change()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self._flush()
        connections = list(self.connections)
        for connection in connections:
            connection.end("the client closes")
        self._flush()
        for connection in connections:
            await asyncio.wait([connection.closed])
        self._settle(ConnectionLost("the client is closed"))

    # ---- what it is -----------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The publisher of its events."""
        return self._state.name

    @property
    def broker(self) -> str:
        """What the broker is called."""
        return self._state.broker

    @property
    def subscriptions(self) -> list[Subscription]:
        """All it has. A named client finds those that it left behind here when it connects.

        Their events come in again, so a client either reads them or unsubscribes.
        """
        return list(self._subscriptions.values())

    @property
    def lost(self) -> Counter[str]:
        """Deliveries that were dropped on the way to it, by reason."""
        return self._state.lost

    # ---- subscriptions --------------------------------------------------------------------------

    async def subscribe(self, filter: str | Filter) -> Subscription:
        """Subscribe. Returns once it is message-complete: from now on, nothing is missed.

        A named client that left a subscription with this very filter behind gets that one.
        Raises what `matchengine.parse` raises, RequestRefused, and ConnectionLost.
        """
        text = canonical(filter)
        for number in sorted(self._left_behind):
            if self._state.subscriptions.get(number) == text:
                self._left_behind.discard(number)
                await self._request(self._state.subscribe(text, number)[1])
                return self._subscriptions[number]
        number, request = self._state.subscribe(text)
        try:
            await self._request(request)
        except asyncio.CancelledError:
            if number in self._state.queues:
                self._say(self._state.unsubscribe(number))
            raise
        subscription = self._subscriptions[number] = Subscription(self, number)
        return subscription

    # ---- publications ---------------------------------------------------------------------------

    async def advertise(self, filter: str | Filter) -> Advert:
        """Promise that what comes matches `filter`, so that only who may want it hears of it.

        Returns once all brokers know. Without an advert, the first publication says that anything
        may come.
        """
        self._check()
        number, request = self._state.advertise(canonical(filter))
        try:
            await self._request(request)
        except asyncio.CancelledError:
            self._say(self._state.unadvertise(number))
            raise
        return Advert(self, number)

    async def publish(self, event: Mapping[str, Any] | bytes | str) -> int:
        """Publish an event: a mapping, or JSON. Waits while too many are unanswered.

        Returns its number, counted from 1 over the client's life; `drain` says what became of it.
        Raises EventError for what has no JSON, and ConnectionLost when a connection was lost with
        publications unanswered; the event is not published then.
        """
        body = body_of(event)
        state = self._state
        while True:
            self._check()
            self._raise_unknown()
            if self._welcomed and state.unanswered < self._window and not self._congested:
                break
            await self._change()
        number = state.publish(body)
        self._gathered += len(body)
        if self._gathered >= GATHER:
            self._flush()
        else:
            self._soon()
        return number

    async def drain(self) -> None:
        """Wait until all publications are answered.

        Raises EventError or NotAdvertised when some were refused (`refused` has all), and
        ConnectionLost when nobody knows what became of some.
        """
        await self.answered()
        if refusals := self.refused():
            number, error = refusals[0]
            more = f", and {len(refusals) - 1} more" if len(refusals) > 1 else ""
            error.add_note(f"publication {number} was refused{more}")
            raise error

    @property
    def pending(self) -> int:
        """Publications of which it is not known yet whether the broker takes them."""
        return self._state.unanswered

    async def answered(self) -> None:
        """Wait until all publications are answered, and leave it to `refused` to say how.

        Raises ConnectionLost when nobody knows what became of some.
        """
        while self._state.unanswered:
            self._check()
            self._raise_unknown()
            await self._change()
        self._raise_unknown()

    def refused(self) -> list[tuple[int, Exception]]:
        """The publications known to be refused that nobody was told of yet: number and why."""
        found, self._state.refusals = self._state.refusals, []
        return found

    # ---- questions ------------------------------------------------------------------------------

    async def ask(self, what: str, **arguments: Any) -> str:
        """Ask the broker about itself: "status", "explain" or "audit". Returns JSON.

        Raises RequestRefused for what it does not understand, EventError for a bad event.
        """
        encode(Ask(0, what, json.dumps(arguments)))  # what cannot travel is refused here
        return await self._request(self._state.ask(what, arguments))

    # ---- what the connection says ---------------------------------------------------------------

    def up(self, connection: Connection) -> Speaker:
        """The broker has answered; its `Welcome` follows."""
        self._connection = connection
        return Speaker.BROKER

    def heard(self, connection: Connection, word: Any) -> None:
        """A word of the broker's."""
        state = self._state
        if isinstance(word, Welcome):
            if self._welcomed:
                raise ProtocolError("welcomed twice")
            self._meet(word)
            return
        answered = state.receive(word)
        if answered is not None:
            self._answered(answered)

    def heard_all(self, connection: Connection) -> None:
        """Wake who waits for what came."""
        state = self._state
        for number in [n for n in self._arrivals if state.queues.get(n)]:
            self._wake(number)
        self._changed()
        self._soon()

    def down(self, connection: Connection, reason: str) -> None:
        """The connection has ended."""
        self._connection = None
        if self._welcomed:
            if not (self._closing or connection.dismissed):
                LOG.warning("%s: %s; trying again", self._at, reason)
            self._welcomed = False
            self._state.disconnected()
        self._changed()

    def wants_flush(self, connection: Connection) -> None:
        """There is something to write."""
        self._unflushed[connection] = None
        self._soon()

    def _meet(self, welcome: Welcome) -> None:
        first = not self._state.broker
        for word in self._state.connected(welcome):
            self._say(word)
        if first:
            for number in self._state.subscriptions:
                self._left_behind.add(number)
                self._subscriptions[number] = Subscription(self, number)
        self._welcomed = True
        self._changed()

    def _answered(self, answered: Answered) -> None:
        asked, error, text = answered
        future = self._answers.pop(asked.request, None)
        if future is not None and not future.done():
            if error is None:
                future.set_result(text)
            else:
                future.set_exception(error)
        elif isinstance(asked, Subscribe) and asked.subscription not in self._state.queues:
            # It stood on the connection before, and does not stand on this one.
            subscription = self._subscriptions.pop(asked.subscription, None)
            if subscription is not None:
                subscription._error = error
                self._wake(asked.subscription)

    # ---- parts ----------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Connect, and again whenever a connection ends."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._retry
        pause, met = self.bounds.redial_from, False
        while True:
            connection = Connection(self, self._handshake)
            reason = await self._call(connection)
            if connection.is_up:
                await asyncio.wait([connection.closed])
                reason = connection.reason
                met = met or bool(self._state.broker)
                pause = self.bounds.redial_from
            if connection.dismissed or isinstance(self._over, Exception):
                kind = ConnectionLost if met else BrokerUnreachable
                self._settle(self._over or kind(f"{self._at}: {reason}"))
                return
            if not met and loop.time() + pause > until:
                self._settle(BrokerUnreachable(f"no broker at {self._at}: {reason}"))
                return
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, self.bounds.redial_to)

    async def _call(self, connection: Connection) -> str:
        """Connect and shake hands. Returns why that did not work, or ""."""
        within = self.bounds.handshake_within
        try:
            async with asyncio.timeout(within):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection,
                    self._at.host,
                    self._at.port,
                    ssl=self._ssl,
                    ssl_handshake_timeout=within if self._ssl else None,
                )
                await connection.greeted
        except TimeoutError:
            reason = f"no answer within {within:g} s"
        except tls.SSLError as error:
            reason = f"TLS: {getattr(error, 'verify_message', '') or error.reason or error}"
            self._over = BrokerUnreachable(f"{self._at}: {reason}")
        except OSError as error:
            reason = why_unreachable(error)
        else:
            return "" if connection.is_up else connection.reason
        finally:
            if not (connection.is_up or connection.is_over) and hasattr(connection, "transport"):
                connection.end("the handshake took too long")
                connection.transport.abort()
        return reason

    def _handshake(self, connection: Connection) -> Handshake:
        return Handshake(self._hello, dials=True, admit=lambda hello: None)

    @property
    def _congested(self) -> bool:
        return self._connection is not None and self._connection.congested

    def _check(self) -> None:
        if self._keeper is None:
            raise BrokerError("a client is used within its `async with` block")
        if self._over is not None:
            raise self._over

    def _raise_unknown(self) -> None:
        if unknown := self._state.unknown:
            self._state.unknown = 0
            raise ConnectionLost(
                f"the connection was lost with {unknown} publications unanswered: they may have "
                f"been taken, or not"
            )

    def _settle(self, error: Exception) -> None:
        """It is over: nobody may wait any longer."""
        if self._over is None:
            self._over = error
        for future in self._answers.values():
            if not future.done():
                future.set_exception(self._over)
        self._answers.clear()
        for number in list(self._arrivals):
            self._wake(number)
        self._changed()

    async def _request(self, request: FromClient) -> str:
        """Say it, on this connection or the next, and wait for the answer."""
        self._check()
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        number: int = request.request  # type: ignore[union-attr]
        self._answers[number] = future
        if self._welcomed:
            self._say(request)
        try:
            return await future
        finally:
            self._answers.pop(number, None)

    def _say(self, word: FromClient) -> None:
        if self._connection is not None:
            self._connection.send(word)

    def _soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Say what has gathered, and write it."""
        self._flush_is_due = False
        self._gathered = 0
        if self._welcomed:
            if (consumed := self._state.take_consumed()) is not None:
                self._say(consumed)
            for publication in self._state.take_publications():
                self._say(publication)
        unflushed, self._unflushed = self._unflushed, {}
        for connection in unflushed:
            connection.flush()
        if not self._congested:
            self._changed()

    async def _arrival(self, number: int) -> None:
        await _waiting_in(self._arrivals.setdefault(number, []))

    def _wake(self, number: int) -> None:
        _wake(self._arrivals.pop(number, []))

    async def _change(self) -> None:
        await _waiting_in(self._changes)

    def _changed(self) -> None:
        changes, self._changes = self._changes, []
        _wake(changes)


async def _waiting_in(waiters: list[asyncio.Future[None]]) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.append(future)
    await future


def _wake(waiters: list[asyncio.Future[None]]) -> None:
    for future in waiters:
        if not future.done():
            future.set_result(None)
