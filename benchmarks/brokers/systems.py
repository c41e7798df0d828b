"""Brokers as processes, and connections to them that have done all that comes before events.

A system makes a `Pair`: sockets of a publisher and of the one subscriber that gets every event, and
the bytes of events as its protocol has them. `load.c` does the rest.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from brokers.greetings import BrokerHello, ClientHello
from brokers.messages import Done, Publish, Subscribe, Welcome
from brokers.wire import Decoder, Speaker, encode

FOLDER = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")
TOPIC = b"quotes"
#: Seconds in which a broker is there, and answers.
WITHIN = 60


class Pair(NamedTuple):
    """Two connections through which events can go."""

    protocol: int  #: as `load.c` numbers them
    publisher: socket.socket
    subscriber: socket.socket
    encode: Callable[[int, Sequence[bytes]], bytes]  #: number of the first, bodies

    def close(self) -> None:
        self.publisher.close()
        self.subscriber.close()


class Process:
    """A broker."""

    def __init__(self, stack: ExitStack, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        stack.callback(self._end)

    def line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def cpu(self) -> float:
        """Seconds of processor time so far, in the program and in the kernel for it."""
        text = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8")
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class System:
    """One or more brokers of a kind. The first is where publishers are."""

    def __init__(self, name: str, processes: Sequence[Process], pair: Callable[[], Pair]) -> None:
        self.name = name
        self.processes = processes
        self.pair = pair

    def cpu(self) -> list[float]:
        return [process.cpu() for process in self.processes]


# ---- ours ---------------------------------------------------------------------------------------


class Talk:
    """A client of ours that waits for every answer."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = connected(host, int(port))
        self._decoder = Decoder()
        self._words: list[Any] = []
        self.say(ClientHello(None))
        self.wait_for(1, BrokerHello)
        self.wait_for(1, Welcome)

    def say(self, *words: Any) -> None:
        self.socket.sendall(b"".join(map(encode, words)))

    def wait_for(self, count: int, kind: type[Any]) -> list[Any]:
        """The next words, which are of this kind."""
        while len(self._words) < count:
            data = self.socket.recv(1 << 20)
            if not data:
                raise ConnectionError("the broker has closed the connection")
            for word in self._decoder.feed(data):
                self._words.append(word)
                if isinstance(word, BrokerHello):
                    self._decoder.expect(Speaker.BROKER)
        found, self._words = self._words[:count], self._words[count:]
        if not all(isinstance(word, kind) for word in found):
            raise ValueError(f"{kind.__name__} was expected, not {found}")
        return found

    def subscribe(self, filters: Sequence[str], at_once: int = 1_000) -> None:
        """Subscribe, and wait until that is message-complete."""
        for first in range(0, len(filters), at_once):
            part = filters[first : first + at_once]
            self.say(*(Subscribe(n, n, text) for n, text in enumerate(part, first)))
            self.wait_for(len(part), Done)


def matchengine(
    stack: ExitStack, name: str, wanted: str, others: Sequence[str], *, brokers: int = 1
) -> System:
    """A chain of brokers. At its last one somebody idle subscribes `others`."""
    processes: list[Process] = []
    addresses: list[str] = []
    for n in range(brokers):
        command = [sys.executable, str(FOLDER / "serve.py"), f"b{n}", *addresses[-1:]]
        processes.append(Process(stack, command))
        addresses.append(processes[-1].line())
    idle = Talk(addresses[-1])
    stack.callback(idle.socket.close)
    idle.subscribe(others)

    def pair() -> Pair:
        subscriber, publisher = Talk(addresses[-1]), Talk(addresses[0])
        subscriber.subscribe([wanted])
        return Pair(0, publisher.socket, subscriber.socket, published)

    return System(name, processes, pair)


def published(first: int, bodies: Sequence[bytes]) -> bytes:
    return encode(Publish(first, tuple(bodies)))


# ---- others -------------------------------------------------------------------------------------


def mosquitto(stack: ExitStack) -> System | None:
    """The broker of MQTT; None where it is not installed."""
    program = found("mosquitto")
    if program is None:
        return None
    port = free_port()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
        "set_tcp_nodelay true\nlog_type none\nuser root\n",
        encoding="utf-8",
    )
    process = Process(stack, [program, "-c", str(config)])

    def client(name: bytes) -> socket.socket:
        sock = connected("127.0.0.1", port)
        hello = b"\0\4MQTT\4\2\0\0" + struct.pack(">H", len(name)) + name
        sock.sendall(b"\x10" + bytes([len(hello)]) + hello)
        exactly(sock, b"\x20\2\0\0")  # CONNACK
        return sock

    def pair() -> Pair:
        subscriber, publisher = client(b"subscriber"), client(b"publisher")
        topic = struct.pack(">H", len(TOPIC)) + TOPIC
        wish = b"\0\1" + topic + b"\0"
        subscriber.sendall(b"\x82" + bytes([len(wish)]) + wish)
        exactly(subscriber, b"\x90\3\0\1\0")  # SUBACK
        return Pair(1, publisher, subscriber, mqtt_publish)

    return System("mosquitto", [process], pair)


def mqtt_publish(first: int, bodies: Sequence[bytes]) -> bytes:
    topic = struct.pack(">H", len(TOPIC)) + TOPIC
    parts = []
    for body in bodies:
        size, head = len(topic) + len(body), bytearray(b"\x30")
        while size > 127:
            head.append(size & 127 | 128)
            size >>= 7
        head.append(size)
        parts += [bytes(head), topic, body]
    return b"".join(parts)


def nats(stack: ExitStack) -> System | None:
    """The server of NATS; None where it is not installed."""
    program = found("nats-server")
    if program is None:
        return None
    port = free_port()
    process = Process(stack, [program, "-a", "127.0.0.1", "-p", str(port), "-l", os.devnull])

    def client() -> socket.socket:
        sock = connected("127.0.0.1", port)
        sock.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n')
        until(sock, b"PONG\r\n")
        return sock

    def pair() -> Pair:
        subscriber, publisher = client(), client()
        subscriber.sendall(b"SUB " + TOPIC + b" 1\r\nPING\r\n")
        until(subscriber, b"PONG\r\n")
        return Pair(2, publisher, subscriber, nats_publish)

    return System("nats-server", [process], pair)


def nats_publish(first: int, bodies: Sequence[bytes]) -> bytes:
    return b"".join(b"PUB %s %d\r\n%s\r\n" % (TOPIC, len(body), body) for body in bodies)


# ---- common parts -------------------------------------------------------------------------------


def found(program: str) -> str | None:
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def connected(host: str, port: int) -> socket.socket:
    """A connection, as soon as somebody listens."""
    end = time.monotonic() + WITHIN
    while True:
        try:
            sock = socket.create_connection((host, port), timeout=WITHIN)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock


def exactly(sock: socket.socket, expected: bytes) -> None:
    got = sock.recv(len(expected), socket.MSG_WAITALL)
    if got != expected:
        raise ValueError(f"{expected!r} was expected, not {got!r}")


def until(sock: socket.socket, expected: bytes) -> None:
    got = b""
    while not got.endswith(expected):
        data = sock.recv(4096)
        if not data or re.search(rb"-ERR.*", got):
            raise ValueError(f"{expected!r} was expected, not {got!r}")
        got += data
