"""The engine behind Matcher: memory, locks, conversion and errors, and nothing else.

Two rules keep threads safe:

1.  A lock of the engine is never waited for while the GIL is held. It is tried first, and waited
    for without the GIL. So a thread that holds the lock may take the GIL back at any time.
2.  No code of anybody else runs while the lock is held: events are exact builtins by then (see
    values.py), and ids are only moved between lists, never hashed or compared.

Handles: a removed handle is kept back while a result that may hold it is alive. Every match pins
the current `Pin`; a removal under pins closes that pin and opens a new one, and the handle goes
back to the engine once its pin and all older ones are let go.
"""

from collections import deque
from collections.abc import Mapping
from os import urandom

import numpy as np

from matchengine._filters import decimal
from matchengine.errors import EventError, EventLimitExceeded
from matchengine.values import plain_event

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_Next
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AS_DOUBLE
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

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
    bint PyObject_CheckBuffer(object o)

NO_DESTINATION = _c.ME_NO_DESTINATION

# Events of a batch matched under one lock: between two such spans writers get their turn and
# Ctrl-C is heard.
cdef enum:
    SPAN = 4096


cdef class Pin:
    """Results alive since a point in the history of removals."""

    cdef Py_ssize_t count
    cdef long long epoch


cdef struct Frame:
    PyObject *container  # borrowed: nothing runs that could free it
    Py_ssize_t position
    uint32_t path


cdef class Scratch:
    """One event at a time: its C scratch, and the open containers of a mapping."""

    cdef _c.me_event *event
    cdef Frame *frames
    cdef uint32_t frame_room

    def __cinit__(self):
        self.event = _c.me_event_new()
        self.frame_room = 16
        self.frames = <Frame *>PyMem_Malloc(self.frame_room * sizeof(Frame))
        if self.event == NULL or self.frames == NULL:
            raise MemoryError()

    def __dealloc__(self):
        _c.me_event_free(self.event)
        PyMem_Free(self.frames)

    cdef int grow(self) except -1:
        cdef void *larger = PyMem_Realloc(self.frames, 2 * self.frame_room * sizeof(Frame))
        if larger == NULL:
            raise MemoryError()
        self.frames = <Frame *>larger
        self.frame_room *= 2
        return 0


cdef struct Numbers:  # a growing array of uint32
    uint32_t *items
    Py_ssize_t count
    Py_ssize_t room


