"""The simulator: all brokers, links and clients of an overlay in one process, from one seed.

    result = run(Options(preset="default", seed=7, faults=tuple(FAULTS), swarm=True), make_node)
    result.failure        # None, or which promise was broken, and how

Time is virtual and chance is seeded, so a seed is a whole history: what fails once fails again, on
any machine, and `result.trace`, a hash of all that nodes were handed, is the same. The parts:

    agenda, chance      virtual time; draws, one stream for each concern
    graph, network      who is connected; connections, and what can happen to frames
    process, client     what a node and a client live in
    conditions          filters of the crowd, and the evaluator that the oracle believes
    workload, faults    what the crowd does; what goes wrong
    windows, oracle     when something may be lost; the judge
    run, trace          one history, from boot to empty tables; its hash, the story of an event
    many, coverage      many seeds on many cores; what a long run should have met
    figures             what the literature shows, measured on a network without faults
    command             `matchengine sim`
"""

from __future__ import annotations

from brokers.simulation.failure import Failure
from brokers.simulation.faults import FAULTS
from brokers.simulation.graph import SHAPES
from brokers.simulation.many import run_many
from brokers.simulation.process import MakeNode
from brokers.simulation.run import CheckTables, Options, Result, run

__all__ = ["FAULTS", "SHAPES", "CheckTables", "Failure", "MakeNode", "Options", "Result", "run"]
__all__ += ["run_many"]
