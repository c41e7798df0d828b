/* oracle.h - docs/semantics.md as slow, plain C: is this filter true of these values?
 *
 * Filter bytes are read with filter_next and evaluated on a stack of F, U, T. Numbers are compared
 * as decimal texts, which shares nothing with value.c. An operator that is not known here gives
 * CANNOT_SAY, and so does a regex that regex_oracle.h does not judge.
 */
#ifndef MATCHENGINE_FUZZ_ORACLE_H
#define MATCHENGINE_FUZZ_ORACLE_H

#include <inttypes.h>
#include <math.h>

#include "../c/like_oracle.h"
#include "filter.h"
#include "regex_oracle.h"

#define OCCASION_VALUES 256u

/* An event: every scalar with its path, in order. */
typedef struct seen {
    const char *path;
    uint32_t path_length;
    me_value value;
} seen;

typedef struct occasion {
    seen at[OCCASION_VALUES];
    uint32_t count;
} occasion;

typedef enum truth { F, U, T, NOT_KNOWN } truth;

/* ---- one value ----------------------------------------------------------------------------------- */

#define DIGITS_ROOM 1100u /* Limits.digits, and a sign */

static inline bool is_number(const me_value *v)
{
    return v->type == ME_INT || v->type == ME_BIG || v->type == ME_DOUBLE;
}

/* The floor of a finite number in decimal, `-` in front; 0 has none. */
static inline void floor_text(const me_value *v, char out[DIGITS_ROOM])
{
    if (v->type == ME_INT) {
        snprintf(out, DIGITS_ROOM, "%" PRId64, v->as.i);
    } else if (v->type == ME_BIG) {
        snprintf(out, DIGITS_ROOM, "%.*s", (int)v->len, v->as.s);
    } else {
        snprintf(out, DIGITS_ROOM, "%.0f", floor(v->as.d) + 0.0);
    }
    if (strcmp(out, "-0") == 0) {
        strcpy(out, "0");
    }
}

static inline int compare_digits(const char *a, const char *b)
{
    if (*a == '-' || *b == '-') {
        return *a != '-' ? 1 : *b != '-' ? -1 : compare_digits(b + 1, a + 1);
    }
    size_t m = strlen(a), n = strlen(b);
    return m != n ? (m > n) - (m < n) : strcmp(a, b);
}

/* Neither is NaN. */
static inline int compare_numbers(const me_value *a, const me_value *b)
{
    char p[DIGITS_ROOM], q[DIGITS_ROOM];
    bool a_double = a->type == ME_DOUBLE, b_double = b->type == ME_DOUBLE;
    double x = a_double ? a->as.d : 0.0, y = b_double ? b->as.d : 0.0;
    if ((a_double && b_double) || isinf(x) || isinf(y)) {
        return (x > y) - (x < y);
    }
    floor_text(a, p);
    floor_text(b, q);
    int order = compare_digits(p, q);
    double more = x - floor(x), other = y - floor(y);
    return order != 0 ? order : (more > other) - (more < other);
}

/* Can they be compared? Then *order says how. */
static inline bool compare_values(const me_value *a, const me_value *b, int *order)
{
    if (is_number(a) && is_number(b)) {
        bool nan =
            (a->type == ME_DOUBLE && isnan(a->as.d)) || (b->type == ME_DOUBLE && isnan(b->as.d));
        *order = nan ? 0 : compare_numbers(a, b);
        return !nan;
    }
    if (a->type != b->type || a->type == ME_NULL) {
        return false;
    }
    if (a->type == ME_BOOL) {
        *order = (int)(a->as.i - b->as.i);
        return true;
    }
    size_t shared = a->len < b->len ? a->len : b->len;
    *order = shared > 0 ? memcmp(a->as.s, b->as.s, shared) : 0;
    *order = *order != 0 ? *order : (a->len > b->len) - (a->len < b->len);
    return true;
}

static inline bool holds_in(const filter_node *n, const me_value *v)
{
    const uint8_t *at = n->items;
    for (uint32_t i = 0; i < n->count; i++) {
        me_value member;
        int order;
        at = filter_read_value(at, &member);
        if (compare_values(v, &member, &order) && order == 0) {
            return true;
        }
    }
    return false;
}

static inline bool holds_affix(filter_op op, const me_value *v, const me_value *part)
{
    for (uint32_t at = 0; at + part->len <= v->len; at++) {
        bool placed = op == OP_CONTAINS || (op == OP_PREFIX ? at == 0 : at + part->len == v->len);
        if (placed && (part->len == 0 || memcmp(v->as.s + at, part->as.s, part->len) == 0)) {
            return true;
        }
    }
    return false;
}

