/* value_set_ask.c - questions about sets of values. */
#include <math.h>
#include <string.h>

#include "effort.h"
#include "value_cut.h"
#include "value_pattern.h"

/* ---- values --------------------------------------------------------------------------------------- */

static bool is_number(const me_value *v) /* that ranges know: not NaN */
{
    return v->type == ME_INT || v->type == ME_BIG || (v->type == ME_DOUBLE && !isnan(v->as.d));
}

static bool same_type(const me_value *a, const me_value *b)
{
    return is_number(a) ? is_number(b) : a->type == b->type && a->type != ME_DOUBLE;
}

static bool in_span(const value_set *s, const me_value *v)
{
    cut before = {*v, CUT_BEFORE}, after = {*v, CUT_AFTER};
    return (is_number(v) || v->type == ME_STRING) && cut_order(&s->low, &before) <= 0 &&
           cut_order(&after, &s->high) <= 0;
}

static bool in_members(const value_set *s, const me_value *v)
{
    uint32_t lo = 0, n = s->count;
    while (n > 0) {
        uint32_t half = n / 2;
        bool below = value_compare(&s->members[lo + half], v) < 0;
        lo = below ? lo + half + 1 : lo;
        n = below ? n - half - 1 : half;
    }
    return lo < s->count && value_compare(&s->members[lo], v) == 0;
}

#define PATTERN_COST 4u /* of a byte of a compiled pattern */

/* Do all members fit the pattern, or (`any`) may one? */
static bool members_fit(const value_set *members, const value_set *pattern, bool any,
                        uint64_t *left)
{
    value_pattern p;
    value_pattern_open(&p, pattern);
    if (!effort_spend(left, p.heap.bytes * PATTERN_COST)) {
        value_pattern_close(&p);
        return any;
    }
    bool fit = !any;
    for (uint32_t i = 0; i < members->count && fit != any; i++) {
        answer has = value_pattern_has(&p, &members->members[i]);
        fit = any ? has != NO : has == YES;
    }
    value_pattern_close(&p);
    return fit;
}

/* ---- questions ------------------------------------------------------------------------------------ */

bool value_set_has(const value_set *s, const me_value *v)
{
    uint64_t enough = UINT64_MAX;
    switch (s->kind) {
    case SET_EMPTY:
        return false;
    case SET_FINITE:
        return in_members(s, v);
    case SET_SPAN:
        return in_span(s, v);
    case SET_OTHER:
        return same_type(s->members, v) && value_compare(s->members, v) != 0;
    case SET_PATTERN:
        return members_fit(&(value_set){.members = v, .count = 1}, s, false, &enough);
    case SET_ANY:
        break;
    }
    return true;
}

/* Are the values of a span all among the members of `b`? They would have to touch one another. */
static bool span_in_members(const value_set *a, const value_set *b)
{
    cut at = a->low;
    for (uint32_t i = 0; i < b->count; i++) {
        cut before = {b->members[i], CUT_BEFORE};
        int order = is_number(&b->members[i]) || b->members[i].type == ME_STRING
                        ? cut_order(&before, &at)
                        : -1;
        if (order > 0) {
            return false;
        }
        if (order == 0) {
            at = (cut){b->members[i], CUT_AFTER};
            if (cut_order(&at, &a->high) >= 0) {
                return true;
            }
        }
    }
    return false;
}

static bool span_is_text(const value_set *s)
{
    return s->low.value.type == ME_STRING;
}

static bool is_all_strings(const value_set *s)
{
    return span_is_text(s) && s->low.value.len == 0 && s->low.side == CUT_BEFORE &&
           s->high.side == CUT_END;
}

static bool span_within(const value_set *a, const value_set *b)
{
    switch (b->kind) {
    case SET_FINITE:
        return span_in_members(a, b);
    case SET_SPAN:
        return cut_order(&b->low, &a->low) <= 0 && cut_order(&a->high, &b->high) <= 0;
    case SET_OTHER:
        return same_type(&a->low.value, b->members) && !in_span(a, b->members);
    default: /* a text that all begin with holds what it holds */
        return b->kind == SET_PATTERN && b->op == OP_CONTAINS && a->text.type == ME_STRING &&
               text_contains(&a->text, &b->text) == YES;
    }
}

/* All of a type but one: within a span that ends at most where that one is. */
static bool other_within(const value_set *a, const value_set *b)
{
    const me_value *v = a->members;
    if (b->kind == SET_OTHER) {
        return value_compare(v, b->members) == 0;
    }
    if (b->kind != SET_SPAN || span_is_text(b) != (v->type == ME_STRING)) {
        return false;
    }
    me_value least = span_is_text(b) ? value_of_string("", 0) : value_of_double(-INFINITY);
    me_value most = value_of_double(INFINITY);
    cut low = {least, value_compare(v, &least) == 0 ? CUT_AFTER : CUT_BEFORE};
    cut high = {most, value_compare(v, &most) == 0 ? CUT_BEFORE : CUT_AFTER};
    if (span_is_text(b)) {
        high.side = CUT_END;
    }
    return cut_order(&b->low, &low) <= 0 && cut_order(&high, &b->high) <= 0;
}

static bool pattern_within(const value_set *a, const value_set *b, uint64_t *left)
{
    switch (b->kind) {
    case SET_PATTERN:
        return value_pattern_within(a, b) == YES;
    case SET_SPAN:
        return is_all_strings(b);
    default: /* the value that OTHER leaves out must not fit, for sure */
        return b->kind == SET_OTHER && b->members->type == ME_STRING &&
               !members_fit(b, a, true, left);
    }
}

bool value_set_within(const value_set *a, const value_set *b, uint64_t *left)
{
    if (a->kind == SET_EMPTY || b->kind == SET_ANY) {
        return true;
    }
    switch (a->kind) {
    case SET_FINITE:
        if (b->kind == SET_PATTERN) {
            return members_fit(a, b, false, left);
        }
        for (uint32_t i = 0; i < a->count; i++) {
            if (!value_set_has(b, &a->members[i])) {
                return false;
            }
        }
        return true;
    case SET_SPAN:
        return span_within(a, b);
    case SET_OTHER:
        return other_within(a, b);
    case SET_PATTERN:
        return pattern_within(a, b, left);
    default:
        return false;
    }
}

bool value_set_meets(const value_set *a, const value_set *b, uint64_t *left)
{
    if (a->kind == SET_EMPTY || b->kind == SET_EMPTY) {
        return false;
    }
    if (b->kind < a->kind) {
        const value_set *swap = a;
        a = b;
        b = swap;
    }
    switch (a->kind) {
    case SET_FINITE:
        if (b->kind == SET_PATTERN) {
            return members_fit(a, b, true, left);
        }
        for (uint32_t i = 0; i < a->count; i++) {
            if (value_set_has(b, &a->members[i])) {
                return true;
            }
        }
        return false;
    case SET_SPAN: {
        if (b->kind == SET_SPAN) {
            return cut_order(&a->low, &b->high) < 0 && cut_order(&b->low, &a->high) < 0;
        }
        /* It has two values at least, so one that OTHER does not leave out. */
        bool text =
            b->kind == SET_PATTERN || (b->kind == SET_OTHER && b->members->type == ME_STRING);
        return b->kind == SET_ANY || span_is_text(a) == text;
    }
    case SET_OTHER:
        return b->kind == SET_ANY || (b->kind == SET_OTHER && same_type(a->members, b->members)) ||
               (b->kind == SET_PATTERN && a->members->type == ME_STRING);
    default:
        return true;
    }
}