cdef bint numbers_add(Numbers *n, const uint32_t *items, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t room = n.room
    cdef void *larger
    if n.count + count > room:
        room = 2 * (n.count + count) + 64
        with gil:
            larger = PyMem_Realloc(n.items, room * sizeof(uint32_t))
        if larger == NULL:
            return False
        n.items = <uint32_t *>larger
        n.room = room
    memcpy(n.items + n.count, items, count * sizeof(uint32_t))
    n.count += count
    return True


cdef enum Walk:
    WALKED
    NOT_PLAIN  # something that only values.py can read


cdef class Engine:
    """A C engine with its locks, scratches, pins and the ids of its handles."""

    cdef _c.me_engine *engine
    cdef _c.me_limits limits
    cdef list table  # id per handle; None where nothing is
    cdef list scratches  # idle ones
    cdef object pins  # deque of Pin, oldest first; the last one is current
    cdef object retired  # deque of (epoch, handle)
    cdef Pin pin
    cdef Py_ssize_t pinned
    cdef _c.me_counters counters

    def __cinit__(self, *args, **kwargs):
        self.table = []
        self.scratches = []
        self.pin = Pin()
        self.pins = deque([self.pin])
        self.retired = deque()

    def open(self, limits):
        """Make the C engine, with an object that has the fields of Limits. Called once."""
        self.limits.filter_bytes = limits.filter_bytes
        self.limits.filter_depth = limits.filter_depth
        self.limits.predicates = limits.predicates
        self.limits.in_values = limits.in_values
        self.limits.event_bytes = limits.event_bytes
        self.limits.event_depth = limits.event_depth
        self.limits.event_values = limits.event_values
        self.limits.digits = limits.digits
        self.engine = _c.me_engine_new(&self.limits, int.from_bytes(urandom(8), "little"))
        if self.engine == NULL:
            raise MemoryError()

    def __dealloc__(self):
        _c.me_engine_free(self.engine)

    # ---- locks, pins, scratches -------------------------------------------------------------

    cdef inline void read_lock(self) noexcept:
        if not _c.me_engine_try_read_lock(self.engine):
            with nogil:
                _c.me_engine_read_lock(self.engine)

    cdef inline void write_lock(self) noexcept:
        if not _c.me_engine_try_write_lock(self.engine):
            with nogil:
                _c.me_engine_write_lock(self.engine)

    cdef inline Pin take_pin(self):
        cdef Pin pin = self.pin
        pin.count += 1
        self.pinned += 1
        return pin

    cdef inline void drop_pin(self, Pin pin) noexcept:
        pin.count -= 1
        self.pinned -= 1

    cdef Scratch take_scratch(self):
        if self.scratches:
            return <Scratch>self.scratches.pop()
        return Scratch()

    cdef inline int give_scratch(self, Scratch scratch) except -1:
        _c.me_event_take_counters(scratch.event, &self.counters)
        self.scratches.append(scratch)
        return 0

    cdef object let_go(self):
        """Give retired handles back whose results are gone. Write lock held.

        Returns the ids that are dropped by it: the caller lets them go after the lock.
        """
        cdef Pin oldest
        dropped = []
        while len(self.pins) > 1 and (<Pin>self.pins[0]).count == 0:
            self.pins.popleft()
        oldest = <Pin>self.pins[0]
        while self.retired and (oldest.count == 0 or self.retired[0][0] < oldest.epoch):
            handle = self.retired.popleft()[1]
            dropped.append(self.table[handle])
            self.table[handle] = None
            _c.me_engine_release_handle(self.engine, handle)
        return dropped

    cdef void learn(self) noexcept:
        """Hand what idle scratches have sampled to the engine. Write lock held."""
        for scratch in self.scratches:
            _c.me_engine_learn(self.engine, (<Scratch>scratch).event)

    # ---- subscriptions ------------------------------------------------------------------------

    def insert(self, ir: bytes, id, destination):
        """Add a filter (named IR) and return its handle. Raises MemoryError."""
        cdef uint32_t handle = 0
        cdef uint32_t to = destination
        cdef _c.me_status status
        self.table.append(None)  # room for one more: what follows must not fail
        self.write_lock()
        dropped = self.let_go()
        self.learn()
        status = _c.me_engine_add(
            self.engine, <const uint8_t *>PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir), to, &handle)
        if status == _c.ME_OK and handle < len(self.table):
            self.table[handle] = id
        _c.me_engine_write_unlock(self.engine)
        self.trim()
        del dropped
        if status != _c.ME_OK:
            raise MemoryError()
        return handle

    cdef void trim(self) noexcept:
        """One entry of `table` for every handle ever given."""
        end = _c.me_engine_handle_end(self.engine)
        if len(self.table) > end:
            del self.table[end:]

    def insert_many(self, list irs, list ids, list destinations):
        """Add many filters as one operation: all or none. Returns their handles."""
        cdef Py_ssize_t done = 0, count = len(irs)
        cdef uint32_t handle = 0
        cdef _c.me_status status = _c.ME_OK
        cdef bytes ir
        handles = [0] * count
        self.table.extend([None] * count)
        self.write_lock()
        dropped = self.let_go()
        self.learn()
        while done < count and status == _c.ME_OK:
            ir = <bytes>irs[done]
            status = _c.me_engine_add(
                self.engine, <const uint8_t *>PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir),
                <uint32_t>destinations[done], &handle)
            if status == _c.ME_OK:
                handles[done] = handle
                self.table[handle] = ids[done]
                done += 1
        if status != _c.ME_OK:
            for index in range(done):
                handle = handles[index]
                _c.me_engine_remove(self.engine, handle)
                _c.me_engine_release_handle(self.engine, handle)
                self.table[handle] = None
        _c.me_engine_write_unlock(self.engine)
        self.trim()
        del dropped
        if status != _c.ME_OK:
            raise MemoryError()
        return handles

    def change(self, handle, ir: bytes, destination):
        """Give a live handle another filter. Raises MemoryError."""
        cdef uint32_t number = handle, to = destination
        cdef _c.me_status status
        self.write_lock()
        self.learn()
        status = _c.me_engine_replace(
            self.engine, number, <const uint8_t *>PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir), to)
        _c.me_engine_write_unlock(self.engine)
        if status != _c.ME_OK:
            raise MemoryError()

    def delete(self, handles):
        """Take live handles out as one operation."""
        cdef uint32_t number
        kept = list(handles)
        self.write_lock()
        for handle in kept:
            number = handle
            _c.me_engine_remove(self.engine, number)
            self.retired.append((self.pin.epoch, handle))
        if self.pin.count > 0:
            self.open_pin()
        dropped = self.let_go()
        _c.me_engine_write_unlock(self.engine)
        del dropped

    cdef int open_pin(self) except -1:
        cdef Pin pin = Pin()
        pin.epoch = self.pin.epoch + 1
        self.pins.append(pin)
        self.pin = pin
        return 0

    def filter_of(self, handle):
        """The filter of a live handle (named IR)."""
        cdef uint32_t number = handle
        cdef size_t size
        cdef bytes ir = None
        self.read_lock()
        try:
            size = _c.me_engine_filter(self.engine, number, NULL, 0)
            if size == 0:
                raise MemoryError()
            ir = PyBytes_FromStringAndSize(NULL, size)
            _c.me_engine_filter(
                self.engine, number, <uint8_t *>PyBytes_AS_STRING(ir), size)
        finally:
            _c.me_engine_read_unlock(self.engine)
        return ir

    def destination_of(self, handle):
        """The destination number of a live handle, or NO_DESTINATION."""
        cdef uint32_t number = handle
        return _c.me_engine_destination(self.engine, number)

    def diagnose(self, ir: bytes):
        """What adding this filter would do: the fields of me_diagnosis as a dict."""
        cdef _c.me_diagnosis found
        cdef _c.me_status status
        self.write_lock()
        self.learn()
        status = _c.me_engine_diagnose(
            self.engine, <const uint8_t *>PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir), &found)
        _c.me_engine_write_unlock(self.engine)
        if status != _c.ME_OK:
            raise MemoryError()
        return {
            "never": bool(found.never), "always": bool(found.always), "equal": found.equal,
            "range": found.range, "pattern": found.pattern, "present": found.present,
            "cost": found.cost,
        }

    def numbers(self):
        """The engine's statistics and counters as a dict."""
        cdef _c.me_stats s
        self.read_lock()
        _c.me_engine_stats(self.engine, &s)
        _c.me_engine_read_unlock(self.engine)
        return {
            "subscriptions": s.subscriptions, "paths": s.paths, "constants": s.constants,
            "cuts": s.cuts, "patterns": s.patterns, "clusters": s.clusters,
            "rows": {
                "equal": s.equal, "range": s.range, "pattern": s.pattern, "present": s.present,
            },
            "unanchored": s.unanchored, "never": s.never, "bytes": s.bytes,
            "source_bytes": s.source_bytes, "sampled_events": s.sampled_events,
            "events": self.counters.events, "candidates": self.counters.candidates,
            "survivors": self.counters.survivors, "matches": self.counters.matches,
            "simd": _c.me_simd().decode(),
        }

    def validate(self):
        """Check every invariant of the engine; raises AssertionError that names a broken one."""
        cdef const char *why = NULL
        self.read_lock()
        valid = _c.me_engine_validate(self.engine, &why)
        _c.me_engine_read_unlock(self.engine)
        if not valid:
            raise AssertionError(why.decode())

    def ids(self, handles, /):
        """The ids of handles: of a Matches while it is alive, or of live subscriptions."""
        cdef list table = self.table
        return [table[handle] for handle in handles]

    # ---- events ---------------------------------------------------------------------------------

    cdef Walk walk(self, Scratch scratch, object event) except *:
        """Put the values of a plain mapping into the scratch. Read lock and GIL held."""
        cdef Frame *f
        cdef PyObject *key_pointer
        cdef PyObject *value_pointer
        cdef object value
        cdef const char *key
        cdef Py_ssize_t size = 0
        cdef uint32_t depth = 1, path
        cdef uint64_t scalars = 0, total = 0
        cdef bint ended
        _c.me_event_start(scratch.event)
        scratch.frames[0] = Frame(<PyObject *>event, 0, _c.ME_ROOT)
        while depth > 0:
            f = &scratch.frames[depth - 1]
            path = f.path
            if PyDict_CheckExact(<object>f.container):
                ended = not PyDict_Next(
                    <object>f.container, &f.position, &key_pointer, &value_pointer)
                if not ended:
                    if not PyUnicode_CheckExact(<object>key_pointer):
                        return NOT_PLAIN
                    key = self.text(scratch, <object>key_pointer, &size, depth)
                    total += size
                    value = <object>value_pointer
                    if not is_container(value):
                        scalars += 1
                        if not self.put(scratch, path, key, size, value, &total, depth):
                            return NOT_PLAIN
                        continue
                    if path != _c.ME_NO_PATH:
                        path = _c.me_event_step(self.engine, path, key, size)
            elif PyList_CheckExact(<object>f.container):
                ended = f.position >= PyList_GET_SIZE(<object>f.container)
                if not ended:
                    value_pointer = PyList_GET_ITEM(<object>f.container, f.position)
                    f.position += 1
            else:
                ended = f.position >= PyTuple_GET_SIZE(<object>f.container)
                if not ended:
                    value_pointer = PyTuple_GET_ITEM(<object>f.container, f.position)
                    f.position += 1
            if ended:
                depth -= 1
                continue
            value = <object>value_pointer
            if is_container(value):
                if depth >= self.limits.event_depth:
                    raise self.limit("event_depth", depth + 1, self.limits.event_depth)
                if depth == scratch.frame_room:
                    scratch.grow()
                scratch.frames[depth] = Frame(value_pointer, 0, path)
                depth += 1
                continue
            scalars += 1
            if not self.put(scratch, path, NULL, 0, value, &total, depth):
                return NOT_PLAIN
        if scalars > self.limits.event_values:
            raise self.limit("event_values", scalars, self.limits.event_values)
        if total > self.limits.event_bytes:
            raise self.limit("event_bytes", total, self.limits.event_bytes)
        return WALKED

    cdef inline const char *text(
        self, Scratch scratch, object text, Py_ssize_t *size, uint32_t depth
    ) except NULL:
        """The UTF-8 of an exact str. EventError for a lone surrogate."""
        try:
            return PyUnicode_AsUTF8AndSize(text, size)
        except UnicodeEncodeError:
            raise EventError("a string holds a lone surrogate", path=dotted(scratch, depth))

    cdef inline bint put(
        self, Scratch scratch, uint32_t path, const char *key, Py_ssize_t key_size, object value,
        uint64_t *total, uint32_t depth
    ) except -1:
        """Check a scalar, wanted or not, and put it; False when it is no exact builtin.

        It is the value of a key below `path`, or of an array (key NULL) that is on `path`.
        """
        cdef _c.me_value v
        cdef Py_ssize_t size = 0
        cdef bint done = True
        cdef int overflow = 0
        v.len = 0
        if PyUnicode_CheckExact(value):
            v.type = _c.ME_STRING
            v.as_.s = self.text(scratch, value, &size, depth)
            total[0] += size
            if total[0] > self.limits.event_bytes:
                raise self.limit("event_bytes", total[0], self.limits.event_bytes)
            v.len = <uint32_t>size
        elif PyLong_CheckExact(value):
            v.type = _c.ME_INT
            v.as_.i = PyLong_AsLongLongAndOverflow(value, &overflow)
            if overflow != 0 or self.limits.digits < 19:
                self.big(scratch, value, &v, overflow)
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
            done = _c.me_event_put_key(self.engine, scratch.event, path, key, key_size, &v)
        elif _c.me_event_wants(self.engine, path):
            done = _c.me_event_put(scratch.event, path, &v)
        if not done:
            raise MemoryError()
        return True

    cdef int big(self, Scratch scratch, object value, _c.me_value *v, int overflow) except -1:
        """An int beyond int64, or any int where fewer than 19 digits are allowed."""
        cdef char *copy
        # 10/3 is more than log2(10), so a number with more bits than this has more digits.
        if value.bit_length() > self.limits.digits * 10 // 3 + 3:
            raise self.limit("digits", self.limits.digits + 1, self.limits.digits)
        digits = decimal(value).encode()
        if len(digits) - (value < 0) > self.limits.digits:
            raise self.limit("digits", len(digits) - (value < 0), self.limits.digits)
        if overflow != 0:
            copy = _c.me_event_bytes(scratch.event, len(digits))
            if copy == NULL:
                raise MemoryError()
            memcpy(copy, PyBytes_AS_STRING(digits), len(digits))
            v.type = _c.ME_BIG
            v.as_.s = copy
            v.len = <uint32_t>len(digits)
        return 0

    cdef object limit(self, str name, uint64_t value, uint64_t maximum):
        return EventLimitExceeded(
            f"the event exceeds the limit {name}, which is {maximum}", name, value, maximum)

    cdef object error(self, _c.me_status status, const _c.me_error *error):
        """The exception for a status of the JSON reader."""
        if status == _c.ME_NOMEM:
            return MemoryError()
        message = (<const char *>error.message).decode()
        if status == _c.ME_EVENT_LIMIT:
            name = error.limit.decode()
            maximum = (<dict>self.limits)[name]
            return EventLimitExceeded(message, name, error.value, maximum, offset=error.offset)
        return EventError(message, offset=error.offset)

    # ---- one event --------------------------------------------------------------------------------

    cdef int run_mapping(
        self, Scratch scratch, object event, _c.me_mode mode, const uint32_t **found,
        uint32_t *count
    ) except -1:
        """Match a mapping of any kind."""
        cdef _c.me_status status = _c.ME_OK
        cdef Walk walked = NOT_PLAIN
        while True:
            if not PyDict_CheckExact(event):
                event = plain_event(event, self.limits.event_depth)
            self.read_lock()
            try:
                walked = self.walk(scratch, event)
                if walked == WALKED:
                    status = _c.me_match(self.engine, scratch.event, mode, found, count)
            finally:
                _c.me_engine_read_unlock(self.engine)
            if walked == WALKED:
                break
            event = plain_event(event, self.limits.event_depth)
        if status != _c.ME_OK:
            raise MemoryError()
        return 0

    cdef int run_json(
        self, Scratch scratch, object text, _c.me_mode mode, const uint32_t **found,
        uint32_t *count
    ) except -1:
        """Match a JSON text: bytes-like or str."""
        cdef _c.me_status status
        cdef _c.me_error error
        cdef const char *start
        cdef Py_ssize_t size = 0
        cdef const uint8_t[::1] view
        if type(text) is bytes:
            start = PyBytes_AS_STRING(text)
            size = PyBytes_GET_SIZE(text)
        elif isinstance(text, str):
            start = utf8_of(text, &size)
        else:
            view = as_view(text)
            size = view.shape[0]
            start = <const char *>&view[0] if size > 0 else NULL
        with nogil:
            _c.me_engine_read_lock(self.engine)
            status = _c.me_event_json(self.engine, scratch.event, start, size, &error)
            if status == _c.ME_OK:
                status = _c.me_match(self.engine, scratch.event, mode, found, count)
            _c.me_engine_read_unlock(self.engine)
        if status != _c.ME_OK:
            raise self.error(status, &error)
        return 0

    cdef list ids_of(self, const uint32_t *handles, uint32_t count):
        cdef uint32_t i
        cdef list table = self.table
        cdef list ids = [None] * count
        for i in range(count):
            ids[i] = table[handles[i]]
        return ids

    def match(self, event, /):
        """Return the ids of the subscriptions that match `event`, each once, in no order.

        `event` is a mapping of attribute names to scalars, arrays (lists, tuples) and mappings.
        Raises EventError for anything else, wanted by a subscription or not.
        """
        cdef const uint32_t *found = NULL
        cdef uint32_t count = 0
        cdef Scratch scratch = self.take_scratch()
        cdef Pin pin = self.take_pin()
        try:
            self.run_mapping(scratch, event, _c.ME_ALL, &found, &count)
            return self.ids_of(found, count)
        finally:
            self.drop_pin(pin)
            self.give_scratch(scratch)

    def match_json(self, text, /):
        """Return the ids of the subscriptions that match the JSON object `text`.

        `text` is bytes, str or any contiguous buffer of bytes. No Python object is built for the
        event, and the GIL is released. Raises EventError with the byte offset of what is wrong.
        """
        cdef const uint32_t *found = NULL
        cdef uint32_t count = 0
        cdef Scratch scratch = self.take_scratch()
        cdef Pin pin = self.take_pin()
        try:
            self.run_json(scratch, text, _c.ME_ALL, &found, &count)
            return self.ids_of(found, count)
        finally:
            self.drop_pin(pin)
            self.give_scratch(scratch)

    cdef uint32_t run_any_form(
        self, Scratch scratch, object event, _c.me_mode mode, const uint32_t **found
    ) except? 0xFFFFFFFF:
        cdef uint32_t count = 0
        if is_text(event):
            self.run_json(scratch, event, mode, found, &count)
        else:
            self.run_mapping(scratch, event, mode, found, &count)
        return count

    def count(self, event, /):
        """Return how many subscriptions match `event`, a mapping or a JSON text."""
        cdef const uint32_t *found = NULL
        cdef Scratch scratch = self.take_scratch()
        try:
            return self.run_any_form(scratch, event, _c.ME_ALL, &found)
        finally:
            self.give_scratch(scratch)

    def matches_any(self, event, /):
        """Is there a subscription that matches `event`? Stops at the first."""
        cdef const uint32_t *found = NULL
        cdef Scratch scratch = self.take_scratch()
        try:
            return self.run_any_form(scratch, event, _c.ME_ANY, &found) > 0
        finally:
            self.give_scratch(scratch)

    def destination_numbers(self, event, /):
        """The distinct destination numbers (of the core) of the matching subscriptions."""
        cdef const uint32_t *found = NULL
        cdef uint32_t i, count
        cdef Scratch scratch = self.take_scratch()
        try:
            count = self.run_any_form(scratch, event, _c.ME_DESTINATIONS, &found)
            return [found[i] for i in range(count)]
        finally:
            self.give_scratch(scratch)

    # ---- batches ------------------------------------------------------------------------------------

    def match_batch(self, events, /):
        """Match many events; return Matches.

        `events` is a sequence of mappings, or JSON lines as bytes, str or a buffer (blank lines
        are skipped and not counted as events). The whole batch sees one state of the matcher.
        Raises EventError with the event's `index`; nothing is returned then.
        """
        cdef Scratch scratch = self.take_scratch()
        cdef Pin pin = self.take_pin()
        cdef Numbers handles = Numbers(NULL, 0, 0)
        cdef Numbers counts = Numbers(NULL, 0, 0)
        try:
            if is_text(events):
                self.run_lines(scratch, events, &handles, &counts)
            else:
                self.run_mappings(scratch, events, &handles, &counts)
            matches = make_matches(self, &handles, &counts)
            (<Matches>matches).pin = self.take_pin_of(pin)
            return matches
        finally:
            self.drop_pin(pin)
            self.give_scratch(scratch)
            PyMem_Free(handles.items)
            PyMem_Free(counts.items)

    cdef Pin take_pin_of(self, Pin pin):
        """The same point in history for another result."""
        pin.count += 1
        self.pinned += 1
        return pin

    cdef int run_mappings(
        self, Scratch scratch, object events, Numbers *handles, Numbers *counts
    ) except -1:
        cdef list plain
        cdef Py_ssize_t done = 0
        if isinstance(events, Mapping):
            raise EventError("a batch is a sequence of events or JSON lines, got a mapping")
        plain = list(events)
        while done < len(plain):
            try:
                if PyDict_CheckExact(plain[done]):
                    done = self.run_span(scratch, plain, done, handles, counts)
                if done < len(plain) and counts.count == done:
                    # Something that is not plain: copy it, outside the lock, and go on with it.
                    plain[done] = plain_event(plain[done], self.limits.event_depth)
            except EventError as error:
                error.index = counts.count
                raise
            PyErr_CheckSignals()
        return 0

    cdef Py_ssize_t run_span(
        self, Scratch scratch, list events, Py_ssize_t start, Numbers *handles, Numbers *counts
    ) except -1:
        """Match events[start:] while they are plain, at most SPAN; return where it stopped."""
        cdef const uint32_t *found = NULL
        cdef uint32_t count = 0
        cdef Py_ssize_t at = start, end = min(start + SPAN, len(events))
        self.read_lock()
        try:
            while at < end and PyDict_CheckExact(events[at]):
                if self.walk(scratch, events[at]) == NOT_PLAIN:
                    break
                if _c.me_match(self.engine, scratch.event, _c.ME_ALL, &found, &count) != _c.ME_OK:
                    raise MemoryError()
                if not numbers_add(handles, found, count) or not numbers_add(counts, &count, 1):
                    raise MemoryError()
                at += 1
        finally:
            _c.me_engine_read_unlock(self.engine)
        return at

    cdef int run_lines(
        self, Scratch scratch, object text, Numbers *handles, Numbers *counts
    ) except -1:
        cdef const uint8_t[::1] view
        cdef const char *at
        cdef const char *end
        cdef _c.me_status status
        cdef _c.me_error error
        cdef Py_ssize_t size = 0
        if isinstance(text, str):
            at = utf8_of(text, &size)
            text = at[:size]
        view = as_view(text)
        if view.shape[0] == 0:
            return 0
        at = <const char *>&view[0]
        end = at + view.shape[0]
        while at < end:
            with nogil:
                _c.me_engine_read_lock(self.engine)
                status = match_lines(
                    self.engine, scratch.event, &at, end, handles, counts, &error)
                _c.me_engine_read_unlock(self.engine)
            if status != _c.ME_OK:
                exception = self.error(status, &error)
                if isinstance(exception, EventError):
                    exception.index = counts.count
                raise exception
            PyErr_CheckSignals()
        return 0


