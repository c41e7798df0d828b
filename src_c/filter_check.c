/* filter_check.c - which filters have a meaning, and are these bytes one?
 *
 * The bytes are postfix, so one pass with a stack of open operands checks the structure. An entry
 * is all that the operator above has to know about an operand: its kind, and its depth.
 *
 *     a.x = 1 | b IN (2) | NOT | AND 2          stack   after EQ    [EQ 0]
 *                                                       after IN    [EQ 0] [IN 0]
 *                                                       after NOT   [EQ 0] [NOT 0]
 *                                                       after AND   [AND 0]
 */
#include "filter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "expression.h"
#include "regex.h"
#include "value.h"

/* ---- which constants an operator takes -------------------------------------------------------- */

const char *filter_constant_error(filter_op op, const me_value *v)
{
    if (v->type == ME_NULL) {
        return "nothing compares with NULL: use IS NULL or IS NOT NULL";
    }
    if (v->type == ME_DOUBLE && isnan(v->as.d)) {
        return "nothing compares with NaN";
    }
    switch (op) {
    case OP_EQ:
    case OP_NE:
    case OP_IN:
        return NULL;
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return v->type == ME_BOOL ? "TRUE and FALSE have no order" : NULL;
    case OP_BETWEEN:
        return v->type == ME_BOOL ? "BETWEEN needs two numbers or two strings" : NULL;
    default:
        return v->type == ME_STRING ? NULL : "this must be a string";
    }
}

const char *filter_between_error(const me_value *low, const me_value *high)
{
    return value_is_number(low) == value_is_number(high)
               ? NULL
               : "BETWEEN needs two numbers or two strings";
}

/* Bytes of the code point that starts at `s[at]`, in valid UTF-8. */
static size_t code_point_size(const char *s, size_t length, size_t at)
{
    size_t next = at;
    utf8_next(s, length, &next);
    return next - at;
}

bool filter_escape_is_one(const me_value *escape)
{
    return escape->len > 0 && code_point_size(escape->as.s, escape->len, 0) == escape->len;
}

bool filter_pattern_is_open(const me_value *pattern, const me_value *escape)
{
    size_t at = 0;
    while (at < pattern->len) {
        bool escapes = pattern->len - at >= escape->len &&
                       memcmp(pattern->as.s + at, escape->as.s, escape->len) == 0;
        at += escapes ? escape->len : 0;
        if (at == pattern->len) {
            return true;
        }
        at += code_point_size(pattern->as.s, pattern->len, at);
    }
    return false;
}

me_status filter_limit_error(me_error *error, const char *name, uint64_t value, uint64_t maximum)
{
    error->limit = name;
    error->value = value;
    snprintf(error->message, sizeof error->message,
             "the filter exceeds the limit %s, which is %llu", name, (unsigned long long)maximum);
    return ME_FILTER_LIMIT;
}

/* ---- bytes of unknown origin ------------------------------------------------------------------ */

typedef struct operand {
    uint32_t depth;
    uint8_t op;
} operand;

typedef struct checker {
    const uint8_t *start, *at, *end;
    const me_limits *limits;
    me_error *error;
    me_status status;
    uint64_t predicates, states;
    heap heap;
    operand *stack;
    uint32_t height, cap;
} checker;

static bool bad(checker *c, const char *why)
{
    c->status = ME_BAD_FILTER;
    c->error->offset = (size_t)(c->at - c->start);
    snprintf(c->error->message, sizeof c->error->message, "the bytes are not a filter: %s", why);
    return false;
}

static bool within(checker *c, const char *name, uint64_t value, uint64_t maximum)
{
    if (value > maximum) {
        c->error->offset = (size_t)(c->at - c->start);
        c->status = filter_limit_error(c->error, name, value, maximum);
    }
    return value <= maximum;
}

static bool check_byte(checker *c, uint8_t *byte)
{
    if (c->at == c->end) {
        return bad(c, "truncated");
    }
    *byte = *c->at++;
    return true;
}

static bool check_varint(checker *c, uint64_t maximum, uint64_t *number)
{
    *number = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte;
        if (!check_byte(c, &byte)) {
            return false;
        }
        uint64_t bits = byte & 0x7fu;
        if (shift > 63 || bits > (maximum >> shift) || (byte == 0 && shift > 0)) {
            return bad(c, "a number is too large or not in its shortest form");
        }
        *number |= bits << shift;
        if (byte < 0x80u) {
            return *number <= maximum || bad(c, "a number is too large");
        }
    }
}

/* A varint length and as many bytes. */
static bool check_text(checker *c, me_value *text)
{
    uint64_t length;
    if (!check_varint(c, UINT32_MAX, &length)) {
        return false;
    }
    if (length > (size_t)(c->end - c->at)) {
        return bad(c, "truncated");
    }
    *text = value_of_string((const char *)c->at, (size_t)length);
    c->at += length;
    return true;
}

