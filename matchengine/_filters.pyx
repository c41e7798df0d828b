"""Filters as bytes: Python values in, C calls, Python values out.

Everything here is thin. What a filter may say is decided in C (parse.h, filter.h); this module
converts constants, owns memory while C works, and turns a status into an exception.
"""

import sys

from matchengine.errors import FilterSyntaxError, FilterTypeError, LimitExceeded

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AsDouble
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport UINT32_MAX, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from matchengine cimport _c
from matchengine._bounds cimport bounds_of

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    bint PyUnicode_IS_ASCII(object text)
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1

# What nodes() and leaf() call the operators, in the order of filter_op.
cdef tuple NAMES = (
    None, "TRUE", "FALSE", "=", "<>", "<", "<=", ">", ">=", "BETWEEN", "IN", "STARTS_WITH",
    "ENDS_WITH", "CONTAINS", "LIKE", "ILIKE", "EXISTS", "IS NULL", "AND", "OR", "NOT", "MATCHES",
    "COMPUTE",
)
cdef dict OPS = {name: op for op, name in enumerate(NAMES)}

# One call of int() or str() must not exceed the interpreter's limit, which is never below 640.
cdef int DIGITS = 600
cdef object POWER = int("1" + "0" * DIGITS)  # ** would be that of C


# ---- errors -------------------------------------------------------------------------------------

cdef object error_of(
    _c.me_status status, _c.me_error *error, bytes text, const _c.me_limits *limits
):
    """The exception for a status: the only place of this module that knows which is which.

    `text` is what the offset counts in, or None when that is nothing to show.
    """
    if status == _c.ME_NOMEM:
        return MemoryError()
    message = error.message.decode()
    shown, position = None, 0
    if text is not None:
        shown = text.decode(errors="replace")
        position = len(text[:error.offset].decode(errors="replace"))
    if status == _c.ME_FILTER_LIMIT:
        name = error.limit.decode()
        return LimitExceeded(
            message, name, error.value, (<dict>limits[0])[name], text=shown, position=position)
    if status == _c.ME_TYPE:
        return FilterTypeError(message, shown, position)
    expected = message.removeprefix("expected ").partition(", got ")[0]
    return FilterSyntaxError(
        message, shown, position, expected if message.startswith("expected ") else ""
    )


cdef object check(bytes ir, const _c.me_limits *limits):
    cdef _c.me_error error
    memset(&error, 0, sizeof(error))
    cdef _c.me_status status = _c.filter_check(
        <const uint8_t *>PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir), limits, &error
    )
    if status != _c.ME_OK:
        raise error_of(status, &error, None, limits)


# ---- constants ----------------------------------------------------------------------------------

cdef object digits_of(object number):
    """The decimal digits of an exact int of any size."""
    parts = []
    rest = abs(number)
    while rest >= POWER:
        rest, low = divmod(rest, POWER)
        parts.append(f"{low:0{DIGITS}d}")
    parts.append(f"{'-' if number < 0 else ''}{rest:d}")
    return "".join(reversed(parts))


def integer(str digits not None, /):
    """Return the int that has these digits, which may be more than `int` would read."""
    if len(digits) <= DIGITS:
        return int(digits)
    cdef bint negative = digits[0] == "-"
    digits = digits[negative:]
    first = len(digits) % DIGITS
    number = int(digits[:first] or "0")
    for start in range(first, len(digits), DIGITS):
        number = number * POWER + int(digits[start:start + DIGITS])
    return -number if negative else number


def decimal(number: int, /) -> str:
    """Return the decimal digits of `number`, which may have more than `str` would print."""
    return digits_of(number)


cdef object plain(object value):
    """`value`, or the Python scalar that a NumPy scalar is equal to."""
    numpy = sys.modules.get("numpy")  # where it was never imported, nobody has its scalars
    if numpy is not None and isinstance(value, numpy.generic):
        if isinstance(value, numpy.bool_):
            return bool(value)
        if isinstance(value, numpy.integer) and not isinstance(value, numpy.timedelta64):
            return int(value)
        if isinstance(value, numpy.floating):
            return float(value)
    return value


cdef bint read_int(object value, uint64_t digits, _c.me_value *out, list keep) except -1:
    cdef int overflow = 0
    out.as_.i = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow == 0:
        out.type = _c.ME_INT
        return True
    number = int.__pos__(value)  # an exact int, whatever a subclass overrides
    # 10/3 is more than log2(10), so a number with more bits than this has more digits.
    if number.bit_length() <= digits * 10 // 3 + 3:
        text = digits_of(number).encode()
        keep.append(text)
        out.type = _c.ME_BIG
        out.as_.s = PyBytes_AS_STRING(text)
        out.len = <uint32_t>len(text)
        if len(text) - (number < 0) <= digits:
            return True
    raise LimitExceeded(
        f"the filter exceeds the limit digits, which is {digits}", "digits", digits + 1, digits
    )


