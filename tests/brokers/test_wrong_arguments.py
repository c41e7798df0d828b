"""What `connect` and `Broker` say to wrong arguments, and to calls at the wrong time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from brokers import Broker, BrokerError, ConfigurationError, RequestRefused, Settings, connect
from brokers.store import Store


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"address": 3}, "HOST:PORT, not 3"),
        ({"limit": "x"}, "limit is an integer"),
        ({"limit": 1 << 32}, "limit is an integer"),
        ({"limit": 1.5}, "limit is an integer"),
        ({"name": 3}, "name is a text, not 3"),
        ({"name": ""}, "^a name has|^name: a name has"),
        ({"token": b"x"}, "token is a text"),
        ({"retry": "x"}, "retry is a number"),
        ({"retry": float("nan")}, "retry is a number"),
    ],
)
def test_connect(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        connect(**{"address": "127.0.0.1:1", **arguments})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": 3}, "name is a text, not 3"),
        ({"listen": None}, "HOST:PORT, not None"),
        ({"peers": "127.0.0.1:1"}, "peers is a list"),
        ({"preset": []}, "preset is one of"),
        ({"store": ""}, "store is a file"),
        ({"settings": {}}, r"settings is Settings\(...\), not {}"),
        ({"security": "cert.pem"}, "security is Security"),
        ({"bounds": 5}, "bounds is Bounds"),
        ({"settings": Settings(heartbeat=5.0)}, "heartbeat, 5 s, must be shorter"),
    ],
)
def test_broker(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Broker(**{"name": "a", **arguments})


def test_a_store_is_a_file_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Store(":memory:", "a").close()
    assert (tmp_path / ":memory:").is_file()


async def _outside() -> None:
    broker, client = Broker("a"), connect("127.0.0.1:1")
    for call in (
        lambda: client.subscribe("n = 1"),
        lambda: client.advertise("n = 1"),
        lambda: client.publish({}),
        lambda: client.ask("status"),
        broker.failure,
    ):
        with pytest.raises(BrokerError, match="within its `async with` block"):
            async with asyncio.timeout(5):
                await call()
    with pytest.raises(BrokerError, match="within"):
        broker.status()


def test_nothing_works_outside_of_the_block() -> None:
    asyncio.run(_outside())


async def _ended() -> None:
    async with Broker("a") as broker, connect(str(broker.address)) as client:
        for filter in (None, 3, b"n = 1"):
            with pytest.raises(TypeError, match="a text or a Filter"):
                await client.subscribe(filter)  # type: ignore[arg-type]
        subscription = await client.subscribe("n = 1")
        await subscription.unsubscribe()
        with pytest.raises(RequestRefused, match="has ended"):
            await subscription.replace("n = 2")
        assert broker.status()["subscriptions"] == 0


def test_what_has_ended_does_not_come_back() -> None:
    asyncio.run(_ended())


async def _cancelled(turns: int) -> None:
    async with Broker("a") as broker, connect(str(broker.address)) as client:
        task = asyncio.ensure_future(client.advertise("n = 1"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.done():
            return
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.publish({"n": 2})  # no advert stands that forbids it
        await client.drain()
        assert not client._state.adverts


@pytest.mark.parametrize("turns", range(6))
def test_a_cancelled_advert_is_taken_back(turns: int) -> None:
    asyncio.run(_cancelled(turns))
