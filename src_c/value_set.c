/* value_set.c - a leaf as a set of values; what is asked of sets is in value_set_ask.c. */
#include "value_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "value_cut.h"

static cut cut_at(me_value v, cut_side side)
{
    return (cut){v, side};
}

static cut lowest(bool text)
{
    return cut_at(text ? value_of_string("", 0) : value_of_double(-INFINITY), CUT_BEFORE);
}

static cut highest(bool text)
{
    return text ? cut_at(value_of_string("", 0), CUT_END)
                : cut_at(value_of_double(INFINITY), CUT_AFTER);
}

static bool same_cut(const cut *a, const cut *b)
{
    return cut_order(a, b) == 0;
}

/* ---- reading ------------------------------------------------------------------------------------ */

static bool one_member(value_set *s, arena *a, me_value v)
{
    me_value *member = arena_array(a, 1, sizeof *member);
    if (member == NULL) {
        return false;
    }
    *member = v;
    s->members = member;
    s->count = 1;
    return true;
}

static int order_values(const void *a, const void *b)
{
    return value_compare(a, b);
}

static bool read_members(const filter_node *leaf, arena *a, value_set *s)
{
    me_value *members = arena_array(a, leaf->count, sizeof *members);
    if (members == NULL) {
        return false;
    }
    const uint8_t *at = leaf->items;
    bool sorted = true;
    for (uint32_t i = 0; i < leaf->count; i++) {
        at = filter_read_value(at, &members[i]);
        members[i] = value_canonical(members[i]);
        sorted = sorted && (i == 0 || value_compare(&members[i - 1], &members[i]) < 0);
    }
    s->kind = SET_FINITE;
    s->members = members;
    s->count = leaf->count;
    if (!sorted) {
        qsort(members, leaf->count, sizeof *members, order_values);
        s->count = 1;
        for (uint32_t i = 1; i < leaf->count; i++) {
            if (value_compare(&members[i], &members[s->count - 1]) != 0) {
                members[s->count++] = members[i];
            }
        }
    }
    return true;
}

/* A span that may be empty, or a single value. */
static bool make_span(value_set *s, arena *a, cut low, cut high)
{
    s->kind = SET_SPAN;
    s->low = low;
    s->high = high;
    if (cut_order(&low, &high) >= 0) {
        s->kind = SET_EMPTY;
        return true;
    }
    me_value v = low.side == CUT_BEFORE ? low.value : high.value;
    cut before = cut_at(v, CUT_BEFORE), after = cut_at(v, CUT_AFTER);
    if (high.side != CUT_END && same_cut(&before, &low) && same_cut(&after, &high)) {
        s->kind = SET_FINITE;
        return one_member(s, a, v);
    }
    return true;
}

/* The cut behind all strings that start with `prefix`: before the least valid string above them,
 * which has the last code point that can be raised raised, and ends there. */
static bool cut_behind(const me_value *prefix, arena *a, cut *out)
{
    uint32_t end = prefix->len;
    while (end > 0) {
        uint32_t start = end - 1;
        while ((prefix->as.s[start] & 0xC0) == 0x80) {
            start--;
        }
        size_t at = start;
        uint32_t point = utf8_next(prefix->as.s, prefix->len, &at);
        if (point < 0x10FFFF) {
            char *bytes = arena_bytes(a, start + 4u);
            if (bytes == NULL) {
                return false;
            }
            memcpy(bytes, prefix->as.s, start);
            size_t more = utf8_put(bytes + start, point == 0xD7FF ? 0xE000 : point + 1);
            *out = cut_at(value_of_string(bytes, start + more), CUT_BEFORE);
            return true;
        }
        end = start;
    }
    *out = highest(true);
    return true;
}

static bool read_prefix(me_value prefix, arena *a, value_set *s)
{
    cut high;
    if (!cut_behind(&prefix, a, &high)) {
        return false;
    }
    s->text = prefix;
    return make_span(s, a, cut_at(prefix, CUT_BEFORE), high);
}

