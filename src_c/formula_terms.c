/* formula_terms.c - the ways in which a filter can be true.
 *
 * Bottom up, a list of terms for each node that says how it can have the outcome that is asked of it
 * (formula_node.negated): OR is the lists of its operands one after another, AND every way to take
 * one term of each. NOT has been pushed to the leaves, so nothing else is left.
 */
#include <stdlib.h>
#include <string.h>

#include "formula.h"

/* Of one AND. Beyond it, it leaves operands out. */
#define MOST_TERMS 256u

typedef struct term_list {
    uint32_t count;
    term **terms;
} term_list;

static bool has_set(const formula_leaf *leaf)
{
    return leaf->op != OP_EXISTS && leaf->op != OP_IS_NULL && leaf->op != OP_COMPUTE;
}

/* What comparing two sets costs: both are read; a text is looked for in a text the plain way. */
static bool afford(const formula_leaf *a, const formula_leaf *b, effort *left)
{
    bool search = b->set.kind == SET_PATTERN && b->set.op == OP_CONTAINS;
    uint64_t texts = search ? (uint64_t)a->weight * b->weight / 16 : 0;
    return effort_spend(&left->work, (uint64_t)a->weight + b->weight + texts);
}

/* Are all values that satisfy the leaf `a` among those that satisfy `b`? */
static bool is_within(const formula_leaf *a, const formula_leaf *b, effort *left)
{
    if (a->op == OP_COMPUTE && b->op == OP_COMPUTE) {
        return a->code_length == b->code_length && memcmp(a->code, b->code, a->code_length) == 0;
    }
    return has_set(a) && has_set(b) && afford(a, b, left) &&
           value_set_within(&a->set, &b->set, &left->work);
}

/* ---- two literals of one path ---------------------------------------------------------------------- */

bool literal_implies(const formula *f, literal a, const formula *g, literal b, effort *left)
{
    const formula_leaf *x = literal_leaf(f, a), *y = literal_leaf(g, b);
    bool not_x = literal_negated(a), not_y = literal_negated(b);
    bool missing = x->op == OP_EXISTS && not_x; /* what `a` says: there is nothing; */
    bool no_null = not_x && !missing;           /* there is something, and no null; */
    if (y->op == OP_EXISTS) {
        return not_y ? missing : !missing && (not_x || x->op != OP_IS_NULL);
    }
    if (y->op == OP_IS_NULL) {
        return not_y ? no_null : missing || (x->op == OP_IS_NULL && !not_x);
    }
    if (y->op == OP_COMPUTE && g->steps > f->steps) {
        return false; /* g may not look at all that f has looked at */
    }
    return not_x == not_y && (not_x ? is_within(y, x, left) : is_within(x, y, left));
}

/* A literal that is true contradicts one that is false. */
static bool forbids(const formula_leaf *yes, const formula_leaf *no, effort *left)
{
    if (no->op == OP_EXISTS) {
        return yes->op != OP_IS_NULL;
    }
    if (yes->op == OP_IS_NULL) {
        return true; /* what is false is there, and no null */
    }
    return is_within(yes, no, left);
}

bool literals_conflict(const formula *f, literal a, const formula *g, literal b, bool single,
                       effort *left)
{
    const formula_leaf *x = literal_leaf(f, a), *y = literal_leaf(g, b);
    bool not_x = literal_negated(a), not_y = literal_negated(b);
    if (not_x && not_y) { /* NaN is in no set */
        return (x->op == OP_EXISTS) != (y->op == OP_EXISTS);
    }
    if (not_x || not_y) {
        return not_y ? forbids(x, y, left) : forbids(y, x, left);
    }
    if (!single || x->op == OP_EXISTS || y->op == OP_EXISTS) {
        return false;
    }
    if (x->op == OP_IS_NULL || y->op == OP_IS_NULL) {
        return x->op != y->op;
    }
    return has_set(x) && has_set(y) && afford(x, y, left) &&
           !value_set_meets(&x->set, &y->set, &left->work);
}

/* ---- lists ------------------------------------------------------------------------------------------- */

