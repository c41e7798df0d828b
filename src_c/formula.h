/* formula.h - a filter taken apart, to reason about it rather than to match with it.
 *
 *     a > 5 AND NOT (b = 1 OR EXISTS(c))
 *
 *     leaves     0: a > 5   1: b = 1   2: EXISTS(c)      each with its set of values (value_set.h)
 *     terms      {0, not 1, not 2}                       the ways to be true: an OR of ANDs
 *
 * A *literal* is a leaf that is to be true, or one that is to be false (not unknown). A term is a
 * set of literals, in order of their paths. What no event can satisfy has no terms: those that
 * contradict themselves are left out.
 *
 * An OR of ANDs can be exponentially long. Where it would be, an operand of an AND is left out, so
 * that the terms say less than the filter: they hold whenever it holds, and perhaps oftener. An OR
 * for which no room is left becomes the one term that says nothing.
 * Whoever asks must be right for the terms; then it is right for the filter.
 *
 * A computed predicate (expression.h) is a leaf of which no more is known than that it is itself.
 * In a filter with more steps it is unknown for more events, and otherwise the same.
 *
 * Values of arrays are looked at one by one by each leaf, so two literals of one path contradict
 * each other only where one forbids what the other demands. With `single` values, ranges that do not
 * meet do so, too.
 */
#ifndef MATCHENGINE_FORMULA_H
#define MATCHENGINE_FORMULA_H

#include "arena.h"
#include "effort.h"
#include "filter.h"
#include "paths.h"
#include "value_set.h"

/* How paths of filters in named and in stored form are made comparable: by the numbers of the
 * engine's paths and, beyond them, numbers for other names. */
typedef struct path_names {
    const paths *known; /* or NULL */
    paths others;
    bool has_others; /* `others` is made when it is needed */
    heap *heap;
} path_names;

void path_names_init(path_names *n, const paths *known, heap *h);
void path_names_free(path_names *n);

typedef struct formula_leaf {
    filter_op op;
    uint32_t weight;     /* its bytes */
    uint32_t path;       /* COMPUTE: the first of its paths */
    value_set set;       /* unless op is IS NULL or COMPUTE */
    const uint8_t *code; /* its constants, or its code: the same bytes mean the same */
    size_t code_length;
} formula_leaf;

typedef struct formula_node {
    filter_op op;
    uint32_t count; /* AND, OR: operands */
    uint32_t leaf;  /* its number, for a leaf */
    bool negated;   /* it is to be false */
} formula_node;

/* leaf * 2, + 1 where it is to be false */
typedef uint32_t literal;

typedef struct term {
    uint32_t count;
    literal literals[];
} term;

typedef struct formula {
    const formula_node *nodes; /* postfix */
    const formula_leaf *leaves;
    term *const *terms; /* after formula_expand */
    uint32_t node_count, leaf_count, term_count;
    uint64_t steps; /* of its computed predicates: the more, the fewer combinations they look at */
} formula;

/* Takes a filter apart. It lives as long as `bytes` and the arena. False: no memory. */
bool formula_read(const uint8_t *bytes, size_t length, bool named, path_names *names, arena *a,
                  formula *out);

/* Do two filters read the same? Linear. */
bool formula_equal(const formula *f, const formula *g);

/* Makes the terms; where the effort ends, one that says nothing, which is always right. False: no
 * memory. */
bool formula_expand(formula *f, arena *a, bool single, effort *left);

static inline const formula_leaf *literal_leaf(const formula *f, literal l)
{
    return &f->leaves[l / 2];
}

static inline bool literal_negated(literal l)
{
    return (l & 1) != 0;
}

/* Can no event satisfy both literals, which are of one path? False where the effort ends. */
bool literals_conflict(const formula *f, literal a, const formula *g, literal b, bool single,
                       effort *left);

/* Does every event that satisfies `a` satisfy `b`, a literal of the same path? False where the
 * effort ends. */
bool literal_implies(const formula *f, literal a, const formula *g, literal b, effort *left);

#endif
