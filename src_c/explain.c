/* explain.c - why does an event match a subscription, or why not?
 *
 * Asked of what matching itself uses: the subscription's rows, step by step, and the compiled test
 * of every leaf, on the event's codes and labels. A leaf is true when its T_ test holds, false when
 * its F_ test does, and otherwise unknown (test.h), so the three answers cannot drift from those
 * that NOT is compiled to.
 *
 *     row    anchor met? -> needs there? -> residual tests hold?      as in match.c, for one row
 *     leaf   T_ test, F_ test                                         whatever its row came to
 */
#include "scratch.h"

#include "compiler.h"

static me_truth truth_of(const me_engine *e, me_event *ev, const node *leaf)
{
    if (test_holds(e, ev, &leaf->test)) {
        return ME_TRUE;
    }
    if (leaf->op == OP_EXISTS || leaf->op == OP_IS_NULL) { /* never unknown */
        return ME_FALSE;
    }
    test opposite = test_opposite(leaf->test);
    return test_holds(e, ev, &opposite) ? ME_FALSE : ME_UNKNOWN;
}

/* Is the row's cluster one that the event led to, and its range one that the value lies in? */
static bool is_met(const me_engine *e, me_event *ev, uint32_t number, const row *r)
{
    bool ranges = cluster_has_ranges(&e->clusters.all[number]);
    for (uint32_t i = 0; i < ev->probe_count; i++) {
        if (ev->probes[i].cluster == number &&
            (!ranges ||
             label_of_entry(e, ev, ev->probes[i].entry) - r->range.lo <= r->range.width)) {
            return true;
        }
    }
    return false;
}

static uint32_t path_of(const me_engine *e, const cluster *c)
{
    switch (c->kind) {
    case CLUSTER_ALWAYS:
        return ME_NO_PATH;
    case CLUSTER_EQUAL:
        return e->constants.records[c->key].path;
    case CLUSTER_PATTERN:
        return e->patterns[c->key].path;
    default:
        return c->key;
    }
}

static me_anchor_kind kind_of(const cluster *c)
{
    switch (c->kind) {
    case CLUSTER_ALWAYS:
        return ME_ANCHOR_NONE;
    case CLUSTER_EQUAL:
        return ME_ANCHOR_EQUAL;
    case CLUSTER_PATTERN:
        return ME_ANCHOR_PATTERN;
    case CLUSTER_PRESENT:
        return ME_ANCHOR_PRESENT;
    default:
        return ME_ANCHOR_RANGE;
    }
}

static me_row_report report_row(const me_engine *e, me_event *ev, place at)
{
    const cluster *c = &e->clusters.all[at.cluster];
    row r = cluster_row(&e->clusters, at.cluster, at.row);
    uint32_t kept[17]; /* as much as a kernel may write for one row */
    me_row_report report = {.kind = kind_of(c), .path = path_of(e, c), .stage = ME_AT_ANCHOR};
    if (!is_met(e, ev, at.cluster, &r)) {
        return report;
    }
    report.stage = ME_AT_NEEDS;
    if (sieve()->needs(&r.needs, 1, &ev->bits, kept) == 0) {
        return report;
    }
    report.stage = verify_body(e, ev, r.tail.body) ? ME_MATCHED : ME_AT_RESIDUAL;
    return report;
}

static bool report_rows(const me_engine *e, me_event *ev, uint32_t handle, me_explanation *out)
{
    place one = e->places[handle];
    const place *places = &one;
    out->row_count = one.cluster == PLACE_NEVER ? 0 : 1;
    if (one.cluster == PLACE_MANY) {
        const row_list *list = pool_block(&e->lists, one.row);
        places = list->rows;
        out->row_count = list->count;
    }
    me_row_report *rows = arena_array(&ev->log.arena, out->row_count, sizeof *rows);
    for (uint32_t i = 0; rows != NULL && i < out->row_count; i++) {
        rows[i] = report_row(e, ev, places[i]);
        out->matched |= rows[i].stage == ME_MATCHED;
    }
    out->rows = rows;
    return rows != NULL;
}

/* The paths that a leaf mentions, in order. */
static bool report_paths(me_event *ev, const filter_node *leaf, me_leaf_report *report)
{
    bool one = leaf->op != OP_COMPUTE;
    uint32_t *found = arena_array(&ev->log.arena, one ? 1 : leaf->count, sizeof *found);
    report->paths = found;
    if (found != NULL && one) {
        found[report->path_count++] = leaf->path_number;
    }
    if (found == NULL || one) {
        return found != NULL;
    }
    expression_reader code = expression_of(leaf, false);
    expression_item item;
    while (expression_next(&code, &item)) {
        if (item.op == EXPRESSION_PATH) {
            found[report->path_count++] = item.path_number;
        }
    }
    return true;
}

static bool report_leaves(const me_engine *e, me_event *ev, filter_reader r, me_explanation *out)
{
    const compiler *c = e->compiler;
    me_leaf_report *leaves = arena_array(&ev->log.arena, c->node_count, sizeof *leaves);
    filter_node leaf;
    out->leaves = leaves;
    for (uint32_t i = 0; leaves != NULL && filter_next(&r, &leaf); i++) {
        if (filter_op_is_leaf(leaf.op)) {
            me_leaf_report *report = &leaves[out->leaf_count++];
            *report = (me_leaf_report){.truth = truth_of(e, ev, &c->nodes[i])};
            if (!report_paths(ev, &leaf, report)) {
                return false;
            }
        }
    }
    return leaves != NULL;
}

/* The values as they came: encoding makes equal numbers the same. */
static me_value_report *copy_values(me_event *ev, me_explanation *out)
{
    me_value_report *values = arena_array(&ev->log.arena, ev->log.count, sizeof *values);
    out->value_count = ev->log.count;
    for (uint32_t i = 0; values != NULL && i < ev->log.count; i++) {
        values[i].value = ev->log.entries[i].value;
    }
    out->values = values;
    return values;
}

me_status me_engine_explain(me_engine *e, me_event *ev, uint32_t handle, me_explanation *out)
{
    const uint8_t *bytes;
    size_t length;
    source_size(e->sources[handle], &bytes, &length);
    filter_reader filter = {.at = bytes, .end = bytes + length, .named = false};
    *out = (me_explanation){0};
    me_value_report *values = copy_values(ev, out);
    encode_reset(ev);
    if (values == NULL || !compile_leaves(e, bytes, length)) {
        return ME_NOMEM;
    }
    bool done = encode_event(e, ev); /* which makes room for what the leaves compute */
    for (uint32_t i = 0; done && i < out->value_count; i++) {
        values[i].path = ev->log.entries[i].path;
    }
    done = done && report_leaves(e, ev, filter, out) && report_rows(e, ev, handle, out);
    compile_forget_leaves(e);
    return done ? ME_OK : ME_NOMEM;
}