static term *new_term(arena *a, const term *left, const term *right)
{
    uint32_t n = left->count, m = right != NULL ? right->count : 0;
    term *t = arena_array(a, 1, sizeof *t + (n + m) * sizeof(literal));
    if (t != NULL) {
        t->count = n + m;
        memcpy(t->literals, left->literals, n * sizeof(literal));
        if (m > 0) {
            memcpy(t->literals + n, right->literals, m * sizeof(literal));
        }
    }
    return t;
}

static uint64_t literals_in(const term_list *l)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < l->count; i++) {
        sum += l->terms[i]->count;
    }
    return sum;
}

/* Every pair of one term of each. */
static bool multiply(const term_list *x, const term_list *y, arena *a, term_list *out)
{
    out->count = 0;
    out->terms = arena_array(a, (size_t)x->count * y->count, sizeof *out->terms);
    for (uint32_t i = 0; out->terms != NULL && i < x->count; i++) {
        for (uint32_t k = 0; k < y->count; k++) {
            term *t = new_term(a, x->terms[i], y->terms[k]);
            if (t == NULL) {
                return false;
            }
            out->terms[out->count++] = t;
        }
    }
    return out->terms != NULL;
}

/* The one term that says nothing. */
static bool say_nothing(arena *a, term_list *out)
{
    term *t = arena_array(a, 1, sizeof *t);
    out->terms = arena_array(a, 1, sizeof *out->terms);
    out->count = 1;
    if (t == NULL || out->terms == NULL) {
        return false;
    }
    t->count = 0;
    out->terms[0] = t;
    return true;
}

/* One term with the literals of all operands that have one term: most ANDs are no more than that. */
static bool join_singles(const term_list *operands, uint32_t count, arena *a, term_list *out,
                         effort *left)
{
    uint32_t literals = 0;
    for (uint32_t i = 0; i < count; i++) {
        literals += operands[i].count == 1 ? operands[i].terms[0]->count : 0;
    }
    if (!effort_spend(&left->literals, literals)) {
        left->cut = true;
        return say_nothing(a, out);
    }
    term *t = arena_array(a, 1, sizeof *t + literals * sizeof(literal));
    out->terms = arena_array(a, 1, sizeof *out->terms);
    if (t == NULL || out->terms == NULL) {
        return false;
    }
    t->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (operands[i].count == 1) {
            const term *one = operands[i].terms[0];
            memcpy(t->literals + t->count, one->literals, one->count * sizeof(literal));
            t->count += one->count;
        }
    }
    out->terms[0] = t;
    out->count = 1;
    return true;
}

static bool make_and(const term_list *operands, uint32_t count, arena *a, term_list *out,
                     effort *left)
{
    term_list all;
    if (!join_singles(operands, count, a, &all, left)) {
        return false;
    }
    for (uint32_t i = 0; i < count && all.count > 0; i++) {
        const term_list *x = &operands[i];
        uint64_t literals = literals_in(&all) * x->count + literals_in(x) * all.count;
        if (x->count == 0) {
            all.count = 0;
        } else if (x->count == 1) {
            continue;
        } else if ((uint64_t)all.count * x->count <= MOST_TERMS &&
                   effort_spend(&left->literals, literals)) {
            term_list product;
            if (!multiply(&all, x, a, &product)) {
                return false;
            }
            all = product;
        } else {
            left->cut = true;
        }
    }
    *out = all;
    return true;
}

static bool make_or(const term_list *operands, uint32_t count, arena *a, term_list *out,
                    effort *left)
{
    uint32_t terms = 0;
    for (uint32_t i = 0; i < count; i++) {
        terms += operands[i].count;
    }
    if (!effort_spend(&left->literals, terms)) {
        left->cut = true;
        return say_nothing(a, out);
    }
    out->count = 0;
    out->terms = arena_array(a, terms, sizeof *out->terms);
    for (uint32_t i = 0; out->terms != NULL && i < count; i++) {
        for (uint32_t k = 0; k < operands[i].count; k++) {
            out->terms[out->count++] = operands[i].terms[k];
        }
    }
    return out->terms != NULL;
}

