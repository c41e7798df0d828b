"""What a client holds: standing filters with their events, and adverts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from brokers.errors import RequestRefused
from brokers.messages import Event
from matchengine import Filter, parse

if TYPE_CHECKING:
    from brokers.aio.client import Client

__all__ = ["Advert", "Subscription", "canonical"]


class Subscription:
    """A standing filter, and the events that it lets through: iterate over it with `async for`.

    The iteration ends when the subscription or the client does. The events of all subscriptions of
    a client share its `limit`: one that nobody reads holds up the others.
    """

    def __init__(self, client: Client, number: int) -> None:
        """Made by `Client.subscribe`."""
        self.number = number
        self._client = client
        self._error: Exception | None = None

    def __repr__(self) -> str:
        return f"Subscription({self.filter!r})"

    @property
    def filter(self) -> str:
        """The filter in canonical form; "" when the subscription has ended."""
        return self._client._state.subscriptions.get(self.number, "")

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        """The next event. Raises ConnectionLost when the broker has dismissed the client."""
        client = self._client
        while True:
            event = client._state.take(self.number)
            if event is not None:
                client._soon()
                return event
            if self._error is not None:
                raise self._error
            if self.number not in client._state.queues or client._closing:
                raise StopAsyncIteration
            client._check()
            await client._arrival(self.number)

    async def replace(self, filter: str | Filter) -> None:
        """Give it another filter, atomically: no event meets both or neither.

        Returns once the new one is message-complete. After an error the old one stays. Raises
        RequestRefused when it has ended, and as `Client.subscribe` does.
        """
        if self.number not in self._client._state.queues:
            raise RequestRefused("the subscription has ended")
        _, request = self._client._state.subscribe(canonical(filter), self.number)
        await self._client._request(request)

    async def unsubscribe(self) -> None:
        """End it. Events that were not taken are dropped."""
        client = self._client
        if self.number in client._state.queues:
            client._subscriptions.pop(self.number, None)
            request = client._state.unsubscribe(self.number)
            client._wake(self.number)
            await client._request(request)


class Advert:
    """A promise that what is published matches this filter, or another advert of the client."""

    def __init__(self, client: Client, number: int) -> None:
        """Made by `Client.advertise`."""
        self.number = number
        self._client = client

    async def withdraw(self) -> None:
        """Take it back."""
        await self._client._request(self._client._state.unadvertise(self.number))


def canonical(filter: str | Filter) -> str:
    """The filter's own text. Raises what `matchengine.parse` raises, and TypeError."""
    if not isinstance(filter, str | Filter):
        raise TypeError(f"a filter is a text or a Filter, not {type(filter).__name__}")
    return str(parse(filter) if isinstance(filter, str) else filter)
