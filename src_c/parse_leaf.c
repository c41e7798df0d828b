/* parse_leaf.c - what a condition is: a comparison, a test of a name, a function. */
#include <string.h>

#include "expression.h"
#include "parser.h"
#include "regex.h"
#include "value.h"

/* Starts a leaf: its constants follow. */
static bool write_leaf(parser *p, filter_op op, const me_value *path)
{
    if (!parser_count_predicate(p)) {
        return false;
    }
    filter_write_op(p->out, op);
    filter_write_path(p->out, path->as.s, path->len);
    return true;
}

/* ---- comparisons -------------------------------------------------------------------------------- */

static filter_op comparison_op(token_kind kind)
{
    return (filter_op)((int)OP_EQ + ((int)kind - (int)LEX_EQ));
}

/* May a constant that stands alone be compared like this? */
static bool check_term(parser *p, filter_op op, const term *t)
{
    const char *why = t->kind == TERM_VALUE ? filter_constant_error(op, &t->value) : NULL;
    return why == NULL || parser_fail(p, ME_TYPE, t->offset, "%s", why);
}

/* All terms have been read: there must be a name among them. */
static bool check_paths(parser *p, const predicate *q)
{
    return q->paths > 0 || parser_fail(p, ME_SYNTAX, q->terms[q->count - 1].offset,
                                       "one side of a comparison must have a name in it");
}

/* What is no path against constants becomes code. */
static bool write_compute(parser *p, predicate *q, filter_op relation)
{
    if (!parser_write_terms(p, q)) {
        return false;
    }
    expression_finish(p->out, q->start, relation);
    return true;
}

static bool write_plain(parser *p, filter_op op, const term *path, const term *value)
{
    if (!write_leaf(p, op, &path->value)) {
        return false;
    }
    filter_write_value(p->out, &value->value);
    return true;
}

/* 5 < a is a > 5. */
static bool parse_comparison(parser *p, predicate *q)
{
    static const filter_op mirrored[] = {OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE};
    token_kind kind = p->now.kind;
    filter_op op = comparison_op(kind);
    const term *left = &q->terms[0], *right = &q->terms[1];
    advance(p);
    if (!parse_operand(p, q) || !check_paths(p, q) || !check_term(p, op, right) ||
        !check_term(p, op, left)) {
        return false;
    }
    if (left->kind == TERM_PATH && right->kind == TERM_VALUE) {
        return write_plain(p, op, left, right);
    }
    if (left->kind == TERM_VALUE && right->kind == TERM_PATH) {
        return write_plain(p, mirrored[kind - LEX_EQ], right, left);
    }
    return write_compute(p, q, op);
}

static bool parse_between(parser *p, predicate *q)
{
    const term *tested = &q->terms[0], *low = &q->terms[1], *high = &q->terms[2];
    advance(p);
    if (!parse_operand(p, q) || !check_term(p, OP_BETWEEN, low) ||
        !parser_expect(p, LEX_AND, "AND") || !parse_operand(p, q) || !check_paths(p, q) ||
        !check_term(p, OP_BETWEEN, high)) {
        return false;
    }
    if (low->kind == TERM_VALUE && high->kind == TERM_VALUE) {
        const char *why = filter_between_error(&low->value, &high->value);
        if (why != NULL) {
            return parser_fail(p, ME_TYPE, high->offset, "%s", why);
        }
        if (tested->kind == TERM_PATH) {
            if (!write_plain(p, OP_BETWEEN, tested, low)) {
                return false;
            }
            filter_write_value(p->out, &high->value);
            return true;
        }
    }
    return check_term(p, OP_BETWEEN, tested) && write_compute(p, q, OP_BETWEEN);
}

/* ---- tests of a name ----------------------------------------------------------------------------- */