/* ---- terms in order, without those that nothing can satisfy ------------------------------------------ */

static bool is_empty(const formula *f, literal l)
{
    const formula_leaf *leaf = literal_leaf(f, l);
    return !literal_negated(l) && has_set(leaf) && leaf->set.kind == SET_EMPTY;
}

#define FEW_LITERALS 16u

static int order_keys(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static bool sort_long(const formula *f, arena *a, term *t)
{
    uint64_t *keys = arena_array(a, t->count, sizeof *keys);
    for (uint32_t i = 0; keys != NULL && i < t->count; i++) {
        keys[i] = (uint64_t)literal_leaf(f, t->literals[i])->path << 32 | t->literals[i];
    }
    if (keys != NULL) {
        qsort(keys, t->count, sizeof *keys, order_keys);
    }
    for (uint32_t i = 0; keys != NULL && i < t->count; i++) {
        t->literals[i] = (literal)keys[i];
    }
    return keys != NULL;
}

/* By path. */
static bool sort_literals(const formula *f, arena *a, term *t)
{
    if (t->count > FEW_LITERALS) {
        return sort_long(f, a, t);
    }
    for (uint32_t i = 1; i < t->count; i++) {
        literal l = t->literals[i];
        uint32_t path = literal_leaf(f, l)->path, at = i;
        while (at > 0 && literal_leaf(f, t->literals[at - 1])->path > path) {
            t->literals[at] = t->literals[at - 1];
            at--;
        }
        t->literals[at] = l;
    }
    return true;
}

static bool is_contradiction(const formula *f, const term *t, bool single, effort *left)
{
    for (uint32_t i = 0; i < t->count; i++) {
        if (is_empty(f, t->literals[i])) {
            return true;
        }
        uint32_t path = literal_leaf(f, t->literals[i])->path;
        for (uint32_t k = i + 1; k < t->count && effort_spend(&left->work, 4); k++) {
            if (literal_leaf(f, t->literals[k])->path != path) {
                break;
            }
            if (literals_conflict(f, t->literals[i], f, t->literals[k], single, left)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

/* A leaf, TRUE or FALSE. */
static bool make_simple(const formula_node *n, arena *a, term_list *out)
{
    out->count = n->op == OP_TRUE || n->op == OP_FALSE ? (n->op == OP_TRUE) != n->negated : 1;
    out->terms = arena_array(a, 1, sizeof *out->terms);
    term *t = arena_array(a, 1, sizeof *t + sizeof(literal));
    if (t == NULL || out->terms == NULL) {
        return false;
    }
    t->count = filter_op_is_leaf(n->op) ? 1 : 0;
    t->literals[0] = n->leaf * 2 + n->negated;
    out->terms[0] = t;
    return true;
}

static bool make_node(const formula_node *n, term_list *stack, uint32_t *depth, arena *a,
                      effort *left)
{
    term_list list;
    if (n->op == OP_NOT) {
        return true;
    }
    if (n->op != OP_AND && n->op != OP_OR) {
        return make_simple(n, a, &stack[(*depth)++]);
    }
    const term_list *operands = &stack[*depth - n->count];
    bool made = n->op == (n->negated ? OP_OR : OP_AND)
                    ? make_and(operands, n->count, a, &list, left)
                    : make_or(operands, n->count, a, &list, left);
    *depth -= n->count;
    stack[(*depth)++] = list;
    return made;
}

bool formula_expand(formula *f, arena *a, bool single, effort *left)
{
    uint32_t depth = 0, kept = 0;
    term_list *stack = arena_array(a, f->node_count, sizeof *stack);
    if (stack == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < f->node_count; i++) {
        if (!make_node(&f->nodes[i], stack, &depth, a, left)) {
            return false;
        }
    }
    term **terms = stack[0].terms;
    for (uint32_t i = 0; i < stack[0].count; i++) {
        if (!sort_literals(f, a, terms[i])) {
            return false;
        }
        if (!is_contradiction(f, terms[i], single, left)) {
            terms[kept++] = terms[i];
        }
    }
    f->terms = terms;
    f->term_count = kept;
    return true;
}
