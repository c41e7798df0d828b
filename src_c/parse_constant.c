#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "parser.h"
#include "value.h"

#define SHOWN 40 /* characters of a name that a message repeats */

/* ---- errors ----------------------------------------------------------------------------------- */

bool parser_fail(parser *p, me_status status, size_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->error->message, sizeof p->error->message, format, arguments);
    va_end(arguments);
    p->error->offset = offset;
    p->status = status;
    return false;
}

bool parser_limit(parser *p, const char *name, uint64_t value, uint64_t maximum)
{
    p->error->offset = p->now.offset;
    p->status = filter_limit_error(p->error, name, value, maximum);
    return false;
}

static const char *symbol_text(token_kind kind)
{
    static const char *const texts[] = {
        [LEX_END] = "the end",
        [LEX_BAD] = "",
        [LEX_NAME] = "a name",
        [LEX_QUOTED] = "a name",
        [LEX_NUMBER] = "a number",
        [LEX_STRING] = "a string",
        [LEX_PARAMETER] = "a parameter",
        [LEX_EQ] = "=",
        [LEX_NE] = "<>",
        [LEX_LT] = "<",
        [LEX_LE] = "<=",
        [LEX_GT] = ">",
        [LEX_GE] = ">=",
        [LEX_OPEN] = "(",
        [LEX_CLOSE] = ")",
        [LEX_COMMA] = ",",
        [LEX_PLUS] = "+",
        [LEX_MINUS] = "-",
        [LEX_TIMES] = "*",
        [LEX_DIVIDE] = "/",
        [LEX_AND] = "AND",
        [LEX_OR] = "OR",
        [LEX_NOT] = "NOT",
        [LEX_TRUE] = "TRUE",
        [LEX_FALSE] = "FALSE",
        [LEX_NULL] = "NULL",
        [LEX_IN] = "IN",
        [LEX_LIKE] = "LIKE",
        [LEX_ILIKE] = "ILIKE",
        [LEX_BETWEEN] = "BETWEEN",
        [LEX_IS] = "IS",
        [LEX_ESCAPE] = "ESCAPE",
    };
    return texts[kind];
}

