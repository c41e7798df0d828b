/* compile_tree.c - a stored filter as a tree of nodes, with polarity and estimates (compile.c). */
#include <stdlib.h>
#include <string.h>

#include "compiler.h"

/* ---- 1. read ---------------------------------------------------------------------------------------- */

static bool read_constants(me_engine *e, node *n, const filter_node *leaf)
{
    compiler *c = e->compiler;
    uint32_t count = leaf->op == OP_IN ? leaf->count : 1;
    if (!ROOM(c->constants, c->constant_cap, c->constant_count + count)) {
        return false;
    }
    n->values = c->constant_count;
    n->value_count = count;
    const uint8_t *at = leaf->items;
    for (uint32_t i = 0; i < count; i++) {
        me_value v = leaf->a;
        if (leaf->op == OP_IN) {
            at = filter_read_value(at, &v);
        }
        v = value_canonical(v);
        c->constants[c->constant_count++] = constants_find(&e->constants, leaf->path_number, &v);
    }
    return true;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* The set of an IN's codes, in the engine's pool. */
static bool make_set(me_engine *e, node *n, uint32_t slot)
{
    compiler *c = e->compiler;
    uint32_t *numbers = c->constants + n->values;
    qsort(numbers, n->value_count, sizeof(uint32_t), by_number);
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < n->value_count; i++) {
        if (i == 0 || numbers[i] != numbers[i - 1]) {
            numbers[distinct++] = numbers[i];
        }
    }
    n->value_count = distinct;
    if (distinct == 1) {
        n->test = test_make(T_INTERVAL, slot, constants_code(&e->constants, numbers[0]), 0);
        return true;
    }
    uint32_t number = pool_new(&e->sets, sizeof(code_set) + distinct * sizeof(uint32_t));
    if (number == POOL_NONE) {
        return false;
    }
    code_set *set = pool_block(&e->sets, number);
    set->count = distinct;
    for (uint32_t i = 0; i < distinct; i++) {
        set->codes[i] = constants_code(&e->constants, numbers[i]);
    }
    qsort(set->codes, distinct, sizeof(uint32_t), by_number);
    n->test = test_make(T_SET, slot, number, 0);
    return true;
}

static bool read_compute(me_engine *e, node *n, const filter_node *leaf)
{
    uint32_t number = computation_new(&e->computations, leaf);
    if (number == POOL_NONE) {
        return false;
    }
    const computation *c = pool_block(&e->computations, number);
    uint32_t operands = 2 * c->path_count + c->height, rarest = c->paths[0];
    for (uint32_t i = 1; i < c->path_count; i++) {
        rarest = cost_present(e, c->paths[i]) < cost_present(e, rarest) ? c->paths[i] : rarest;
    }
    e->most_wheels = c->path_count > e->most_wheels ? c->path_count : e->most_wheels;
    e->most_operands = operands > e->most_operands ? operands : e->most_operands;
    e->compiler->steps += c->step_count;
    n->test = test_make(T_COMPUTE, slot_code(rarest), number, 0);
    return true;
}

/* All computations of a filter may look at the same number of combinations. How many depends on
 * nothing but the filter; one is always looked at. */
static void share_combinations(me_engine *e)
{
    const compiler *c = e->compiler;
    for (uint32_t i = 0; c->steps > 0 && i < c->node_count; i++) {
        if (c->nodes[i].op == OP_COMPUTE) {
            computation *one = pool_block(&e->computations, c->nodes[i].test.lo);
            uint64_t share = e->limits.combinations / c->steps;
            one->most = share > 0 ? share : 1;
        }
    }
}

static bool read_leaf(me_engine *e, node *n, const filter_node *leaf)
{
    uint32_t slot = slot_code(leaf->path_number), lo, width;
    switch (leaf->op) {
    case OP_EQ:
    case OP_NE:
        if (!read_constants(e, n, leaf)) {
            return false;
        }
        lo = constants_code(&e->constants, e->compiler->constants[n->values]);
        n->test = test_make(leaf->op == OP_EQ ? T_INTERVAL : T_OTHER, slot, lo, 0);
        return true;
    case OP_IN:
        return read_constants(e, n, leaf) && make_set(e, n, slot);
    case OP_EXISTS:
        n->test = test_make(T_INTERVAL, slot, CODE_NULL, CODE_MANY - 1 - CODE_NULL);
        return true;
    case OP_IS_NULL:
        n->test = test_make(T_INTERVAL, slot, CODE_MISSING, CODE_NULL);
        return true;
    case OP_SUFFIX:
    case OP_CONTAINS:
    case OP_LIKE:
    case OP_ILIKE:
    case OP_MATCHES:
        n->test = test_make(T_PATTERN, slot, pattern_of_leaf(e, leaf), 0);
        return true;
    case OP_COMPUTE:
        return read_compute(e, n, leaf);
    default:
        range_of_leaf(e, leaf, &lo, &width);
        n->test = test_make(T_INTERVAL, slot_label(leaf->path_number), lo, width);
        return true;
    }
}