static bool check_string(checker *c, me_value *text)
{
    return check_text(c, text) && (utf8_valid_prefix(text->as.s, text->len) == text->len ||
                                   bad(c, "a string is not UTF-8"));
}

/* Does the integer with these digits (no sign, no leading zeros) fit int64? */
static bool fits_int64(const char *digits, size_t count, bool negative)
{
    const char *most = negative ? "9223372036854775808" : "9223372036854775807";
    return count < 19 || (count == 19 && memcmp(digits, most, 19) <= 0);
}

static bool check_big(checker *c, me_value *v)
{
    if (!check_text(c, v)) {
        return false;
    }
    bool negative = v->len > 0 && v->as.s[0] == '-';
    const char *digits = v->as.s + negative;
    size_t count = v->len - negative;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return bad(c, "an integer has other characters than digits");
        }
    }
    v->type = ME_BIG;
    return (count > 0 && digits[0] != '0' && !fits_int64(digits, count, negative))
               ? within(c, "digits", count, c->limits->digits)
               : bad(c, "an integer is not in its shortest form");
}

static bool check_int(checker *c, me_value *v)
{
    uint64_t zigzag, digits = 1;
    *v = value_of_int(0);
    if (!check_varint(c, UINT64_MAX, &zigzag)) {
        return false;
    }
    for (uint64_t rest = (zigzag >> 1) + (zigzag & 1); rest >= 10; rest /= 10) {
        digits++;
    }
    return within(c, "digits", digits, c->limits->digits);
}

static bool check_value(checker *c, me_value *v)
{
    uint8_t type, byte;
    const uint8_t *start = c->at;
    if (!check_byte(c, &type)) {
        return false;
    }
    switch (type) {
    case ME_BOOL:
        *v = value_of_bool(false);
        return check_byte(c, &byte) && (byte <= 1 || bad(c, "a bool is neither 0 nor 1"));
    case ME_INT:
        return check_int(c, v);
    case ME_BIG:
        return check_big(c, v);
    case ME_DOUBLE:
        if (c->end - c->at < 8) {
            return bad(c, "truncated");
        }
        c->at = filter_read_value(start, v);
        return true;
    case ME_STRING:
        return check_string(c, v);
    default:
        return bad(c, "there is no such type of constant");
    }
}

static bool check_constant(checker *c, filter_op op, me_value *v)
{
    if (!check_value(c, v)) {
        return false;
    }
    const char *why = filter_constant_error(op, v);
    return why == NULL || bad(c, why);
}

static bool check_in(checker *c)
{
    uint64_t count;
    if (!check_varint(c, UINT32_MAX, &count) ||
        !within(c, "in_values", count, c->limits->in_values)) {
        return false;
    }
    if (count == 0) {
        return bad(c, "IN without constants");
    }
    me_value v;
    while (count > 0 && check_constant(c, OP_IN, &v)) {
        count--;
    }
    return count == 0;
}

static bool check_pair(checker *c, filter_op op)
{
    me_value a, b;
    if (!check_constant(c, op, &a) || !check_constant(c, op, &b)) {
        return false;
    }
    if (op == OP_BETWEEN) {
        const char *why = filter_between_error(&a, &b);
        return why == NULL || bad(c, why);
    }
    return b.len == 0 || (filter_escape_is_one(&b) && !filter_pattern_is_open(&a, &b)) ||
           bad(c, "a pattern and its escape do not fit");
}

static bool push(checker *c, filter_op op, uint32_t depth)
{
    if (!heap_reserve(&c->heap, &c->stack, &c->cap, c->height + 1, sizeof(operand))) {
        c->status = ME_NOMEM;
        return false;
    }
    c->stack[c->height++] = (operand){.depth = depth, .op = (uint8_t)op};
    return within(c, "filter_depth", depth, c->limits->filter_depth);
}

static bool check_regex(checker *c)
{
    me_value pattern;
    me_error error = {0};
    if (!check_constant(c, OP_MATCHES, &pattern)) {
        return false;
    }
    me_status status =
        regex_check(&c->heap, pattern.as.s, pattern.len, c->limits, &c->states, &error);
    if (status == ME_SYNTAX) {
        return bad(c, "a regex is malformed");
    }
    if (status != ME_OK) {
        *c->error = error;
        c->error->offset = (size_t)(c->at - c->start);
        c->status = status;
    }
    return status == ME_OK;
}

/* ---- computed predicates ---- */