static bool parse_in(parser *p, const me_value *path)
{
    advance(p);
    if (!parser_expect(p, LEX_OPEN, "(") || !write_leaf(p, OP_IN, path)) {
        return false;
    }
    uint32_t start = p->out->length;
    uint32_t count = 0;
    for (;;) {
        if (count == p->limits->in_values) {
            return parser_limit(p, "in_values", (uint64_t)count + 1, p->limits->in_values);
        }
        me_value v;
        if (!parser_constant_for(p, OP_IN, &v)) {
            return false;
        }
        filter_write_value(p->out, &v);
        count++;
        if (p->now.kind != LEX_COMMA) {
            break;
        }
        advance(p);
    }
    filter_insert_count(p->out, start, count);
    return parser_expect(p, LEX_CLOSE, ", or )");
}

static bool parse_like(parser *p, const me_value *path)
{
    filter_op op = p->now.kind == LEX_LIKE ? OP_LIKE : OP_ILIKE;
    advance(p);
    me_value pattern, escape = value_of_string("", 0);
    size_t pattern_offset = p->now.offset;
    if (!parser_constant_for(p, op, &pattern)) {
        return false;
    }
    if (p->now.kind == LEX_ESCAPE) {
        advance(p);
        size_t offset = p->now.offset;
        if (!parser_constant_for(p, op, &escape)) {
            return false;
        }
        if (!filter_escape_is_one(&escape)) {
            return parser_fail(p, ME_SYNTAX, offset, "ESCAPE takes exactly one character");
        }
        if (filter_pattern_is_open(&pattern, &escape)) {
            return parser_fail(p, ME_SYNTAX, pattern_offset,
                               "the pattern ends in its escape character");
        }
    }
    if (!write_leaf(p, op, path)) {
        return false;
    }
    filter_write_value(p->out, &pattern);
    filter_write_value(p->out, &escape);
    return true;
}

static bool parse_is_null(parser *p, const me_value *path)
{
    advance(p);
    bool negated = p->now.kind == LEX_NOT;
    if (negated) {
        advance(p);
    }
    if (!parser_expect(p, LEX_NULL, negated ? "NULL" : "NULL or NOT NULL") ||
        !write_leaf(p, OP_IS_NULL, path)) {
        return false;
    }
    if (negated) {
        filter_write_op(p->out, OP_NOT);
    }
    return true;
}

static bool parse_bare_name(parser *p, const me_value *path)
{
    me_value yes = value_of_bool(true);
    if (!write_leaf(p, OP_EQ, path)) {
        return false;
    }
    filter_write_value(p->out, &yes);
    return true;
}

/* What else may follow a name: a test that takes constants, or nothing. */
static bool parse_name_test(parser *p, predicate *q, bool negated)
{
    const me_value *path = &q->terms[0].value;
    bool good;
    switch (p->now.kind) {
    case LEX_BETWEEN:
        good = parse_between(p, q);
        break;
    case LEX_IN:
        good = parse_in(p, path);
        break;
    case LEX_LIKE:
    case LEX_ILIKE:
        good = parse_like(p, path);
        break;
    default:
        return negated ? parser_unexpected(p, "BETWEEN, IN, LIKE or ILIKE")
                       : parse_bare_name(p, path);
    }
    if (negated) {
        filter_write_op(p->out, OP_NOT);
    }
    return good;
}

/* What may follow a constant or arithmetic. Alone, TRUE and FALSE are filters. */
static bool parse_term_test(parser *p, predicate *q, bool negated)
{
    const term *t = &q->terms[0];
    switch (p->now.kind) {
    case LEX_BETWEEN:
        if (!parse_between(p, q)) {
            return false;
        }
        if (negated) {
            filter_write_op(p->out, OP_NOT);
        }
        return true;
    case LEX_IN:
    case LEX_LIKE:
    case LEX_ILIKE:
    case LEX_IS:
        if (t->kind == TERM_CODE) {
            return parser_fail(p, ME_SYNTAX, p->now.offset,
                               "IN, LIKE, ILIKE and IS NULL test an attribute, not an expression");
        }
        return parser_unexpected(p, "a comparison");
    default:
        return parser_unexpected(p, negated ? "BETWEEN" : "a comparison");
    }
}