/* Links the last `count` nodes of the stack under `parent`, in order. */
static void adopt(compiler *c, uint32_t parent, uint32_t count, uint32_t *stacked)
{
    uint32_t previous = NODE_NONE;
    for (uint32_t i = *stacked - count; i < *stacked; i++) {
        c->nodes[c->stack[i]].parent = parent;
        c->nodes[c->stack[i]].sibling = previous;
        previous = c->stack[i];
    }
    c->nodes[parent].child = previous;
    *stacked -= count;
}

bool compile_read(me_engine *e, const uint8_t *bytes, size_t length)
{
    compiler *c = e->compiler;
    filter_reader r = {.at = bytes, .end = bytes + length, .named = false};
    filter_node leaf;
    uint32_t stacked = 0;
    while (filter_next(&r, &leaf)) {
        uint32_t at = c->node_count;
        leaf_as_plain(&leaf);
        if (!ROOM(c->nodes, c->node_cap, at + 1) || !ROOM(c->stack, c->stack_cap, stacked + 1)) {
            return false;
        }
        c->nodes[at] = (node){.op = (uint8_t)leaf.op,
                              .child = NODE_NONE,
                              .sibling = NODE_NONE,
                              .parent = NODE_NONE,
                              .choice = NODE_NONE};
        c->node_count++;
        if (filter_op_is_leaf(leaf.op)) {
            if (!read_leaf(e, &c->nodes[at], &leaf)) {
                return false;
            }
        } else if (leaf.op >= OP_AND) {
            adopt(c, at, leaf.op == OP_NOT ? 1 : leaf.count, &stacked);
        }
        c->stack[stacked++] = at;
    }
    share_combinations(e);
    return true;
}

/* ---- 2. polarity -------------------------------------------------------------------------------------- */

/* T_ to F_. Two leaves are never unknown, so their NOT is a T_ test: NOT EXISTS is "missing". */
static test negate_leaf(const node *n)
{
    test t = test_opposite(n->test);
    if (n->op == OP_EXISTS) {
        t = test_make(T_INTERVAL, test_slot(&n->test), CODE_MISSING, 0);
    }
    return t;
}

void compile_push_negation(compiler *c)
{
    for (uint32_t i = c->node_count; i-- > 0;) {
        node *n = &c->nodes[i];
        if (n->parent != NODE_NONE) {
            const node *p = &c->nodes[n->parent];
            n->negated = p->negated != (p->op == OP_NOT);
        }
        if (n->negated && filter_op_is_leaf((filter_op)n->op)) {
            n->test = negate_leaf(n);
        }
    }
}

/* ---- 3. estimate -------------------------------------------------------------------------------------- */

static bool holds_when_missing(const test *t)
{
    return test_kind_of(t) == T_INTERVAL && t->lo == CODE_MISSING;
}

static double cost_of_values(const me_engine *e, const node *n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n->value_count; i++) {
        sum += cost_constant(e, test_path(&n->test), e->compiler->constants[n->values + i]);
        sum += ROW_COST;
    }
    return sum;
}

static double cost_of_leaf(const me_engine *e, const node *n)
{
    uint32_t path = test_path(&n->test);
    if (holds_when_missing(&n->test)) {
        return COST_UNANCHORED; /* no value leads to it */
    }
    switch (test_kind_of(&n->test)) {
    case T_SET:
        return cost_of_values(e, n);
    case T_PATTERN:
        return cost_pattern(e, n->test.lo) + ROW_COST;
    case T_INTERVAL:
        if (n->op == OP_EQ || n->op == OP_IN) {
            return cost_of_values(e, n);
        }
        return n->op == OP_EXISTS ? cost_present(e, path) + ROW_COST
                                  : cost_range(e, path, n->test.lo, n->test.width) + ROW_COST;
    default: /* F_ tests and <> need the path, and little more */
        return cost_present(e, path) + ROW_COST;
    }
}