cdef _c.me_status match_lines(
    _c.me_engine *engine, _c.me_event *event, const char **at, const char *end,
    Numbers *handles, Numbers *counts, _c.me_error *error
) noexcept nogil:
    """Match JSON lines from `at` on, at most SPAN of them, and move `at` behind them."""
    cdef const char *stop
    cdef const uint32_t *found = NULL
    cdef uint32_t count = 0
    cdef _c.me_status status
    cdef int events = 0
    while at[0] < end and events < SPAN:
        stop = <const char *>memchr(at[0], c"\n", end - at[0])
        if stop == NULL:
            stop = end
        if not is_blank(at[0], stop):
            status = _c.me_event_json(engine, event, at[0], stop - at[0], error)
            if status == _c.ME_OK:
                status = _c.me_match(engine, event, _c.ME_ALL, &found, &count)
            if status != _c.ME_OK:
                return status
            if not numbers_add(handles, found, count) or not numbers_add(counts, &count, 1):
                return _c.ME_NOMEM
            events += 1
        at[0] = stop + 1
    return _c.ME_OK


cdef bint is_blank(const char *at, const char *end) noexcept nogil:
    while at < end and at[0] in (c" ", c"\t", c"\r"):
        at += 1
    return at == end


cdef const char *utf8_of(object text, Py_ssize_t *size) except NULL:
    try:
        return PyUnicode_AsUTF8AndSize(text, size)
    except UnicodeEncodeError:
        raise EventError("the text holds a lone surrogate")


