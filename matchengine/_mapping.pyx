"""Events from Python: a walk over plain dicts, lists, tuples and scalars into the core's scratch.

The walk runs under the engine's read lock, where nobody else's code may run. So it meets exact
builtins only, whose reading runs none, and it makes no Python object, because making one may run
the garbage collector and with it finalisers. An event with anything else in it makes the walk give
up: the caller copies it with values.py and comes again. What is wrong with an event is noted, and
raised after the lock. Open containers stand on a stack of frames: nothing recurses.

Keys that come up again as the same object are known by their address (key_cache.h); the scratch
owns a reference to each. Letting one go runs nobody's code either, for they are exact strings.
"""

from matchengine.errors import EventError, EventLimitExceeded

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Next
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport int64_t, uint32_t, uint64_t

from matchengine cimport _c

cdef extern from "Python.h":
    # Declared without `except`: a failure is handled by hand, because raising makes objects.
    const char *as_utf8 "PyUnicode_AsUTF8AndSize"(PyObject *text, Py_ssize_t *size) noexcept
    long long as_int64 "PyLong_AsLongLongAndOverflow"(PyObject *value, int *overflow) noexcept
    void PyErr_Clear() noexcept
    bint PyUnicode_IS_COMPACT_ASCII(object text) noexcept
    void *PyUnicode_DATA(object text) noexcept
    Py_ssize_t PyUnicode_GET_LENGTH(object text) noexcept
    Py_UCS4 PyUnicode_READ_CHAR(object text, Py_ssize_t index) noexcept
    bint is_interned "PyUnicode_CHECK_INTERNED"(PyObject *text) noexcept
    bint PyDict_CheckExact(object o) noexcept
    bint PyList_CheckExact(object o) noexcept
    bint PyTuple_CheckExact(object o) noexcept
    bint PyUnicode_CheckExact(object o) noexcept
    bint PyLong_CheckExact(object o) noexcept
    bint PyFloat_CheckExact(object o) noexcept

cdef extern from *:
    """
    #include "prefetch.h"

    /* The table of a dict whose object is here: its start and as many entries as there are. */
    static inline void prefetch_table(PyObject *dict)
    {
        const char *table = (const char *)((PyDictObject *)dict)->ma_keys;
        Py_ssize_t bytes = 64 + 32 * ((PyDictObject *)dict)->ma_used;
        for (Py_ssize_t at = 0; at < bytes && at < 2048; at += 64) {
            PREFETCH(table + at);
        }
    }
    """
    void prefetch_table(PyObject *dict) noexcept nogil
    void PREFETCH(const void *address) noexcept nogil

# Keys of an event that are asked for ahead; the first ones hide the others.
cdef enum:
    FEW_KEYS = 64

# Why a walk was refused.
cdef enum:
    BROKEN_LIMIT
    SURROGATE
    NO_MEMORY


