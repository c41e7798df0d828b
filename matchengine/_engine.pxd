from libc.stdint cimport uint32_t

from matchengine cimport _c
from matchengine._mapping cimport Scratch


cdef class Pin:
    cdef Py_ssize_t count
    cdef long long epoch


cdef class Store:
    cdef _c.me_engine *engine  # owned
    cdef _c.me_limits limits
    cdef list table  # id per handle; None where nothing is
    cdef Scratch spare  # an idle scratch, or None
    cdef list scratches  # the other idle ones
    cdef object pins  # deque of Pin, oldest first; the last one is current
    cdef object retired  # deque of (epoch, handle)
    cdef Pin pin
    cdef bint opened
    cdef _c.me_counters counters

    cdef int make_engine(self) except -1
    cdef void read_lock(self) noexcept
    cdef void write_lock(self) noexcept
    cdef Pin take_pin(self)
    cdef Pin take_pin_of(self, Pin pin)
    cdef void drop_pin(self, Pin pin) noexcept
    cdef Scratch take_scratch(self)
    cdef int give_scratch(self, Scratch scratch) except -1
    cdef int let_go(self, list dropped) except -1
    cdef void learn(self) noexcept
    cdef void trim(self) noexcept
    cdef void take_back(self, uint32_t handle) noexcept
    cdef _c.me_status diagnose(self, bytes ir, _c.me_diagnosis *found) noexcept
