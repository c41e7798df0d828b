from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from matchengine cimport _c


cdef struct Frame:
    PyObject *container  # borrowed: nothing runs that could free it
    Py_ssize_t position
    uint32_t path


cdef class Scratch:
    cdef _c.me_event *event
    cdef Frame *frames
    cdef uint32_t frame_room
    # the walk that is under way
    cdef _c.me_engine *engine
    cdef const _c.me_limits *limits
    cdef uint32_t depth
    cdef uint64_t scalars, bytes

    cdef bint walk(self, _c.me_engine *engine, const _c.me_limits *limits, dict event) except -1
    cdef int open(self, PyObject *container, uint32_t path) except -1
    cdef int check(self, str name, uint64_t value, uint64_t maximum) except -1
    cdef const char *text(self, object text, Py_ssize_t *size) except NULL
    cdef bint put(
        self, uint32_t path, const char *key, Py_ssize_t key_size, object value) except -1
    cdef int big(self, object value, _c.me_value *v, int overflow) except -1
    cdef str dotted(self)
