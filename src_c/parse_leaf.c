#include <string.h>

#include "parser.h"
#include "regex.h"
#include "value.h"

/* Starts a leaf: its constants follow. */
static bool write_leaf(parser *p, filter_op op, const me_value *path)
{
    if (++p->predicates > p->limits->predicates) {
        return parser_limit(p, "predicates", p->predicates, p->limits->predicates);
    }
    filter_write_op(p->out, op);
    filter_write_path(p->out, path->as.s, path->len);
    return true;
}

static filter_op comparison_op(token_kind kind)
{
    return (filter_op)((int)OP_EQ + ((int)kind - (int)LEX_EQ));
}

static bool parse_comparison(parser *p, const me_value *path)
{
    filter_op op = comparison_op(p->now.kind);
    advance(p);
    me_value v;
    if (!parser_constant_for(p, op, &v) || !write_leaf(p, op, path)) {
        return false;
    }
    filter_write_value(p->out, &v);
    return true;
}

static bool parse_between(parser *p, const me_value *path)
{
    me_value low, high;
    advance(p);
    if (!parser_constant_for(p, OP_BETWEEN, &low) || !parser_expect(p, LEX_AND, "AND")) {
        return false;
    }
    size_t offset = p->now.offset;
    if (!parser_constant_for(p, OP_BETWEEN, &high)) {
        return false;
    }
    const char *why = filter_between_error(&low, &high);
    if (why != NULL) {
        return parser_fail(p, ME_TYPE, offset, "%s", why);
    }
    if (!write_leaf(p, OP_BETWEEN, path)) {
        return false;
    }
    filter_write_value(p->out, &low);
    filter_write_value(p->out, &high);
    return true;
}

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

/* What may follow a name. */
static bool parse_test(parser *p, const me_value *path)
{
    if (at_comparison(p)) {
        return parse_comparison(p, path);
    }
    if (p->now.kind == LEX_IS) {
        return parse_is_null(p, path);
    }
    bool negated = p->now.kind == LEX_NOT;
    if (negated) {
        advance(p);
    }
    bool good;
    switch (p->now.kind) {
    case LEX_BETWEEN:
        good = parse_between(p, path);
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

/* 5 < a is a > 5. Alone, TRUE and FALSE are filters. */
static bool parse_constant_first(parser *p)
{
    static const filter_op mirrored[] = {OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE};
    size_t offset = p->now.offset;
    me_value v, path;
    if (!parser_constant(p, "a name, a constant, NOT or (", &v)) {
        return false;
    }
    if (!at_comparison(p)) {
        if (v.type != ME_BOOL) {
            return parser_unexpected(p, "a comparison");
        }
        filter_write_op(p->out, v.as.i ? OP_TRUE : OP_FALSE);
        return true;
    }
    filter_op op = mirrored[p->now.kind - LEX_EQ];
    advance(p);
    switch (p->now.kind) {
    case LEX_NUMBER:
    case LEX_STRING:
    case LEX_TRUE:
    case LEX_FALSE:
    case LEX_NULL:
    case LEX_MINUS:
    case LEX_PARAMETER:
        return parser_fail(p, ME_SYNTAX, p->now.offset, "one side of a comparison must be a name");
    default:
        break;
    }
    if (!parser_name(p, &path)) {
        return false;
    }
    const char *why = filter_constant_error(op, &v);
    if (why != NULL) {
        return parser_fail(p, ME_TYPE, offset, "%s", why);
    }
    if (!write_leaf(p, op, &path)) {
        return false;
    }
    filter_write_value(p->out, &v);
    return true;
}

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
    if (!at_name(p)) {
        return parse_constant_first(p);
    }
    if (at_function(p)) {
        return parse_function(p);
    }
    me_value path;
    return parser_name(p, &path) && parse_test(p, &path);
}