/* A message repeats only names that cannot confuse a terminal or be cut in half. */
static bool is_plain_name(const token *t)
{
    if (t->kind != LEX_NAME || t->length > SHOWN) {
        return false;
    }
    for (uint32_t i = 0; i < t->length; i++) {
        if ((unsigned char)t->start[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

bool parser_unexpected(parser *p, const char *expected)
{
    const token *t = &p->now;
    if (t->kind == LEX_BAD) {
        return parser_fail(p, ME_SYNTAX, p->lex.bad_offset, "%s", p->lex.bad_message);
    }
    if (is_plain_name(t)) {
        return parser_fail(p, ME_SYNTAX, t->offset, "expected %s, got the name %.*s", expected,
                           (int)t->length, t->start);
    }
    return parser_fail(p, ME_SYNTAX, t->offset, "expected %s, got %s", expected,
                       symbol_text(t->kind));
}

bool parser_unknown_function(parser *p)
{
    if (is_plain_name(&p->now)) {
        return parser_fail(p, ME_SYNTAX, p->now.offset, "there is no function %.*s",
                           (int)p->now.length, p->now.start);
    }
    return parser_fail(p, ME_SYNTAX, p->now.offset, "there is no function of this name");
}

bool parser_expect(parser *p, token_kind kind, const char *expected)
{
    if (p->now.kind != kind) {
        return parser_unexpected(p, expected);
    }
    advance(p);
    return true;
}

/* ---- names and strings ------------------------------------------------------------------------ */

/* The next `size` bytes of the scratch block, which is allocated when first wanted. What is copied
 * there is never longer than what it stands for in the text, so the block suffices. */
static char *scratch_bytes(parser *p, size_t size)
{
    if (p->scratch == NULL) {
        p->scratch = heap_alloc(p->out->heap, p->scratch_size);
        if (p->scratch == NULL) {
            p->status = ME_NOMEM;
            return NULL;
        }
    }
    char *bytes = p->scratch + p->scratch_used;
    p->scratch_used += size;
    return bytes;
}

/* The text of a name or string token. */
static bool token_text(parser *p, const token *t, me_value *text)
{
    *text = value_of_string(t->start, t->length);
    if ((t->kind != LEX_QUOTED && t->kind != LEX_STRING) || !t->doubled) {
        return true;
    }
    char *to = scratch_bytes(p, t->length);
    if (to == NULL) {
        return false;
    }
    char quote = t->kind == LEX_QUOTED ? '"' : '\'';
    uint32_t length = 0;
    for (uint32_t i = 0; i < t->length; i++) {
        to[length++] = t->start[i];
        i += t->start[i] == quote; /* the second of the two */
    }
    *text = value_of_string(to, length);
    return true;
}

bool parser_name(parser *p, me_value *name)
{
    if (!at_name(p)) {
        return parser_unexpected(p, "a name");
    }
    if (at_function(p)) {
        return parser_fail(p, ME_SYNTAX, p->now.offset, "expected a name, got a function");
    }
    if (!token_text(p, &p->now, name)) {
        return false;
    }
    advance(p);
    return true;
}

/* ---- constants -------------------------------------------------------------------------------- */

static bool read_number(parser *p, me_value *v)
{
    if (p->now.integer && p->now.length > p->limits->digits) {
        return parser_limit(p, "digits", p->now.length, p->limits->digits);
    }
    *v = number_parse(p->now.start, p->now.length);
    advance(p);
    return true;
}

/* The minus may stand apart from its number, and leading zeros may lie between. An integer outside
 * int64 borrows its digits, so they are brought together with the minus. */
bool parser_negative_number(parser *p, me_value *v)
{
    if (p->now.kind != LEX_NUMBER) {
        return parser_unexpected(p, "a number");
    }
    token number = p->now;
    if (!read_number(p, v)) {
        return false;
    }
    if (v->type == ME_INT) {
        v->as.i = -v->as.i;
    } else if (v->type == ME_DOUBLE) {
        v->as.d = -v->as.d;
    } else {
        char *digits = scratch_bytes(p, (size_t)number.length + 1);
        if (digits == NULL) {
            return false;
        }
        digits[0] = '-';
        memcpy(digits + 1, number.start, number.length);
        *v = number_parse(digits, (size_t)number.length + 1); /* -2^63 does fit int64 */
    }
    return true;
}

static bool read_parameter(parser *p, me_value *v)
{
    const token *t = &p->now;
    const me_parameter *found = bindings_find(&p->bindings, t->start, t->length);
    if (found == NULL) {
        return parser_fail(p, ME_TYPE, t->offset, "no value was given for this parameter");
    }
    *v = found->value;
    if (v->type == 0) {
        return parser_fail(p, ME_TYPE, t->offset,
                           "the value of this parameter is not a bool, a number, a string or null");
    }
    if (v->type == ME_STRING && utf8_valid_prefix(v->as.s, v->len) != v->len) {
        return parser_fail(p, ME_TYPE, t->offset, "the value of this parameter is not valid UTF-8");
    }
    if (v->type == ME_DOUBLE && v->as.d != v->as.d) {
        return parser_fail(p, ME_TYPE, t->offset, "the value of this parameter is NaN");
    }
    if (v->type == ME_BIG) {
        uint32_t digits = v->len - (v->as.s[0] == '-');
        if (digits > p->limits->digits) {
            return parser_limit(p, "digits", digits, p->limits->digits);
        }
    }
    advance(p);
    return true;
}

bool parser_constant(parser *p, const char *expected, me_value *v)
{
    switch (p->now.kind) {
    case LEX_NUMBER:
        return read_number(p, v);
    case LEX_STRING:
        if (!token_text(p, &p->now, v)) {
            return false;
        }
        break;
    case LEX_TRUE:
    case LEX_FALSE:
        *v = value_of_bool(p->now.kind == LEX_TRUE);
        break;
    case LEX_NULL:
        *v = value_of_null();
        break;
    case LEX_MINUS:
        advance(p);
        return parser_negative_number(p, v);
    case LEX_PARAMETER:
        return read_parameter(p, v);
    case LEX_QUOTED:
        return parser_fail(p, ME_SYNTAX, p->now.offset,
                           "expected %s, got a name (a string takes single quotes)", expected);
    default:
        return parser_unexpected(p, expected);
    }
    advance(p);
    return true;
}

bool parser_constant_for(parser *p, filter_op op, me_value *v)
{
    size_t offset = p->now.offset;
    if (!parser_constant(p, "a constant", v)) {
        return false;
    }
    const char *why = filter_constant_error(op, v);
    return why == NULL || parser_fail(p, ME_TYPE, offset, "%s", why);
}