/* One item of the code, and what it does to the operands so far. */
static bool check_item(checker *c, expression_shape *shape)
{
    uint8_t op;
    me_value path = value_of_string("", 0);
    expression_item item = {0};
    if (!check_byte(c, &op)) {
        return false;
    }
    if (op < EXPRESSION_PATH || op >= EXPRESSION_COUNT) {
        return bad(c, "there is no such item of an expression");
    }
    item.op = (expression_op)op;
    if (op <= EXPRESSION_VALUE &&
        (!within(c, "predicates", ++c->predicates, c->limits->predicates) ||
         !(op == EXPRESSION_PATH ? check_string(c, &path) : check_value(c, &item.value)))) {
        return false;
    }
    const char *why = NULL;
    expression_verdict verdict = expression_add(shape, &item, &why);
    c->status = verdict == EXPRESSION_NOMEM ? ME_NOMEM : c->status;
    return verdict == EXPRESSION_GOOD || (verdict == EXPRESSION_BAD && bad(c, why));
}

static bool check_code(checker *c, filter_op relation, uint32_t *depth)
{
    expression_shape shape = {.heap = &c->heap};
    const char *why = NULL;
    bool good = true;
    while (good && c->at < c->end) {
        good = check_item(c, &shape);
    }
    if (good && expression_close(&shape, relation, depth, &why) != EXPRESSION_GOOD) {
        good = bad(c, why);
    }
    expression_shape_free(&shape);
    return good;
}

static bool check_compute(checker *c)
{
    uint8_t relation;
    uint64_t length;
    uint32_t depth = 0;
    if (!check_byte(c, &relation)) {
        return false;
    }
    if (relation < OP_EQ || relation > OP_BETWEEN) {
        return bad(c, "there is no such comparison of expressions");
    }
    if (!check_varint(c, UINT32_MAX, &length)) {
        return false;
    }
    if (length > (size_t)(c->end - c->at)) {
        return bad(c, "truncated");
    }
    const uint8_t *end = c->end;
    c->end = c->at + length;
    bool good = check_code(c, (filter_op)relation, &depth);
    c->end = end;
    /* NOT of a BETWEEN is written inside it. */
    return good && push(c, relation == OP_BETWEEN ? OP_BETWEEN : OP_COMPUTE, depth);
}

static bool check_leaf(checker *c, filter_op op)
{
    me_value v;
    if (!within(c, "predicates", ++c->predicates, c->limits->predicates) || !check_string(c, &v)) {
        return false;
    }
    switch (op) {
    case OP_EXISTS:
    case OP_IS_NULL:
        return true;
    case OP_IN:
        return check_in(c);
    case OP_BETWEEN:
    case OP_LIKE:
    case OP_ILIKE:
        return check_pair(c, op);
    case OP_MATCHES:
        return check_regex(c);
    default:
        return check_constant(c, op, &v);
    }
}

static bool check_not(checker *c)
{
    if (c->height == 0) {
        return bad(c, "NOT without an operand");
    }
    operand o = c->stack[--c->height];
    switch (o.op) {
    case OP_BETWEEN:
    case OP_IN:
    case OP_LIKE:
    case OP_ILIKE:
    case OP_IS_NULL:
        return push(c, OP_NOT, o.depth);
    default:
        return push(c, OP_NOT, o.depth + 1 + (o.op == OP_AND || o.op == OP_OR));
    }
}

static bool check_connective(checker *c, filter_op op)
{
    uint64_t count;
    if (!check_varint(c, UINT32_MAX, &count)) {
        return false;
    }
    if (count < 2 || count > c->height) {
        return bad(c, "AND or OR has not its operands");
    }
    uint32_t depth = 0;
    for (; count > 0; count--) {
        operand o = c->stack[--c->height];
        if (o.op == op) {
            return bad(c, "AND in AND, or OR in OR, is not flat");
        }
        uint32_t inner = o.depth + (op == OP_AND && o.op == OP_OR);
        depth = inner > depth ? inner : depth;
    }
    return push(c, op, depth);
}

static bool check_node(checker *c)
{
    uint8_t byte;
    if (!check_byte(c, &byte)) {
        return false;
    }
    filter_op op = (filter_op)byte;
    switch (op) {
    case OP_TRUE:
    case OP_FALSE:
        return push(c, op, 0);
    case OP_NOT:
        return check_not(c);
    case OP_AND:
    case OP_OR:
        return check_connective(c, op);
    case OP_COMPUTE:
        return check_compute(c);
    default:
        return filter_op_is_leaf(op) ? check_leaf(c, op) && push(c, op, 0)
                                     : bad(c, "there is no such operator");
    }
}

me_status filter_check(const uint8_t *bytes, size_t length, const me_limits *limits,
                       me_error *error)
{
    checker c = {.start = bytes, .at = bytes, .limits = limits, .error = error, .status = ME_OK};
    c.end = length > 0 ? bytes + length : bytes; /* `bytes` may be NULL */
    if (length > UINT32_MAX) {
        bad(&c, "too long");
        return c.status;
    }
    bool good;
    do {
        good = check_node(&c);
    } while (good && c.at < c.end);
    if (good && c.height != 1) {
        bad(&c, "more than one root");
    }
    heap_free(&c.heap, c.stack, c.cap * sizeof(operand));
    return c.status;
}
