"""Brokers and clients on real sockets, in this process or in others; nothing here waits by time."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import IO, Any

from brokers import Subscription
from brokers.aio.run import loop_factory
from brokers.wire import Decoder, Speaker, Word, encode

#: Commands use uvloop where it is installed, tests within this process where this is said.
UVLOOP = os.environ.get("MATCHENGINE_LOOP") == "uvloop"
#: A test that takes longer has hung.
PATIENCE = 30.0


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test, in an event loop of its own that must find nothing wrong."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        wrong: list[dict[str, Any]] = []

        async def bounded() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: wrong.append(context))
            async with asyncio.timeout(PATIENCE):
                await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=loop_factory() if UVLOOP else None) as runner:
            runner.run(bounded())
        assert not wrong, wrong

    run.__signature__ = inspect.signature(test)  # type: ignore[attr-defined]  # the fixtures
    return run


async def until(done: Callable[[], Any]) -> None:
    """Let the event loop go on until something holds, for what has no event of its own."""
    while not done():
        await asyncio.sleep(0.002)


async def take(subscription: Subscription, count: int) -> list[Any]:
    """The next so many events, as Python has them."""
    return [(await anext(subscription)).json() for _ in range(count)]


class Raw:
    """A connection that says whatever it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._decoder = Decoder(Speaker.STRANGER)
        self._words: Iterator[Word] = iter(())

    @classmethod
    async def to(cls, address: Any, **more: Any) -> Raw:
        """Connect."""
        return cls(*await asyncio.open_connection(address.host, address.port, **more))

    def say(self, *words: Word | bytes) -> None:
        """Send words, or bytes as they are."""
        self.writer.write(b"".join(w if isinstance(w, bytes) else encode(w) for w in words))

    def expect(self, speaker: Speaker) -> None:
        """Who speaks from now on."""
        self._decoder.expect(speaker)

    async def hear(self) -> Word | None:
        """The next word, or None when the connection is closed."""
        while (word := next(self._words, None)) is None:
            try:
                data = await self.reader.read(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self._words = self._decoder.feed(data)
        return word

    async def close(self) -> None:
        """Close it."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Process:
    """A command in a process of its own."""

    def __init__(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "matchengine", *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.complaints: list[str] = []
        self.out = _lines(self.process.stdout)
        self._err = _lines(self.process.stderr)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # what nobody will read
                    stream.close()

    def says(self, beginning: str) -> str:
        """What follows `beginning` on the next line of stderr that begins so."""
        while (line := self._err.get(timeout=PATIENCE)) is not None:
            self.complaints.append(line)
            if line.startswith(beginning):
                return line[len(beginning) :].strip()
        raise AssertionError(f"{beginning!r} was never said, but {self.complaints}")

    def line(self) -> Any:
        """The next line of stdout, as JSON; None at its end."""
        line = self.out.get(timeout=PATIENCE)
        return None if line is None else json.loads(line)

    def stop(self, number: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """The exit code. What was said on stderr is in `complaints` afterwards."""
        code = self.process.wait(PATIENCE)
        while (line := self._err.get(timeout=PATIENCE)) is not None:
            self.complaints.append(line)
        return code


def _lines(stream: IO[str] | None) -> queue.Queue[str | None]:
    """The lines of a stream as they come, and None after the last."""
    found: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        try:
            for line in stream or ():
                found.put(line.rstrip("\n"))
        except ValueError:  # closed while the test ends
            pass
        found.put(None)

    threading.Thread(target=read, daemon=True).start()
    return found
