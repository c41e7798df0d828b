#include "cover.h"

#include <string.h>

#define NODE_WORK 4u /* of one node or literal beside what its set costs (effort.work) */

/* What a term says of a node of the other filter. */
#define IMPLIES_TRUE 1u
#define IMPLIES_FALSE 2u

/* The first literal of the term with this path, or a later one. */
static uint32_t find_path(const formula *f, const term *t, uint32_t path)
{
    uint32_t lo = 0, n = t->count;
    while (n > 0) {
        uint32_t half = n / 2;
        bool below = literal_leaf(f, t->literals[lo + half])->path < path;
        lo = below ? lo + half + 1 : lo;
        n = below ? n - half - 1 : half;
    }
    return lo;
}

static uint8_t ask_leaf(const formula *g, uint32_t leaf, const formula *s, const term *t,
                        effort *left)
{
    uint32_t path = g->leaves[leaf].path;
    uint8_t answer = 0;
    for (uint32_t i = find_path(s, t, path); i < t->count && answer == 0; i++) {
        if (literal_leaf(s, t->literals[i])->path != path ||
            !effort_spend(&left->work, NODE_WORK)) {
            break;
        }
        if (literal_implies(s, t->literals[i], g, leaf * 2, left)) {
            answer = IMPLIES_TRUE;
        } else if (literal_implies(s, t->literals[i], g, leaf * 2 + 1, left)) {
            answer = IMPLIES_FALSE;
        }
    }
    return answer;
}

static uint8_t swapped(uint8_t answer)
{
    return (uint8_t)((answer & 1u) << 1 | answer >> 1);
}

/* AND is true when all are, false when one is; OR is the same upside down. */
static uint8_t join(filter_op op, const uint8_t *operands, uint32_t count)
{
    uint8_t all = IMPLIES_TRUE | IMPLIES_FALSE, some = 0;
    for (uint32_t i = 0; i < count; i++) {
        all &= operands[i];
        some |= operands[i];
    }
    uint8_t every = op == OP_AND ? IMPLIES_TRUE : IMPLIES_FALSE;
    return (uint8_t)((all & every) | (some & (uint8_t)~every & 3u));
}

/* Is `g` true for every event of the term? */
static bool holds_for(const formula *g, const formula *s, const term *t, uint8_t *stack,
                      effort *left)
{
    uint32_t depth = 0;
    if (!effort_spend(&left->work, (uint64_t)g->node_count * NODE_WORK)) {
        return false;
    }
    for (uint32_t i = 0; i < g->node_count; i++) {
        const formula_node *n = &g->nodes[i];
        switch (n->op) {
        case OP_TRUE:
        case OP_FALSE:
            stack[depth++] = n->op == OP_TRUE ? IMPLIES_TRUE : IMPLIES_FALSE;
            break;
        case OP_NOT:
            stack[depth - 1] = swapped(stack[depth - 1]);
            break;
        case OP_AND:
        case OP_OR:
            depth -= n->count;
            stack[depth] = join(n->op, &stack[depth], n->count);
            depth++;
            break;
        default:
            stack[depth++] = ask_leaf(g, n->leaf, s, t, left);
        }
    }
    return (stack[0] & IMPLIES_TRUE) != 0;
}

bool formula_covers(const formula *g, const formula *s, uint8_t *stack, effort *left)
{
    for (uint32_t i = 0; i < s->term_count; i++) {
        if (!holds_for(g, s, s->terms[i], stack, left)) {
            return false;
        }
    }
    return true;
}

/* Both terms are in order of their paths. */
static bool terms_conflict(const formula *f, const term *x, const formula *g, const term *y,
                           bool single, effort *left)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < x->count; i++) {
        uint32_t path = literal_leaf(f, x->literals[i])->path;
        while (k < y->count && literal_leaf(g, y->literals[k])->path < path) {
            k++;
        }
        for (uint32_t m = k; m < y->count && effort_spend(&left->work, NODE_WORK); m++) {
            if (literal_leaf(g, y->literals[m])->path != path) {
                break;
            }
            if (literals_conflict(f, x->literals[i], g, y->literals[m], single, left)) {
                return true;
            }
        }
    }
    return false;
}

bool formula_overlaps(const formula *f, const formula *g, bool single, effort *left)
{
    for (uint32_t i = 0; i < f->term_count; i++) {
        for (uint32_t k = 0; k < g->term_count; k++) {
            if (!effort_spend(&left->work, NODE_WORK) ||
                !terms_conflict(f, f->terms[i], g, g->terms[k], single, left)) {
                return true;
            }
        }
    }
    return false;
}

/* ---- two filters ------------------------------------------------------------------------------------ */

typedef struct two {
    heap heap;
    arena arena;
    path_names names;
    formula f, g;
    uint8_t *stack;
} two;

static bool two_read(two *t, const uint8_t *f, size_t f_length, const uint8_t *g, size_t g_length)
{
    *t = (two){0};
    arena_init(&t->arena, &t->heap);
    path_names_init(&t->names, NULL, &t->heap);
    if (!formula_read(f, f_length, true, &t->names, &t->arena, &t->f) ||
        !formula_read(g, g_length, true, &t->names, &t->arena, &t->g)) {
        return false;
    }
    t->stack = (uint8_t *)arena_bytes(&t->arena, t->f.node_count);
    return t->stack != NULL;
}

static void two_free(two *t)
{
    path_names_free(&t->names);
    arena_free(&t->arena);
}

me_status me_filter_covers(const uint8_t *f, size_t f_length, const uint8_t *g, size_t g_length,
                           bool *covers)
{
    two t;
    effort left = EFFORT_PAIR;
    *covers = f_length == g_length && memcmp(f, g, f_length) == 0;
    if (*covers) {
        return ME_OK;
    }
    bool read =
        two_read(&t, f, f_length, g, g_length) && formula_expand(&t.g, &t.arena, false, &left);
    *covers = read && formula_covers(&t.f, &t.g, t.stack, &left);
    two_free(&t);
    return read ? ME_OK : ME_NOMEM;
}

me_status me_filter_overlaps(const uint8_t *f, size_t f_length, const uint8_t *g, size_t g_length,
                             me_values values, bool *overlaps)
{
    two t;
    const bool one = values == ME_VALUES_ONE;
    effort left = EFFORT_PAIR;
    bool read = two_read(&t, f, f_length, g, g_length) &&
                formula_expand(&t.f, &t.arena, one, &left) &&
                formula_expand(&t.g, &t.arena, one, &left);
    *overlaps = read && formula_overlaps(&t.f, &t.g, values != ME_VALUES_MANY, &left);
    two_free(&t);
    return read ? ME_OK : ME_NOMEM;
}