static bool read_range(const filter_node *leaf, arena *a, value_set *s)
{
    me_value v = value_canonical(leaf->a);
    bool text = v.type == ME_STRING;
    switch (leaf->op) {
    case OP_LT:
        return make_span(s, a, lowest(text), cut_at(v, CUT_BEFORE));
    case OP_LE:
        return make_span(s, a, lowest(text), cut_at(v, CUT_AFTER));
    case OP_GT:
        return make_span(s, a, cut_at(v, CUT_AFTER), highest(text));
    case OP_GE:
        return make_span(s, a, cut_at(v, CUT_BEFORE), highest(text));
    default:
        return make_span(s, a, cut_at(v, CUT_BEFORE), cut_at(value_canonical(leaf->b), CUT_AFTER));
    }
}

/* ---- reading: patterns ---------------------------------------------------------------------------- */

/* SUFFIX or CONTAINS of a text; every string has the empty one. */
static bool make_pattern(value_set *s, arena *a, filter_op op, me_value text)
{
    if (text.len == 0 && (op == OP_SUFFIX || op == OP_CONTAINS)) {
        return make_span(s, a, lowest(true), highest(true));
    }
    s->kind = SET_PATTERN;
    s->op = op;
    s->text = text;
    return true;
}

/* The text between `%` at the ends of a LIKE pattern that has no other wildcard. */
typedef struct plain_like {
    bool plain, open_start, open_end;
    me_value text;
} plain_like;

static bool read_plain_like(const filter_node *leaf, arena *a, plain_like *out)
{
    const char *p = leaf->a.as.s;
    size_t length = leaf->a.len, at = 0, n = 0;
    char *text = arena_bytes(a, length > 0 ? length : 1);
    if (text == NULL) {
        return false;
    }
    *out = (plain_like){.plain = true};
    while (at < length) {
        size_t from = at, escape = leaf->b.len;
        bool escaped =
            escape > 0 && length - at > escape && memcmp(p + at, leaf->b.as.s, escape) == 0;
        from += escaped ? escape : 0;
        at = from;
        utf8_next(p, length, &at);
        if (!escaped && (p[from] == '%' || p[from] == '_')) {
            out->plain = out->plain && p[from] == '%';
            out->open_start |= n == 0;
            out->open_end = true;
            continue;
        }
        out->plain = out->plain && (n == 0 || !out->open_end); /* no % but at the ends */
        out->open_end = false;
        memcpy(text + n, p + from, at - from);
        n += at - from;
    }
    out->text = value_of_string(text, n);
    return true;
}

static bool read_like(const filter_node *leaf, arena *a, value_set *s)
{
    plain_like p;
    if (!read_plain_like(leaf, a, &p)) {
        return false;
    }
    if (!p.plain) {
        s->kind = SET_PATTERN;
        s->op = leaf->op;
        s->text = leaf->a;
        s->escape = leaf->b;
        return true;
    }
    if (p.open_start) {
        return make_pattern(s, a, p.open_end ? OP_CONTAINS : OP_SUFFIX, p.text);
    }
    if (p.open_end) {
        return read_prefix(p.text, a, s);
    }
    s->kind = SET_FINITE;
    return one_member(s, a, p.text);
}

/* ---- reading: all ----------------------------------------------------------------------------------- */

bool value_set_read(const filter_node *leaf, arena *a, value_set *out)
{
    *out = (value_set){.kind = SET_ANY};
    me_value v = value_canonical(leaf->a);
    switch (leaf->op) {
    case OP_EQ:
        out->kind = SET_FINITE;
        return one_member(out, a, v);
    case OP_NE:
        out->kind = v.type == ME_BOOL ? SET_FINITE : SET_OTHER; /* of two bools one is left */
        return one_member(out, a, v.type == ME_BOOL ? value_of_bool(!v.as.i) : v);
    case OP_IN:
        return read_members(leaf, a, out);
    case OP_PREFIX:
        return read_prefix(v, a, out);
    case OP_SUFFIX:
    case OP_CONTAINS:
        return make_pattern(out, a, leaf->op, v);
    case OP_LIKE:
        return read_like(leaf, a, out);
    case OP_ILIKE:
    case OP_MATCHES:
        out->escape = leaf->op == OP_ILIKE ? leaf->b : value_of_string("", 0);
        return make_pattern(out, a, leaf->op, v);
    case OP_EXISTS:
        return true;
    default:
        return read_range(leaf, a, out);
    }
}
