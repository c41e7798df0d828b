/* compile_anchor.c - the leaves under whose values a subscription is filed (compile.c, step 4). */
#include <stdlib.h>

#include "compiler.h"

/* More ranges than this on one path in one cover become their hull. */
#define RANGES_PER_PATH 8u

/* ---- 4. anchors ---------------------------------------------------------------------------------------- */

static bool add_anchor(me_engine *e, anchor a)
{
    compiler *c = e->compiler;
    if (!ROOM(c->anchors, c->anchor_cap, c->anchor_count + 1)) {
        return false;
    }
    c->anchors[c->anchor_count++] = a;
    return true;
}

static bool anchor_leaf(me_engine *e, const node *n)
{
    uint32_t path = test_path(&n->test);
    test_kind kind = test_kind_of(&n->test);
    if (kind == T_PATTERN) {
        return add_anchor(e, (anchor){.kind = CLUSTER_PATTERN, .key = n->test.lo});
    }
    if (kind == T_SET || (kind == T_INTERVAL && (n->op == OP_EQ || n->op == OP_IN))) {
        for (uint32_t i = 0; i < n->value_count; i++) {
            uint32_t number = e->compiler->constants[n->values + i];
            if (!add_anchor(e, (anchor){.kind = CLUSTER_EQUAL, .key = number})) {
                return false;
            }
        }
        return true;
    }
    if (kind == T_INTERVAL && n->op != OP_EXISTS) {
        return add_anchor(e, (anchor){CLUSTER_WIDE, path, n->test.lo, n->test.width});
    }
    return add_anchor(e, (anchor){.kind = CLUSTER_PRESENT, .key = path});
}

static int by_key(const void *a, const void *b)
{
    const anchor *p = a, *q = b;
    if (p->kind != q->kind) {
        return p->kind < q->kind ? -1 : 1;
    }
    if (p->key != q->key) {
        return p->key < q->key ? -1 : 1;
    }
    if (p->lo != q->lo) {
        return p->lo < q->lo ? -1 : 1;
    }
    return (p->width > q->width) - (p->width < q->width);
}

/* Numbers and strings of a path share its cluster, but no interval reaches from one to the other. */
static bool is_text(const anchor *a)
{
    return a->lo >= LABEL_STRINGS;
}

/* One anchor for the ranges [from, to) of one path, in order of lo. */
static anchor hull(const anchor *ranges, uint32_t from, uint32_t to)
{
    anchor a = ranges[from];
    uint32_t end = a.lo + a.width;
    for (uint32_t i = from + 1; i < to; i++) {
        uint32_t other = ranges[i].lo + ranges[i].width;
        end = other > end ? other : end;
    }
    a.width = end - a.lo;
    return a;
}

/* Equal anchors once; too many ranges of one path as their hull, so that a cluster holds few rows
 * of one subscription. */
static void simplify_anchors(compiler *c)
{
    qsort(c->anchors, c->anchor_count, sizeof(anchor), by_key);
    uint32_t kept = 0;
    for (uint32_t i = 0, next; i < c->anchor_count; i = next) {
        for (next = i + 1; next < c->anchor_count && c->anchors[next].kind == c->anchors[i].kind &&
                           c->anchors[next].key == c->anchors[i].key &&
                           is_text(&c->anchors[next]) == is_text(&c->anchors[i]);) {
            next++;
        }
        if (c->anchors[i].kind != CLUSTER_WIDE) {
            c->anchors[kept++] = c->anchors[i];
        } else if (next - i > RANGES_PER_PATH) {
            c->anchors[kept++] = hull(c->anchors, i, next);
        } else {
            for (uint32_t k = i; k < next; k++) {
                if (k == i || by_key(&c->anchors[k], &c->anchors[k - 1]) != 0) {
                    c->anchors[kept++] = c->anchors[k];
                }
            }
        }
    }
    c->anchor_count = kept;
}

bool compile_anchors(me_engine *e, uint32_t *single)
{
    compiler *c = e->compiler;
    uint32_t stacked = 0, leaves = 0;
    *single = NODE_NONE;
    if (!ROOM(c->stack, c->stack_cap, c->node_count)) {
        return false;
    }
    c->stack[stacked++] = c->node_count - 1;
    while (stacked > 0) {
        uint32_t at = c->stack[--stacked];
        const node *n = &c->nodes[at];
        if (node_is_leaf(n)) {
            *single = leaves++ == 0 ? at : NODE_NONE;
            if (!anchor_leaf(e, n)) {
                return false;
            }
        } else if (node_is_and(n)) {
            c->stack[stacked++] = n->choice;
        } else {
            for (uint32_t i = n->child; i != NODE_NONE; i = c->nodes[i].sibling) {
                if (c->nodes[i].outcome != OUTCOME_NEVER) {
                    c->stack[stacked++] = i;
                }
            }
        }
    }
    simplify_anchors(c);
    return true;
}
