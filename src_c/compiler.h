/* compiler.h - the compiler's workspace, shared by compile*.c only. */
#ifndef MATCHENGINE_COMPILER_H
#define MATCHENGINE_COMPILER_H

#include "engine.h"

#define NODE_NONE UINT32_MAX

/* The cost of a formula that no value leads to. */
#define COST_UNANCHORED 1e300

/* Frequency a row costs even when it never fires: prefers one anchor to many. */
#define ROW_COST 1e-6

typedef enum outcome { OUTCOME_DEPENDS, OUTCOME_NEVER, OUTCOME_ALWAYS } outcome;

typedef struct node {
    uint8_t op;       /* filter_op */
    uint8_t outcome;  /* outcome */
    bool negated;     /* then: outcome is that of NOT node */
    uint32_t child;   /* last child; */
    uint32_t sibling; /* the one before this under its parent */
    uint32_t parent;
    bool tested;     /* its test stands in the residual */
    uint32_t choice; /* AND: the child whose cover is used */
    uint32_t values; /* EQ, IN: first of its constants in compiler.constants */
    uint32_t value_count;
    test test;       /* leaves: already of the right polarity */
    sieve_bits bits; /* of paths and constants that must be there for it to hold */
    double cost;     /* frequency of its cover; infinite when it has none */
} node;

typedef struct frame {
    uint32_t node, on_true, on_false;
    uint32_t child; /* next child to emit, from the last to the first */
    uint32_t entry; /* where the code emitted so far begins; NODE_NONE: nothing yet */
} frame;

struct compiler {
    node *nodes;
    uint32_t *stack; /* nodes without a parent yet, then work list */
    uint32_t *constants;
    anchor *anchors;
    test *tests;
    double test_costs[BODY_MAX];
    double bit_costs[SIEVE_NOTHING]; /* how often an event has the rarest owner of each bit */
    instruction *code;               /* emitted backwards */
    frame *frames;
    uint64_t steps; /* of all computations of the filter */
    uint32_t node_count, node_cap, stack_cap, constant_count, constant_cap, anchor_count,
        anchor_cap, test_count, test_cap, code_count, code_cap, frame_cap;
};

typedef struct compiler compiler;

static inline bool node_is_leaf(const node *n)
{
    return filter_op_is_leaf((filter_op)n->op);
}

/* Conjunction after polarity: AND, a negated OR, and NOT, whose operand carries the polarity. */
static inline bool node_is_and(const node *n)
{
    return n->op == (n->negated ? OP_OR : OP_AND) || n->op == OP_NOT;
}

#define ROOM(array, cap, need) heap_reserve(&e->heap, &(array), &(cap), (need), sizeof *(array))

/* compile.c: step 1 alone, for whoever asks about leaves; then they are to be forgotten. False: no
 * memory, and nothing to forget. */
bool compile_leaves(me_engine *e, const uint8_t *bytes, size_t length);
void compile_forget_leaves(me_engine *e);

/* compile_tree.c: steps 1 to 3. False: no memory. */
bool compile_read(me_engine *e, const uint8_t *bytes, size_t length);
void compile_push_negation(compiler *c);
void compile_estimate(me_engine *e);

/* compile_tree.c: the constant of a leaf that holds for one only, CONSTANT_NONE for others. */
uint32_t compile_only_constant(const compiler *c, const node *n);

/* compile_anchor.c: step 4. `single` is the cover's only leaf, NODE_NONE when it has several. */
bool compile_anchors(me_engine *e, uint32_t *single);

/* compile_blame.c: fills in the leaf because of which the filter compiled last has its expense. False: no memory. */
bool compile_blame(me_engine *e, me_diagnosis *out);

/* compile_code.c: step 5. */
bool compile_residual(me_engine *e, uint32_t single);

#endif
