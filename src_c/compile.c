/* compile.c - from a stored filter to anchors and residual tests, in time linear in the filter.
 *
 * The filter is read once, in postfix order, into nodes linked as a tree; every pass after that is
 * a loop over the node array (children come before their parents), so nothing recurses.
 *
 *   1. read        leaves become T_ tests
 *   2. polarity    downwards: a node under an odd number of NOTs is negated; an AND that is negated
 *                  behaves as OR, a leaf as its F_ test. The formula is now monotone.
 *   3. estimate    upwards: can it ever hold? which paths must be there? and the cheapest *cover*,
 *                  a set of leaves of which one must hold when the formula holds:
 *
 *                      leaf      itself, at its estimated frequency
 *                      AND       the cheapest child's cover      (any child's cover is one)
 *                      OR        the union of all children's     (frequencies add)
 *
 *                  so (a1 OR b1) AND (a2 OR b2) AND ... of any length is covered by its cheapest
 *                  clause; nothing is multiplied out.
 *   4. anchors     the leaves of the root's cover
 *   5. residual    children of a root AND that are leaves become tests, most selective first; the
 *                  rest one program. A cover that is a single leaf is settled by its anchor and is
 *                  not tested again.
 */
#include "compiler.h"

bool compiler_init(me_engine *e)
{
    e->compiler = heap_zalloc(&e->heap, sizeof(compiler));
    return e->compiler != NULL;
}

static void free_arrays(compiler *c, heap *h)
{
    heap_free(h, c->nodes, c->node_cap * sizeof(node));
    heap_free(h, c->stack, c->stack_cap * sizeof(uint32_t));
    heap_free(h, c->constants, c->constant_cap * sizeof(uint32_t));
    heap_free(h, c->anchors, c->anchor_cap * sizeof(anchor));
    heap_free(h, c->tests, c->test_cap * sizeof(test));
    heap_free(h, c->code, c->code_cap * sizeof(instruction));
    heap_free(h, c->frames, c->frame_cap * sizeof(frame));
    *c = (compiler){0};
}

void compiler_free(me_engine *e)
{
    if (e->compiler != NULL) {
        free_arrays(e->compiler, &e->heap);
        heap_free(&e->heap, e->compiler, sizeof(compiler));
        e->compiler = NULL;
    }
}

/* Gives back the set or the computation of a test. */
static void release_parts(me_engine *e, const test *t)
{
    test_kind kind = test_kind_of(t);
    if (kind == T_SET || kind == F_SET) {
        pool_release(&e->sets, t->lo);
    } else if (kind == T_COMPUTE || kind == F_COMPUTE) {
        pool_release(&e->computations, t->lo);
        e->most_wheels = e->computations.live > 0 ? e->most_wheels : 0;
        e->most_operands = e->computations.live > 0 ? e->most_operands : 0;
    }
}

void compile_discard(me_engine *e, const test *tests, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (test_kind_of(&tests[i]) == T_PROGRAM) {
            program *p = pool_block(&e->programs, tests[i].lo);
            for (uint32_t k = 0; k < p->count; k++) {
                release_parts(e, &p->code[k].test);
            }
            pool_release(&e->programs, tests[i].lo);
        } else {
            release_parts(e, &tests[i]);
        }
    }
}

/* Sets and computations that stand in no test: their leaf was settled, lies in a part that never holds, or the
 * compilation failed. */
static void release_unused(me_engine *e)
{
    compiler *c = e->compiler;
    for (uint32_t i = 0; i < c->node_count; i++) {
        if (node_is_leaf(&c->nodes[i]) && !c->nodes[i].tested) {
            release_parts(e, &c->nodes[i].test);
        }
    }
}

/* A workspace grown by one huge filter is not kept. */
static void tidy(me_engine *e)
{
    if (e->compiler->node_cap > 4096 || e->compiler->constant_cap > 65536) {
        free_arrays(e->compiler, &e->heap);
    }
}

