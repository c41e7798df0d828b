/* printer.h - filter bytes as text that means the same: every group in parentheses, every name in
 * quotes. Parsing it must give the bytes again.
 *
 * The texts of operands lie one behind the other, as the filter is postfix; a connective puts its
 * words between the last of them.
 */
#ifndef MATCHENGINE_FUZZ_PRINTER_H
#define MATCHENGINE_FUZZ_PRINTER_H

#include <inttypes.h>

#include "bytes.h"
#include "expression.h"

#define PRINT_OPERANDS 512u

static inline void print_quoted(page *t, char quote, const char *s, size_t length)
{
    text_put(t, &quote, 1);
    for (size_t i = 0; i < length; i++) {
        text_put(t, s + i, 1);
        text_put(t, s + i, s[i] == quote);
    }
    text_put(t, &quote, 1);
}

static inline void print_value(page *t, const me_value *v)
{
    char digits[64];
    if (v->type == ME_STRING) {
        print_quoted(t, '\'', v->as.s, v->len);
    } else if (v->type == ME_BIG) {
        text_put(t, v->as.s, v->len);
    } else if (v->type == ME_BOOL) {
        text_say(t, v->as.i ? "TRUE" : "FALSE");
    } else if (v->type == ME_INT) {
        snprintf(digits, sizeof digits, "%" PRId64, v->as.i);
        text_say(t, digits);
    } else {
        snprintf(digits, sizeof digits, "%.17e", v->as.d);
        text_say(t, strstr(digits, "inf") == NULL ? digits : v->as.d > 0 ? "1e999" : "-1e999");
    }
}

static inline const char *word_of(filter_op op)
{
    static const char *const words[OP_COUNT] = {
        [OP_EQ] = " = ",
        [OP_NE] = " <> ",
        [OP_LT] = " < ",
        [OP_LE] = " <= ",
        [OP_GT] = " > ",
        [OP_GE] = " >= ",
        [OP_BETWEEN] = " BETWEEN ",
        [OP_IN] = " IN (",
        [OP_LIKE] = " LIKE ",
        [OP_ILIKE] = " ILIKE ",
        [OP_IS_NULL] = " IS NULL",
        [OP_EXISTS] = "EXISTS(",
        [OP_PREFIX] = "STARTS_WITH(",
        [OP_SUFFIX] = "ENDS_WITH(",
        [OP_CONTAINS] = "CONTAINS(",
        [OP_MATCHES] = "MATCHES(",
    };
    return words[op];
}

/* False: an operator that is not known here. */
static inline bool print_leaf(page *t, const filter_node *n)
{
    const char *word = filter_op_is_leaf(n->op) ? word_of(n->op) : NULL;
    if (word == NULL) {
        return false;
    }
    bool function = word[0] != ' ';
    text_say(t, function ? word : "");
    print_quoted(t, '"', n->path, n->path_length);
    text_say(t, function ? (n->op == OP_EXISTS ? "" : ", ") : word);
    const uint8_t *at = n->items;
    for (uint32_t i = 0; n->op == OP_IN && i < n->count; i++) {
        me_value member;
        at = filter_read_value(at, &member);
        text_say(t, i > 0 ? ", " : "");
        print_value(t, &member);
    }
    if (n->op != OP_IN && n->op != OP_IS_NULL && n->op != OP_EXISTS) {
        print_value(t, &n->a);
    }
    if (n->op == OP_BETWEEN || ((n->op == OP_LIKE || n->op == OP_ILIKE) && n->b.len > 0)) {
        text_say(t, n->op == OP_BETWEEN ? " AND " : " ESCAPE ");
        print_value(t, &n->b);
    }
    text_say(t, function || n->op == OP_IN ? ")" : "");
    return true;
}

/* Rewrites the texts from `begins[0]` on as `before(x) first (y) between (z)`. */
static inline void join(page *t, const size_t *begins, uint32_t count, const char *before,
                        const char *first, const char *between)
{
    static page joined;
    joined.length = 0;
    text_say(&joined, before);
    for (uint32_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? begins[i + 1] : t->length;
        text_say(&joined, i == 0 ? "" : i == 1 ? first : between);
        text_say(&joined, "(");
        text_put(&joined, t->at + begins[i], end - begins[i]);
        text_say(&joined, ")");
    }
    t->length = begins[0];
    text_put(t, joined.at, joined.length);
}

/* Arithmetic and the comparison of its results. False: there is no room. */
static inline bool print_computed(page *t, const filter_node *leaf)
{
    static const char *const signs[EXPRESSION_COUNT] = {
        [EXPRESSION_ADD] = " + ",
        [EXPRESSION_SUBTRACT] = " - ",
        [EXPRESSION_MULTIPLY] = " * ",
        [EXPRESSION_DIVIDE] = " / ",
    };
    size_t begins[PRINT_OPERANDS + 1];
    uint32_t top = 0;
    expression_reader code = expression_of(leaf, true);
    for (expression_item item; expression_next(&code, &item); top++) {
        if (top == PRINT_OPERANDS || t->length >= TEXT_ROOM / 2) {
            return false;
        }
        begins[top] = t->length;
        if (item.op == EXPRESSION_PATH) {
            print_quoted(t, '"', item.path, item.path_length);
        } else if (item.op == EXPRESSION_VALUE) {
            print_value(t, &item.value);
        } else if (item.op == EXPRESSION_NEGATE) {
            join(t, begins + --top, 1, "-", "", "");
        } else {
            top -= 2;
            join(t, begins + top, 2, "", signs[item.op], "");
        }
    }
    join(t, begins, top, "", word_of(leaf->relation), " AND ");
    return true;
}

/* False: there is no room, or an operator is not known here. */
static inline bool print_filter(page *t, const uint8_t *bytes, size_t length)
{
    size_t begins[PRINT_OPERANDS + 1];
    uint32_t top = 0;
    filter_reader r = {.at = bytes, .end = bytes + length, .named = true};
    filter_node n;
    t->length = 0;
    while (top < PRINT_OPERANDS && t->length < TEXT_ROOM / 2 && filter_next(&r, &n)) {
        if (n.op == OP_AND || n.op == OP_OR) {
            top -= n.count;
            const char *between = n.op == OP_AND ? " AND " : " OR ";
            join(t, begins + top, n.count, "", between, between);
        } else if (n.op == OP_NOT) {
            join(t, begins + --top, 1, "NOT ", "", "");
        } else {
            begins[top] = t->length;
            if (n.op == OP_TRUE || n.op == OP_FALSE) {
                text_say(t, n.op == OP_TRUE ? "TRUE" : "FALSE");
            } else if (!(n.op == OP_COMPUTE ? print_computed : print_leaf)(t, &n)) {
                return false;
            }
        }
        top++;
    }
    return top == 1 && r.at == r.end && t->length < TEXT_ROOM / 2;
}

#endif