static bool is_bool(const term *t)
{
    return t->kind == TERM_VALUE && t->value.type == ME_BOOL;
}

static bool parse_test(parser *p, predicate *q)
{
    const term *t = &q->terms[0];
    if (at_comparison(p)) {
        return parse_comparison(p, q);
    }
    if (is_bool(t)) {
        filter_write_op(p->out, t->value.as.i ? OP_TRUE : OP_FALSE);
        return true;
    }
    if (p->now.kind == LEX_IS && t->kind == TERM_PATH) {
        return parse_is_null(p, &t->value);
    }
    bool negated = p->now.kind == LEX_NOT;
    if (negated) {
        advance(p);
    }
    return t->kind == TERM_PATH ? parse_name_test(p, q, negated) : parse_term_test(p, q, negated);
}

/* ---- functions ------------------------------------------------------------------------------------ */

/* Is the token this word, given in lower case, whatever its own case? */
static bool is_word(const token *t, const char *word)
{
    size_t length = strlen(word);
    if (t->length != length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = t->start[i];
        if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != word[i]) {
            return false;
        }
    }
    return true;
}

/* Where byte `at` of a string's value stands in the text; behind the last one, the closing quote. */
static size_t place_in_string(const token *string, size_t at)
{
    size_t place = 0;
    for (size_t i = 0; i < at; i++) {
        place += string->start[place] == '\'' ? 2 : 1; /* a quote is doubled there */
    }
    return string->offset + 1 + place;
}

/* A string that is a regex. What is wrong in it is shown where it stands; a parameter whole. */
static bool parse_regex(parser *p, me_value *pattern)
{
    token constant = p->now;
    if (!parser_constant_for(p, OP_MATCHES, pattern)) {
        return false;
    }
    me_status status =
        regex_check(p->out->heap, pattern->as.s, pattern->len, p->limits, &p->states, p->error);
    if (status == ME_OK) {
        return true;
    }
    p->status = status;
    p->error->offset = constant.kind == LEX_STRING ? place_in_string(&constant, p->error->offset)
                                                   : constant.offset;
    return false;
}

static bool parse_function(parser *p)
{
    filter_op op;
    if (is_word(&p->now, "exists")) {
        op = OP_EXISTS;
    } else if (is_word(&p->now, "starts_with")) {
        op = OP_PREFIX;
    } else if (is_word(&p->now, "ends_with")) {
        op = OP_SUFFIX;
    } else if (is_word(&p->now, "contains")) {
        op = OP_CONTAINS;
    } else if (is_word(&p->now, "matches")) {
        op = OP_MATCHES;
    } else {
        return parser_unknown_function(p);
    }
    advance(p);
    advance(p); /* the parenthesis is what made it a function */
    me_value path, v;
    if (!parser_name(p, &path) || !write_leaf(p, op, &path)) {
        return false;
    }
    if (p->now.kind >= LEX_PLUS && p->now.kind <= LEX_DIVIDE) {
        return parser_fail(p, ME_SYNTAX, p->now.offset,
                           "a function takes the name of an attribute, not an expression");
    }
    if (op != OP_EXISTS) {
        if (!parser_expect(p, LEX_COMMA, "a comma") ||
            !(op == OP_MATCHES ? parse_regex(p, &v) : parser_constant_for(p, op, &v))) {
            return false;
        }
        filter_write_value(p->out, &v);
    }
    return parser_expect(p, LEX_CLOSE, ")");
}

bool parse_leaf(parser *p)
{
    if (at_function(p)) {
        return parse_function(p);
    }
    predicate q;
    q.start = p->out->length;
    q.count = q.written = q.paths = q.open = 0;
    return parse_operand(p, &q) && parse_test(p, &q);
}
