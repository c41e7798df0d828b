from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from matchengine cimport _c
from matchengine._engine cimport Pin, Store


cdef struct Numbers:  # a growing array of uint32
    uint32_t *items
    Py_ssize_t count
    Py_ssize_t room


cdef inline bint numbers_add(Numbers *n, const uint32_t *items, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t room = n.room
    cdef void *larger
    if n.count + count > room:
        room = 2 * (n.count + count) + 64
        larger = realloc(n.items, room * sizeof(uint32_t))
        if larger == NULL:
            return False
        n.items = <uint32_t *>larger
        n.room = room
    if count > 0:
        memcpy(n.items + n.count, items, count * sizeof(uint32_t))
    n.count += count
    return True


cdef struct Results:
    _c.me_mode mode  # what is asked of each event
    Numbers found  # by all events, one after another
    Numbers counts  # of them, how many by each event


cdef inline bint results_add(Results *r, const uint32_t *found, uint32_t count) noexcept nogil:
    return numbers_add(&r.found, found, count) and numbers_add(&r.counts, &count, 1)


cdef inline void results_free(Results *r) noexcept:
    free(r.found.items)
    free(r.counts.items)


cdef class Matches:
    cdef Store engine
    cdef Pin pin
    #: int64 array of len(self) + 1 positions in `handles`.
    cdef readonly object offsets
    #: uint32 array of the handles of all events, one after another.
    cdef readonly object handles


cdef Results results_of(_c.me_mode mode) noexcept
cdef Matches make_matches(Store engine, Pin pin, const Results *results)
cdef list lists_of(const Results *results)
