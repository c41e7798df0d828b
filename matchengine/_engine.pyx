"""The writer's side of the engine: subscriptions in and out, locks, and who still holds a handle.

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
from os import urandom

from matchengine._filters import integer
from matchengine.errors import EventError
from matchengine.values import handle_of, plain_event

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc

from matchengine cimport _c
from matchengine._bounds cimport bounds_of
from matchengine._mapping cimport REFUSED, WALKED, Scratch, Walk

NO_DESTINATION = _c.ME_NO_DESTINATION

# What explanations are made of, by the numbers of matchengine.h.
TRUTHS = ("false", "true", "unknown")
ANCHORS = ("none", "equal", "range", "pattern", "present")
STAGES = ("anchor", "needs", "residual", "matched")

# What memory is for, in the order of me_part.
PARTS = tuple([_c.me_part_name(<_c.me_part>part).decode() for part in range(_c.ME_PARTS)])


cdef struct Bytes:  # a growing buffer
    uint8_t *items
    size_t length, room


cdef size_t append_filter(const _c.me_engine *engine, uint32_t handle, Bytes *out) noexcept nogil:
    """Append the filter of a live handle (named IR). Its length, or 0 where memory is lacking."""
    cdef size_t size = _c.me_engine_filter(
        engine, handle, out.items + out.length, out.room - out.length)
    cdef size_t room = 2 * (out.length + size)
    cdef void *larger
    if size > out.room - out.length:
        larger = realloc(out.items, room)
        if larger == NULL:
            return 0
        out.items = <uint8_t *>larger
        out.room = room
        size = _c.me_engine_filter(engine, handle, out.items + out.length, size)
    out.length += size
    return size


cdef class Pin:
    """Results alive since a point in the history of removals."""

    def __reduce__(self):
        raise TypeError("it cannot be copied or pickled")


cdef class Store:
    """A C engine with its locks, scratches, pins and the ids of its handles."""

    def __cinit__(self, *args, **kwargs):
        self.table = []
        self.scratches = []
        self.pin = Pin()
        self.pins = deque([self.pin])
        self.retired = deque()
        self.limits = _c.me_default_limits
        self.make_engine()  # so that no method ever meets a NULL, whatever a subclass forgets

    cdef int make_engine(self) except -1:
        cdef _c.me_engine *made = _c.me_engine_new(
            &self.limits, int.from_bytes(urandom(8), "little"))
        if made == NULL:
            raise MemoryError()
        _c.me_engine_free(self.engine)
        self.engine = made
        return 0

    def _open(self, limits):
        """Start with an object that has the fields of Limits. Once."""
        if self.opened:
            raise RuntimeError("a matcher cannot be initialised again")
        self.opened = True
        bounds_of(limits, &self.limits)
        self.make_engine()
        self.spare = None  # what it knows is about another engine
        self.scratches = []

    def __dealloc__(self):
        _c.me_engine_free(self.engine)

    # ---- locks, pins, scratches -------------------------------------------------------------

    cdef void read_lock(self) noexcept:
        if not _c.me_engine_try_read_lock(self.engine):
            with nogil:
                _c.me_engine_read_lock(self.engine)

    cdef void write_lock(self) noexcept:
        if not _c.me_engine_try_write_lock(self.engine):
            with nogil:
                _c.me_engine_write_lock(self.engine)

    cdef Pin take_pin(self):
        return self.take_pin_of(self.pin)

    cdef Pin take_pin_of(self, Pin pin):
        """The point in history of another result."""
        pin.count += 1
        return pin

    cdef void drop_pin(self, Pin pin) noexcept:
        pin.count -= 1

    cdef Scratch take_scratch(self):
        cdef Scratch scratch = self.spare
        if scratch is not None:
            self.spare = None
            return scratch
        return <Scratch>self.scratches.pop() if self.scratches else Scratch()

    cdef int give_scratch(self, Scratch scratch) except -1:
        _c.me_event_take_counters(scratch.event, &self.counters)
        if self.spare is None:
            self.spare = scratch
        else:
            self.scratches.append(scratch)
        return 0

    cdef int let_go(self, list dropped) except -1:
        """Give retired handles back whose results are gone. Write lock held.

        The ids that are dropped by it are moved to `dropped`: the caller lets them go after the
        lock. Nothing here makes an object that the garbage collector counts.
        """
        cdef Pin oldest
        while len(self.pins) > 1 and (<Pin>self.pins[0]).count == 0:
            dropped.append(self.pins.popleft())
        oldest = <Pin>self.pins[0]
        while self.retired and (oldest.count == 0 or self.retired[0][0] < oldest.epoch):
            entry = self.retired.popleft()
            handle = entry[1]
            dropped.append(entry)
            dropped.append(self.table[handle])
            self.table[handle] = None
            _c.me_engine_release_handle(self.engine, handle)
        return 0

    cdef void learn(self) noexcept:
        """Hand what idle scratches have sampled to the engine. Write lock held."""
        if self.spare is not None:
            _c.me_engine_learn(self.engine, self.spare.event)
        for scratch in self.scratches:
            _c.me_engine_learn(self.engine, (<Scratch>scratch).event)

    # ---- subscriptions ------------------------------------------------------------------------

    # Making an object that the garbage collector counts may run finalisers. So every method below
    # makes what it needs before the lock, and raises after it.

    def _insert_many(self, list irs, list ids, list destinations, bint warned):
        """Add many filters (named IR) as one operation: all or none. Raises MemoryError.

        Returns their handles and None. Unless the caller has `warned` of them, expensive filters
        are refused, and the others with them: then it returns no handles, and the index of the
        first, how many there are, and what `_diagnose` says of the first.
        """
        cdef Py_ssize_t at = 0, done = 0, count = len(irs), first = -1, expensive = 0
        cdef uint32_t handle = 0, to
        cdef _c.me_status status = _c.ME_OK
        cdef _c.me_diagnosis found
        cdef bytes ir
        cdef list handles = [0] * count, dropped = []
        self.table.extend([None] * count)
        self.write_lock()
        try:
            self.let_go(dropped)
            self.learn()
            while at < count and status == _c.ME_OK:
                ir = <bytes>irs[at]
                to = destinations[at]
                status = _c.me_engine_add(
                    self.engine, <const uint8_t *>PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir),
                    to, &handle)
                if status == _c.ME_OK and (
                        warned or _c.me_engine_expense(self.engine, handle) == _c.ME_CHEAP):
                    handles[done] = handle
                    self.table[handle] = ids[at]
                    done += 1
                elif status == _c.ME_OK:  # only counted
                    self.take_back(handle)
                    if expensive == 0:
                        first = at
                        status = self.diagnose(ir, &found)
                    expensive += 1
                at += 1
            while (status != _c.ME_OK or expensive > 0) and done > 0:
                done -= 1
                self.take_back(handles[done])
        finally:
            _c.me_engine_write_unlock(self.engine)
        self.trim()
        del dropped
        if status != _c.ME_OK:
            raise MemoryError()
        return (handles, None) if expensive == 0 else ([], (first, expensive, found))

    cdef void take_back(self, uint32_t handle) noexcept:
        """Take out what nobody has seen. Write lock held."""
        _c.me_engine_remove(self.engine, handle)
        _c.me_engine_release_handle(self.engine, handle)
        self.table[handle] = None

    cdef _c.me_status diagnose(self, bytes ir, _c.me_diagnosis *found) noexcept:
        return _c.me_engine_diagnose(
            self.engine, <const uint8_t *>PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir), found)

    cdef void trim(self) noexcept:
        """One entry of `table` for every handle ever given."""
        end = _c.me_engine_handle_end(self.engine)
        if len(self.table) > end:
            del self.table[end:]

    def _give_back(self):
        """Give free memory of the process back to the system, without the GIL. 10 ms or so."""
        with nogil:
            _c.heap_trim()

    # The next two look an id up themselves: between that and the lock nobody else's code can run,
    # no signal handler either, so the handle is that of the id.

    def _change(self, dict handles, id, ir: bytes, destination, bint keeps, bint warned):
        """Give the subscription of an id another filter, and a destination unless it `keeps` it.

        Returns None. Unless the caller has `warned` of it, an expensive filter is refused: then
        nothing changes, and it returns what `_diagnose` says of it. Raises KeyError, MemoryError.
        """
        cdef uint32_t before, to = destination, number = handles[id]
        cdef _c.me_status status
        cdef _c.me_expense expense = _c.ME_CHEAP
        cdef _c.me_diagnosis found
        self.write_lock()
        self.learn()
        before = _c.me_engine_destination(self.engine, number)
        status = _c.me_engine_replace(
            self.engine, number, <const uint8_t *>PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir),
            before if keeps else to, NULL if warned else &expense)
        if status == _c.ME_OK and expense != _c.ME_CHEAP:
            status = self.diagnose(ir, &found)
        _c.me_engine_write_unlock(self.engine)
        if status != _c.ME_OK:
            raise MemoryError()
        return None if expense == _c.ME_CHEAP else found

    def _read(self, dict handles, id):
        """The filter (named IR) of an id's subscription, and its destination. Raises KeyError."""
        cdef uint32_t to, number = handles[id]
        cdef Bytes filter = Bytes(NULL, 0, 0)
        cdef size_t size
        self.read_lock()
        to = _c.me_engine_destination(self.engine, number)
        size = append_filter(self.engine, number, &filter)
        _c.me_engine_read_unlock(self.engine)
        try:
            if size == 0:
                raise MemoryError()
            return filter.items[:filter.length], to
        finally:
            free(filter.items)

    def _delete(self, handles):
        """Take live handles out as one operation."""
        cdef uint32_t number
        cdef Pin fresh = Pin()
        cdef list dropped = [], entries = [(self.pin.epoch, handle) for handle in handles]
        fresh.epoch = self.pin.epoch + 1
        for entry in entries:
            if not _c.me_engine_is_live(self.engine, entry[1]):
                raise LookupError(f"no subscription has the handle {entry[1]}")
        self.write_lock()
        try:
            for entry in entries:
                number = entry[1]
                if _c.me_engine_is_live(self.engine, number):
                    _c.me_engine_remove(self.engine, number)
                    self.retired.append(entry)
            if self.pin.count > 0:
                self.pins.append(fresh)
                self.pin = fresh
            self.let_go(dropped)
        finally:
            _c.me_engine_write_unlock(self.engine)
        del dropped

    def _copy_filters(self, list ids, list handles):
        """The filters and destinations of live handles, in one pass and of one moment.

        Returns the filters (named IR) one after the other, their lengths, and the destinations;
        both as native uint32. None when the handles are not, or no longer, those of the ids. Other
        threads run meanwhile; the caller keeps writers away. Raises MemoryError.
        """
        cdef Py_ssize_t i, count = len(handles)
        cdef bytes lengths = PyBytes_FromStringAndSize(NULL, count * sizeof(uint32_t))
        cdef bytes destinations = PyBytes_FromStringAndSize(NULL, count * sizeof(uint32_t))
        cdef uint32_t *numbers = <uint32_t *>PyBytes_AS_STRING(lengths)  # the handles at first
        cdef uint32_t *to = <uint32_t *>PyBytes_AS_STRING(destinations)
        cdef Bytes filters
        if len(ids) != count:
            return None
        for i in range(count):  # from here to the lock nobody else's code can run
            numbers[i] = handles[i]
            if not _c.me_engine_is_live(self.engine, numbers[i]):
                return None
            if self.table[numbers[i]] is not ids[i]:
                return None
        filters.length = 0
        filters.room = 64 * (count + 1)
        filters.items = <uint8_t *>malloc(filters.room)
        if filters.items == NULL:
            raise MemoryError()
        self.read_lock()
        i = 0
        with nogil:
            for i in range(count):
                to[i] = _c.me_engine_destination(self.engine, numbers[i])
                numbers[i] = <uint32_t>append_filter(self.engine, numbers[i], &filters)
                if numbers[i] == 0:
                    break
            _c.me_engine_read_unlock(self.engine)
        try:
            if count > 0 and numbers[i] == 0:
                raise MemoryError()
            return filters.items[:filters.length], lengths, destinations
        finally:
            free(filters.items)

    def _diagnose(self, ir: bytes):
        """What adding this filter would do: the fields of me_diagnosis as a dict."""
        cdef _c.me_diagnosis found
        cdef _c.me_status status
        self.write_lock()
        self.learn()
        status = self.diagnose(ir, &found)
        _c.me_engine_write_unlock(self.engine)
        if status != _c.ME_OK:
            raise MemoryError()
        return found

    def _plain(self, event):
        """A copy of a mapping that `_examine` takes. Raises EventError."""
        return plain_event(event, self.limits)

    def _examine(self, event, handle):
        """Ask why the subscription of `handle` matches an event, or why it does not.

        `event` comes from `_plain`, or is JSON as bytes. Returns None when no subscription has the
        handle, else (filter, matched, leaves, rows): the filter as bytes; for every leaf of it, in
        order, its truth and the values at each path that it mentions; for every row the kind of its
        anchor, the first mention of the anchor's path (leaf and place; None: none), and the stage
        that the event came to. All of one moment: between the look for the handle and the last
        answer runs nobody's code. The answers become objects after the lock. Raises EventError,
        MemoryError.
        """
        cdef Scratch scratch = Scratch()
        cdef _c.me_explanation found
        cdef _c.me_error error
        cdef _c.me_status status = _c.ME_OK
        cdef Walk walked = WALKED
        cdef uint32_t number = handle
        cdef bint live, is_text = isinstance(event, bytes)
        cdef size_t size = 0
        cdef uint8_t *filter = NULL
        self.write_lock()
        live = _c.me_engine_is_live(self.engine, number)
        if live and is_text:
            status = _c.me_event_json(
                self.engine, scratch.event, PyBytes_AS_STRING(event), PyBytes_GET_SIZE(event),
                &error)
        elif live:
            walked = scratch.walk(self.engine, &self.limits, <dict>event, True)
        if live and walked == WALKED and status == _c.ME_OK:
            status = _c.me_engine_explain(self.engine, scratch.event, number, &found)
            size = _c.me_engine_filter(self.engine, number, NULL, 0)
            filter = <uint8_t *>PyMem_Malloc(size)
            if filter != NULL:  # this takes memory each time
                size = _c.me_engine_filter(self.engine, number, filter, size)
        _c.me_engine_write_unlock(self.engine)
        try:
            if not live:
                return None
            if walked == REFUSED:
                raise scratch.refusal()
            if walked != WALKED:
                raise EventError("the event changes while it is read")
            if status == _c.ME_EVENT or status == _c.ME_EVENT_LIMIT:
                self.count(event)  # raises it, with the place
            if status != _c.ME_OK or size == 0 or filter == NULL:
                raise MemoryError()
            ir = PyBytes_FromStringAndSize(<const char *>filter, size)
            return ir, bool(found.matched), leaves_of(&found), rows_of(&found)
        finally:
            PyMem_Free(filter)

    def _numbers(self):
        """The engine's statistics and counters as a dict."""
        cdef _c.me_stats s
        self.read_lock()
        _c.me_engine_stats(self.engine, &s)
        _c.me_engine_read_unlock(self.engine)
        return {**s, **self.counters}

    def validate(self):
        """Check every invariant of the engine; raises AssertionError that names a broken one."""
        cdef const char *why = NULL
        self.read_lock()
        valid = _c.me_engine_validate(self.engine, &why)
        _c.me_engine_read_unlock(self.engine)
        if not valid:
            raise AssertionError(why.decode())

    def ids(self, handles, /):
        """The ids of handles: of a Matches while it is alive, or of live subscriptions. Raises
        TypeError for what is no int, and LookupError for one that no result has."""
        cdef list table = self.table, found = []
        cdef long long number
        cdef int overflow = 0
        for handle in handles.tolist() if hasattr(handles, "tolist") else handles:
            handle = handle if type(handle) is int else handle_of(handle)
            number = PyLong_AsLongLongAndOverflow(handle, &overflow)  # -1 where it does
            if not 0 <= number < len(table):
                raise LookupError(f"no result has the handle {handle}")
            found.append(table[number])
        return found

    def _after_fork(self):
        """In a forked child: whoever held the lock is not here. A writer cannot have been at work,
        for it keeps the GIL, and readers change nothing."""
        _c.me_engine_reset_lock(self.engine)


