"""Events from Python: a walk over plain dicts, lists, tuples and scalars into the core's scratch.

The walk runs under the engine's read lock, so it meets exact builtins only: their reading runs
nobody's code. Anything else makes it give up (the caller copies the event with values.py and comes
again), and so does nothing here recurse: open containers stand on a stack of frames.
"""

from matchengine._filters import decimal
from matchengine.errors import EventError, EventLimitExceeded

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.dict cimport PyDict_Next
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from matchengine cimport _c

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    bint PyDict_CheckExact(object o)
    bint PyList_CheckExact(object o)
    bint PyTuple_CheckExact(object o)
    bint PyUnicode_CheckExact(object o)
    bint PyLong_CheckExact(object o)
    bint PyFloat_CheckExact(object o)


cdef class Scratch:
    """One event at a time: its C scratch, and the open containers of a mapping."""

    def __cinit__(self):
        self.event = _c.me_event_new()
        self.frame_room = 16
        self.frames = <Frame *>PyMem_Malloc(self.frame_room * sizeof(Frame))
        if self.event == NULL or self.frames == NULL:
            raise MemoryError()

    def __dealloc__(self):
        _c.me_event_free(self.event)
        PyMem_Free(self.frames)

    def __reduce__(self):
        raise TypeError("it cannot be copied or pickled")

    cdef bint walk(self, _c.me_engine *engine, const _c.me_limits *limits, dict event) except -1:
        """Put the values of a mapping; False when something in it is no exact builtin.

        Read lock and GIL held. Raises EventError for what no event may hold, wanted or not.
        """
        cdef Frame *f
        cdef PyObject *key
        cdef PyObject *value
        cdef const char *name
        cdef Py_ssize_t size = 0
        cdef uint32_t path
        self.engine = engine
        self.limits = limits
        self.scalars = self.bytes = 0
        self.depth = 0
        _c.me_event_start(self.event)
        self.open(<PyObject *>event, _c.ME_ROOT)
        while self.depth > 0:
            f = &self.frames[self.depth - 1]
            path = f.path
            name = NULL
            key = NULL
            if not next_item(f, &key, &value):
                self.depth -= 1
                continue
            if key != NULL:
                if not PyUnicode_CheckExact(<object>key):
                    return False
                name = self.text(<object>key, &size)
            if not is_container(<object>value):
                if not self.put(path, name, size, <object>value):
                    return False
                continue
            if name != NULL and path != _c.ME_NO_PATH:
                path = _c.me_event_step(engine, path, name, size)
            self.open(value, path)
        self.check("event_values", self.scalars, limits.event_values)
        return True

    cdef int open(self, PyObject *container, uint32_t path) except -1:
        """Go into a container."""
        cdef void *larger
        if self.depth >= self.limits.event_depth:
            self.check("event_depth", self.depth + 1, self.limits.event_depth)
        if self.depth == self.frame_room:
            larger = PyMem_Realloc(self.frames, 2 * self.frame_room * sizeof(Frame))
            if larger == NULL:
                raise MemoryError()
            self.frames = <Frame *>larger
            self.frame_room *= 2
        self.frames[self.depth] = Frame(container, 0, path)
        self.depth += 1
        return 0

    cdef int check(self, str name, uint64_t value, uint64_t maximum) except -1:
        """Raise unless `value` is within a limit."""
        if value > maximum:
            raise EventLimitExceeded(
                f"the event exceeds the limit {name}, which is {maximum}", name, value, maximum)
        return 0

    cdef const char *text(self, object text, Py_ssize_t *size) except NULL:
        """The UTF-8 of an exact str, counted."""
        cdef const char *utf8
        try:
            utf8 = PyUnicode_AsUTF8AndSize(text, size)
        except UnicodeEncodeError:
            raise EventError("a string holds a lone surrogate", path=self.dotted())
        self.bytes += size[0]
        if self.bytes > self.limits.event_bytes:
            self.check("event_bytes", self.bytes, self.limits.event_bytes)
        return utf8

    cdef bint put(
        self, uint32_t path, const char *key, Py_ssize_t key_size, object value
    ) except -1:
        """Check a scalar, wanted or not, and put it; False when it is no exact builtin.

        It is the value of a key below `path`, or of an array (key NULL) that is on `path`.
        """
        cdef _c.me_value v
        cdef Py_ssize_t size = 0
        cdef int overflow = 0
        cdef bint done = True
        v.len = 0
        self.scalars += 1
        if PyUnicode_CheckExact(value):
            v.type = _c.ME_STRING
            v.as_.s = self.text(value, &size)
            v.len = <uint32_t>size
        elif PyLong_CheckExact(value):
            v.type = _c.ME_INT
            v.as_.i = PyLong_AsLongLongAndOverflow(value, &overflow)
            if overflow != 0 or self.limits.digits < 19:
                self.big(value, &v, overflow)
        elif PyFloat_CheckExact(value):
            v.type = _c.ME_DOUBLE
            v.as_.d = PyFloat_AS_DOUBLE(value)
        elif value is None:
            v.type = _c.ME_NULL
        elif value is True or value is False:
            v.type = _c.ME_BOOL
            v.as_.i = value is True
        else:
            return False
        if path == _c.ME_NO_PATH:
            return True
        if key != NULL:
            done = _c.me_event_put_key(self.engine, self.event, path, key, key_size, &v)
        elif _c.me_event_wants(self.engine, path):
            done = _c.me_event_put(self.event, path, &v)
        if not done:
            raise MemoryError()
        return True

    cdef int big(self, object value, _c.me_value *v, int overflow) except -1:
        """An int beyond int64, or any int where fewer than 19 digits are allowed."""
        cdef char *copy
        cdef uint64_t limit = self.limits.digits
        # 10/3 is more than log2(10), so a number with more bits than this has more digits.
        if value.bit_length() > limit * 10 // 3 + 3:
            self.check("digits", limit + 1, limit)
        digits = decimal(value).encode()
        self.check("digits", len(digits) - (value < 0), limit)
        if overflow != 0:
            copy = _c.me_event_bytes(self.event, len(digits))
            if copy == NULL:
                raise MemoryError()
            memcpy(copy, PyBytes_AS_STRING(digits), len(digits))
            v.type = _c.ME_BIG
            v.as_.s = copy
            v.len = <uint32_t>len(digits)
        return 0

    cdef str dotted(self):
        """The path of the key or value that is being read, for an error."""
        cdef uint32_t i
        cdef Frame *f
        names = []
        for i in range(self.depth):
            f = &self.frames[i]
            if PyDict_CheckExact(<object>f.container):
                key = list(<dict><object>f.container)[key_index(f)]
            else:
                key = f.position - 1
            names.append(str(key).encode(errors="replace").decode())
        return ".".join(names)


