/* oracle.h - docs/semantics.md as slow, plain C: is this filter true of these values?
 *
 * Filter bytes are read with filter_next and evaluated on a stack of F, U, T. Numbers are compared
 * as decimal texts, which shares nothing with value.c, and calculated with in 128 bits, which shares
 * nothing with arithmetic.c. An operator that is not known here gives CANNOT_SAY, and so does a
 * regex that regex_oracle.h does not judge.
 */
#ifndef MATCHENGINE_FUZZ_ORACLE_H
#define MATCHENGINE_FUZZ_ORACLE_H

#include <inttypes.h>
#include <math.h>

#include "../c/like_oracle.h"
#include "expression.h"
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

/* Does `v` stand in the relation to `a`, for BETWEEN to `a` and `b`? */
static inline truth holds_relation(filter_op relation, const me_value *v, const me_value *a,
                                   const me_value *b)
{
    int order = 0, other = 0;
    bool comparable = compare_values(v, a, &order);
    switch (relation) {
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
    default: /* BETWEEN */
        comparable = comparable && compare_values(v, b, &other);
        return comparable && order >= 0 && other <= 0 ? T : F;
    }
}

/* Does this one value, which is not null, pass the test of the leaf? */
static inline truth holds(const filter_node *n, const me_value *v)
{
    switch (n->op) {
    case OP_EQ:
    case OP_NE:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
    case OP_BETWEEN:
        return holds_relation(n->op, v, &n->a, &n->b);
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

/* ---- a computed predicate -------------------------------------------------------------------------- */

#define ORACLE_ITEMS 512u
#define ORACLE_PATHS 32u

/* Every path that is mentioned, once, and the values that it has in the event. */
typedef struct wheel {
    const char *path;
    uint32_t path_length, count, now;
    const me_value *values[OCCASION_VALUES];
} wheel;

typedef struct sum {
    expression_item items[ORACLE_ITEMS];
    uint32_t wheel_of[ORACLE_ITEMS]; /* of a PATH */
    uint32_t count, wheels;
    wheel at[ORACLE_PATHS];
} sum;

static inline bool has_path(const seen *s, const char *path, uint32_t length)
{
    return s->path_length == length && (length == 0 || memcmp(s->path, path, length) == 0);
}

/* False: there is no room. */
static inline bool sum_read(sum *q, const filter_node *leaf, const occasion *event)
{
    expression_reader code = expression_of(leaf, true);
    q->count = q->wheels = 0;
    for (expression_item item; expression_next(&code, &item); q->count++) {
        uint32_t w = 0;
        if (q->count == ORACLE_ITEMS || q->wheels == ORACLE_PATHS) {
            return false;
        }
        q->items[q->count] = item;
        if (item.op != EXPRESSION_PATH) {
            continue;
        }
        seen mention = {.path = item.path, .path_length = item.path_length};
        while (w < q->wheels && !has_path(&mention, q->at[w].path, q->at[w].path_length)) {
            w++;
        }
        q->wheel_of[q->count] = w;
        if (w < q->wheels) {
            continue;
        }
        wheel *one = &q->at[q->wheels++];
        *one = (wheel){.path = item.path, .path_length = item.path_length};
        for (uint32_t i = 0; i < event->count; i++) {
            if (has_path(&event->at[i], one->path, one->path_length)) {
                one->values[one->count++] = &event->at[i].value;
            }
        }
    }
    return true;
}

static inline double as_double(const me_value *v)
{
    char digits[DIGITS_ROOM];
    if (v->type == ME_BIG) {
        floor_text(v, digits);
        return strtod(digits, NULL); /* which glibc rounds correctly */
    }
    return v->type == ME_INT ? (double)v->as.i : v->as.d;
}

/* The nearest double where it is no integer of 64 bits. */
static inline me_value of_exact(__int128 exact)
{
    return exact >= INT64_MIN && exact <= INT64_MAX ? value_of_int((int64_t)exact)
                                                    : value_of_double((double)exact);
}

/* Two numbers; nothing is divided by zero. */
static inline me_value calculated(expression_op op, const me_value *a, const me_value *b)
{
    bool whole = a->type == ME_INT && b->type == ME_INT;
    __int128 m = whole ? a->as.i : 0, n = whole ? b->as.i : 0;
    double x = as_double(a), y = as_double(b);
    switch (op) {
    case EXPRESSION_ADD:
        return whole ? of_exact(m + n) : value_of_double(x + y);
    case EXPRESSION_SUBTRACT:
        return whole ? of_exact(m - n) : value_of_double(x - y);
    case EXPRESSION_MULTIPLY:
        return whole ? of_exact(m * n) : value_of_double(x * y);
    case EXPRESSION_DIVIDE:
        return value_of_double(x / y);
    default: /* NEGATE, of one operand */
        return whole ? of_exact(-n) : value_of_double(-y);
    }
}

static inline bool may_compare(filter_op relation, const me_value *a, const me_value *b)
{
    bool equality = relation == OP_EQ || relation == OP_NE;
    return (is_number(a) && is_number(b)) || (a->type == ME_STRING && b->type == ME_STRING) ||
           (equality && a->type == ME_BOOL && b->type == ME_BOOL);
}

/* The outcome for one value of each path: unknown with null, false with what has no meaning,
 * unknown with a division by zero, or what the comparison says, in this order. */
static inline truth holds_sum(const sum *q, filter_op relation)
{
    me_value stack[ORACLE_ITEMS];
    uint32_t top = 0;
    bool meaning = true, by_zero = false;
    for (uint32_t w = 0; w < q->wheels; w++) {
        if (q->at[w].values[q->at[w].now]->type == ME_NULL) {
            return U;
        }
    }
    for (uint32_t i = 0; i < q->count; i++) {
        const expression_item *item = &q->items[i];
        if (item->op == EXPRESSION_PATH) {
            const wheel *w = &q->at[q->wheel_of[i]];
            stack[top++] = *w->values[w->now];
        } else if (item->op == EXPRESSION_VALUE) {
            stack[top++] = item->value;
        } else {
            const me_value b = stack[--top];
            const me_value a = item->op == EXPRESSION_NEGATE ? b : stack[--top];
            bool numbers = is_number(&a) && is_number(&b);
            bool zero = numbers && item->op == EXPRESSION_DIVIDE && as_double(&b) == 0.0;
            meaning = meaning && numbers;
            by_zero = by_zero || zero;
            /* After a division by zero only the types still count. */
            stack[top++] = numbers && !zero ? calculated(item->op, &a, &b) : value_of_double(1);
        }
    }
    MUST(top == (relation == OP_BETWEEN ? 3 : 2));
    meaning = meaning && may_compare(relation, &stack[0], &stack[1]) &&
              (relation != OP_BETWEEN || may_compare(relation, &stack[0], &stack[2]));
    return !meaning  ? F
           : by_zero ? U
                     : holds_relation(relation, &stack[0], &stack[1], &stack[top - 1]);
}

static inline truth oracle_computed(const filter_node *leaf, const occasion *event,
                                    uint64_t combinations)
{
    static sum q;
    uint64_t product = 1;
    truth outcome = F;
    if (!sum_read(&q, leaf, event)) {
        return NOT_KNOWN;
    }
    for (uint32_t w = 0; w < q.wheels; w++) {
        if (q.at[w].count == 0) {
            return U;
        }
    }
    for (uint32_t w = 0; w < q.wheels; w++) {
        product *= q.at[w].count;
        if (product > combinations) {
            return U;
        }
    }
    for (uint64_t i = 0; i < product && outcome != T; i++) {
        uint64_t rest = i;
        for (uint32_t w = 0; w < q.wheels; w++) {
            q.at[w].now = (uint32_t)(rest % q.at[w].count);
            rest /= q.at[w].count;
        }
        truth one = holds_sum(&q, leaf->relation);
        outcome = one > outcome ? one : outcome;
    }
    return outcome;
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
        if (!has_path(s, n->path, n->path_length)) {
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

/* What each computed predicate of a filter may look at: its share of `combinations`. One that is no
 * more than a path against constants takes none and has no bound. */
static inline uint64_t oracle_share(filter_reader r, uint64_t combinations)
{
    filter_node n, plain;
    uint64_t items = 0;
    while (filter_next(&r, &n)) {
        if (n.op == OP_COMPUTE && !expression_plain(&n, true, &plain)) {
            expression_reader code = expression_of(&n, true);
            expression_item item;
            while (expression_next(&code, &item)) {
                items++;
            }
        }
    }
    return items == 0 || combinations / items == 0 ? 1 : combinations / items;
}

/* Is a named filter that filter_check has accepted true of the event? `combinations` as in
 * me_limits. */
static inline verdict oracle_matches(const uint8_t *bytes, size_t length, const occasion *event,
                                     uint64_t combinations)
{
    static truth stack[ORACLE_STACK];
    filter_reader r = {.at = bytes, .end = bytes + length, .named = true};
    filter_node n, plain;
    uint32_t top = 0;
    const uint64_t share = oracle_share(r, combinations);
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
            bool folds = n.op == OP_COMPUTE && expression_plain(&n, true, &plain);
            truth one = n.op == OP_COMPUTE ? oracle_computed(&n, event, folds ? UINT64_MAX : share)
                        : filter_op_is_leaf(n.op) ? oracle_leaf(&n, event)
                                                  : NOT_KNOWN;
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
