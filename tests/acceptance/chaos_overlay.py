"""Real brokers, linked through proxies that can do to a link what networks do.

A broker is a process with a store, started again on the same port. A link is a TCP proxy between
the broker that dials and the one that listens: it can be cut (connections are closed, and new ones
refused), or swallow what one side says, so that neither end hears that anything is wrong.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from brokers.addresses import Address
from brokers.simulation.failure import Failure

__all__ = ["Link", "Process", "free_port"]

HOST: Final = "127.0.0.1"
CHUNK: Final = 1 << 16
#: A process has so many seconds to start, on a machine that has other things to do.
START_WITHIN: Final = 60.0


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A broker: ``matchengine broker``."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.at = Address(HOST, free_port())
        self.peers: list[Address] = []
        self.restarts = 0
        self.peak = 0  #: bytes of memory, at most
        self.early = 0  #: bytes a while after the present process was started
        self.is_disturbed = False  #: killed or stopped at the moment
        self.log = directory / f"{name}.log"
        self._store = directory / f"{name}.store"
        self._started = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None

    def start(self) -> None:
        """Start it, with what its store has."""
        command = [sys.executable, "-P", "-m", "matchengine", "broker", "--verbose"]
        command += ["--name", self.name, "--listen", str(self.at), "--store", str(self._store)]
        for peer in self.peers:
            command += ["--peer", str(peer)]
        if self._stderr is None:
            self._stderr = self.log.open("ab")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._stderr
        )
        self._started, self.early = time.monotonic(), 0

    async def listening(self) -> None:
        """Wait until it takes connections. Raises `Failure`."""
        end = time.monotonic() + START_WITHIN
        while time.monotonic() < end:
            self.check()
            with suppress(OSError):
                _, writer = await asyncio.open_connection(self.at.host, self.at.port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        raise Failure("start", f"broker {self.name} does not listen\n{self.complaints()}")

    def signal(self, number: int) -> None:
        """Send it a signal; it is gone when this returns if that was SIGKILL."""
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait()

    def check(self) -> None:
        """Raises `Failure` if it ended by itself."""
        if self._process is not None and not self.is_disturbed:
            code = self._process.poll()
            if code is not None:
                text = f"broker {self.name} ended with {code}\n{self.complaints()}"
                raise Failure("crash", text)

    def complaints(self) -> str:
        """The end of what it said on stderr."""
        return self.log.read_bytes()[-4_000:].decode(errors="replace") if self.log.exists() else ""

    def sample(self, settle: float, most_more: int) -> int:
        """Bytes of memory it has; raises `Failure` if it grows without bound."""
        assert self._process is not None
        try:
            text = Path(f"/proc/{self._process.pid}/statm").read_text()
        except OSError:
            return 0
        if self._process.poll() is not None:
            return 0
        now = int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")
        self.peak = max(self.peak, now)
        if time.monotonic() - self._started > settle:
            self.early = self.early or now
            if now > 2 * self.early + most_more:
                text = f"broker {self.name}: {self.early:,} bytes, and later {now:,}"
                raise Failure("memory", text)
        return now

    async def end(self) -> int:
        """SIGTERM; returns the exit code. SIGKILL if that is not enough."""
        if self._process is None:
            return 0
        process = self._process
        self.is_disturbed = True
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for _ in range(100):
            if process.poll() is not None:
                break
            await asyncio.sleep(0.1)
        else:
            process.kill()
        if self._stderr is not None:
            self._stderr.close()
        return process.wait()


class Link:
    """A proxy between two brokers."""

    def __init__(self, dialler: Process, listener: Process) -> None:
        self.ends = (dialler, listener)
        self.is_disturbed = False
        self._is_cut = False
        self._open = {True: asyncio.Event(), False: asyncio.Event()}  #: there, and back
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        for gate in self._open.values():
            gate.set()

    def __repr__(self) -> str:
        return f"{self.ends[0].name}-{self.ends[1].name}"

    async def listen(self) -> None:
        """Take the dialler's connections from now on."""
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        port: int = self._server.sockets[0].getsockname()[1]
        self.ends[0].peers.append(Address(HOST, port))

    def cut(self) -> None:
        """Close what is there, and refuse what comes."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def swallow(self, there: bool) -> None:
        """Say nothing more of what the dialler (or the listener) says."""
        self._open[there].clear()

    def mend(self) -> None:
        """All is well; what was swallowed comes late, as TCP would have it."""
        self._is_cut = False
        for gate in self._open.values():
            gate.set()

    async def close(self) -> None:
        """Close the proxy."""
        self.cut()
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            at = self.ends[1].at
            other, far = await asyncio.open_connection(at.host, at.port)
            self._writers.add(far)
            await self._both(
                self._pump(reader, far, self._open[True]),
                self._pump(other, writer, self._open[False]),
            )
        except OSError:
            pass  # the listener does not run
        finally:
            for one in (writer, far):
                if one is not None:
                    self._writers.discard(one)
                    one.transport.abort()

    @staticmethod
    async def _both(*pumps: object) -> None:
        """Until either ends: brokers say goodbye with the last thing they say."""
        tasks: Sequence[asyncio.Task[None]] = [
            asyncio.ensure_future(pump)  # type: ignore[call-overload]
            for pump in pumps
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await gate.wait()
                writer.write(data)
                await writer.drain()
            await gate.wait()
            writer.write_eof()
            await asyncio.sleep(0.1)