static inline truth holds_string(const filter_node *n, const me_value *v)
{
    static rx regex;
    if (v->type != ME_STRING) {
        return F;
    }
    switch (n->op) {
    case OP_PREFIX:
    case OP_SUFFIX:
    case OP_CONTAINS:
        return holds_affix(n->op, v, &n->a) ? T : F;
    case OP_LIKE:
    case OP_ILIKE:
        if (n->a.len >= ORACLE_ROOM || v->len >= ORACLE_ROOM) {
            return NOT_KNOWN;
        }
        return oracle_like(n->a.as.s, n->a.len, n->b.as.s, n->b.len, n->op == OP_ILIKE, v->as.s,
                           v->len)
                   ? T
                   : F;
    default:
        if (oracle_regex_parse(&regex, n->a.as.s, n->a.len) != YES) {
            return NOT_KNOWN;
        }
        verdict said = oracle_regex_match(&regex, v->as.s, v->len);
        return said == CANNOT_SAY ? NOT_KNOWN : said == YES ? T : F;
    }
}

/* Does this one value, which is not null, pass the test of the leaf? */
static inline truth holds(const filter_node *n, const me_value *v)
{
    int order = 0, other = 0;
    bool comparable = compare_values(v, &n->a, &order);
    switch (n->op) {
    case OP_EQ:
        return comparable && order == 0 ? T : F;
    case OP_NE:
        return comparable && order != 0 ? T : F;
    case OP_LT:
        return comparable && order < 0 ? T : F;
    case OP_LE:
        return comparable && order <= 0 ? T : F;
    case OP_GT:
        return comparable && order > 0 ? T : F;
    case OP_GE:
        return comparable && order >= 0 ? T : F;
    case OP_BETWEEN:
        comparable = comparable && compare_values(v, &n->b, &other);
        return comparable && order >= 0 && other <= 0 ? T : F;
    case OP_IN:
        return holds_in(n, v) ? T : F;
    case OP_PREFIX:
    case OP_SUFFIX:
    case OP_CONTAINS:
    case OP_LIKE:
    case OP_ILIKE:
    case OP_MATCHES:
        return holds_string(n, v);
    default:
        return NOT_KNOWN;
    }
}

/* ---- a leaf, a filter ----------------------------------------------------------------------------- */

static inline truth oracle_leaf(const filter_node *n, const occasion *event)
{
    truth outcome = F;
    uint32_t values = 0, nulls = 0;
    if (n->op > OP_IS_NULL &&
        n->op != OP_MATCHES) { /* the operators of filter.h that are known here */
        return NOT_KNOWN;
    }
    for (uint32_t i = 0; i < event->count; i++) {
        const seen *s = &event->at[i];
        if (s->path_length != n->path_length ||
            (s->path_length > 0 && memcmp(s->path, n->path, s->path_length) != 0)) {
            continue;
        }
        values++;
        nulls += s->value.type == ME_NULL;
        if (n->op == OP_EXISTS || n->op == OP_IS_NULL) {
            continue;
        }
        truth one = s->value.type == ME_NULL ? U : holds(n, &s->value);
        if (one == NOT_KNOWN) {
            return NOT_KNOWN;
        }
        outcome = one > outcome ? one : outcome;
    }
    if (n->op == OP_EXISTS) {
        return values > 0 ? T : F;
    }
    if (n->op == OP_IS_NULL) {
        return values == 0 || nulls > 0 ? T : F;
    }
    return values == 0 ? U : outcome;
}

#define ORACLE_STACK 4096u

/* Is a named filter that filter_check has accepted true of the event? */
static inline verdict oracle_matches(const uint8_t *bytes, size_t length, const occasion *event)
{
    static truth stack[ORACLE_STACK];
    filter_reader r = {.at = bytes, .end = bytes + length, .named = true};
    filter_node n;
    uint32_t top = 0;
    while (top < ORACLE_STACK && filter_next(&r, &n)) {
        if (n.op == OP_AND || n.op == OP_OR) {
            top -= n.count;
            for (uint32_t i = 1; i < n.count; i++) {
                truth other = stack[top + i];
                bool takes = n.op == OP_AND ? other < stack[top] : other > stack[top];
                stack[top] = takes ? other : stack[top];
            }
            top++;
        } else if (n.op == OP_NOT) {
            stack[top - 1] = (truth)(T - stack[top - 1]);
        } else if (n.op == OP_TRUE || n.op == OP_FALSE) {
            stack[top++] = n.op == OP_TRUE ? T : F;
        } else {
            truth one = filter_op_is_leaf(n.op) ? oracle_leaf(&n, event) : NOT_KNOWN;
            if (one == NOT_KNOWN) {
                return CANNOT_SAY;
            }
            stack[top++] = one;
        }
    }
    if (top == ORACLE_STACK) {
        return CANNOT_SAY;
    }
    MUST(top == 1);
    return stack[0] == T ? YES : NO;
}

#endif
