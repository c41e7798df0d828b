"""Running a command: an event loop, signals that end it, and standard input that does not block."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

__all__ = ["Interrupted", "chunks", "loop_factory", "run", "sleep"]

sleep = asyncio.sleep
#: What a signal raises where `run` waits.
Interrupted = asyncio.CancelledError

CHUNK = 1 << 18

#: So many objects more than before, and Python looks for cycles among the new ones. A batch of
#: events is thousands of them, none in a cycle; by default each batch would be looked through, and
#: what survives would soon make it look through all subscriptions.
NEW_OBJECTS = 50_000


def run(main: Callable[[], Coroutine[Any, Any, int]], interrupted: int = 0) -> int:
    """Run `main` and return its exit code; `interrupted` if SIGINT or SIGTERM ended it.

    For a process that does nothing else.
    """
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(_until_signal(main, interrupted))


async def _until_signal(main: Callable[[], Coroutine[Any, Any, int]], interrupted: int) -> int:
    loop = asyncio.get_running_loop()
    task = loop.create_task(main())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return interrupted


async def chunks(file: int) -> AsyncIterator[bytes]:
    """What a pipe or a terminal has to say, as it comes. For regular files it blocks."""
    loop = asyncio.get_running_loop()
    while True:
        ready = asyncio.Event()
        try:
            loop.add_reader(file, ready.set)
        except OSError:  # nothing that can be waited for, so it is always ready
            ready.set()
        else:
            try:
                await ready.wait()
            finally:
                loop.remove_reader(file)
        data = os.read(file, CHUNK)
        if not data:
            return
        yield data


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes event loops. That of uvloop, where it is installed."""
    try:
        import uvloop  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