static void begin(me_engine *e)
{
    compiler *c = e->compiler;
    tidy(e);
    c->node_count = c->constant_count = c->anchor_count = c->test_count = c->code_count = 0;
    c->steps = 0;
}

bool compile_leaves(me_engine *e, const uint8_t *bytes, size_t length)
{
    begin(e);
    bool done = compile_read(e, bytes, length);
    if (!done) {
        compile_forget_leaves(e);
    }
    return done;
}

void compile_forget_leaves(me_engine *e)
{
    release_unused(e);
    e->compiler->node_count = 0;
}

static uint32_t lowest_bit(uint64_t word)
{
    uint32_t bit = 0;
    for (; (word & 0xFF) == 0; word >>= 8) {
        bit += 8;
    }
    for (; (word & 1) == 0; word >>= 1) {
        bit++;
    }
    return bit;
}

/* The four of `bits` that events have least often, a byte each. The last is a path's if it can be: one
 * long array may have the bits of all constants. */
static uint32_t choose_needs(const compiler *c, sieve_bits bits)
{
    uint32_t needs = SIEVE_NO_NEEDS;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t rarest = SIEVE_NOTHING;
        bool only_paths = i == 3 && (bits.words[0] | bits.words[1]) != 0;
        for (uint32_t word = 0; word < (only_paths ? SIEVE_PATHS / 64 : 4); word++) {
            for (uint64_t left = bits.words[word]; left != 0; left &= left - 1) {
                uint32_t bit = word * 64 + lowest_bit(left);
                if (rarest == SIEVE_NOTHING || c->bit_costs[bit] < c->bit_costs[rarest]) {
                    rarest = bit;
                }
            }
        }
        if (rarest == SIEVE_NOTHING) {
            break;
        }
        sieve_unset(&bits, rarest);
        needs = needs << 8 | rarest;
    }
    return needs;
}

static bool compile_parts(me_engine *e, const uint8_t *bytes, size_t length, plan *out)
{
    compiler *c = e->compiler;
    if (!compile_read(e, bytes, length)) {
        return false;
    }
    compile_push_negation(c);
    compile_estimate(e);
    const node *root = &c->nodes[c->node_count - 1];
    out->never = root->outcome == OUTCOME_NEVER;
    out->always = root->outcome == OUTCOME_ALWAYS;
    out->needs = SIEVE_NO_NEEDS;
    out->cost = root->cost < 1.0 ? root->cost : 1.0;
    if (out->never || out->always) {
        return true;
    }
    uint32_t single = NODE_NONE;
    sieve_bits bits = root->bits;
    if (root->cost < COST_UNANCHORED && !compile_anchors(e, &single)) {
        return false;
    }
    if (single != NODE_NONE) { /* whoever gets to the row has what the anchor needs */
        uint32_t number = compile_only_constant(c, &c->nodes[single]);
        sieve_unset(&bits, sieve_bit(test_path(&c->nodes[single].test)));
        if (number != CONSTANT_NONE) {
            sieve_unset(&bits, sieve_bit_of_constant(number));
        }
    }
    out->needs = choose_needs(c, bits);
    return compile_residual(e, single);
}

me_status compile(me_engine *e, const uint8_t *bytes, size_t length, plan *out)
{
    compiler *c = e->compiler;
    begin(e);
    *out = (plan){0};
    bool done = compile_parts(e, bytes, length, out);
    release_unused(e);
    if (!done) {
        for (uint32_t i = 0; i < c->node_count; i++) {
            if (node_is_leaf(&c->nodes[i]) && c->nodes[i].tested) {
                release_parts(e, &c->nodes[i].test);
            }
        }
        return ME_NOMEM;
    }
    out->anchors = c->anchors;
    out->anchor_count = c->anchor_count;
    out->tests = c->tests;
    out->test_count = c->test_count;
    return ME_OK;
}
