"""Real brokers, killed, stopped and cut off from each other, with traffic in flight.

    python tests/acceptance/chaos.py [--minutes 30] [--brokers 9] [--seed 0] [--rate 100]

Starts so many ``matchengine broker`` processes on loopback in a random graph with cycles, each with
a store, and clients at all of them that subscribe, replace, unsubscribe, advertise and publish.
Faults are drawn by the seed: SIGKILL and a new start, SIGSTOP for up to ten seconds, links cut, and
links that swallow what one side says. Each time of faults is followed by a longer one of calm, in
which neighbours' tables are compared. All is judged by the oracle of the simulator; a loss is
excused inside the window of a fault only, and counted. In the end everything is taken back, and
every table must be empty. Exit status 1: a promise was not kept. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Final

import brokers

if __name__ == "__main__":  # what pytest does by its option `pythonpath`
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from acceptance.chaos_clients import (
    UNDER_WAY,
    Actor,
    Clock,
    SlowWindows,
    Spied,
    WallOracle,
)
from acceptance.chaos_overlay import Link, Process
from brokers import Bounds, Settings
from brokers.simulation.chance import Chance
from brokers.simulation.conditions import draw_conjunction
from brokers.simulation.failure import Failure
from brokers.simulation.graph import draw_graph
from brokers.simulation.oracle import HORIZON

__all__ = ["Chaos", "main"]

#: Seconds that a fault's effects last: until it is found out, handshakes that it spoilt have timed
#: out, the link is dialled again, everybody is told, and the old ways are forgotten; and a few
#: more, as processes share busy cores.
CONVERGENCE: Final = (
    Settings().heartbeat + Settings().dead_after + Bounds().handshake_within
    + 2 * Bounds().redial_to + Settings().retain + 5.0
)  # fmt: skip
#: We are late ourselves by so much: the machine has no time for anybody, and links may have died.
STALL: Final = 1.5
#: A broker may need twice the memory of its first minute, and this much more.
SETTLE: Final = 60.0
MOST_MORE: Final = 32 << 20
#: Seconds of calm after the last faults.
LEAST_CALM: Final = 6.0
RESENT: Final = "resynchronisations"
KINDS: Final = ("kill", "kill", "stop", "cut", "cut", "swallow", "swallow")


class Chaos:
    """One run."""

    def __init__(self, seed: int, size: int, rate: float, directory: Path, gentle: bool) -> None:
        self.clock, self.windows = Clock(), SlowWindows()
        self.oracle = WallOracle(self.clock, self.windows)
        self.counts: Counter[str] = Counter()
        self.story: list[str] = []
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._before: dict[str, Any] = {}  # what brokers said of themselves at the last audit
        self._calm = asyncio.Event()  # clients may change what they want
        self._rate, self._gentle = rate, gentle
        self._chance = Chance(seed, "faults")
        self._processes = [Process(f"b{number}", directory) for number in range(size)]
        graph = Chance(seed, "graph")
        extra = max(1, size // 3)  # there are cycles
        self._links = [
            Link(*(pair if graph.happens(0.5) else pair[::-1]))
            for a, b in draw_graph("tree", size, extra, graph)
            for pair in [(self._processes[a], self._processes[b])]
        ]
        pool = [draw_conjunction(graph) for _ in range(40)]
        self._actors = []
        for number in range(2 * size + 1):
            process = self._processes[number % size]
            name = f"client{number}" if number < size else None
            client = Spied(
                process.at, name, process.name, number, self.oracle, self.clock, self.fail
            )
            actor = Actor(client, Chance(seed, f"client {number}"), pool, self._calm)
            self._actors.append(actor)

    def fail(self, error: BaseException) -> None:
        """A promise was not kept; the first one counts."""
        if not self.failure.done():
            self.failure.set_exception(error)

    def tell(self, text: str) -> None:
        """Something for the report."""
        self.story.append(f"{self.clock.now:8.1f} {text}")
        print(self.story[-1], flush=True)

    # ---- the run ----

    async def run(self, seconds: float) -> None:
        """Raises what went wrong."""
        work = asyncio.get_running_loop().create_task(self._run(seconds))
        watch = asyncio.get_running_loop().create_task(self._watch())
        try:
            everything: list[Any] = [work, watch, self.failure]
            await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            for one in everything:
                if one.done():
                    one.result()
        finally:
            for task in (work, watch):
                task.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)
            for process in self._processes:
                await process.end()
            for link in self._links:
                await link.close()

    async def _run(self, seconds: float) -> None:
        boot = self.windows.open(self.clock.now, loses=False)
        for link in self._links:
            await link.listen()
        for process in self._processes:
            process.start()
        await asyncio.gather(*(process.listening() for process in self._processes))
        links = " ".join(map(repr, self._links))
        self.tell(f"{len(self._processes)} brokers, {len(self._actors)} clients, links {links}")
        async with AsyncExitStack() as stack:
            for actor in self._actors:
                await stack.enter_async_context(actor.client)
            await self._audit()
            self.windows.close(boot, self.clock.now)
            end = self.clock.now + seconds
            tasks = self._set_to_work(stack)
            while self.clock.now < end:
                await self._episode(end)
            await self._finish(tasks)
        await self._empty()
        for process in self._processes:
            if code := await process.end():
                raise Failure("crash", f"{process.name} ended with {code}\n{process.complaints()}")
            if "Traceback" in process.log.read_text(errors="replace"):
                raise Failure("exception", process.complaints())

    def _set_to_work(self, stack: AsyncExitStack) -> list[asyncio.Task[None]]:
        self._calm.set()
        pause = 2.0 * len(self._actors) / self._rate
        tasks = [asyncio.get_running_loop().create_task(one.act(pause)) for one in self._actors]

        def done(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self.fail(error)

        for task in tasks:
            task.add_done_callback(done)
            stack.callback(task.cancel)
        return tasks

    async def _episode(self, end: float) -> None:
        """Some faults, the time to converge, as much calm, and a look at the tables."""
        chance = self._chance
        start, length = self.clock.now, chance.between(2.0, 5.0 if self._gentle else 12.0)
        kinds = [chance.pick(KINDS) for _ in range(1 if self._gentle else chance.whole(1, 3))]
        await asyncio.gather(
            *(self._disturb(kind, chance.between(0.0, length / 2), length) for kind in kinds)
        )
        self.counts["ms of faults"] += int(1000 * (self.clock.now - start))
        await asyncio.sleep(CONVERGENCE)
        await self._audit()
        calm = chance.between(1.0, 1.3) * (self.clock.now - start)
        await asyncio.sleep(LEAST_CALM if self.clock.now >= end else calm)
        await self._check_rest()

    async def _finish(self, tasks: list[asyncio.Task[None]]) -> None:
        for actor in self._actors:
            actor.is_over = True
        await asyncio.wait(tasks, timeout=CONVERGENCE)
        self.tell("every client publishes twice")
        for actor in self._actors:
            await actor.publish(2)
        arrive_until = self.clock.now + UNDER_WAY
        while self.clock.now < arrive_until and self.oracle.is_anything_missing():
            await asyncio.sleep(0.2)
        self.oracle.judge(self.clock.now)
        await self._audit()
        self.tell("everything is taken back")
        await asyncio.gather(*(actor.take_back() for actor in self._actors))

    # ---- faults ----

    async def _disturb(self, kind: str, after: float, length: float) -> None:
        await asyncio.sleep(after)
        seconds = self._chance.between(0.2, 1.0) * (length - after)
        pool: list[Any] = list(self._processes if kind in ("kill", "stop") else self._links)
        pool = [one for one in pool if not one.is_disturbed]
        if not pool:
            return
        victim = self._chance.pick(pool)
        there = self._chance.happens(0.5)
        window = self.windows.open(self.clock.now, loses=True)
        victim.is_disturbed = True
        self.counts[f"fault {kind}"] += 1
        name = victim.name if isinstance(victim, Process) else repr(victim)
        self.tell(f"{kind} {name} for {min(seconds, 10.0):.1f} s")
        try:
            await self._harm(kind, victim, there, min(seconds, 10.0))
        finally:
            victim.is_disturbed = False
            self.windows.close(window, self.clock.now + CONVERGENCE)

    async def _harm(self, kind: str, victim: Any, there: bool, seconds: float) -> None:
        if kind == "kill":
            victim.signal(signal.SIGKILL)
            await asyncio.sleep(seconds)
            victim.start()
            victim.restarts += 1
            victim.is_disturbed = False
            await victim.listening()
        elif kind == "stop":
            victim.signal(signal.SIGSTOP)
            await asyncio.sleep(seconds)
            victim.signal(signal.SIGCONT)
        else:
            victim.cut() if kind == "cut" else victim.swallow(there)
            await asyncio.sleep(seconds)
            victim.mend()

    # ---- watching ----

    async def _watch(self) -> None:
        """Look at everything, again and again."""
        while True:
            for _ in range(20):
                before = self.clock.now
                await asyncio.sleep(0.1)
                if self.clock.now - before > 0.1 + STALL:
                    self.counts["stalls of the machine"] += 1
                    self.tell(f"the machine had no time for us for {self.clock.now - before:.1f} s")
                    self.windows.close(
                        self.windows.open(before, loses=True), self.clock.now + CONVERGENCE
                    )
            for process in self._processes:
                process.check()
                process.sample(SETTLE, MOST_MORE)
            clients: list[Any] = [actor.client for actor in self._actors]
            self.oracle.check_answers(clients)
            self.oracle.judge(self.clock.now - HORIZON)
            for client in clients:
                away = None if client._closing else client.away
                if away is not None and not self.windows.excuse_wait(away, self.clock.now):
                    raise Failure("answer", f"{client} is not connected since {away:.1f}")

    async def _ask(self, what: str) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for process in self._processes:
            async with asyncio.timeout(30.0), brokers.connect(str(process.at)) as client:
                answers[process.name] = json.loads(await client.ask(what))
        return answers

    async def _until(self, promise: str, check: Callable[[], Awaitable[str]]) -> None:
        """Wait until `check` finds nothing, but not for long."""
        end = self.clock.now + CONVERGENCE
        while wrong := await check():
            if self.clock.now > end:
                raise Failure(promise, wrong)
            await asyncio.sleep(0.5)

    async def _audit(self) -> None:
        """Do neighbours' tables agree, while nobody changes anything?"""
        self._calm.clear()
        await self._until("tables", self._compare)
        self._calm.set()
        self.counts["audits"] += 1
        self._before = await self._ask("status")
        published, deliveries = self.oracle.counts["published"], self.oracle.counts["deliveries"]
        self.tell(f"tables agree; {published:,} published, {deliveries:,} delivered")

    async def _check_rest(self) -> None:
        """In a time of calm: tables stayed right by the changes told, and were not sent again."""
        for name, status in (await self._ask("status")).items():
            before, now = self._before[name]["counters"], status["counters"]
            if before.get("links up") == now.get("links up"):  # else a link died of a busy machine
                again = now.get(RESENT, 0) - before.get(RESENT, 0)
                if again:
                    raise Failure("tables", f"{name} had to ask for {again} tables again, in calm")
            else:
                self.counts["links lost in calm"] += 1
                self.tell(f"{name} lost a link in a time of calm")

    async def _compare(self) -> str:
        tables = {name: answer["links"] for name, answer in (await self._ask("audit")).items()}
        for link in self._links:
            for one, other in ((0, 1), (1, 0)):
                here, there = link.ends[one].name, link.ends[other].name
                if there not in tables[here] or here not in tables[there]:
                    return f"{here} and {there} are not linked"
                told, known = tables[here][there]["exported"], tables[there][here]["imported"]
                if told != known:
                    return f"{here} exports {told} to {there}, which has {known}"
        return ""

    async def _empty(self) -> None:
        """Everybody has left: is nothing left?"""

        async def left() -> str:
            for name, status in (await self._ask("status")).items():
                rest = {key: status[key] for key in ("entries", "subscriptions", "outputs")}
                for link, one in status["links"].items():
                    rest |= {f"{key} {link}": one[key] for key in ("exported", "imported")}
                rest |= {f"adverts of {broker}": len(a) for broker, a in status["adverts"].items()}
                if any(rest.values()) or len(status["clients"]) > 1:
                    return f"{name}: {rest}, clients {list(status['clients'])}"
            return ""

        await self._until("stale", left)
        self.tell("every table is empty")

    # ---- the report ----

    def summary(self, seed: int) -> str:
        """All counts."""
        oracle, pairs = self.oracle, Counter[tuple[str, str]]()
        for actor in self._actors:
            pairs.update(actor.client.routes)
        faults = ", ".join(f"{n} {k[6:]}" for k, n in sorted(self.counts.items()) if "fault " in k)
        size = len(self._processes)
        share = self.counts["ms of faults"] / 1000 / max(1.0, self.clock.now)
        return "\n".join(
            (
                f"seed {seed}: {size} brokers, {len(self._links)} links, {self.clock.now:.0f} s, "
                f"{share:.0%} of them with faults",
                f"faults: {faults or 'none'}; "
                f"restarts: {sum(process.restarts for process in self._processes)}; "
                f"stalls of the machine: {self.counts['stalls of the machine']}, "
                f"links lost in calm: {self.counts['links lost in calm']}",
                f"published {oracle.counts['published']:,}, taken {oracle.counts['taken']:,}, "
                f"refused {oracle.counts['refused']:,}, "
                f"deliveries {oracle.counts['deliveries']:,}, "
                f"read {sum(actor.read for actor in self._actors):,}",
                f"subscriptions settled {oracle.counts['settled']:,}, "
                f"reconnections {sum(max(0, a.client.connections - 1) for a in self._actors):,}",
                f"excused: {dict(oracle.excused) or 'none'}",
                f"pairs of brokers with deliveries: {len(pairs)} of {size * size}; "
                f"audits: {self.counts['audits']}",
                f"memory of a broker, at most: {max(p.peak for p in self._processes) / 1e6:.0f} MB",
            )
        )


async def _main(seed: int, size: int, rate: float, seconds: float, gentle: bool = False) -> int:
    directory = Path(tempfile.mkdtemp(prefix="matchengine-chaos-"))
    chaos = Chaos(seed, size, rate, directory, gentle)
    try:
        await chaos.run(seconds)
    except Exception as error:
        print(chaos.summary(seed))
        last = "\n".join(chaos.story[-12:])
        kind = "" if isinstance(error, Failure) else f"{type(error).__name__}: "
        print(f"FAILED with seed {seed}: {kind}{error}\nafter\n{last}\nlogs: {directory}")
        if not isinstance(error, Failure):
            raise
        return 1
    shutil.rmtree(directory)
    print(chaos.summary(seed))
    return 0


def main(words: list[str] | None = None, gentle: bool = False) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--brokers", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=100.0, help="events a second")
    args = parser.parse_args(words)
    with suppress(KeyboardInterrupt):
        return asyncio.run(_main(args.seed, args.brokers, args.rate, 60 * args.minutes, gentle))
    return 1


if __name__ == "__main__":
    sys.exit(main())
