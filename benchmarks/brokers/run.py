"""What an event costs a broker in processor time, and how long it takes, over loopback.

    python benchmarks/brokers/run.py [--events N] [--rounds N] [--rate N] [--json FILE]

Ours with 1, 10,000 and 100,000 content subscriptions, one of which wants each event, and a chain of
three; beside them mosquitto and nats-server, where they are installed, with the same events as
messages of one topic. The same load generator in C, with the same window, for all; in each round
every system has its turn, and who begins changes. Another run at a fixed rate, which all of them
keep up with easily, measures how long an event takes from when it was due.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import random
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import calibrate
import native
import systems  # beside this file
from systems import Pair, System

#: Events between publisher and subscriber: as many as a client of ours may have unanswered.
WINDOW = 1_024
#: Events in a piece that is sent in one go at full speed: 6 kB.
PER_UNIT = 32
#: As many as exchanges of the United States list.
SYMBOLS = 5_000
WANTED = "type = 'quote' AND volume >= 100"
WRONG = {-1: "a system call failed", -2: "a connection was closed", -3: "nothing came any more"}


class Load(ctypes.Structure):
    """See load.c."""

    _fields_ = [
        ("protocol", ctypes.c_int64),
        ("publisher", ctypes.c_int64),
        ("subscriber", ctypes.c_int64),
        ("stream", ctypes.c_char_p),
        ("ends", ctypes.c_void_p),
        ("units", ctypes.c_uint64),
        ("per_unit", ctypes.c_uint64),
        ("window", ctypes.c_uint64),
        ("rate", ctypes.c_double),
        ("times", ctypes.c_void_p),
    ]


# ---- what is sent, and who wants it -------------------------------------------------------------


def symbols(chance: random.Random) -> list[str]:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    found: dict[str, None] = {}
    while len(found) < SYMBOLS:
        found["".join(chance.choices(letters, k=4))] = None
    return list(found)


def quotes(count: int, names: Sequence[str], chance: random.Random) -> list[bytes]:
    """Events of about 200 bytes. Prices are below 500."""
    bodies = []
    for n in range(count):
        bid = chance.randrange(1_000, 49_000)
        event = {
            "type": "quote",
            "symbol": chance.choice(names),
            "price": (bid + 1) / 100,
            "volume": chance.randrange(100, 100_000),
            "venue": chance.choice(("XNAS", "XNYS", "ARCX", "BATS")),
            "bid": bid / 100,
            "ask": (bid + 3) / 100,
            "currency": "USD",
            "condition": "regular",
            "sequence": n,
            "time": f"2026-03-05T14:30:{n // 50_000 % 60:02}.{n % 50_000 * 20:06}Z",
        }
        bodies.append(json.dumps(event, separators=(",", ":")).encode())
    return bodies


def idle_filters(count: int, names: Sequence[str], chance: random.Random) -> list[str]:
    """Alarms for prices that no event has: each event meets those of its symbol."""
    return [
        f"symbol = '{names[n % len(names)]}' AND price > {chance.randrange(50_000, 99_999) / 100}"
        for n in range(count)
    ]


# ---- one turn -----------------------------------------------------------------------------------


def check(pair: Pair, bodies: Sequence[bytes]) -> None:
    """The subscriber gets these events, in this order."""
    pair.publisher.sendall(pair.encode(1, bodies))
    got = bytearray()
    at, waiting = 0, list(reversed(bodies))
    while waiting:
        data = pair.subscriber.recv(1 << 16)
        if not data:
            raise ConnectionError("the broker has closed the connection")
        got += data
        while waiting and (place := got.find(waiting[-1], at)) >= 0:
            at = place + len(waiting.pop())


def run_load(
    pair: Pair, bodies: Sequence[bytes], per_unit: int, rate: float = 0
) -> tuple[float, Any]:
    """Publish, count; return seconds, and with a rate the seconds each event took."""
    units = [
        pair.encode(first + 1, bodies[first : first + per_unit])
        for first in range(0, len(bodies), per_unit)
    ]
    ends = np.cumsum([len(unit) for unit in units], dtype=np.uint64)
    times = np.zeros(len(bodies), dtype=np.uint64)
    stream = b"".join(units)
    for sock in (pair.publisher, pair.subscriber):
        sock.setblocking(False)
    load = Load(
        pair.protocol,
        pair.publisher.fileno(),
        pair.subscriber.fileno(),
        stream,
        ends.ctypes.data,
        len(units),
        per_unit,
        WINDOW,
        rate,
        times.ctypes.data if rate else None,
    )
    function = native.library("brokers/load.c").run_load
    function.restype = ctypes.c_int64
    result = function(ctypes.byref(load))
    if result < 0:
        raise RuntimeError(WRONG.get(result, "something came that was not expected"))
    return result / 1e9, times / 1e9


def turn(system: System, bodies: Sequence[bytes]) -> dict[str, Any]:
    """At full speed: microseconds of processor time of each process per event."""
    pair = system.pair()
    try:
        before = system.cpu()
        seconds, _ = run_load(pair, bodies, PER_UNIT)
        after = system.cpu()
    finally:
        pair.close()
    each = [(b - a) / len(bodies) * 1e6 for a, b in zip(before, after, strict=True)]
    return {"cpu": each, "per_second": len(bodies) / seconds}


def latency(system: System, bodies: Sequence[bytes], rate: float) -> dict[str, float]:
    """At a rate: microseconds from when an event was due until it was there."""
    pair = system.pair()
    try:
        _, times = run_load(pair, bodies, 1, rate)
    finally:
        pair.close()
    later = times[len(times) // 10 :]  # not how it begins
    return {f"p{p}": float(np.percentile(later, p)) * 1e6 for p in (50, 99)}


# ---- all of it ----------------------------------------------------------------------------------


def start(stack: ExitStack, numbers: Sequence[int], chain: int) -> list[System]:
    """All systems that there are."""
    chance = random.Random(1)
    names = symbols(chance)

    def ours(name: str, count: int, brokers: int) -> System:
        others = idle_filters(count - 1, names, chance)
        return systems.matchengine(stack, name, WANTED, others, brokers=brokers)

    found = [ours(f"matchengine, {count:,}", count, 1) for count in numbers]
    found.append(ours(f"matchengine, {chain:,}, chain of three", chain, 3))
    for other in (systems.mosquitto, systems.nats):
        system = other(stack)
        if system is None:
            print(f"{other.__name__} is not installed: left out")
        else:
            found.append(system)
    return found


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    chance = random.Random(2)
    names = symbols(random.Random(1))
    bodies = quotes(arguments.events - arguments.events % PER_UNIT, names, chance)
    timed = bodies[: int(arguments.rate * arguments.seconds)]
    results: dict[str, Any] = {}
    loads = [calibrate.load()]
    with ExitStack() as stack:
        there = start(stack, arguments.subscriptions, arguments.chain)
        for system in there:
            pair = system.pair()
            check(pair, bodies[:100])
            pair.close()
            turn(system, bodies[: len(bodies) // 10 // PER_UNIT * PER_UNIT + PER_UNIT])
            results[system.name] = {"turns": [], "latencies": []}
        for n in range(arguments.rounds):
            for system in there[n % len(there) :] + there[: n % len(there)]:
                result = results[system.name]
                result["turns"].append(turn(system, bodies))
                result["latencies"].append(latency(system, timed, arguments.rate))
                print(n, system.name, result["turns"][-1], result["latencies"][-1], flush=True)
            loads.append(calibrate.load())
    return {"machine": calibrate.machine(), "load": loads, "systems": results}


def quartiles(values: Sequence[float]) -> list[float]:
    """Median, lower and upper quartile."""
    return [float(np.percentile(values, p)) for p in (50, 25, 75)]


def spread(values: Sequence[float], digits: int) -> str:
    middle, low, high = (f"{value:,.{digits}f}" for value in quartiles(values))
    return f"{middle} ({low}-{high})"


def table(results: dict[str, Any]) -> str:
    """The results as Markdown: medians and quartiles of the rounds."""
    lines = [
        "| broker | CPU us per event | beside mosquitto | events/s | p50, us | p99, us |",
        "|---|---|---|---|---|---|",
    ]
    base = results["systems"].get("mosquitto")
    for name, result in results["systems"].items():
        turns, latencies = result["turns"], result["latencies"]
        each = zip(*(t["cpu"] for t in turns), strict=True)
        costs = " + ".join(spread(values, 1) for values in each)
        ratio = ""
        if base is not None:
            pairs = zip(turns, base["turns"], strict=True)
            ratio = spread([sum(a["cpu"]) / max(sum(b["cpu"]), 1e-9) for a, b in pairs], 2)
        speed = f"{statistics.median(t['per_second'] for t in turns):,.0f}"
        waits = " | ".join(spread([t[p] for t in latencies], 0) for p in ("p50", "p99"))
        lines.append(f"| {name} | {costs} | {ratio} | {speed} | {waits} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=200_000, help="in one turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=2_000, help="events a second, for latency")
    parser.add_argument("--seconds", type=float, default=5, help="of a turn for latency")
    parser.add_argument("--subscriptions", type=int, nargs="*", default=[1, 10_000, 100_000])
    parser.add_argument("--chain", type=int, default=10_000, help="subscriptions behind the chain")
    parser.add_argument("--json", type=Path, help="write all results there")
    arguments = parser.parse_args(argv)
    results = measure(arguments)
    print(table(results))
    print("load average before, and after each round:", *results["load"])
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
