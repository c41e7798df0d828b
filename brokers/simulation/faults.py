"""What goes wrong, each kind by its name: how it begins, and how it is mended.

The ranges are those that simulators of databases use: up to 30 % loss, 20 % duplicates, 0.5 s out
of order, 0.3 s of delay, clogs of 5 s, pauses of 30 s, clocks 0.5 s ahead and 10 % off, a tenth of
a table corrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from brokers.settings import Settings
from brokers.simulation.agenda import Agenda
from brokers.simulation.chance import Chance
from brokers.simulation.graph import is_connected
from brokers.simulation.network import Edge, Network, Path
from brokers.simulation.oracle import Oracle
from brokers.simulation.process import Process
from brokers.simulation.workload import Workload

__all__ = ["FAULTS", "Fault", "Scene"]

Mend = Callable[[], None]
MOST_LOSS: Final = 0.3
MOST_DUPLICATION: Final = 0.2
LONGEST_CLOG: Final = 5.0
LONGEST_JUMP: Final = 0.5
MOST_DRIFT: Final = 0.1
MOST_CORRUPTION: Final = 0.1


class Scene(NamedTuple):
    """What faults act on."""

    agenda: Agenda
    chance: Chance
    network: Network
    processes: list[Process]
    workload: Workload
    oracle: Oracle
    settings: Settings

    def running(self) -> list[Process]:
        """The brokers that could be harmed."""
        return [one for one in self.processes if one.is_running]

    def paths(self) -> list[Path]:
        """All directions of all links."""
        return [path for edge in self.network.edges for path in (edge.there, edge.back)]

    def alive_and_linked(self, brokers: Sequence[Process], edges: Sequence[Edge]) -> bool:
        """Are these brokers connected by these edges?"""
        numbers = {process.name: number for number, process in enumerate(self.processes)}
        pairs = [(numbers[e.dialler.name], numbers[e.listener.name]) for e in edges]
        return is_connected([numbers[one.name] for one in brokers], pairs)


def _nothing() -> None:
    pass


# ---- frames -------------------------------------------------------------------------------------


def _on_some_paths(scene: Scene, attribute: str, value: float) -> Mend:
    paths = scene.chance.some(scene.paths())
    _set_all(scene, paths, attribute, value)
    return lambda: _set_all(scene, paths, attribute, 0.0)


def _set_all(scene: Scene, paths: Sequence[Path], attribute: str, value: float) -> None:
    for path in paths:
        setattr(path, attribute, value)
        path.update(scene.agenda.now)


def _loss(scene: Scene, _: float) -> Mend:
    return _on_some_paths(scene, "loss", MOST_LOSS * scene.chance.random() ** 2)


def _duplication(scene: Scene, _: float) -> Mend:
    return _on_some_paths(scene, "duplication", MOST_DUPLICATION * scene.chance.random())


def _reorder(scene: Scene, _: float) -> Mend:
    return _on_some_paths(scene, "reorder", scene.chance.random() ** 2)


def _delay(scene: Scene, _: float) -> Mend:
    return _on_some_paths(scene, "tail", scene.chance.random())


def _clog(scene: Scene, seconds: float) -> Mend:
    until = scene.agenda.now + min(seconds, LONGEST_CLOG)
    return _on_some_paths(scene, "clogged_until", until)


def _swizzle(scene: Scene, seconds: float) -> Mend:
    """Links clog one after the other, and come back in another order."""
    edges = scene.chance.some(scene.network.edges)
    half = min(seconds, 2 * LONGEST_CLOG) / 2
    for step, edge in enumerate(edges):
        until = scene.agenda.now + half + half * scene.chance.random()
        start = half * step / len(edges)
        scene.agenda.after(start, _clog_edge, (scene, edge), until)

    def mend() -> None:
        for edge in edges:
            _set_all(scene, (edge.there, edge.back), "clogged_until", 0.0)

    return mend


def _clog_edge(what: tuple[Scene, Edge], until: float) -> None:
    scene, edge = what
    if scene.agenda.now < until:
        _set_all(scene, (edge.there, edge.back), "clogged_until", until)


def _block(scene: Scene, paths: Sequence[Path]) -> Mend:
    for path in paths:
        path.blocked += 1
        path.update(scene.agenda.now)

    def mend() -> None:
        for path in paths:
            path.blocked -= 1
            path.update(scene.agenda.now)

    return mend


def _asymmetric(scene: Scene, _: float) -> Mend:
    edges = scene.chance.some(scene.network.edges)
    return _block(scene, [scene.chance.pick((edge.there, edge.back)) for edge in edges])


def _partition(scene: Scene, _: float) -> Mend:
    """Some brokers hear nothing of the others."""
    island = scene.chance.some(scene.processes)[: max(1, len(scene.processes) - 1)]
    cut = [e for e in scene.network.edges if (e.dialler in island) != (e.listener in island)]
    return _block(scene, [path for edge in cut for path in (edge.there, edge.back)])


# ---- brokers ------------------------------------------------------------------------------------


def _stop(scene: Scene, _: float) -> Mend:
    """A broker is gone for good; the others stay connected."""
    running = scene.running()
    if len(running) == len(scene.processes) > 2:
        for process in scene.chance.shuffled(running):
            others = [one for one in running if one is not process]
            if scene.alive_and_linked(others, scene.network.edges):
                process.is_gone = True
                process.crash(silently=scene.chance.happens(0.5))
                break
    return _nothing


def _crash(scene: Scene, forget: bool) -> Mend:
    crashed = scene.chance.some(scene.running())[:2]
    for process in crashed:
        if forget:
            own = [one for one in scene.workload.clients if one.process is process]
            scene.oracle.wiped(own)
            process.store.clear()
        process.crash(silently=scene.chance.happens(0.5))

    def mend() -> None:
        for process in crashed:
            process.start(scene.settings)

    return mend


def _amnesia(scene: Scene, _: float) -> Mend:
    return _crash(scene, forget=True)


def _restart(scene: Scene, _: float) -> Mend:
    return _crash(scene, forget=False)


def _join(scene: Scene, _: float) -> Mend:
    """A broker that has never been there begins, beside one that has."""
    begun = [one for one in scene.processes if not (one.is_late or one.is_gone)]
    late = [one for one in scene.processes if one.is_late]
    near = [one for one in late if scene.alive_and_linked([*begun, one], scene.network.edges)]
    if near:
        process = scene.chance.pick(near)
        process.start(scene.settings)
        scene.workload.hurry(process)
    return _nothing


def _skew(scene: Scene, _: float) -> Mend:
    """Clocks jump forward, and go faster or slower."""
    skewed = scene.chance.some(scene.processes)
    for process in skewed:
        jump = LONGEST_JUMP * scene.chance.random()
        process.set_clock(scene.chance.between(1.0 - MOST_DRIFT, 1.0 + MOST_DRIFT), jump)

    def mend() -> None:
        for process in skewed:
            process.set_clock(1.0)

    return mend


def _corruption(scene: Scene, _: float) -> Mend:
    """Some brokers forget a tenth of what neighbours want, and believe in things nobody wants."""
    for process in scene.chance.some(scene.running()):
        assert process.node is not None
        process.node.corrupt(scene.chance, MOST_CORRUPTION)
    return _nothing


def _pause(scene: Scene, _: float) -> Mend:
    paused = scene.chance.some(scene.running())[:2]
    first = scene.chance.happens(0.5)
    for process in paused:
        process.is_paused = True

    def mend() -> None:
        for process in paused:
            if process.is_paused:
                process.resume(ticks_first=first)

    return mend


# ---- links and clients --------------------------------------------------------------------------


def _add_link(scene: Scene, _: float) -> Mend:
    linked = {(e.dialler, e.listener) for e in scene.network.edges}
    linked |= {(b, a) for a, b in linked}
    running = scene.running()
    apart = [(a, b) for a in running for b in running if a is not b and (a, b) not in linked]
    if apart:
        scene.network.add(*scene.chance.pick(apart))
    return _nothing


def _remove_link(scene: Scene, _: float) -> Mend:
    """A link goes that the others can do without."""
    edges = scene.network.edges
    for edge in scene.chance.shuffled(edges):
        others = [one for one in edges if one is not edge]
        staying = [one for one in scene.processes if not one.is_gone]
        begun = [one for one in staying if not one.is_late]
        if all(scene.alive_and_linked(some, others) for some in (staying, begun)):
            scene.network.remove(edge)
            break
    return _nothing


def _storm(scene: Scene, _: float) -> Mend:
    clients = scene.chance.some(scene.workload.clients)[:3]
    for client in clients:
        scene.workload.storm(client, scene.chance.whole(5, 30))

    def mend() -> None:
        for client in clients:
            scene.workload.calm_down(client)

    return mend


def _slow(scene: Scene, _: float) -> Mend:
    """Clients consume nothing, while somebody publishes a lot."""
    clients = scene.chance.some(scene.workload.clients)[:3]
    for client in clients:
        client.consume(is_slow=True)
    scene.workload.burst(scene.chance.pick(scene.workload.clients), scene.chance.whole(0, 100))

    def mend() -> None:
        for client in clients:
            client.consume(is_slow=False)

    return mend


class Fault(NamedTuple):
    """One kind: how to begin it (it lasts so many seconds), and whether it may lose events."""

    begin: Callable[[Scene, float], Mend]
    loses: bool
    is_silent: bool = False  #: nobody notices before the next audit


FAULTS: Final[dict[str, Fault]] = {
    "loss": Fault(_loss, loses=True),
    "duplication": Fault(_duplication, loses=False),
    "reorder": Fault(_reorder, loses=True),  # who misses a frame gives up the connection
    "delay": Fault(_delay, loses=False),
    "clog": Fault(_clog, loses=True),  # a long one is taken for a dead link
    "swizzle": Fault(_swizzle, loses=True),
    "asymmetric": Fault(_asymmetric, loses=True),
    "partition": Fault(_partition, loses=True),
    "stop": Fault(_stop, loses=True),
    "amnesia": Fault(_amnesia, loses=True),
    "restart": Fault(_restart, loses=True),
    "pause": Fault(_pause, loses=True),
    "join": Fault(_join, loses=False),
    "skew": Fault(_skew, loses=False),
    "corruption": Fault(_corruption, loses=True, is_silent=True),
    "add-link": Fault(_add_link, loses=False),
    "remove-link": Fault(_remove_link, loses=True),
    "storm": Fault(_storm, loses=False),
    "slow": Fault(_slow, loses=False),
}
