/* value_set_member.c - a value that is in a set.
 *
 * Small ones and large ones: two events made of them tell ranges that hold all of a filter's values
 * from those that hold only some (cover_search.c). Nothing depends on how small or large they are.
 */
#include <math.h>
#include <string.h>

#include "value_cut.h"

static bool number_in_span(const value_set *s, bool large, me_value *out)
{
    const cut *edge = large ? &s->high : &s->low;
    *out = edge->value;
    bool inside = edge->side == (large ? CUT_AFTER : CUT_BEFORE);
    if (!inside && out->type == ME_INT) { /* the next integer, or else the next double */
        me_value next = value_of_int(large ? out->as.i - (out->as.i > INT64_MIN)
                                           : out->as.i + (out->as.i < INT64_MAX));
        if (value_set_has(s, &next)) {
            *out = next;
            return true;
        }
    }
    if (!inside && out->type != ME_BIG) {
        double d = out->type == ME_INT ? (double)out->as.i : out->as.d;
        *out = value_canonical(value_of_double(nextafter(d, large ? -INFINITY : INFINITY)));
    }
    return value_set_has(s, out);
}

static bool text_in_span(const value_set *s, bool large, arena *a, me_value *out)
{
    const cut *edge = large && s->high.side != CUT_END ? &s->high : &s->low;
    *out = edge->value;
    if (edge->side == CUT_AFTER && edge == &s->low) { /* the next string */
        char *bytes = arena_bytes(a, out->len + 1u);
        if (bytes == NULL) {
            return false;
        }
        memcpy(bytes, out->as.s, out->len);
        bytes[out->len] = 0;
        *out = value_of_string(bytes, out->len + 1u);
    }
    return value_set_has(s, out);
}

static bool span_member(const value_set *s, bool large, arena *a, me_value *out)
{
    return s->low.value.type == ME_STRING ? text_in_span(s, large, a, out)
                                          : number_in_span(s, large, out);
}

/* A LIKE pattern read as a text: `%` stands for nothing, `_` for a letter. */
static bool like_member(const value_set *s, arena *a, me_value *out)
{
    const char *p = s->text.as.s;
    uint32_t n = 0, at = 0, escape = s->escape.len;
    char *text = arena_bytes(a, s->text.len + 1u);
    if (text == NULL) {
        return false;
    }
    while (at < s->text.len) {
        bool escaped =
            escape > 0 && s->text.len - at > escape && memcmp(p + at, s->escape.as.s, escape) == 0;
        at += escaped ? escape : 0;
        char c = p[at++];
        if (escaped || (c != '%' && c != '_')) {
            text[n++] = c; /* bytes of a longer code point follow, and are none of these */
        } else if (c == '_') {
            text[n++] = 'a';
        }
    }
    *out = value_of_string(text, n);
    return true;
}

bool value_set_member(const value_set *s, bool large, arena *a, me_value *out)
{
    switch (s->kind) {
    case SET_FINITE:
        *out = s->members[large ? s->count - 1 : 0];
        return true;
    case SET_SPAN:
        return span_member(s, large, a, out) || span_member(s, !large, a, out);
    case SET_OTHER: {
        static const char *const texts[] = {"", "a"};
        bool text = s->members->type == ME_STRING;
        *out = text ? value_of_string(texts[large], large) : value_of_int(large);
        if (value_set_has(s, out)) {
            return true;
        }
        *out = text ? value_of_string("b", 1) : value_of_int(2);
        return true;
    }
    case SET_PATTERN:
        if (s->op == OP_SUFFIX || s->op == OP_CONTAINS) {
            *out = s->text;
            return true;
        }
        return s->op != OP_MATCHES && like_member(s, a, out) && value_set_has(s, out);
    default:
        return false;
    }
}