cdef inline bint is_container(object value) noexcept:
    return PyDict_CheckExact(value) or PyList_CheckExact(value) or PyTuple_CheckExact(value)


cdef bint is_text(object event):
    """Is this JSON text rather than mappings?"""
    return isinstance(event, (bytes, str)) or PyObject_CheckBuffer(event)


cdef const uint8_t[::1] as_view(object text):
    """The bytes of a contiguous buffer. TypeError for what is no buffer, BufferError for gaps."""
    view = memoryview(text)
    if view.format != "B" or view.ndim != 1:
        if not view.c_contiguous:
            raise BufferError("JSON text must be contiguous")
        view = view.cast("B")
    return view


cdef str dotted(Scratch scratch, uint32_t depth):
    """The path of the key or value that is being read, for an error."""
    cdef uint32_t i
    cdef Frame *f
    names = []
    for i in range(depth):
        f = &scratch.frames[i]
        if PyDict_CheckExact(<object>f.container):
            key = list(<dict><object>f.container)[key_index(f)]
        else:
            key = f.position - 1
        names.append(str(key).encode(errors="replace").decode())
    return ".".join(names)


cdef Py_ssize_t key_index(Frame *f):
    """How many items PyDict_Next gave before the current one."""
    cdef Py_ssize_t position = 0, index = -1
    cdef PyObject *key = NULL
    cdef PyObject *value = NULL
    while position < f.position and PyDict_Next(<object>f.container, &position, &key, &value):
        index += 1
    return index


