from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t

from matchengine cimport _c


cdef enum Walk:
    WALKED
    NOT_PLAIN  # something that values.py has to copy first
    REFUSED  # not acceptable; refusal() says why


cdef struct Frame:
    PyObject *container  # borrowed: nothing runs that could free it
    Py_ssize_t position
    uint32_t node  # as in key_cache.h


cdef class Scratch:
    cdef _c.me_event *event
    cdef Frame *frames
    cdef uint32_t frame_room
    cdef _c.heap heap
    cdef _c.key_cache keys
    # the walk that is under way
    cdef _c.me_engine *engine
    cdef const _c.me_limits *limits
    cdef bint copied
    cdef uint32_t depth
    cdef uint64_t scalars, bytes
    # why it was refused
    cdef int reason
    cdef const char *broken
    cdef uint64_t found, maximum

    cdef Walk walk(
        self, _c.me_engine *engine, const _c.me_limits *limits, dict event, bint copied) noexcept
    cdef void look_ahead(self, list events, Py_ssize_t at, Py_ssize_t end) noexcept
    cdef Walk lead(
        self, uint32_t parent, PyObject *key, uint32_t *node, const char **name, Py_ssize_t *size
    ) noexcept
    cdef uint32_t node_of(self, uint32_t path) noexcept
    cdef void keep(self, PyObject *key, uint32_t parent, uint32_t node, uint32_t size) noexcept
    cdef Walk open(self, PyObject *container, uint32_t node) noexcept
    cdef Walk refuse(self, const char *limit, uint64_t value, uint64_t maximum) noexcept
    cdef bint is_text_at_fault(self) noexcept
    cdef object refusal(self)
    cdef const char *text(self, object text, Py_ssize_t *size) noexcept
    cdef Walk put(
        self, uint32_t node, const char *key, Py_ssize_t key_size, object value) noexcept
    cdef Walk read(self, object value, _c.me_value *v) noexcept
    cdef Walk check_digits(self, uint64_t digits) noexcept
