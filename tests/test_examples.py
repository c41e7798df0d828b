"""The examples run, and the broker keeps its promises to clients that are not nice, too."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def broker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("broker", EXAMPLES / "broker.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(scenario: Callable[[int], Coroutine[Any, Any, None]], broker: ModuleType) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE), broker.running_broker() as port:
            await scenario(port)
            await asyncio.sleep(0)

    asyncio.run(main())


#: Examples that run together: see `test_a_publisher_and_a_subscriber`.
PAIR = {"publisher.py", "subscriber.py"}


@pytest.mark.parametrize("name", sorted({path.name for path in EXAMPLES.glob("*.py")} - PAIR))
def test_every_example_runs(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=tmp_path, capture_output=True, timeout=10 * PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


def test_a_publisher_and_a_subscriber() -> None:
    subscriber = [sys.executable, str(EXAMPLES / "subscriber.py"), "127.0.0.1:0"]
    with subprocess.Popen(
        subscriber, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            address = process.stdout.readline().split()[-1]
            done = subprocess.run(
                [sys.executable, str(EXAMPLES / "publisher.py"), address],
                capture_output=True, text=True, timeout=PATIENCE, check=False,
            )  # fmt: skip
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (done.returncode, done.stderr, process.returncode, err) == (0, "", 0, "")
    assert done.stdout.splitlines()[1:] == ["5 events are published"]
    assert done.stdout.startswith("refused: no advert")
    assert out.splitlines() == [
        "market offers ACME at 9.5", "market offers ACME at 9.0", "market has closed at 17:30",
        "lost on the way: 0",
    ]  # fmt: skip


def test_a_client_gets_an_event_once_and_as_it_was(broker: ModuleType) -> None:
    async def scenario(port: int) -> None:
        alice, market = await broker.connect(port), await broker.connect(port)
        await alice.subscribe("cheap", "price < 10")
        await alice.subscribe("acme", "symbol = 'ACME'")
        event = {"symbol": "ACME", "price": 9, "note": "größe\n", "n": 10**30}
        assert await market.publish(event) == 1
        assert await market.publish({"price": 11}) == 0
        await alice.subscribe("cheap", "price < 12")  # replaced
        assert await market.publish({"price": 11}) == 1
        await alice.drop("cheap")
        assert await market.publish({"price": 11}) == 0
        assert await alice.publish({"symbol": "ACME"}) == 1  # its own
        assert [await alice.events.get() for _ in range(3)] == [
            event, {"price": 11}, {"symbol": "ACME"}
        ]  # fmt: skip
        assert alice.events.empty()
        assert market.events.empty()
        await alice.close()
        while await market.publish({"symbol": "ACME"}):  # until the broker has noticed
            await asyncio.sleep(0.01)
        await market.close()

    run(scenario, broker)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"SUB x price <", "expected a name"),
        (b"SUB x " + b"a AND " * 100 + b"a", "predicates"),
        (b"SUB x " + b"a" * 5_000, "filter_bytes"),
        (b"SUB \xff a", "not UTF-8"),
        (b'PUB {"a": }', "expected a value (at byte 6)"),
        (b'PUB {"a": NaN}', "at byte"),
        (b"PUB []", "expected an object"),
        (b"SUB", "expected an id"),
        (b"SUB  a", "expected an id"),
        (b"SUB x", "expected a filter"),
        (b"SUB x ", "expected a filter"),
        (b"DROP", "expected an id"),
        (b"SUB x NOT EXISTS(a)", "because of NOT EXISTS(a)"),
        (b'PUB {"a": [' + b"1," * 1_000 + b"1]}", "event_values"),
        (b"HELLO", "expected SUB, DROP or PUB"),
        (b"", "expected SUB, DROP or PUB"),
    ],
)
def test_mistakes_are_answered(broker: ModuleType, line: bytes, message: str) -> None:
    async def scenario(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(line + b'\r\nSUB x a\r\nPUB {"a": true}\r\n')
        verb, _, rest = (await reader.readline()).partition(b" ")
        assert verb == b"ERR"
        assert message in json.loads(rest)
        rest = [await reader.readline() for _ in range(3)]
        assert rest == [b"OK\n", b'EVENT {"a": true}\n', b"OK 1\n"]
        writer.close()

    run(scenario, broker)


@pytest.mark.parametrize("beyond", [0, 1, 100_000, 300_000])
def test_a_line_that_is_too_long_is_skipped(broker: ModuleType, beyond: int) -> None:
    async def scenario(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * (broker.LINE_BYTES + beyond) + b"\nSUB x a\n")
        wrong = f"a line has at most {broker.LINE_BYTES} bytes" if beyond else "expected SUB"
        assert wrong.encode() in await reader.readline()
        assert await reader.readline() == b"OK\n"
        writer.write(b"x" * (broker.LINE_BYTES + beyond))  # and no end
        writer.write_eof()
        assert wrong.encode() in await reader.read()
        writer.close()

    run(scenario, broker)


def test_one_client_is_one_client() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "broker.py")], capture_output=True, check=True
    )
    ends = [line.rpartition(": ")[2] for line in done.stdout.decode().splitlines()]
    assert [end for end in ends if "client" in end] == ["2 clients", "1 client", "0 clients"]


def test_a_client_that_does_not_read_is_cut_off(
    broker: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "MOST_WAITING", 100_000)

    async def scenario(port: int) -> None:
        _, deaf = await asyncio.open_connection("127.0.0.1", port, limit=1)
        deaf.write(b"SUB all TRUE\n")
        market = await broker.connect(port)
        event = {"x": "x" * 50_000}
        while not await market.publish(event):
            await asyncio.sleep(0.01)
        while await market.publish(event):
            pass
        deaf.close()
        await market.close()

    run(scenario, broker)


def test_a_filter_that_is_refused_leaves_the_old_one(broker: ModuleType) -> None:
    async def scenario(port: int) -> None:
        client = await broker.connect(port)
        await client.subscribe("x", "a = 1")
        for bad in ("", "NOT EXISTS(a)"):
            with pytest.raises(ValueError, match="filter"):
                await client.subscribe("x", bad)
        assert [await client.publish(event) for event in ({"a": 1}, {})] == [1, 0]
        await client.subscribe("x", "TRUE")  # every event, but it costs nothing to look
        assert await client.publish({}) == 1
        await client.close()

    run(scenario, broker)


def test_nobody_has_too_many_filters(broker: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "MOST_FILTERS", 2)

    async def scenario(port: int) -> None:
        client = await broker.connect(port)
        for id in ("a", "b", "a"):
            await client.subscribe(id, "TRUE")
        with pytest.raises(ValueError, match="too many filters"):
            await client.subscribe("c", "TRUE")
        await client.drop("a")
        await client.subscribe("c", "TRUE")
        await client.close()

    run(scenario, broker)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_broker_in_a_process_of_its_own() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child inherits "ignore"
    try:
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / "broker.py"), "--port", "0"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            assert process.stdout
            assert process.stderr
            port = int(process.stdout.readline().rpartition(b":")[2])
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                lines = connection.makefile("rwb")
                lines.write(b"SUB 1 price < 10\n" + b'PUB {"price": 9}\n')
                lines.flush()
                answers = [lines.readline() for _ in range(3)]
                lines.close()
            assert answers == [b"OK\n", b'EVENT {"price": 9}\n', b"OK 1\n"]
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()
