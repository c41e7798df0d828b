"""What a batch found: for event i, items[offsets[i]:offsets[i + 1]].

While a batch is matched its results are two growing arrays, all that was found and how much of it
each event found. Handles become a `Matches`, which is NumPy's view of the two; ids are looked up
when somebody asks.
"""

import operator

import numpy as np

cimport cython


@cython.no_gc_clear  # the pin must still be there when it is let go
cdef class Matches:
    """What a batch matched: for event i, handles[offsets[i]:offsets[i + 1]].

    A Matches stays valid whatever happens to the matcher afterwards: it gives the ids as of its
    own match, because no handle in it is used again while it is alive.
    """

    def __dealloc__(self):
        if self.pin is not None:
            self.engine.drop_pin(self.pin)

    def __len__(self):
        """The number of events."""
        return len(self.offsets) - 1

    def __getitem__(self, index):
        """The ids that event `index` matched; a slice gives a list of such lists."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = operator.index(index)
        if i < 0:
            i += len(self)
        if not 0 <= i < len(self):
            raise IndexError("event index out of range")
        table = self.engine.table
        return [table[handle] for handle in self.handles[self.offsets[i]:self.offsets[i + 1]]]

    def __iter__(self):
        """The ids of each event in turn."""
        return (self[i] for i in range(len(self)))

    def __reduce__(self):
        raise TypeError("a Matches cannot be copied or pickled; its arrays can")

    def __repr__(self):
        return f"<Matches: {len(self)} events, {len(self.handles)} matches>"


cdef Results results_of(_c.me_mode mode) noexcept:
    """No results yet."""
    return Results(mode, Numbers(NULL, 0, 0), Numbers(NULL, 0, 0))


cdef Matches make_matches(Store engine, Pin pin, const Results *results):
    """Handles, which hold on to the state of the matcher that they are of."""
    cdef Matches m = Matches.__new__(Matches)
    cdef Py_ssize_t i
    cdef int64_t total = 0
    cdef int64_t[::1] offsets
    cdef uint32_t[::1] kept
    m.engine = engine
    m.offsets = np.zeros(results.counts.count + 1, dtype=np.int64)
    m.handles = np.empty(results.found.count, dtype=np.uint32)
    offsets = m.offsets
    for i in range(results.counts.count):
        total += results.counts.items[i]
        offsets[i + 1] = total
    if results.found.count > 0:
        kept = m.handles
        memcpy(&kept[0], results.found.items, results.found.count * sizeof(uint32_t))
    m.offsets.setflags(write=False)
    m.handles.setflags(write=False)
    m.pin = engine.take_pin_of(pin)
    return m


cdef list lists_of(const Results *results):
    """Plain ints, a list for each event."""
    cdef list lists = [None] * results.counts.count
    cdef list one
    cdef Py_ssize_t i
    cdef uint32_t k, count
    cdef const uint32_t *at = results.found.items
    for i in range(results.counts.count):
        count = results.counts.items[i]
        one = [None] * count
        for k in range(count):
            one[k] = at[k]
        at += count
        lists[i] = one
    return lists
