"""Covering: questions about filters rather than events. Thin; see src_c/cover.h."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport uint8_t, uint32_t

from matchengine cimport _c
from matchengine._engine cimport Pin, Store
from matchengine._mapping cimport Scratch

_c.me_simd()  # chooses the kernels once, before threads

cdef dict RELATIONS = {
    "covering": _c.ME_COVERING, "covered": _c.ME_COVERED, "overlapping": _c.ME_OVERLAPPING
}


cdef const uint8_t *bytes_of(bytes ir) noexcept:
    return <const uint8_t *>PyBytes_AS_STRING(ir)


def covers(f: bytes, g: bytes, /) -> bool:
    """Does the filter `f` cover `g`? Both are named IR. Raises MemoryError."""
    cdef _c.c_bool answer = False
    cdef _c.me_status status
    cdef const uint8_t *x = bytes_of(f)
    cdef const uint8_t *y = bytes_of(g)
    cdef size_t x_size = PyBytes_GET_SIZE(f), y_size = PyBytes_GET_SIZE(g)
    with nogil:
        status = _c.me_filter_covers(x, x_size, y, y_size, &answer)
    if status != _c.ME_OK:
        raise MemoryError()
    return bool(answer)


cdef _c.me_values values_of(arrays: object) except *:
    if not isinstance(arrays, str):
        return _c.ME_VALUES_MANY if arrays else _c.ME_VALUES_ONE
    if arrays != "unshared":
        raise ValueError(f"arrays is True, False or 'unshared', got {arrays!r}")
    return _c.ME_VALUES_ONE_SHARED


def overlaps(f: bytes, g: bytes, arrays: object, /) -> bool:
    """May an event satisfy both? `arrays`: where it may have several values (see `covering`)."""
    cdef _c.c_bool answer = False
    cdef _c.me_status status
    cdef const uint8_t *x = bytes_of(f)
    cdef const uint8_t *y = bytes_of(g)
    cdef size_t x_size = PyBytes_GET_SIZE(f), y_size = PyBytes_GET_SIZE(g)
    cdef _c.me_values values = values_of(arrays)
    with nogil:
        status = _c.me_filter_overlaps(x, x_size, y, y_size, values, &answer)
    if status != _c.ME_OK:
        raise MemoryError()
    return bool(answer)


def conjuncts(ir: bytes, /) -> list[bytes]:
    """The operands of a filter that is an AND; of any other, the filter itself."""
    cdef _c.filter_reader reader
    cdef _c.filter_node node
    cdef const uint8_t *start = bytes_of(ir)
    cdef Py_ssize_t begin
    cdef list starts = []  # of the operands that no operator has taken yet
    cdef list found = []
    reader.at = start
    reader.end = start + PyBytes_GET_SIZE(ir)
    reader.named = True
    while True:
        begin = reader.at - start
        if not _c.filter_next(&reader, &node):
            return [ir]
        if node.op == _c.OP_AND and reader.at == reader.end:
            break
        if node.op == _c.OP_AND or node.op == _c.OP_OR:
            del starts[len(starts) - <Py_ssize_t>node.count + 1:]
        elif node.op != _c.OP_NOT:
            starts.append(begin)
    starts.append(begin)
    for i in range(len(starts) - 1):
        found.append(ir[starts[i]:starts[i + 1]])
    return found


cdef int keep_notes(Store store) except -1:
    cdef _c.me_status status
    if _c.me_engine_keeps_notes(store.engine):
        return 0
    store.write_lock()
    with nogil:
        status = _c.me_engine_keep_notes(store.engine)
        _c.me_engine_write_unlock(store.engine)
    if status != _c.ME_OK:
        raise MemoryError()
    return 0


def related(
    store: Store, relation: str, ir: bytes, /, *, arrays: object = True, limit: int | None = None
) -> list[object]:
    """The ids of the subscriptions that stand in a relation (RELATIONS) to a filter.

    All, or some of them, when they are more than `limit`. A long search lets writers in between its
    slices; each subscription is asked as it is at some moment of the call.
    """
    cdef const uint32_t *found = NULL
    cdef uint32_t count = 0, following = 0, slices = 0, wanted, i
    cdef uint32_t most = 0xFFFFFFFF if limit is None else max(0, min(limit, 0xFFFFFFFF))
    cdef _c.me_status status = _c.ME_OK
    cdef _c.me_relation which = <_c.me_relation><int>RELATIONS[relation]
    cdef _c.me_values values = values_of(arrays)
    cdef const uint8_t *filter = bytes_of(ir)
    cdef size_t size = PyBytes_GET_SIZE(ir)
    cdef list ids = []
    if which != _c.ME_COVERING:
        keep_notes(store)
    cdef Scratch scratch = store.take_scratch()
    cdef Pin pin = store.take_pin()
    try:
        while following != 0xFFFFFFFF and <Py_ssize_t>most > len(ids):
            wanted = most - <uint32_t>len(ids)
            with nogil:
                _c.me_engine_read_lock(store.engine)
                status = _c.me_engine_related(
                    store.engine, scratch.event, which, values, wanted, filter,
                    size, &following, &found, &count)
                _c.me_engine_read_unlock(store.engine)
            if status != _c.ME_OK:
                raise MemoryError()
            ids.extend([store.table[found[i]] for i in range(count)])
            slices += 1
            PyErr_CheckSignals()
        # One that went and came back between two slices has been met twice.
        return ids if slices < 2 else list(dict.fromkeys(ids))
    finally:
        store.drop_pin(pin)
        store.give_scratch(scratch)


def fail_allocations_after(successes=None):
    """Test hook, see _core: this module has its own copy of the core's code."""
    _c.heap_fail_after(<size_t>-1 if successes is None else successes)