cdef bint read_value(object value, uint64_t digits, _c.me_value *out, list keep) except -1:
    """Convert a Python constant; False when it is of no type that a filter knows.

    `out` borrows from `value` and from what is added to `keep`. Raises LimitExceeded.
    """
    cdef Py_ssize_t size = 0
    memset(out, 0, sizeof(_c.me_value))
    if not isinstance(value, (str, int, float)):
        value = plain(value)
        keep.append(value)
    if isinstance(value, str):
        try:
            out.as_.s = PyUnicode_AsUTF8AndSize(value, &size)
        except UnicodeEncodeError:
            return False
        if size > UINT32_MAX:
            return False
        out.type = _c.ME_STRING
        out.len = <uint32_t>size
    elif isinstance(value, bool):
        out.type = _c.ME_BOOL
        out.as_.i = value is True
    elif isinstance(value, int):
        return read_int(value, digits, out, keep)
    elif isinstance(value, float):
        out.type = _c.ME_DOUBLE
        out.as_.d = PyFloat_AsDouble(value)
    elif value is None:
        out.type = _c.ME_NULL
    else:
        return False
    return True


cdef object constant_error(object value):
    """Why read_value has refused it."""
    if not isinstance(value, str):
        kind = type(value).__name__
        return FilterTypeError(f"a constant is a bool, a number or a str, not {kind}")
    place = next((i for i, c in enumerate(value) if "\ud800" <= c <= "\udfff"), None)
    if place is None:
        return FilterTypeError("a string in a filter has less than 4 GiB")
    why = "the string has a lone surrogate, which no UTF-8 can spell"
    return FilterTypeError(why, str(value), place)


cdef object value_of(const _c.me_value *v):
    """The Python constant."""
    if v.type == _c.ME_STRING:
        return PyUnicode_DecodeUTF8(v.as_.s, v.len, NULL)
    if v.type == _c.ME_INT:
        return v.as_.i
    if v.type == _c.ME_DOUBLE:
        return v.as_.d
    if v.type == _c.ME_BOOL:
        return v.as_.i != 0
    return integer(v.as_.s[:v.len].decode())


# ---- writing ------------------------------------------------------------------------------------

cdef class _Writer:
    """Owns a filter_writer and the heap that pays for it."""

    def __cinit__(self):
        _c.filter_writer_init(&self.w, &self.heap, True)

    def __dealloc__(self):
        _c.filter_writer_free(&self.w)

    cdef bytes result(self):
        if self.w.failed:
            raise MemoryError
        return PyBytes_FromStringAndSize(<const char *>self.w.bytes, self.w.length)

    cdef bytes built(self):
        """The result, unless it breaks the default limits: a text would not be let in either."""
        ir = self.result()
        check(ir, &_c.me_default_limits)
        return ir


cdef class _Parameters:
    """The parameters of one text as C wants them. Borrows from the values, so it keeps them."""

    cdef _c.me_parameter *items
    cdef Py_ssize_t count
    cdef list keep

    def __cinit__(self, dict parameters not None, uint64_t digits):
        cdef Py_ssize_t i
        self.keep = []
        if not parameters:
            return
        self.items = <_c.me_parameter *>PyMem_Malloc(len(parameters) * sizeof(_c.me_parameter))
        if self.items == NULL:
            raise MemoryError
        for i, (name, value) in enumerate(parameters.items()):
            if not isinstance(name, str):
                raise FilterTypeError(f"the name of a parameter is a str, not {name!r:.100}")
            raw = name.encode(errors="surrogatepass")  # no text can mention a lone surrogate
            self.keep += (raw, value)
            self.items[i].name = PyBytes_AS_STRING(raw)
            self.items[i].length = PyBytes_GET_SIZE(raw)
            read_value(value, digits, &self.items[i].value, self.keep)
            self.count = i + 1

    def __dealloc__(self):
        PyMem_Free(self.items)