cdef class Matches:
    """What a batch matched: for event i, handles[offsets[i]:offsets[i + 1]].

    A Matches stays valid whatever happens to the matcher afterwards: it gives the ids as of its
    own match, because no handle in it is used again while it is alive.
    """

    cdef Engine engine
    cdef Pin pin
    #: int64 array of len(self) + 1 positions in `handles`.
    cdef readonly object offsets
    #: uint32 array of the handles of all events, one after another.
    cdef readonly object handles

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
        i = index.__index__()
        if i < 0:
            i += len(self)
        if not 0 <= i < len(self):
            raise IndexError("event index out of range")
        table = self.engine.table
        return [table[handle] for handle in self.handles[self.offsets[i]:self.offsets[i + 1]]]

    def __repr__(self):
        return f"<Matches: {len(self)} events, {len(self.handles)} matches>"


cdef Matches make_matches(Engine engine, Numbers *handles, Numbers *counts):
    cdef Matches m = Matches.__new__(Matches)
    cdef Py_ssize_t i
    cdef int64_t total = 0
    cdef int64_t[::1] offsets
    cdef uint32_t[::1] kept
    m.engine = engine
    m.offsets = np.zeros(counts.count + 1, dtype=np.int64)
    m.handles = np.empty(handles.count, dtype=np.uint32)
    offsets = m.offsets
    for i in range(counts.count):
        total += counts.items[i]
        offsets[i + 1] = total
    if handles.count > 0:
        kept = m.handles
        memcpy(&kept[0], handles.items, handles.count * sizeof(uint32_t))
    m.offsets.setflags(write=False)
    m.handles.setflags(write=False)
    return m


def force_simd(name: str):
    """Use the kernels called `name` ("" for the best); False when this machine lacks them."""
    encoded = name.encode()
    return bool(_c.me_simd_force(encoded))


def fail_allocations_after(successes=None):
    """Test hook of a sanitize build: let so many allocations of the core succeed, then none."""
    cdef size_t left = <size_t>-1 if successes is None else successes
    _c.heap_fail_after(left)
