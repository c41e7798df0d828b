"""Batches are cut into parts that fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from brokers.parts import BYTES, COUNT, parts

SIZES = st.lists(st.sampled_from([0, 1, BYTES // 3, BYTES // 2, BYTES, 3 * BYTES]), max_size=12)


@given(SIZES, st.sampled_from([1, COUNT // 2, COUNT + 1]))
def test_parts_fit_and_are_the_batch(sizes: list[int], times: int) -> None:
    batch = list(enumerate(sizes * times))
    found = list(parts(batch, [size for _, size in batch]))
    assert [one for part in found for one in part] == batch
    for part in found:
        assert len(part) <= COUNT
        assert len(part) == 1 or sum(size for _, size in part) <= BYTES
    assert all(found) or not batch
