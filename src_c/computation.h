/* computation.h - a computed predicate, compiled: a little program for a stack machine.
 *
 *     a * 2 > a + b        paths    a, b                    each once, however often it is mentioned
 *                          values   2                       BIG in arithmetic already a double
 *                          steps    NUMBER 0 | VALUE 0 | MULTIPLY | NUMBER 0 | NUMBER 1 | ADD
 *
 * It is run on one combination of values, one of each path. PATH pushes a value to compare, NUMBER
 * the same as arithmetic takes it (arithmetic.h), so that 5.0 stays a double there.
 *
 * One combination is, in this order: unknown when a value is null; false when arithmetic meets what
 * is no number, or the sides do not compare; unknown when something is divided by zero; else what
 * the comparison says.
 */
#ifndef MATCHENGINE_COMPUTATION_H
#define MATCHENGINE_COMPUTATION_H

#include "expression.h"
#include "pool.h"

typedef enum step_op {
    STEP_PATH, /* index: which of the paths */
    STEP_NUMBER,
    STEP_VALUE,      /* index: which of the values */
    STEP_ARITHMETIC, /* index: arithmetic_op */
} step_op;

typedef struct step {
    uint32_t op, index;
} step;

/* One block: the values, their bytes, the steps and the paths follow. */
typedef struct computation {
    uint32_t relation; /* filter_op */
    uint32_t path_count, step_count, value_count;
    uint32_t height; /* of the stack */
    uint64_t most;   /* combinations that are looked at: its filter's share (compile_tree.c) */
    step *steps;
    uint32_t *paths; /* engine's numbers, ascending */
    me_value values[];
} computation;

/* Makes the computation of an OP_COMPUTE leaf in stored form; its number in the pool, or POOL_NONE
 * when there is no memory. */
uint32_t computation_new(pool *p, const filter_node *leaf);

/* The outcome for one combination: `plain[i]` is the value of path i in canonical form, `numbers[i]`
 * the same for arithmetic. `stack` has room for `height` values. Never allocates. */
me_truth computation_run(const computation *c, const me_value *plain, const me_value *numbers,
                         me_value *stack);

#endif
