/* formula.c - reading a filter; its terms are made in formula_terms.c. */
#include "formula.h"

#include <string.h>

#include "expression.h"

/* ---- paths ---------------------------------------------------------------------------------------- */

void path_names_init(path_names *n, const paths *known, heap *h)
{
    *n = (path_names){.known = known, .heap = h};
}

void path_names_free(path_names *n)
{
    if (n->has_others) {
        paths_free(&n->others);
    }
}

/* The number of a name; PATH_NONE: no memory. */
static uint32_t number_of(path_names *n, const char *name, size_t length)
{
    uint32_t known = n->known != NULL ? n->known->count : 0;
    if (known > 0) {
        uint32_t number = paths_step(n->known, PATH_ROOT, name, length);
        if (number != PATH_NONE) {
            return number;
        }
    }
    n->has_others = n->has_others || paths_init(&n->others, n->heap, 0);
    uint32_t other = n->has_others ? paths_intern(&n->others, name, length) : PATH_NONE;
    return other != PATH_NONE ? known + other : PATH_NONE;
}

/* ---- reading -------------------------------------------------------------------------------------- */

/* The code with the numbers of paths, so that filters in either form compare. */
static bool read_code(const filter_node *node, bool named, path_names *names, arena *a,
                      formula_leaf *out, uint64_t *steps)
{
    expression_reader code = expression_of(node, named);
    const uint8_t *start = code.at;
    uint8_t *bytes = (uint8_t *)arena_bytes(a, 1 + 5 * (size_t)(code.end - start));
    expression_item item;
    if (bytes == NULL) {
        return false;
    }
    out->code = bytes;
    *bytes++ = (uint8_t)node->relation;
    for (; expression_next(&code, &item); start = code.at, ++*steps) {
        if (item.op != EXPRESSION_PATH) {
            memcpy(bytes, start, (size_t)(code.at - start));
            bytes += code.at - start;
            continue;
        }
        uint32_t path = named ? number_of(names, item.path, item.path_length) : item.path_number;
        if (path == PATH_NONE) {
            return false;
        }
        out->path = out->path == PATH_NONE ? path : out->path;
        *bytes++ = EXPRESSION_PATH;
        memcpy(bytes, &path, sizeof path);
        bytes += sizeof path;
    }
    out->code_length = (size_t)(bytes - out->code);
    return true;
}

/* The constants of a plain leaf that stands in the bytes [at, end). */
static void find_constants(const filter_node *node, bool named, const uint8_t *at,
                           const uint8_t *end, formula_leaf *out)
{
    uint32_t number;
    out->code = filter_read_count(at + 1, &number) + (named ? node->path_length : 0);
    out->code_length = (size_t)(end - out->code);
}

static bool read_leaf(const filter_node *node, bool named, path_names *names, arena *a,
                      formula_leaf *out, uint64_t *steps)
{
    filter_node plain;
    if (node->op == OP_COMPUTE) {
        uint64_t count = 0;
        if (!read_code(node, named, names, a, out, &count)) {
            return false;
        }
        if (!expression_plain(node, named, &plain)) {
            *steps += count;
            return true;
        }
        node = &plain;
        out->op = plain.op;
    }
    out->path = named ? number_of(names, node->path, node->path_length) : node->path_number;
    return out->path != PATH_NONE && (node->op == OP_IS_NULL || value_set_read(node, a, &out->set));
}

static void count_nodes(const uint8_t *bytes, size_t length, bool named, formula *out)
{
    filter_reader r = {.at = bytes, .end = bytes + length, .named = named};
    filter_node node;
    while (filter_next(&r, &node)) {
        out->node_count++;
        out->leaf_count += filter_op_is_leaf(node.op);
    }
}

/* Which nodes are to be false: those under an odd number of NOTs. Read from its end, postfix is
 * prefix order; `open` holds how many operands of each operator are still to come. */
static bool push_negation(formula_node *nodes, uint32_t count, arena *a)
{
    uint32_t depth = 0;
    uint32_t *open = arena_array(a, count, 2 * sizeof *open);
    if (open == NULL) {
        return false;
    }
    for (uint32_t i = count; i-- > 0;) {
        formula_node *n = &nodes[i];
        n->negated = depth > 0 && open[2 * depth - 1] != 0;
        if (depth > 0) {
            open[2 * depth - 2]--;
        }
        while (depth > 0 && open[2 * depth - 2] == 0) {
            depth--;
        }
        if (n->op == OP_AND || n->op == OP_OR || n->op == OP_NOT) {
            open[2 * depth] = n->op == OP_NOT ? 1 : n->count;
            open[2 * depth + 1] = n->negated != (n->op == OP_NOT);
            depth++;
        }
    }
    return true;
}

bool formula_read(const uint8_t *bytes, size_t length, bool named, path_names *names, arena *a,
                  formula *out)
{
    *out = (formula){0};
    count_nodes(bytes, length, named, out);
    formula_node *nodes = arena_array(a, out->node_count, sizeof *nodes);
    formula_leaf *leaves = arena_array(a, out->leaf_count, sizeof *leaves);
    if (nodes == NULL || leaves == NULL) {
        return false;
    }
    out->nodes = nodes;
    out->leaves = leaves;
    filter_reader r = {.at = bytes, .end = bytes + length, .named = named};
    filter_node node;
    const uint8_t *start = r.at;
    for (uint32_t i = 0, leaf = 0; filter_next(&r, &node); i++, start = r.at) {
        nodes[i] = (formula_node){.op = node.op, .leaf = leaf};
        nodes[i].count = node.op == OP_AND || node.op == OP_OR ? node.count : 0;
        if (filter_op_is_leaf(node.op)) {
            formula_leaf *new = &leaves[leaf++];
            *new = (formula_leaf){.op = node.op, .path = PATH_NONE};
            new->weight = (uint32_t)(r.at - start);
            if (node.op != OP_COMPUTE) {
                find_constants(&node, named, start, r.at, new);
            }
            if (!read_leaf(&node, named, names, a, new, &out->steps)) {
                return false;
            }
        }
    }
    return push_negation(nodes, out->node_count, a);
}

bool formula_equal(const formula *f, const formula *g)
{
    if (f->node_count != g->node_count) {
        return false;
    }
    for (uint32_t i = 0; i < f->node_count; i++) {
        const formula_node *x = &f->nodes[i], *y = &g->nodes[i];
        if (x->op != y->op || x->count != y->count) {
            return false;
        }
        if (filter_op_is_leaf(x->op)) {
            const formula_leaf *v = &f->leaves[x->leaf], *w = &g->leaves[y->leaf];
            if (v->path != w->path || v->code_length != w->code_length ||
                (v->code_length > 0 && memcmp(v->code, w->code, v->code_length) != 0)) {
                return false;
            }
        }
    }
    return true;
}
