"""The reader's side of the engine: events in, ids, handles, counts and destinations out.

Thin: conversion, locks and errors. `_engine.Store` holds the subscriptions and says what protects
them, `_mapping.Scratch` reads mappings; JSON is read in C.
"""

from os import environ
from warnings import warn

from matchengine import _engine, _mapping
from matchengine.errors import EventError, EventLimitExceeded
from matchengine.values import list_of, plain_event

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from cpython.list cimport PyList_GET_ITEM
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr

from matchengine cimport _c
from matchengine._engine cimport Pin, Store
from matchengine._mapping cimport NOT_PLAIN, REFUSED, WALKED, Scratch, Walk
from matchengine._matches cimport (
    Results, lists_of, make_matches, results_add, results_free, results_of)

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    bint PyDict_CheckExact(object o)
    bint PyObject_CheckBuffer(object o)

NO_DESTINATION = _engine.NO_DESTINATION

_used, _asked = _c.me_simd().decode(), environ.get("MATCHENGINE_SIMD")  # once, before threads
if _asked and _asked != _used:
    warn(f"MATCHENGINE_SIMD={_asked} is not available here: {_used} is used", RuntimeWarning, 2)

cdef enum:
    # Events of a batch matched under one lock; then writers get their turn and Ctrl-C is heard.
    SPAN = 4096
    # The same of texts in a list: what is kept of them has room on the stack.
    TEXTS = 512
    # A short text matched against few subscriptions takes as long as giving the GIL away and
    # taking it back: below both bounds it is kept.
    SHORT_TEXT = 2048
    FEW = 5000


cdef struct Text:
    const char *start
    Py_ssize_t size