cdef inline bint next_item(Frame *f, PyObject **key, PyObject **value) noexcept:
    """The next value of an open container, with its key in a dict; False at the end."""
    if PyDict_CheckExact(<object>f.container):
        return PyDict_Next(<object>f.container, &f.position, key, value)
    if PyList_CheckExact(<object>f.container):
        if f.position >= PyList_GET_SIZE(<object>f.container):
            return False
        value[0] = PyList_GET_ITEM(<object>f.container, f.position)
    else:
        if f.position >= PyTuple_GET_SIZE(<object>f.container):
            return False
        value[0] = PyTuple_GET_ITEM(<object>f.container, f.position)
    f.position += 1
    return True


cdef inline bint is_container(object value) noexcept:
    return PyDict_CheckExact(value) or PyList_CheckExact(value) or PyTuple_CheckExact(value)


cdef Py_ssize_t key_index(Frame *f):
    """How many items PyDict_Next gave before the current one."""
    cdef Py_ssize_t position = 0, index = -1
    cdef PyObject *key = NULL
    cdef PyObject *value = NULL
    while position < f.position and PyDict_Next(<object>f.container, &position, &key, &value):
        index += 1
    return index


def fail_allocations_after(successes):
    """Test hook, see _core: this module has its own copy of the core's code."""
    _c.heap_fail_after(successes)
