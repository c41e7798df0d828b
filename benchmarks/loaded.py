"""Workloads and matchers that the benchmarks share, each made once."""

from collections.abc import Callable
from functools import cache

import workloads
from matchengine import Matcher
from workloads import JSON_BYTES, SIZES, Workload

MAKE: dict[str, Callable[[int], Workload]] = {
    "w1_dense": workloads.w1_dense,
    "w1_sparse": workloads.w1_sparse,
    "json_small": workloads.json_small,
}
#: Every workload, W1 by number of subscriptions and json_small by bytes of an event.
CASES = [
    *((name, size) for name in ("w1_dense", "w1_sparse") for size in SIZES),
    *(("json_small", size) for size in JSON_BYTES),
]


@cache
def workload_of(name: str, size: int) -> Workload:
    return MAKE[name](size)


@cache
def matcher_of(name: str, size: int) -> Matcher[int]:
    """A loaded matcher that has seen some events."""
    workload = workload_of(name, size)
    matcher: Matcher[int] = Matcher()
    matcher.add_many(list(enumerate(workload.filters)))
    matcher.match_batch(workload.warmup)
    return matcher
