/* compile_blame.c - because of which leaf is a filter expensive? (compile.c)
 *
 * The leaves of the cover are asked, and where there is no cover those that take its place: one is
 * to blame when no value leads to it, or when its pattern has no literal.
 */
#include "compiler.h"

/* Of an AND without a cover all operands are to blame; the first stands for them. */
static uint32_t first_open(const compiler *c, const node *n)
{
    uint32_t first = NODE_NONE;
    for (uint32_t i = n->child; i != NODE_NONE; i = c->nodes[i].sibling) {
        first = c->nodes[i].outcome == OUTCOME_DEPENDS ? i : first;
    }
    return first;
}

static bool is_to_blame(const me_engine *e, const node *n, me_expense expense)
{
    return expense == ME_EVERY_EVENT
               ? n->cost >= COST_UNANCHORED
               : test_kind_of(&n->test) == T_PATTERN && e->patterns[n->test.lo].everywhere;
}

bool compile_blame(me_engine *e, me_diagnosis *out)
{
    compiler *c = e->compiler;
    uint32_t stacked = 0, blamed = NODE_NONE;
    if (!ROOM(c->stack, c->stack_cap, c->node_count)) {
        return false;
    }
    c->stack[stacked++] = c->node_count - 1;
    while (stacked > 0) {
        uint32_t at = c->stack[--stacked];
        const node *n = &c->nodes[at];
        if (node_is_leaf(n)) {
            blamed = at < blamed && is_to_blame(e, n, out->expense) ? at : blamed;
        } else if (node_is_and(n)) {
            c->stack[stacked++] = n->choice != NODE_NONE ? n->choice : first_open(c, n);
        } else {
            for (uint32_t i = n->child; i != NODE_NONE; i = c->nodes[i].sibling) {
                if (c->nodes[i].outcome == OUTCOME_DEPENDS) {
                    c->stack[stacked++] = i;
                }
            }
        }
    }
    if (blamed == NODE_NONE) {
        return true;
    }
    for (uint32_t i = 0; i < blamed; i++) {
        out->culprit += node_is_leaf(&c->nodes[i]);
    }
    out->negated = c->nodes[blamed].negated;
    return true;
}