cdef bytes utf8(object text):
    """The bytes of a filter's text. Raises FilterSyntaxError at a lone surrogate."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise FilterTypeError(f"the text of a filter is a str, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise FilterSyntaxError(
            "the text has a lone surrogate, which no UTF-8 can spell", text, error.start
        ) from None


def parse_text(text: str | bytes, parameters: dict[str, object], limits: object = None) -> bytes:
    """Return the filter that `text` says, its `:name` parameters bound to `parameters`.

    `limits` has the fields of `Limits`; None stands for the defaults. Linear in the text.
    Raises FilterSyntaxError, FilterTypeError or LimitExceeded.
    """
    cdef _c.me_limits bounds
    cdef _c.me_error error
    bounds_of(limits, &bounds)
    memset(&error, 0, sizeof(error))
    raw = utf8(text)
    cdef _Writer writer = _Writer()
    cdef _Parameters bound = _Parameters(parameters, bounds.digits)
    cdef _c.me_status status = _c.parse_filter(
        PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw), bound.items, bound.count, &bounds,
        &writer.w, &error,
    )
    if status != _c.ME_OK:
        raise error_of(status, &error, raw, &bounds)
    return writer.result()


def parse_texts(list filters, object limits, list irs):
    """Append to `irs` what parse_text, without parameters, returns for `filters[len(irs):]`.

    Stops before the first that is no exact str. The errors of parse_text: `irs` then tells which.
    """
    cdef _c.me_limits bounds
    cdef _c.me_error error
    cdef const char *utf8_text
    cdef Py_ssize_t size = 0
    cdef _c.me_status status = _c.ME_OK
    cdef _Writer writer = _Writer()
    cdef Py_ssize_t i
    bounds_of(limits, &bounds)
    for i in range(len(irs), len(filters)):
        text = filters[i]
        if type(text) is not str:
            return
        if not PyUnicode_IS_ASCII(text):
            irs.append(parse_text(text, {}, limits))
            continue
        utf8_text = PyUnicode_AsUTF8AndSize(text, &size)
        writer.w.length = 0
        memset(&error, 0, sizeof(error))
        status = _c.parse_filter(utf8_text, size, NULL, 0, &bounds, &writer.w, &error)
        if status != _c.ME_OK:
            raise error_of(status, &error, text.encode(), &bounds)
        irs.append(writer.result())


cdef object check_rules(_c.filter_op op, const _c.me_value *a, const _c.me_value *b):
    """Raise unless the constants go together: BETWEEN, LIKE and ILIKE have two."""
    cdef const char *why
    if op == _c.OP_BETWEEN:
        why = _c.filter_between_error(a, b)
        if why != NULL:
            raise FilterTypeError(why.decode())
    elif b.len > 0:
        if not _c.filter_escape_is_one(b):
            raise FilterSyntaxError("ESCAPE takes exactly one character")
        if _c.filter_pattern_is_open(a, b):
            raise FilterSyntaxError("the pattern ends in its escape character")


cdef object check_regex(const _c.me_value *pattern, _Writer writer):
    """Raise unless the string is a regex. The position of an error is one in the regex."""
    cdef _c.me_error error
    memset(&error, 0, sizeof(error))
    cdef uint64_t states = 0
    cdef _c.me_status status = _c.regex_check(
        &writer.heap, pattern.as_.s, pattern.len, &_c.me_default_limits, &states, &error
    )
    if status != _c.ME_OK:
        raise error_of(status, &error, pattern.as_.s[:pattern.len], &_c.me_default_limits)


def leaf(op: str, path: str, constants: tuple[object, ...] = ()) -> bytes:
    """Return the filter of one leaf, `op` and `constants` being as in `nodes`.

    The caller passes as many constants as the operator has (LIKE: the pattern and its escape,
    which is empty for none). Raises FilterTypeError, FilterSyntaxError (an escape that does not
    fit its pattern, what is no regex) or LimitExceeded (by the default limits, as the two
    functions below).
    """
    cdef _c.filter_op number = <_c.filter_op><int>OPS[op]
    cdef _c.me_value values[2]
    cdef _c.me_value *v
    cdef _Writer writer = _Writer()
    cdef list keep = []
    if not isinstance(path, str) or not read_value(path, 0, &values[0], keep):
        raise FilterTypeError("the name of an attribute is a str without lone surrogates")
    _c.filter_write_op(&writer.w, number)
    _c.filter_write_path(&writer.w, values[0].as_.s, values[0].len)
    if number == _c.OP_IN:
        _c.filter_write_count(&writer.w, <uint32_t>len(constants))
    for i, constant in enumerate(constants):
        v = &values[i & 1]
        if not read_value(constant, _c.me_default_limits.digits, v, keep):
            raise constant_error(constant)
        why = _c.filter_constant_error(number, v)
        if why != NULL:
            raise FilterTypeError(why.decode())
        _c.filter_write_value(&writer.w, v)
    if len(constants) == 2 and number != _c.OP_IN:
        check_rules(number, &values[0], &values[1])
    if number == _c.OP_MATCHES:
        check_regex(&values[0], writer)
    return writer.built()


cdef Py_ssize_t last_node(bytes ir, _c.filter_node *node) except -1:
    """Read the last node of a filter and return where it begins: bytes are read forwards only."""
    cdef _c.filter_reader reader
    cdef const uint8_t *start = <const uint8_t *>PyBytes_AS_STRING(ir)
    cdef const uint8_t *last = start
    reader.at = start
    reader.end = start + PyBytes_GET_SIZE(ir)
    reader.named = True
    while reader.at < reader.end:
        last = reader.at
        _c.filter_next(&reader, node)
    return last - start


def combine(op: str, operands: list[bytes]) -> bytes:
    """Return the AND or OR (`op`) of two or more filters. Linear in their bytes.

    An operand that is itself an `op` is spliced in: its bytes without its last node.
    """
    cdef _c.filter_op number = <_c.filter_op><int>OPS[op]
    cdef _Writer writer = _Writer()
    cdef _c.filter_node node
    cdef Py_ssize_t last
    cdef uint32_t count = 0
    for ir in operands:
        last = last_node(ir, &node)
        if node.op == number:
            count += node.count
        else:
            count += 1
            last = PyBytes_GET_SIZE(ir)
        _c.filter_write_bytes(&writer.w, PyBytes_AS_STRING(ir), last)
    _c.filter_write_op(&writer.w, number)
    _c.filter_write_count(&writer.w, count)
    return writer.built()


def negate(ir: bytes) -> bytes:
    """Return the NOT of a filter."""
    cdef _Writer writer = _Writer()
    _c.filter_write_bytes(&writer.w, PyBytes_AS_STRING(ir), PyBytes_GET_SIZE(ir))
    _c.filter_write_op(&writer.w, _c.OP_NOT)
    return writer.built()


# ---- reading ------------------------------------------------------------------------------------

cdef tuple constants_of(const _c.filter_node *node):
    cdef _c.me_value v
    cdef const uint8_t *at = node.items
    if node.op == _c.OP_IN:
        constants = []
        for _ in range(node.count):
            at = _c.filter_read_value(at, &v)
            constants.append(value_of(&v))
        return tuple(constants)
    if node.a.type == 0:
        return ()
    if node.b.type == 0:
        return (value_of(&node.a),)
    return (value_of(&node.a), value_of(&node.b))


def nodes(ir: bytes) -> list[tuple[str, str | None, tuple[object, ...]]]:
    """Return the nodes of a filter in postfix order, as (operator, path, constants).

    Operators are TRUE, FALSE, = <> < <= > >=, BETWEEN, IN, STARTS_WITH, ENDS_WITH, CONTAINS, LIKE,
    ILIKE, MATCHES, EXISTS, IS NULL, AND, OR, NOT. LIKE and ILIKE have the pattern and its escape,
    which is empty for none. AND and OR have no path and, in the place of constants, the number of
    operands; COMPUTE has its comparison and its code (see _operands).
    """
    cdef _c.filter_reader reader
    cdef _c.filter_node node
    reader.at = <const uint8_t *>PyBytes_AS_STRING(ir)
    reader.end = reader.at + PyBytes_GET_SIZE(ir)
    reader.named = True
    result = []
    while _c.filter_next(&reader, &node):
        if node.op == _c.OP_COMPUTE:
            code = node.code[:node.items + node.count - node.code]
            result.append((NAMES[<int>node.op], None, (NAMES[<int>node.relation], code)))
        elif _c.filter_op_is_leaf(node.op):
            path = PyUnicode_DecodeUTF8(node.path, node.path_length, NULL)
            result.append((NAMES[<int>node.op], path, constants_of(&node)))
        else:
            result.append((NAMES[<int>node.op], None, (node.count,) if node.count else ()))
    return result


def paths(ir: bytes) -> frozenset[str]:
    """Return the names of the attributes that a filter looks at."""
    cdef _c.path_reader reader
    cdef const char *path
    cdef uint32_t length
    memset(&reader, 0, sizeof(reader))
    reader.filter.at = <const uint8_t *>PyBytes_AS_STRING(ir)
    reader.filter.end = reader.filter.at + PyBytes_GET_SIZE(ir)
    reader.filter.named = True
    result = set()
    while _c.filter_next_path(&reader, &path, &length):
        result.add(PyUnicode_DecodeUTF8(path, length, NULL))
    return frozenset(result)


def check_ir(ir: bytes, limits: object = None) -> None:
    """Raise FilterSyntaxError unless `ir` is a filter, LimitExceeded when it breaks `limits`.

    `limits` has the fields of `Limits`; None stands for no limits at all. Linear in the bytes.
    """
    cdef _c.me_limits bounds
    memset(&bounds, 0xFF, sizeof(bounds))
    if limits is not None:
        bounds_of(limits, &bounds)
    check(ir, &bounds)
