/* filter_text.h - filter bytes as one line of text, for tests to compare.
 *
 *     price < 10 AND NOT sym = 'A'      price < i10 | sym = 'A' | NOT | AND 2
 *
 * Constants show their type: i10, B10000000000000000000 (beyond int64), d10, 'text', true. The
 * text is cut where the room ends.
 */
#ifndef MATCHENGINE_FILTER_TEXT_H
#define MATCHENGINE_FILTER_TEXT_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "expression.h"

typedef struct filter_text {
    char text[4096];
    size_t used;
} filter_text;

static void text_add(filter_text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(t->text + t->used, sizeof t->text - t->used, format, arguments);
    va_end(arguments);
    t->used += (size_t)wrote;
    t->used = t->used < sizeof t->text ? t->used : sizeof t->text - 1;
}

static void text_add_value(filter_text *t, const me_value *v)
{
    switch ((me_type)v->type) {
    case ME_NULL:
        text_add(t, "null");
        break;
    case ME_BOOL:
        text_add(t, v->as.i ? "true" : "false");
        break;
    case ME_INT:
        text_add(t, "i%" PRId64, v->as.i);
        break;
    case ME_BIG:
        text_add(t, "B%.*s", (int)v->len, v->as.s);
        break;
    case ME_DOUBLE:
        text_add(t, "d%g", v->as.d);
        break;
    case ME_STRING:
        text_add(t, "'%.*s'", (int)v->len, v->as.s);
        break;
    }
}

/* `> [a b * i1000]`: the relation, and the items of the code. */
static void text_add_compute(filter_text *t, const filter_node *n)
{
    static const char *const relations[] = {"=", "<>", "<", "<=", ">", ">=", "BETWEEN"};
    static const char symbols[] = "+-*/~";
    expression_reader code = expression_of(n, true);
    expression_item item;
    text_add(t, "%s [", relations[n->relation - OP_EQ]);
    for (bool first = true; expression_next(&code, &item); first = false) {
        text_add(t, first ? "" : " ");
        if (item.op == EXPRESSION_PATH) {
            text_add(t, "%.*s", (int)item.path_length, item.path);
        } else if (item.op == EXPRESSION_VALUE) {
            text_add_value(t, &item.value);
        } else {
            text_add(t, "%c", symbols[item.op - EXPRESSION_ADD]);
        }
    }
    text_add(t, "]");
}

static void text_add_leaf(filter_text *t, const filter_node *n)
{
    static const char *const words[OP_COUNT] = {
        [OP_EQ] = "=",
        [OP_NE] = "<>",
        [OP_LT] = "<",
        [OP_LE] = "<=",
        [OP_GT] = ">",
        [OP_GE] = ">=",
        [OP_BETWEEN] = "BETWEEN",
        [OP_IN] = "IN",
        [OP_PREFIX] = "PREFIX",
        [OP_SUFFIX] = "SUFFIX",
        [OP_CONTAINS] = "CONTAINS",
        [OP_LIKE] = "LIKE",
        [OP_ILIKE] = "ILIKE",
        [OP_EXISTS] = "EXISTS",
        [OP_IS_NULL] = "NULL",
        [OP_MATCHES] = "MATCHES",
    };
    text_add(t, "%.*s %s", (int)n->path_length, n->path, words[n->op]);
    if (n->op == OP_IN) {
        const uint8_t *at = n->items;
        for (uint32_t i = 0; i < n->count; i++) {
            me_value v;
            at = filter_read_value(at, &v);
            text_add(t, i == 0 ? " " : ",");
            text_add_value(t, &v);
        }
        return;
    }
    if (n->op != OP_EXISTS && n->op != OP_IS_NULL) {
        text_add(t, " ");
        text_add_value(t, &n->a);
    }
    if (n->op == OP_BETWEEN || n->op == OP_LIKE || n->op == OP_ILIKE) {
        text_add(t, ",");
        text_add_value(t, &n->b);
    }
}

static void filter_describe(filter_text *t, const uint8_t *bytes, size_t length)
{
    filter_reader r = {.at = bytes, .end = bytes + length, .named = true};
    filter_node n;
    t->used = 0;
    t->text[0] = '\0';
    while (filter_next(&r, &n)) {
        text_add(t, t->used > 0 ? " | " : "");
        switch (n.op) {
        case OP_TRUE:
            text_add(t, "TRUE");
            break;
        case OP_FALSE:
            text_add(t, "FALSE");
            break;
        case OP_NOT:
            text_add(t, "NOT");
            break;
        case OP_AND:
        case OP_OR:
            text_add(t, "%s %" PRIu32, n.op == OP_AND ? "AND" : "OR", n.count);
            break;
        case OP_COMPUTE:
            text_add_compute(t, &n);
            break;
        default:
            text_add_leaf(t, &n);
        }
    }
}

#endif
