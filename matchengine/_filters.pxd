# What _operands.pyx shares with _filters.pyx.

from libc.stdint cimport uint64_t

from matchengine cimport _c


cdef class _Writer:
    cdef _c.heap heap
    cdef _c.filter_writer w

    cdef bytes result(self)
    cdef bytes built(self)


cdef bint read_value(object value, uint64_t digits, _c.me_value *out, list keep) except -1
cdef object value_of(const _c.me_value *v)