cdef list leaves_of(_c.me_explanation *found):
    cdef uint32_t i, k
    cdef dict values = {}
    for i in range(found.value_count):
        if found.values[i].path != _c.ME_NO_PATH:
            values.setdefault(found.values[i].path, []).append(value_of(&found.values[i].value))
    shared = {path: tuple(some) for path, some in values.items()}
    leaves = []
    for i in range(found.leaf_count):
        paths = [found.leaves[i].paths[k] for k in range(found.leaves[i].path_count)]
        leaves.append((TRUTHS[<int>found.leaves[i].truth], [shared.get(p, ()) for p in paths]))
    return leaves


cdef list rows_of(_c.me_explanation *found):
    cdef uint32_t i, k
    first = {}
    for i in range(found.leaf_count):
        for k in range(found.leaves[i].path_count):
            first.setdefault(found.leaves[i].paths[k], (i, k))
    return [
        (ANCHORS[<int>found.rows[i].kind], first.get(found.rows[i].path),
         STAGES[<int>found.rows[i].stage])
        for i in range(found.row_count)
    ]


cdef object value_of(const _c.me_value *v):
    if v.type == _c.ME_STRING:
        return PyUnicode_DecodeUTF8(v.as_.s, v.len, NULL)
    if v.type == _c.ME_INT:
        return v.as_.i
    if v.type == _c.ME_DOUBLE:
        return v.as_.d
    if v.type == _c.ME_BOOL:
        return v.as_.i != 0
    if v.type == _c.ME_NULL:
        return None
    return integer(v.as_.s[:v.len].decode())


def fail_allocations_after(successes=None):
    """Test hook, see _core: this module has its own copy of the core's code."""
    _c.heap_fail_after(<size_t>-1 if successes is None else successes)
