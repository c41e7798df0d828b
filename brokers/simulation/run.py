"""One run: boot, work through calm and faults, mend, and see that nothing is left.

    boot | calm | faults | calm | faults | ... | mend, converge | probe | take all back | rest

A time of faults is followed by as much calm at least, after the time to converge. The run ends when
so many messages have been handed to nodes; what comes after that is the proof that all is well.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from brokers.messages import Digest, Frame, Ping
from brokers.settings import Settings
from brokers.simulation.agenda import Agenda
from brokers.simulation.chance import Chance
from brokers.simulation.conditions import body_of, draw_values
from brokers.simulation.failure import Failure
from brokers.simulation.faults import FAULTS, Mend, Scene
from brokers.simulation.graph import SHAPES, diameter, distances, draw_graph, is_connected
from brokers.simulation.network import DELAYS, DIAL_TIMEOUT, LATEST, Network
from brokers.simulation.oracle import HORIZON, Oracle
from brokers.simulation.process import MakeNode, Node, Process, World
from brokers.simulation.trace import Trace
from brokers.simulation.windows import UNDER_WAY, Windows
from brokers.simulation.workload import Workload

__all__ = ["Options", "Result", "run"]

#: How often the oracle looks whether everybody has been answered, and judges what is old.
SWEEP: Final = 2.0
#: More messages than were asked for, before a run is given up as endless: what mending and taking
#: back may cost a large overlay. A loop makes more in a few virtual seconds.
MOST_MORE: Final = 300_000
#: What is said when there is nothing to say.
SMALL_TALK: Final = (Ping, Digest)
#: How long nothing else may be said at the end.
REST: Final = 2.0
#: Publications that may have gathered at a broker (three clients, sixteen each), times the half a
#: second that a window may need to come back.
BACKLOG: Final = 24.0
#: Windows of each broker that may be full of events for one client: the source may have begun anew.
WINDOWS_BEHIND: Final = 3
#: Presets whose events go to a meeting point first, and from there may come back the same way.
DETOURS: Final = frozenset({"central", "rendezvous", "siena-hierarchical"})

#: The body of an event, a broker where it might be published, and the brokers that want it.
Question = tuple[bytes, str, Sequence[str]]
#: What else must hold of all nodes at quiet points, given the nodes by name, (broker, filter) of
#: all that is acknowledged, (broker, broker) of all connections, and questions. Raises `Failure`.
CheckTables = Callable[
    [
        Mapping[str, Any],
        Sequence[tuple[str, str]],
        Sequence[tuple[str, str]],
        Sequence[Question],
    ],
    None,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is run; with the seed, all there is to know."""

    preset: str
    seed: int = 0
    brokers: int = 9
    messages: int = 20_000
    shape: str = "any"  #: one of `SHAPES`, or "any": drawn
    faults: tuple[str, ...] = ()  #: names of FAULTS; with `swarm`, some of them are drawn
    swarm: bool = False


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of it."""

    seed: int
    failure: str | None = None
    promise: str | None = None
    event: bytes | None = None  #: the event that shows the failure
    story: list[str] = field(default_factory=list)
    messages: int = 0
    published: int = 0
    deliveries: int = 0
    seconds: float = 0.0  #: of virtual time
    cpu: float = 0.0  #: seconds of a core that it took
    excused: Counter[str] = field(default_factory=Counter)
    counters: Counter[str] = field(default_factory=Counter)
    trace: str = ""  #: hash of what was handed to nodes
    drawn: str = ""  #: the graph, and the faults


def run(
    options: Options,
    make: MakeNode,
    watched: bytes | None = None,
    check_tables: CheckTables | None = None,
) -> Result:
    """Run one seed. A failure is in the result; `watched` fills its story."""
    one = _Run(options, make, watched, check_tables)
    try:
        one.run()
    except Failure as failure:
        one.result.failure = str(failure)
        one.result.promise = failure.promise
        one.result.event = failure.event
    except Exception as error:  # a node's own
        where = traceback.format_exc(limit=-4).strip()
        one.result.failure = f"exception: {type(error).__name__}: {error}\n{where}"
        one.result.promise = "exception"
    return one.sum_up()


def _draw_settings(chance: Chance) -> Settings:
    """Windows so small that they fill, an attribute that events have, few adverts."""
    return Settings(
        window=chance.pick((2, 16, 1_024)),
        client_window=chance.pick((16, 1_024)),
        adverts=chance.pick((1, 256)),
        key=chance.pick(("key", "s")),
    )


class _Run:
    """One run under way."""

    def __init__(
        self,
        options: Options,
        make: MakeNode,
        watched: bytes | None,
        check_tables: CheckTables | None,
    ) -> None:
        seed = options.seed
        self.options = options
        self.result = Result(seed=seed)
        self.settings = _draw_settings(Chance(seed, "settings"))
        self.agenda = Agenda()
        self.windows = Windows()
        self.trace = Trace(watched)
        self.chance = Chance(seed, "faults")
        self.network = Network(self.agenda, Chance(seed, "network"))
        most = options.messages + MOST_MORE
        world = World(self.agenda, self.network, self.trace, self.windows, most)
        self.world = world
        width = len(str(options.brokers - 1))
        self.processes = [
            Process(f"b{number:0{width}}", world, make, options.preset)
            for number in range(options.brokers)
        ]
        self._check_tables = check_tables
        self.faults = self._draw_faults()
        self.network_edges = self._draw_network()
        if "join" in self.faults:
            self._draw_late()
        in_order = options.preset != "rendezvous"
        self.oracle = Oracle(self.agenda, self.windows, self._tree(), in_order=in_order)
        self.oracle.patience = BACKLOG / self.settings.window
        self.trace.crossed = self.oracle.crossed
        self.oracle.tell = self.trace.tell
        self.oracle.watched = watched
        drops = "slow" in self.faults
        self.workload = Workload(
            seed, self.agenda, self.oracle, self.processes, self.settings, drops
        )
        self._mends: list[tuple[int, Mend, float]] = []
        self._held_until = (
            0.0  # faults were to last; what clogs hold back comes then, mended or not
        )
        self._next_sweep = SWEEP
        self._is_ending = False
        self._asking = Chance(seed, "questions")

    def _counters(self) -> Counter[str]:
        """What all nodes have counted, those that are gone included."""
        counters = self.world.counters.copy()
        for process in self.processes:
            if process.node is not None:
                counters.update(process.node.status()["counters"])
        return counters

    # ---- what is drawn ----

    def _draw_faults(self) -> list[str]:
        """Which kinds this seed has."""
        faults = self.options.faults
        if not self.options.swarm or not faults:
            return list(faults)
        chosen = Chance(self.options.seed, "swarm").some(faults)
        return [name for name in faults if name in chosen]

    def _draw_network(self) -> list[tuple[int, int]]:
        chance = Chance(self.options.seed, "graph")
        drawn = chance.pick(("random", *SHAPES))
        shape = drawn if self.options.shape == "any" else self.options.shape
        extra = chance.whole(0, 2) if self.options.shape == "any" else 0
        edges = draw_graph(shape, self.options.brokers, extra, chance)
        for a, b in edges:
            ends = (self.processes[a], self.processes[b])
            dialler, listener = ends if chance.happens(0.5) else ends[::-1]
            self.network.add(dialler, listener)
        faults = ", ".join(self.faults) or "none"
        self.result.drawn = f"{shape} of {len(edges)} links; faults: {faults}"
        return edges

    def _draw_late(self) -> None:
        """Some brokers do not begin with the others, who are connected without them."""
        chance = Chance(self.options.seed, "late")
        early = list(range(self.options.brokers))
        for number in chance.shuffled(early)[: chance.whole(1, 3)]:
            others = [one for one in early if one != number]
            if len(others) > 1 and is_connected(others, self.network_edges):
                early = others
                self.processes[number].is_late = True

    def _tree(self) -> int:
        """How many links an event may cross while all is well."""
        if self.options.preset == "flooding":
            return 2 * max(1, len(self.network_edges))
        return (2 if self.options.preset in DETOURS else 1) * max(1, self.options.brokers - 1)

    def _convergence(self) -> float:
        """How long brokers have to find a fault, connect again and tell everybody."""
        alive = [number for number, one in enumerate(self.processes) if one.node is not None]
        numbers = {process.name: number for number, process in enumerate(self.processes)}
        edges = [
            (numbers[edge.dialler.name], numbers[edge.listener.name]) for edge in self.network.edges
        ]
        hops = diameter(alive, edges) if alive else 0
        detection = self.settings.heartbeat + self.settings.dead_after
        # A dial may just have been lost, and the next one, too, as the last fault ended.
        dialling = 2.5 * DIAL_TIMEOUT
        telling = 2 * (hops + 1) * 1.5 * DELAYS[1] + LATEST
        return detection + dialling + telling + self.settings.retain

    # ---- the run ----

    def run(self) -> None:
        """Raises `Failure`."""
        boot = self.windows.open(0.0, loses=False)
        for process in self.processes:
            if not process.is_late:
                process.start(self.settings)
        self.workload.start()
        converge = self._convergence()
        self.windows.close(boot, converge)
        working = self._work(converge + 2.0)
        while working:
            length = self.chance.between(1.0, 6.0 if self.chance.happens(0.6) else 30.0)
            if self.faults:
                self._plan(length)
            working = self._work(length)
            self._mend()
            calm = max(length, self._convergence() + self.chance.between(4.0, 10.0))
            if "corruption" in self.faults:
                calm += self.settings.audit
            working = working and self._work(calm)
            if working:
                self.workload.hold(True)
                self._wait(UNDER_WAY)
                self._check_quiet()
                self.workload.hold(False)
        self._finish()

    def _work(self, seconds: float) -> bool:
        """Let time pass, unless the messages are used up."""
        end = self.agenda.now + seconds
        while self.agenda.now < end and self.world.messages < self.options.messages:
            self._pass(min(0.25, end - self.agenda.now))
        return self.world.messages < self.options.messages

    def _pass(self, seconds: float) -> None:
        self.agenda.run_until(self.agenda.now + seconds)
        if self.agenda.now >= self._next_sweep:
            self._next_sweep = self.agenda.now + SWEEP
            self.oracle.check_answers(self.workload.clients)
            self.oracle.judge(self.agenda.now - HORIZON)
            if "slow" in self.faults:
                self._check_queues()

    def _check_queues(self) -> None:
        """Behind a client that is slow waits what windows let through, and no more."""
        let_through = WINDOWS_BEHIND * len(self.processes) * self.settings.window
        for process in self.processes:
            known = process.node.status().get("clients", {}) if process.node is not None else {}
            for address, client in process.clients.items():
                queued = known.get(address, {}).get("queued", 0)
                if queued > client.limit + let_through:
                    raise Failure("queue", f"{queued} events wait for {client}: {client.limit}")

    def _wait(self, seconds: float) -> None:
        end = self.agenda.now + seconds
        while self.agenda.now < end:
            self._pass(min(SWEEP, end - self.agenda.now))

    # ---- faults ----

    def _plan(self, length: float) -> None:
        kinds = self.chance.shuffled(self.faults)[: self.chance.whole(1, 3)]
        for kind in kinds:
            start = self.chance.between(0.0, 0.5 * length)
            seconds = (length - start) * self.chance.between(0.2, 1.0)
            self.agenda.after(start, self._begin, kind, seconds)

    def _begin(self, kind: str, seconds: float) -> None:
        fault = FAULTS[kind]
        scene = Scene(
            self.agenda, self.chance, self.network, self.processes, self.workload, self.oracle,
            self.settings,
        )  # fmt: skip
        if self._is_ending or not scene.running():
            return
        window = self.windows.open(self.agenda.now, fault.loses)
        mend = fault.begin(scene, seconds)
        self.trace.tell(self.agenda.now, f"fault: {kind}")
        self.world.counters[f"fault {kind}"] += 1
        entry = window, mend, self.settings.audit if fault.is_silent else 0.0
        self._mends.append(entry)
        self._held_until = max(self._held_until, self.agenda.now + seconds)
        self.agenda.after(seconds, self._mend_one, entry)

    def _mend_one(self, entry: tuple[int, Mend, float], _: object) -> None:
        if entry in self._mends:
            self._mends.remove(entry)
            window, mend, notice = entry
            mend()
            self.windows.close(window, self.agenda.now + notice + self._convergence())

    def _mend(self) -> None:
        for entry in list(self._mends):
            self._mend_one(entry, None)

    # ---- the end ----

    def _finish(self) -> None:
        self._is_ending = True
        self._mend()
        end = self.windows.open(self.agenda.now, loses=False)
        left = max(0.0, self._held_until - self.agenda.now)
        self.windows.close(end, self.agenda.now + left + self._convergence())
        self.workload.stop()
        self._wait(left + self._convergence())
        probed = self.agenda.now
        self.workload.probe()
        self._wait(UNDER_WAY + SWEEP)
        if all(client.is_here for client in self.workload.clients):  # nobody was sent away
            self._check_ways(probed)
        self._check_quiet()
        self.workload.gather()  # some could not consume fast enough, and were sent away
        self._wait(SWEEP)
        self.workload.take_back()
        self._wait(UNDER_WAY + SWEEP)
        self.workload.leave()
        self._wait(self._convergence())
        self._rest()
        for name, node in self._nodes().items():
            entries = node.status()["entries"]
            if entries:
                raise Failure("stale", f"{name} holds {entries} entries, and nobody wants anything")

    def _nodes(self) -> dict[str, Node]:
        return {one.name: one.node for one in self.processes if one.node is not None}

    def _check_quiet(self) -> None:
        """Nothing is under way, and nothing is wrong: all must be in place."""
        self.oracle.judge(self.agenda.now)
        for edge in self.network.edges:
            ends = (edge.dialler, edge.listener)
            if not edge.is_up and all(process.is_running for process in ends):
                names = " and ".join(process.name for process in ends)
                raise Failure("links", f"{names} have not found each other again")
        if self._check_tables is not None:
            settled, pairs = self.oracle.settled_filters(), self.network.pairs()
            self._check_tables(self._nodes(), settled, pairs, self._questions())

    def _questions(self) -> list[Question]:
        """An event, asked of everybody who has advertised something like it."""
        values = draw_values(self._asking)
        body, wanted = body_of(values), self.oracle.wanted_by(values)
        sources = [one.process.name for one in self.workload.clients if one.may_publish(values)]
        return [(body, source, wanted) for source in dict.fromkeys(sources)]

    def _check_ways(self, since: float) -> None:
        """Nothing has changed for long: events go where they are wanted, and nowhere else."""
        far = {
            "default": 1,
            "medym": 1,
            "siena": len(self.processes),
            "siena-adv": len(self.processes),
        }
        if self.options.preset not in far:
            return
        numbers = {process.name: number for number, process in enumerate(self.processes)}
        edges = [(numbers[a], numbers[b]) for a, b in self.network.pairs()]
        for published, wanted in self.oracle.settled_since(since):
            source = numbers[published.publisher[0]]
            away = distances(source, range(len(numbers)), edges)
            links = sum(away[numbers[name]] for name in wanted) * far[self.options.preset]
            if published.hops > links:
                text = f"{published.body.decode()} crossed {published.hops} links; it takes {links}"
                raise Failure("transmissions", f"{text} to all who want it", published.body)

    def _rest(self) -> None:
        said: Counter[str] = Counter()

        def listen(_: float, __: str, ___: str, message: Any) -> None:
            inner = message.message if type(message) is Frame else message
            if inner is not None and type(inner) not in SMALL_TALK:
                said[type(inner).__name__] += 1

        observer, self.trace.observer = self.trace.observer, listen
        self._wait(REST)
        self.trace.observer = observer
        if said:
            raise Failure("rest", f"nobody wants anything, and brokers say {dict(said)}")

    def sum_up(self) -> Result:
        """The result, with all figures."""
        result, oracle = self.result, self.oracle
        result.story = self.trace.story
        result.messages = self.world.messages
        result.published = oracle.counts["published"]
        result.deliveries = oracle.counts["deliveries"]
        result.seconds = self.agenda.now
        result.excused = oracle.excused
        result.counters = self._counters()
        for name in ("lost", "duplicated", "reordered"):
            result.counters[f"frames {name}"] += getattr(self.network, name)
        result.counters["refused"] += oracle.counts["refused"]
        result.trace = self.trace.digest()
        return result
