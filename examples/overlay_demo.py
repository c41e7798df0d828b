"""Five brokers in a ring, ten thousand subscriptions, and trades that are published at two of them.

  a ── b          Every broker is a process, which knows only its neighbours when it starts.
 /      \\         Each has ten clients, each client 199 rules, and one for the bell that ends
e        c        trading. Half of the trades are published at a, the other half at c. Who
 \\      /         got what is compared with one matcher that holds all rules; what it cost,
  ── d ──         with other strategies (overlay_strategies.py).
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from time import perf_counter

from overlay_strategies import (
    ADVERT,
    BROKERS,
    CLIENTS,
    FEEDS,
    LINKS,
    RULES,
    TOGETHER,
    TRADES,
    Got,
    Name,
    Status,
    Workload,
    check,
    cost,
    draw,
)

from brokers import BrokerError, Client, Subscription, connect
from brokers.aio.run import run

PATIENCE = 180.0  # seconds, for what takes ten when the machine has nothing else to do

#: Strategies to compare, in two processes that take about as long as each other.
COMPARED = [["default", "flooding", "siena"],
            ["central", "siena-hierarchical", "siena-adv", "medym", "rendezvous"]]  # fmt: skip


# ---- five processes -----------------------------------------------------------------------------


@asynccontextmanager
async def started(name: str, *arguments: str) -> AsyncIterator[Process]:
    """Python with these arguments, as a process that ends when the block does, however it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        ended = process.returncode
        with suppress(ProcessLookupError):
            process.terminate()
        _, said = await process.communicate()
        if ended:
            print(f"{name} had ended, with {ended}: {said.decode()}", file=sys.stderr)


async def start_brokers(stack: AsyncExitStack) -> dict[str, str]:
    """Start the ring; where does each broker listen?"""
    addresses: dict[str, str] = {}
    for name in BROKERS:
        peers = [peer for link in LINKS if name in link for peer in link if peer in addresses]
        calls = [f"--peer={addresses[peer]}" for peer in peers]
        process = await stack.enter_async_context(
            started(f"broker {name}", "-P", "-m", "matchengine", "broker", f"--name={name}",
                    "--listen=127.0.0.1:0", *calls)
        )  # fmt: skip
        assert process.stderr
        said = (await process.stderr.readline()).decode().strip()
        if not said.startswith("listening on "):
            raise BrokerError(f"broker {name} did not start: {said}")
        addresses[name] = said.removeprefix("listening on ")
        print(
            f"  {name} listens on {addresses[name]}, calls {', '.join(peers) or 'nobody'}",
            flush=True,
        )
    return addresses


async def ask_all(clients: dict[str, list[Client]]) -> dict[str, Status]:
    """What each broker says about itself."""
    return {name: json.loads(await own[0].ask("status")) for name, own in clients.items()}


async def note(subscription: Subscription, name: Name, received: Counter[Got]) -> None:
    """Note all that comes. Bells are the last events of their feeds: with them, all is in."""
    bells = 0
    async for event in subscription:
        received[name, event.body] += 1
        bells += name.rule == RULES
        if bells == len(FEEDS):
            return


async def publish(feed: Client, events: list[bytes]) -> None:
    """Publish events, and wait until the broker has taken them all."""
    for event in events:
        await feed.publish(event)
    await feed.drain()


async def trade(workload: Workload) -> Status:
    """Run brokers and clients, say who got what, and return what it cost."""
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
        print("Five brokers, each a process:", flush=True)
        addresses = await start_brokers(stack)
        clients = {
            name: [await stack.enter_async_context(connect(at)) for _ in range(CLIENTS)]
            for name, at in addresses.items()
        }
        while any(len(one["brokers"]) < len(BROKERS) for one in (await ask_all(clients)).values()):
            await asyncio.sleep(0.05)
        feeds = {}
        for at in FEEDS:
            feeds[at] = await stack.enter_async_context(connect(addresses[at], name=f"feed {at}"))
            await feeds[at].advertise(ADVERT)

        print(f"{len(workload.filters):,} subscriptions ...", end=" ", flush=True)
        start = perf_counter()
        subscriptions: dict[Name, Subscription] = {}

        async def subscribe(broker: str, number: int, client: Client) -> None:
            for first in range(0, RULES + 1, TOGETHER):
                names = [Name(broker, number, first + more) for more in range(TOGETHER)]
                texts = [workload.filters[name] for name in names]
                answers = await asyncio.gather(*map(client.subscribe, texts))
                subscriptions.update(zip(names, answers, strict=True))

        await asyncio.gather(
            *(subscribe(broker, *one) for broker, own in clients.items() for one in enumerate(own))
        )
        print(f"are known wherever they have to be after {perf_counter() - start:.1f} s.")
        before = await ask_all(clients)

        print(f"{TRADES:,} trades, published at {' and '.join(FEEDS)} ...", end=" ", flush=True)
        start = perf_counter()
        received: Counter[Got] = Counter()
        notes = {
            name: asyncio.create_task(note(subscription, name, received))
            for name, subscription in subscriptions.items()
        }
        await asyncio.gather(
            *(publish(feeds[at], events) for at, events in workload.feeds.items()),
            *(task for name, task in notes.items() if name.rule == RULES),
        )
        print(f"have arrived after {perf_counter() - start:.1f} s.")
        check("the brokers", received, workload.wanted)
        after = await ask_all(clients)
    show(after, received)
    return cost("default, as above", before, after)


def show(statuses: dict[str, Status], received: Counter[Got]) -> None:
    """Print who got what."""
    print(
        f"{received.total():,} deliveries: exactly those that one matcher with all rules finds.\n"
    )
    print("        subscrip-                         what others   events to   over its links came")
    print("broker     tions   covered   merged   told  have to get   its clients   events from")
    for name, one in statuses.items():
        got = sum(n for (at, _), n in received.items() if at.broker == name)
        came = ", ".join(f"{n} {link['events_received']:,}" for n, link in one["links"].items())
        print(f"{name:6}{one['subscriptions']:>10,}{one['covered']:>10,}{one['merged']:>9,}"
              f"{one['outputs']:>7,}{one['entries']:>14,}{got:>12,}   {came}")  # fmt: skip


async def compare(presets: list[str]) -> None:
    """Print what these strategies cost, as a process of its own finds out."""
    script = Path(__file__).with_name("overlay_strategies.py")
    async with started("the comparison", str(script), *presets) as process:
        assert process.stdout
        async for line in process.stdout:
            print_row(json.loads(line))
        if await process.wait():
            raise BrokerError("a comparison has failed")


def print_row(row: Status) -> None:
    """One line of the second table."""
    total = row["interest"] + row["events"]
    print(f"{row['strategy']:20}{row['interest']:>20,}{row['events']:>12,}{total:>12,}"
          f"{row['entries']:>17,}", flush=True)  # fmt: skip


async def main() -> int:
    """All of it."""
    try:
        row = await trade(draw())
        print("\nWhat it would have cost otherwise, found with the same nodes and no processes.")
        print("                    messages over links:                  entries in all")
        print("strategy             subscriptions etc.      events      in all           tables")
        print_row(row)
        await asyncio.gather(*map(compare, COMPARED))
    except TimeoutError:
        print(f"\noverlay_demo: not done after {PATIENCE:.0f} s", file=sys.stderr)
        return 1
    except (BrokerError, OSError) as error:
        print(f"\noverlay_demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(main, interrupted=130))
