/* compile_code.c - what is left to verify once an anchor has fired (compile.c, step 5). */
#include "compiler.h"

/* ---- 5. residual ---------------------------------------------------------------------------------------- */

static bool emit(me_engine *e, node *leaf, uint32_t on_true, uint32_t on_false)
{
    compiler *c = e->compiler;
    if (!ROOM(c->code, c->code_cap, c->code_count + 1)) {
        return false;
    }
    c->code[c->code_count++] = (instruction){leaf->test, on_true, on_false};
    leaf->tested = true;
    return true;
}

/* Emits a node that depends on the event, backwards: targets are the numbers of instructions
 * already emitted. */
static bool emit_tree(me_engine *e, uint32_t root, uint32_t on_true, uint32_t on_false,
                      uint32_t *entry)
{
    compiler *c = e->compiler;
    uint32_t depth = 0;
    if (!ROOM(c->frames, c->frame_cap, 1)) {
        return false;
    }
    c->frames[depth++] = (frame){root, on_true, on_false, c->nodes[root].child, NODE_NONE};
    while (depth > 0) {
        frame *f = &c->frames[depth - 1];
        node *n = &c->nodes[f->node];
        uint32_t done = NODE_NONE;
        if (node_is_leaf(n)) {
            done = c->code_count;
            if (!emit(e, n, f->on_true, f->on_false)) {
                return false;
            }
        } else if (f->child == NODE_NONE) {
            done = f->entry;
        }
        if (done != NODE_NONE || f->child == NODE_NONE) {
            *entry = done;
            if (--depth > 0) {
                c->frames[depth - 1].entry = done;
            }
            continue;
        }
        uint32_t child = f->child;
        f->child = c->nodes[child].sibling;
        if (c->nodes[child].outcome != OUTCOME_DEPENDS) {
            continue; /* TRUE under AND, never-true under OR: nothing to test */
        }
        bool conjunction = node_is_and(n);
        uint32_t rest = f->entry;
        frame next = {child, conjunction && rest != NODE_NONE ? rest : f->on_true,
                      !conjunction && rest != NODE_NONE ? rest : f->on_false, c->nodes[child].child,
                      NODE_NONE};
        if (!ROOM(c->frames, c->frame_cap, depth + 1)) {
            return false;
        }
        c->frames[depth++] = next;
    }
    return true;
}

/* The emitted code, turned round into a program of the engine's pool. */
static uint32_t make_program(me_engine *e)
{
    const compiler *c = e->compiler;
    uint32_t count = c->code_count;
    uint32_t number = pool_new(&e->programs, sizeof(program) + count * sizeof(instruction));
    if (number == POOL_NONE) {
        return POOL_NONE;
    }
    program *p = pool_block(&e->programs, number);
    p->count = count;
    for (uint32_t i = 0; i < count; i++) {
        instruction in = c->code[count - 1 - i];
        in.on_true = in.on_true < count ? count - 1 - in.on_true : in.on_true;
        in.on_false = in.on_false < count ? count - 1 - in.on_false : in.on_false;
        p->code[i] = in;
    }
    return number;
}

/* Inserts a leaf's test in order of cost, so that most candidates fail at the first. */
static bool add_leaf(me_engine *e, node *leaf)
{
    compiler *c = e->compiler;
    if (!ROOM(c->tests, c->test_cap, c->test_count + 1)) {
        return false;
    }
    uint32_t at = c->test_count++;
    for (; at > 0 && c->test_costs[at - 1] > leaf->cost; at--) {
        c->test_costs[at] = c->test_costs[at - 1];
        c->tests[at] = c->tests[at - 1];
    }
    c->test_costs[at] = leaf->cost;
    c->tests[at] = leaf->test;
    leaf->tested = true;
    return true;
}

static bool add_program(me_engine *e)
{
    compiler *c = e->compiler;
    if (!ROOM(c->tests, c->test_cap, c->test_count + 1)) {
        return false;
    }
    uint32_t number = make_program(e);
    if (number == POOL_NONE) {
        return false;
    }
    c->tests[c->test_count++] = test_make(T_PROGRAM, 0, number, 0);
    return true;
}

/* Does the anchor alone prove the leaf? Presence does not, and neither does a hull. */
static bool settles(const node *leaf)
{
    test_kind kind = test_kind_of(&leaf->test);
    return kind == T_INTERVAL || kind == T_SET || kind == T_PATTERN;
}

/* The children of a root AND, or the root itself: first, and next after one. */
static uint32_t first_part(const compiler *c, uint32_t root)
{
    return node_is_and(&c->nodes[root]) && !node_is_leaf(&c->nodes[root]) ? c->nodes[root].child
                                                                          : root;
}

static uint32_t next_part(const compiler *c, uint32_t root, uint32_t part)
{
    return part == root ? NODE_NONE : c->nodes[part].sibling;
}

/* Leaves become tests; what is not a leaf, and all when they are too many, one program. */
static bool split_root(me_engine *e, uint32_t root, uint32_t settled)
{
    compiler *c = e->compiler;
    uint32_t leaves = 0, entry = NODE_NONE;
    for (uint32_t i = first_part(c, root); i != NODE_NONE; i = next_part(c, root, i)) {
        leaves += node_is_leaf(&c->nodes[i]);
    }
    for (uint32_t i = first_part(c, root); i != NODE_NONE; i = next_part(c, root, i)) {
        node *n = &c->nodes[i];
        if (i == settled || n->outcome != OUTCOME_DEPENDS) {
            continue;
        }
        if (node_is_leaf(n) && leaves < BODY_MAX) {
            if (!add_leaf(e, n)) {
                return false;
            }
        } else if (!emit_tree(e, i, entry == NODE_NONE ? PROGRAM_TRUE : entry, PROGRAM_FALSE,
                              &entry)) {
            return false;
        }
    }
    return true;
}

/* A root NOT passes to its operand, which already carries the polarity. */
static uint32_t effective_root(const compiler *c)
{
    uint32_t root = c->node_count - 1;
    while (c->nodes[root].op == OP_NOT) {
        root = c->nodes[root].child;
    }
    return root;
}

bool compile_residual(me_engine *e, uint32_t single)
{
    compiler *c = e->compiler;
    uint32_t root = effective_root(c);
    uint32_t settled = NODE_NONE;
    if (single != NODE_NONE && settles(&c->nodes[single]) &&
        (single == root || (c->nodes[single].parent == root && node_is_and(&c->nodes[root])))) {
        settled = single;
    }
    return split_root(e, root, settled) && (c->code_count == 0 || add_program(e));
}
