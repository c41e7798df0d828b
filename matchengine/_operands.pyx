"""The sides of computed predicates, such as `price * volume`, as bytes (expression.h).

The code of an operand is a few items in postfix order. Here they are written from Python values,
joined to a filter, and read back.
"""

from matchengine.errors import FilterTypeError, LimitExceeded

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t
from libc.string cimport memset

from matchengine cimport _c
from matchengine._filters cimport _Writer, read_value, value_of

# What items() calls them, by the numbers of expression_op.
cdef tuple ITEMS = (None, "name", "constant", "+", "-", "*", "/", "negate")
cdef dict RELATIONS = {
    "=": _c.OP_EQ, "<>": _c.OP_NE, "<": _c.OP_LT, "<=": _c.OP_LE, ">": _c.OP_GT, ">=": _c.OP_GE,
    "BETWEEN": _c.OP_BETWEEN,
}
# No text within filter_bytes has longer code: names take as much as in a text, and a number up to
# 12 bytes, its operator included.
cdef object LONGEST = _c.me_default_limits.filter_bytes + 12 * _c.me_default_limits.predicates


cdef bytes item(_c.expression_item *it):
    cdef _Writer writer = _Writer()
    _c.expression_write(&writer.w, it)
    return writer.result()


def name(str path) -> bytes:
    """Return the code of an attribute. Raises FilterTypeError for a lone surrogate."""
    cdef _c.expression_item it
    cdef list keep = []
    memset(&it, 0, sizeof(it))
    if not read_value(path, 0, &it.value, keep):
        raise FilterTypeError("the name of an attribute is a str without lone surrogates")
    it.op = _c.EXPRESSION_PATH
    it.path = it.value.as_.s
    it.path_length = it.value.len
    return item(&it)


def constant(value: object, relation: str | None = None) -> bytes:
    """Return the code of a constant in arithmetic, or of one that `relation` compares.

    Raises FilterTypeError where it cannot stand there, and LimitExceeded (by the default limits).
    """
    cdef _c.expression_item it
    cdef list keep = []
    memset(&it, 0, sizeof(it))
    if not read_value(value, _c.me_default_limits.digits, &it.value, keep):
        raise FilterTypeError(
            f"a constant is a bool, a number or a valid str, not {type(value).__name__}"
        )
    why = _c.filter_constant_error(<_c.filter_op><int>RELATIONS[relation or "="], &it.value)
    if why != NULL:
        raise FilterTypeError(why.decode())
    if relation is None and (it.value.type == _c.ME_STRING or it.value.type == _c.ME_BOOL):
        raise FilterTypeError("arithmetic needs numbers")
    it.op = _c.EXPRESSION_VALUE
    return item(&it)


def join(op: str, operands: list[bytes]) -> bytes:
    """Return the code of `+ - * /` or `negate` on the code of its operands. Linear in it.

    Raises LimitExceeded (by the default limits) for code that fits into no filter, so that what
    doubles ends while it is small.
    """
    if sum(map(len, operands)) > LONGEST:
        most = _c.me_default_limits.filter_bytes
        raise LimitExceeded(
            f"the filter exceeds the limit filter_bytes, which is {most}", "filter_bytes", most + 1,
            most)
    code = b"".join([*operands, bytes([ITEMS.index(op)])])
    # An operand has three bytes at least (an item, a length or type, an operator), and what opens
    # a parenthesis has one: less than this breaks no limit.
    if <size_t>len(code) > min(_c.me_default_limits.filter_depth, _c.me_default_limits.predicates):
        compare("=", [code, constant(0)])
    return code


def compare(relation: str, operands: list[bytes]) -> bytes:
    """Return the filter that compares two operands, or three for BETWEEN, not a plain leaf.

    Raises FilterTypeError for the two constants of a BETWEEN, LimitExceeded (the default limits).
    """
    cdef _Writer writer = _Writer()
    cdef _c.expression_item low, high
    for code in operands:
        _c.filter_write_bytes(&writer.w, PyBytes_AS_STRING(code), PyBytes_GET_SIZE(code))
    _c.expression_finish(&writer.w, 0, <_c.filter_op><int>RELATIONS[relation])
    if relation == "BETWEEN" and is_constant(operands[1], &low) and is_constant(operands[2], &high):
        why = _c.filter_between_error(&low.value, &high.value)
        if why != NULL:
            raise FilterTypeError(why.decode())
    return writer.built()


cdef bint is_constant(bytes code, _c.expression_item *it):
    cdef _c.expression_reader reader = reader_of(code)
    return (
        _c.expression_next(&reader, it)
        and it.op == _c.EXPRESSION_VALUE
        and reader.at == reader.end
    )


cdef _c.expression_reader reader_of(bytes code):
    cdef _c.expression_reader reader
    reader.at = <const uint8_t *>PyBytes_AS_STRING(code)
    reader.end = reader.at + PyBytes_GET_SIZE(code)
    reader.named = True
    return reader


def items(code: bytes) -> list[tuple[str, object]]:
    """Return the items of code, in postfix order: names and constants with their value.

    The others are `+ - * /` and "negate", with None. Linear in the code.
    """
    cdef _c.expression_reader reader = reader_of(code)
    cdef _c.expression_item it
    found = []
    while _c.expression_next(&reader, &it):
        value = None
        if it.op == _c.EXPRESSION_PATH:
            value = PyUnicode_DecodeUTF8(it.path, it.path_length, NULL)
        elif it.op == _c.EXPRESSION_VALUE:
            value = value_of(&it.value)
        found.append((ITEMS[<int>it.op], value))
    return found