/* The leaf cannot hold in an event without this bit. */
static void need_bit(me_engine *e, node *n, uint32_t bit, double cost)
{
    double *least = &e->compiler->bit_costs[bit];
    *least = cost < *least ? cost : *least;
    sieve_set(&n->bits, bit);
}

/* The leaf cannot hold without a value on this path. */
static void need_path(me_engine *e, node *n, uint32_t path)
{
    need_bit(e, n, sieve_bit(path), cost_present(e, path));
}

uint32_t compile_only_constant(const compiler *c, const node *n)
{
    bool is_value = test_kind_of(&n->test) == T_INTERVAL && (n->op == OP_EQ || n->op == OP_IN);
    return is_value ? c->constants[n->values] : CONSTANT_NONE;
}

static void estimate_leaf(me_engine *e, node *n)
{
    n->outcome = n->test.lo == LABEL_NEVER && test_kind_of(&n->test) == T_INTERVAL
                     ? OUTCOME_NEVER
                     : OUTCOME_DEPENDS;
    if (n->op == OP_COMPUTE) {
        const computation *c = pool_block(&e->computations, n->test.lo);
        for (uint32_t i = 0; i < c->path_count; i++) {
            need_path(e, n, c->paths[i]);
        }
    } else if (!holds_when_missing(&n->test)) {
        uint32_t path = test_path(&n->test), number = compile_only_constant(e->compiler, n);
        need_path(e, n, path);
        if (number != CONSTANT_NONE) {
            need_bit(e, n, sieve_bit_of_constant(number), cost_constant(e, path, number));
        }
    }
    n->cost = cost_of_leaf(e, n);
}

static void unite(sieve_bits *to, const sieve_bits *from)
{
    for (int i = 0; i < 4; i++) {
        to->words[i] |= from->words[i];
    }
}

static void intersect(sieve_bits *to, const sieve_bits *from)
{
    for (int i = 0; i < 4; i++) {
        to->words[i] &= from->words[i];
    }
}

static void estimate_and(compiler *c, node *n)
{
    n->cost = COST_UNANCHORED;
    n->outcome = OUTCOME_ALWAYS;
    for (uint32_t i = n->child; i != NODE_NONE; i = c->nodes[i].sibling) {
        const node *child = &c->nodes[i];
        unite(&n->bits, &child->bits);
        if (child->outcome == OUTCOME_NEVER) {
            n->outcome = OUTCOME_NEVER;
        } else if (child->outcome == OUTCOME_DEPENDS && n->outcome == OUTCOME_ALWAYS) {
            n->outcome = OUTCOME_DEPENDS;
        }
        if (child->cost < n->cost) {
            n->cost = child->cost;
            n->choice = i;
        }
    }
}

static void estimate_or(compiler *c, node *n)
{
    n->cost = 0;
    n->outcome = OUTCOME_NEVER;
    memset(&n->bits, 0xFF, sizeof n->bits);
    for (uint32_t i = n->child; i != NODE_NONE; i = c->nodes[i].sibling) {
        const node *child = &c->nodes[i];
        if (child->outcome == OUTCOME_NEVER) {
            continue;
        }
        intersect(&n->bits, &child->bits);
        n->cost += child->cost;
        if (child->outcome == OUTCOME_ALWAYS) {
            n->outcome = OUTCOME_ALWAYS;
        } else if (n->outcome == OUTCOME_NEVER) {
            n->outcome = OUTCOME_DEPENDS;
        }
    }
}

void compile_estimate(me_engine *e)
{
    compiler *c = e->compiler;
    for (uint32_t bit = 0; bit < SIEVE_NOTHING; bit++) {
        c->bit_costs[bit] = 1.0;
    }
    for (uint32_t i = 0; i < c->node_count; i++) {
        node *n = &c->nodes[i];
        if (node_is_leaf(n)) {
            estimate_leaf(e, n);
        } else if (n->op == OP_TRUE || n->op == OP_FALSE) {
            n->outcome = (n->op == OP_TRUE) != n->negated ? OUTCOME_ALWAYS : OUTCOME_NEVER;
            n->cost = COST_UNANCHORED;
        } else if (node_is_and(n)) {
            estimate_and(c, n);
        } else {
            estimate_or(c, n);
        }
        if (n->outcome == OUTCOME_ALWAYS) {
            n->cost = COST_UNANCHORED;
            n->bits = (sieve_bits){0};
        }
    }
}