cdef class Scratch:
    """One event at a time: its C scratch, and the open containers of a mapping."""

    def __cinit__(self):
        self.event = _c.me_event_new()
        self.frame_room = 16
        self.frames = <Frame *>PyMem_Malloc(self.frame_room * sizeof(Frame))
        self.keys.heap = &self.heap
        if self.event == NULL or self.frames == NULL:
            raise MemoryError()

    def __dealloc__(self):
        cdef const void *key
        for i in range(_c.key_cache_room(&self.keys)):
            key = _c.key_cache_at(&self.keys, i)
            if key != NULL:
                Py_DECREF(<object>key)
        _c.key_cache_free(&self.keys)
        _c.me_event_free(self.event)
        PyMem_Free(self.frames)

    def __reduce__(self):
        raise TypeError("it cannot be copied or pickled")

    cdef Walk walk(
        self, _c.me_engine *engine, const _c.me_limits *limits, dict event, bint copied
    ) noexcept:
        """Put the values of a mapping. Read lock and GIL held, so no object is made here.

        `copied` says that the event comes from values.plain_event, which writes integers beyond
        int64 as bytes of digits. After REFUSED the caller lets go of the lock and raises
        `refusal()`.
        """
        cdef Frame *f
        cdef PyObject *key
        cdef PyObject *value
        cdef const char *name
        cdef Py_ssize_t size
        cdef uint32_t node
        cdef Walk put
        self.engine = engine
        self.limits = limits
        self.copied = copied
        self.scalars = self.bytes = 0
        self.depth = 0
        self.keys.version = _c.me_event_version(engine)
        _c.me_event_start(self.event)
        put = self.open(<PyObject *>event, _c.ME_ROOT)
        while self.depth > 0 and put == WALKED:
            f = &self.frames[self.depth - 1]
            node = f.node
            name = NULL
            size = 0
            key = NULL
            if not next_item(f, &key, &value):
                self.depth -= 1
                continue
            if key != NULL:
                put = self.lead(node & _c.KEY_NODE, key, &node, &name, &size)
                if put != WALKED:
                    break
            if not is_container(<object>value):
                put = self.put(node, name, size, <object>value)
                continue
            if name != NULL:
                node = self.node_of(
                    _c.me_event_step(engine, node & _c.KEY_NODE, name, size))
            put = self.open(value, node)
        return put

    cdef void look_ahead(self, list events, Py_ssize_t at, Py_ssize_t end) noexcept:
        """Ask for the memory of events to come, which may lie anywhere: one thing leads to another,
        so each is asked for some events after the one that it hangs on."""
        cdef Py_ssize_t position = 0, left = FEW_KEYS
        cdef PyObject *key
        cdef PyObject *value
        if at + 6 < end:
            PREFETCH(PyList_GET_ITEM(events, at + 6))
        if at + 3 < end and PyDict_CheckExact(<object>PyList_GET_ITEM(events, at + 3)):
            prefetch_table(PyList_GET_ITEM(events, at + 3))
        if at + 1 < end and PyDict_CheckExact(<object>PyList_GET_ITEM(events, at + 1)):
            while left > 0 and PyDict_Next(
                    <object>PyList_GET_ITEM(events, at + 1), &position, &key, &value):
                left -= 1
                _c.key_cache_prefetch(&self.keys, key, _c.ME_ROOT)
                PREFETCH(value)

    cdef Walk lead(
        self, uint32_t parent, PyObject *key, uint32_t *node, const char **name, Py_ssize_t *size
    ) noexcept:
        """Where a key leads: `node`, or when that is still to be asked, `name` and `size`."""
        cdef uint32_t length = 0
        if parent != _c.KEY_NODE and _c.key_cache_find(&self.keys, key, parent, node, &length):
            self.bytes += length
            if self.bytes > self.limits.event_bytes:
                return self.refuse(b"event_bytes", self.bytes, self.limits.event_bytes)
            return WALKED
        if not PyUnicode_CheckExact(<object>key):
            return NOT_PLAIN
        name[0] = self.text(<object>key, size)
        if name[0] == NULL:
            return REFUSED
        if parent == _c.KEY_NODE:
            node[0] = _c.KEY_NODE
            name[0] = NULL
        elif size[0] <= _c.KEY_LONGEST and (
                is_interned(key) or _c.key_cache_is_due(&self.keys, key, parent)):
            node[0] = self.node_of(_c.me_event_step(self.engine, parent, name[0], size[0]))
            self.keep(key, parent, node[0], <uint32_t>size[0])
            name[0] = NULL
        return WALKED

    cdef uint32_t node_of(self, uint32_t path) noexcept:
        """The node of a path, with the bit that says whether it is subscribed to."""
        if path == _c.ME_NO_PATH:
            return _c.KEY_NODE
        return path | (_c.KEY_WANTED if _c.me_event_wants(self.engine, path) else 0)

    cdef void keep(self, PyObject *key, uint32_t parent, uint32_t node, uint32_t size) noexcept:
        """Remember where an exact str leads."""
        cdef const void *dropped[<int>_c.KEY_WAYS]
        cdef uint32_t i, count = 0
        if _c.key_cache_keep(&self.keys, key, parent, node, size, dropped, &count):
            Py_INCREF(<object>key)
        for i in range(count):
            Py_DECREF(<object>dropped[i])

    cdef Walk open(self, PyObject *container, uint32_t node) noexcept:
        """Go into a container."""
        cdef void *larger
        if self.depth >= self.limits.event_depth:
            return self.refuse(b"event_depth", self.depth + 1, self.limits.event_depth)
        self.bytes += 2  # what the shortest JSON of it would take
        if self.bytes > self.limits.event_bytes:
            return self.refuse(b"event_bytes", self.bytes, self.limits.event_bytes)
        if self.depth == self.frame_room:
            larger = PyMem_Realloc(self.frames, 2 * self.frame_room * sizeof(Frame))
            if larger == NULL:
                return self.refuse(NULL, 0, 0)
            self.frames = <Frame *>larger
            self.frame_room *= 2
        self.frames[self.depth] = Frame(container, 0, node)
        self.depth += 1
        return WALKED

    cdef Walk refuse(self, const char *limit, uint64_t value, uint64_t maximum) noexcept:
        """Note why the event is refused: a limit, or no memory (limit NULL)."""
        self.reason = NO_MEMORY if limit == NULL else BROKEN_LIMIT
        self.broken = limit
        self.found = value
        self.maximum = maximum
        return REFUSED

    cdef bint is_text_at_fault(self) noexcept:
        return self.reason == SURROGATE

    cdef object refusal(self):
        """The exception for what the last walk refused. No lock held."""
        if self.reason == BROKEN_LIMIT:
            name = self.broken.decode()
            return EventLimitExceeded(
                f"the event exceeds the limit {name}, which is {self.maximum}",
                name, self.found, self.maximum)
        if self.reason == SURROGATE:
            return EventError("a string holds a lone surrogate")
        return MemoryError()

    cdef const char *text(self, object text, Py_ssize_t *size) noexcept:
        """The UTF-8 of an exact str, counted; NULL: refused."""
        cdef const char *utf8
        if PyUnicode_IS_COMPACT_ASCII(text):
            utf8 = <const char *>PyUnicode_DATA(text)
            size[0] = PyUnicode_GET_LENGTH(text)
        elif has_surrogate(text):
            self.reason = SURROGATE
            return NULL
        else:
            utf8 = as_utf8(<PyObject *>text, size)
            if utf8 == NULL:
                PyErr_Clear()
                self.refuse(NULL, 0, 0)
                return NULL
        self.bytes += size[0]
        if self.bytes > self.limits.event_bytes:
            self.refuse(b"event_bytes", self.bytes, self.limits.event_bytes)
            return NULL
        return utf8

    cdef Walk put(
        self, uint32_t node, const char *key, Py_ssize_t key_size, object value
    ) noexcept:
        """Check a scalar, wanted or not, and put it.

        It is the value of `node`, or of a key below it when there is one.
        """
        cdef _c.me_value v
        cdef Walk read = self.read(value, &v)
        cdef bint done = True
        if read != WALKED:
            return read
        self.scalars += 1
        if self.scalars > self.limits.event_values:
            return self.refuse(b"event_values", self.scalars, self.limits.event_values)
        if key != NULL:
            done = _c.me_event_put_key(
                self.engine, self.event, node & _c.KEY_NODE, key, key_size, &v)
        elif node & _c.KEY_WANTED:
            done = _c.me_event_put(self.engine, self.event, node & _c.KEY_NODE, &v)
        return WALKED if done else self.refuse(NULL, 0, 0)

    cdef Walk read(self, object value, _c.me_value *v) noexcept:
        """Convert an exact builtin; NOT_PLAIN for anything else."""
        cdef Py_ssize_t size = 0
        cdef int overflow = 0
        v.len = 0
        if PyUnicode_CheckExact(value):
            v.type = _c.ME_STRING
            v.as_.s = self.text(value, &size)
            v.len = <uint32_t>size
            return WALKED if v.as_.s != NULL else REFUSED
        if PyLong_CheckExact(value):
            v.type = _c.ME_INT
            v.as_.i = as_int64(<PyObject *>value, &overflow)
            # What is too long for int64 has its digits written where objects may be made.
            return NOT_PLAIN if overflow != 0 else self.check_digits(digits_of(v.as_.i))
        if PyFloat_CheckExact(value):
            v.type = _c.ME_DOUBLE
            v.as_.d = PyFloat_AS_DOUBLE(value)
        elif value is None:
            v.type = _c.ME_NULL
        elif value is True or value is False:
            v.type = _c.ME_BOOL
            v.as_.i = value is True
        elif self.copied and PyBytes_CheckExact(value):
            v.type = _c.ME_BIG
            v.as_.s = PyBytes_AS_STRING(value)
            v.len = <uint32_t>PyBytes_GET_SIZE(value)
            return self.check_digits(v.len - (v.as_.s[0] == c"-"))
        else:
            return NOT_PLAIN
        return WALKED

    cdef Walk check_digits(self, uint64_t digits) noexcept:
        if digits > self.limits.digits:
            return self.refuse(b"digits", digits, self.limits.digits)
        return WALKED


cdef uint64_t digits_of(int64_t number) noexcept:
    """How many decimal digits a number has."""
    cdef uint64_t digits = 1
    cdef uint64_t rest = <uint64_t>number if number >= 0 else 0 - <uint64_t>number
    while rest >= 10:
        rest //= 10
        digits += 1
    return digits


cdef bint has_surrogate(object text) noexcept:
    cdef Py_ssize_t i
    cdef Py_UCS4 c
    for i in range(PyUnicode_GET_LENGTH(text)):
        c = PyUnicode_READ_CHAR(text, i)
        if 0xD800 <= c <= 0xDFFF:
            return True
    return False


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


def fail_allocations_after(successes=None):
    """Test hook, see _core: this module has its own copy of the core's code."""
    _c.heap_fail_after(<size_t>-1 if successes is None else successes)