cdef class Engine(Store):
    """What Matcher is made of."""

    def __reduce__(self):
        raise TypeError("an Engine cannot be copied or pickled")

    cdef object error(self, _c.me_status status, const _c.me_error *error):
        """The exception for a status of the JSON reader."""
        if status == _c.ME_NOMEM:
            return MemoryError()
        message = (<const char *>error.message).decode()
        if status == _c.ME_EVENT_LIMIT:
            name = error.limit.decode()
            maximum = (<dict>self.limits)[name]
            message = f"{message}, which is {maximum}"
            return EventLimitExceeded(message, name, error.value, maximum, offset=error.offset)
        return EventError(message, offset=error.offset)

    # ---- one event ----------------------------------------------------------------------------

    cdef int run_mapping(
        self, Scratch scratch, object event, _c.me_mode mode, const uint32_t **found,
        uint32_t *count
    ) except -1:
        """Match a mapping of any kind."""
        cdef _c.me_status status = _c.ME_OK
        cdef Walk walked = NOT_PLAIN
        cdef bint copied = not PyDict_CheckExact(event)
        if copied:
            event = plain_event(event, self.limits_of())
        while True:
            self.read_lock()
            walked = scratch.walk(self.engine, &self.limits, <dict>event, copied)
            if walked == WALKED:
                status = _c.me_match(self.engine, scratch.event, mode, found, count)
            _c.me_engine_read_unlock(self.engine)
            if walked != NOT_PLAIN or copied:
                break
            event = plain_event(event, self.limits_of())
            copied = True
        if walked == REFUSED:
            if scratch.is_text_at_fault() and not copied:
                plain_event(event, self.limits_of())  # says where the text stands
            raise scratch.refusal()
        if walked == NOT_PLAIN:  # a list changed while it was copied
            raise EventError("the event changes while it is read")
        if status != _c.ME_OK:
            raise MemoryError()
        return 0

    cdef dict limits_of(self):
        return self.limits

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
        if size < SHORT_TEXT and _c.me_engine_count(self.engine) < FEW:
            self.read_lock()
            status = match_text(self.engine, scratch.event, start, size, mode, found, count, &error)
            _c.me_engine_read_unlock(self.engine)
        else:
            with nogil:
                _c.me_engine_read_lock(self.engine)
                status = match_text(
                    self.engine, scratch.event, start, size, mode, found, count, &error)
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
        event, and the GIL is released unless both text and matcher are small. Raises EventError
        with the byte offset of what is wrong.
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

    def destinations(self, event, /):
        """Return the distinct destination numbers of the subscriptions that match `event`.

        Stops looking at a destination's subscriptions once one has matched.
        """
        cdef const uint32_t *found = NULL
        cdef uint32_t i, count
        cdef Scratch scratch = self.take_scratch()
        try:
            count = self.run_any_form(scratch, event, _c.ME_DESTINATIONS, &found)
            return [found[i] for i in range(count)]
        finally:
            self.give_scratch(scratch)

    # ---- batches ------------------------------------------------------------------------------

    def match_batch(self, events, /):
        """Match many events; return Matches.

        `events` is a sequence of mappings or of JSON texts, each as `match_json` takes them, or
        JSON lines as bytes, str or a buffer (blank lines are skipped and not counted as events).
        Every event sees whole operations of writers; runs of up to 4,096 events see one state of
        the matcher. Raises EventError with the event's `index`; nothing is returned then.
        """
        cdef Scratch scratch = self.take_scratch()
        cdef Pin pin = self.take_pin()
        cdef Results results = results_of(_c.ME_ALL)
        try:
            self.run_batch(scratch, events, &results)
            return make_matches(self, pin, &results)
        finally:
            self.drop_pin(pin)
            self.give_scratch(scratch)
            results_free(&results)

    def destinations_batch(self, events, /):
        """Return what `destinations` does, a list for each of many events.

        `events` and errors are those of `match_batch`.
        """
        cdef Scratch scratch = self.take_scratch()
        cdef Results results = results_of(_c.ME_DESTINATIONS)
        try:
            self.run_batch(scratch, events, &results)
            return lists_of(&results)
        finally:
            self.give_scratch(scratch)
            results_free(&results)

    cdef int run_batch(self, Scratch scratch, object events, Results *results) except -1:
        cdef const uint32_t *found = NULL
        cdef uint32_t count
        cdef list queue
        cdef Py_ssize_t done = 0
        if is_text(events):
            return self.run_lines(scratch, events, results)
        queue = list_of(events)
        while done < len(queue):
            if type(queue[done]) is bytes:
                self.run_texts(scratch, queue, &done, results)
            elif self.run_mappings(scratch, queue, &done, results) != WALKED:
                # This one has to be copied first, or is refused: either way one at a time.
                try:
                    count = self.run_any_form(scratch, queue[done], results.mode, &found)
                except EventError as error:
                    error.index = done
                    raise
                if not results_add(results, found, count):
                    raise MemoryError()
                done += 1
            PyErr_CheckSignals()
        return 0

    cdef Walk run_mappings(
        self, Scratch scratch, list events, Py_ssize_t *at, Results *results
    ) except *:
        """Match plain events from `at` on, at most SPAN, and move `at` behind them."""
        cdef const uint32_t *found = NULL
        cdef uint32_t count = 0
        cdef Py_ssize_t end = min(at[0] + SPAN, len(events))
        cdef Walk walked = WALKED
        cdef bint memory = True
        self.read_lock()
        while at[0] < end and memory:
            scratch.look_ahead(events, at[0], end)
            if not PyDict_CheckExact(<object>PyList_GET_ITEM(events, at[0])):
                walked = NOT_PLAIN
                break
            walked = scratch.walk(
                self.engine, &self.limits, <dict>PyList_GET_ITEM(events, at[0]), False)
            if walked != WALKED:
                break
            memory = (
                _c.me_match(self.engine, scratch.event, results.mode, &found, &count) == _c.ME_OK
                and results_add(results, found, count))
            at[0] += 1
        _c.me_engine_read_unlock(self.engine)
        if not memory:
            raise MemoryError()
        return walked

    cdef int run_texts(
        self, Scratch scratch, list events, Py_ssize_t *at, Results *results
    ) except -1:
        """Match texts that are bytes from `at` on, at most TEXTS, and move `at` behind them."""
        cdef Text texts[TEXTS]
        cdef Py_ssize_t count = min(TEXTS, len(events) - at[0])
        cdef Py_ssize_t i = 0
        cdef _c.me_status status = _c.ME_OK
        cdef _c.me_error error
        while i < count and type(<object>PyList_GET_ITEM(events, at[0] + i)) is bytes:
            text = <object>PyList_GET_ITEM(events, at[0] + i)
            texts[i] = Text(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            i += 1
        count, i = i, 0
        with nogil:  # nobody else has this list, or could let go of the texts
            _c.me_engine_read_lock(self.engine)
            while i < count and status == _c.ME_OK:
                status = add_text(
                    self.engine, scratch.event, texts[i].start, texts[i].size, results, &error)
                i += status == _c.ME_OK
            _c.me_engine_read_unlock(self.engine)
        at[0] += i
        if status != _c.ME_OK:
            raise self.error_at(at[0], status, &error)
        return 0

    cdef object error_at(self, Py_ssize_t index, _c.me_status status, const _c.me_error *error):
        """The same for an event of a batch."""
        exception = self.error(status, error)
        if isinstance(exception, EventError):
            exception.index = index
        return exception

    cdef int run_lines(self, Scratch scratch, object text, Results *results) except -1:
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
                status = match_lines(self.engine, scratch.event, &at, end, results, &error)
                _c.me_engine_read_unlock(self.engine)
            if status != _c.ME_OK:
                raise self.error_at(results.counts.count, status, &error)
            PyErr_CheckSignals()
        return 0


cdef inline _c.me_status match_text(
    _c.me_engine *engine, _c.me_event *event, const char *text, Py_ssize_t size, _c.me_mode mode,
    const uint32_t **found, uint32_t *count, _c.me_error *error
) noexcept nogil:
    cdef _c.me_status status = _c.me_event_json(engine, event, text, size, error)
    if status == _c.ME_OK:
        status = _c.me_match(engine, event, mode, found, count)
    return status


cdef inline _c.me_status add_text(
    _c.me_engine *engine, _c.me_event *event, const char *text, Py_ssize_t size,
    Results *results, _c.me_error *error
) noexcept nogil:
    """Match a text and add what it found."""
    cdef const uint32_t *found = NULL
    cdef uint32_t count = 0
    cdef _c.me_status status = match_text(
        engine, event, text, size, results.mode, &found, &count, error)
    if status == _c.ME_OK and not results_add(results, found, count):
        status = _c.ME_NOMEM
    return status


cdef _c.me_status match_lines(
    _c.me_engine *engine, _c.me_event *event, const char **at, const char *end,
    Results *results, _c.me_error *error
) noexcept nogil:
    """Match JSON lines from `at` on, at most SPAN of them, and move `at` behind them."""
    cdef const char *stop
    cdef _c.me_status status
    cdef int events = 0
    while at[0] < end and events < SPAN:
        stop = <const char *>memchr(at[0], c"\n", end - at[0])
        if stop == NULL:
            stop = end
        if not is_blank(at[0], stop):
            status = add_text(engine, event, at[0], stop - at[0], results, error)
            if status != _c.ME_OK:
                return status
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


cdef bint is_text(object event):
    """Is this JSON text rather than mappings?"""
    return isinstance(event, (bytes, str)) or PyObject_CheckBuffer(event)


cdef const uint8_t[::1] as_view(object text):
    """The bytes of a contiguous buffer. TypeError for what is no buffer, BufferError for gaps."""
    if not PyObject_CheckBuffer(text):
        raise TypeError(f"JSON text is str, bytes or a buffer of bytes, got {type(text).__name__}")
    view = memoryview(text)
    if view.format != "B" or view.ndim != 1:
        if not view.c_contiguous:
            raise BufferError("JSON text must be contiguous")
        view = view.cast("B")
    return view


def simd():
    """The name of the SIMD kernels in use: avx512, avx2, neon or portable."""
    return _c.me_simd().decode()


def force_simd(name: str):
    """Use the kernels called `name` ("" for the best); False when this machine lacks them."""
    encoded = name.encode()
    return bool(_c.me_simd_force(encoded))


def fail_allocations_after(successes=None):
    """Test hook of a sanitize build: let so many allocations of the core succeed, then none."""
    _c.heap_fail_after(<size_t>-1 if successes is None else successes)
    _mapping.fail_allocations_after(successes)
    _engine.fail_allocations_after(successes)
