/* inspect.c - questions about the engine. A diagnosis acquires, compiles and releases a filter, and
 * leaves the engine as it was; the others change nothing at any time. */
#include <string.h>

#include "compiler.h"

uint32_t me_engine_count(const me_engine *e)
{
    return e->live;
}

uint32_t me_engine_handle_end(const me_engine *e)
{
    return e->handle_count;
}

bool me_engine_is_live(const me_engine *e, uint32_t handle)
{
    return handle < e->handle_count && e->sources[handle] != NULL;
}

uint32_t me_engine_destination(const me_engine *e, uint32_t handle)
{
    return handle < e->destinations_cap ? e->destinations[handle] : ME_NO_DESTINATION;
}

/* ---- the filter back, with names ------------------------------------------------------------------ */

/* Writes a path after the byte that says what it belongs to. */
static bool write_path(const me_engine *e, filter_writer *w, uint8_t op, uint32_t path)
{
    size_t length = paths_name(&e->paths, path, NULL, 0);
    char *name = heap_alloc(w->heap, length > 0 ? length : 1);
    if (name == NULL) {
        return false;
    }
    paths_name(&e->paths, path, name, length);
    filter_write_bytes(w, &op, 1);
    filter_write_path(w, name, length);
    heap_free(w->heap, name, length > 0 ? length : 1);
    return !w->failed;
}

static bool write_compute(const me_engine *e, filter_writer *w, const filter_node *leaf)
{
    expression_reader code = expression_of(leaf, false);
    expression_item item;
    uint32_t start = w->length;
    while (expression_next(&code, &item)) {
        if (item.op != EXPRESSION_PATH) {
            expression_write(w, &item);
        } else if (!write_path(e, w, EXPRESSION_PATH, item.path_number)) {
            return false;
        }
    }
    expression_finish(w, start, leaf->relation);
    return !w->failed;
}

static bool write_leaf(const me_engine *e, filter_writer *w, const filter_node *leaf)
{
    if (leaf->op == OP_COMPUTE) {
        return write_compute(e, w, leaf);
    }
    if (!write_path(e, w, (uint8_t)leaf->op, leaf->path_number)) {
        return false;
    }
    write_leaf_constants(w, leaf);
    return !w->failed;
}

size_t me_engine_filter(const me_engine *e, uint32_t handle, uint8_t *out, size_t room)
{
    const uint8_t *bytes;
    size_t length;
    source_size(e->sources[handle], &bytes, &length);
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    filter_reader r = {.at = bytes, .end = bytes + length, .named = false};
    filter_node read;
    while (filter_next(&r, &read)) {
        if (filter_op_is_leaf(read.op)) {
            if (!write_leaf(e, &w, &read)) {
                break;
            }
        } else {
            filter_write_op(&w, read.op);
            if (read.op == OP_AND || read.op == OP_OR) {
                filter_write_count(&w, read.count);
            }
        }
    }
    size_t needed = r.at == r.end && !w.failed ? w.length : 0; /* 0: no memory */
    if (needed > 0 && needed <= room) {
        memcpy(out, w.bytes, needed);
    }
    filter_writer_free(&w);
    return needed;
}

/* ---- diagnosis -------------------------------------------------------------------------------------- */

static void count_anchor(uint32_t kind, uint32_t *equal, uint32_t *range, uint32_t *pattern_count,
                         uint32_t *present)
{
    *equal += kind == CLUSTER_EQUAL;
    *range += kind == CLUSTER_WIDE || kind == CLUSTER_CELL;
    *pattern_count += kind == CLUSTER_PATTERN;
    *present += kind == CLUSTER_PRESENT;
}

static me_expense expense_of(const me_engine *e, uint32_t kind, uint32_t key, bool tests)
{
    if (kind == CLUSTER_ALWAYS) {
        return tests ? ME_EVERY_EVENT : ME_CHEAP;
    }
    return kind == CLUSTER_PATTERN && e->patterns[key].everywhere ? ME_EVERY_STRING : ME_CHEAP;
}

me_expense me_engine_expense(const me_engine *e, uint32_t handle)
{
    const place *rows = &e->places[handle];
    uint32_t count = rows->cluster == PLACE_NEVER ? 0 : 1;
    if (rows->cluster == PLACE_MANY) {
        const row_list *list = pool_block(&e->lists, rows->row);
        rows = list->rows;
        count = list->count;
    }
    me_expense expense = ME_CHEAP;
    for (uint32_t i = 0; i < count && expense == ME_CHEAP; i++) {
        const cluster *c = &e->clusters.all[rows[i].cluster];
        bool tests = c->kind == CLUSTER_ALWAYS &&
                     cluster_row(&e->clusters, rows[i].cluster, rows[i].row).tail.body != BODY_NONE;
        expense = expense_of(e, c->kind, c->key, tests);
    }
    return expense;
}

static me_expense expense_of_plan(const me_engine *e, const plan *p)
{
    me_expense expense = ME_CHEAP;
    if (p->anchor_count == 0 && !p->never) {
        return expense_of(e, CLUSTER_ALWAYS, 0, p->test_count > 0);
    }
    for (uint32_t i = 0; i < p->anchor_count && expense == ME_CHEAP; i++) {
        expense = expense_of(e, p->anchors[i].kind, p->anchors[i].key, true);
    }
    return expense;
}

me_status me_engine_diagnose(me_engine *e, const uint8_t *filter, size_t length, me_diagnosis *out)
{
    filter_writer stored;
    filter_writer_init(&stored, &e->heap, false);
    *out = (me_diagnosis){0};
    me_status status = acquire_filter(e, filter, length, &stored);
    if (status == ME_OK) {
        plan p;
        status = compile(e, stored.bytes, stored.length, &p);
        if (status == ME_OK) {
            out->never = p.never;
            out->always = p.always;
            out->cost = p.cost;
            out->expense = expense_of_plan(e, &p);
            if (out->expense != ME_CHEAP && !compile_blame(e, out)) {
                status = ME_NOMEM;
            }
            for (uint32_t i = 0; i < p.anchor_count; i++) {
                count_anchor(p.anchors[i].kind, &out->equal, &out->range, &out->pattern,
                             &out->present);
            }
            compile_discard(e, p.tests, p.test_count);
        }
        release_filter(e, stored.bytes, stored.length);
    }
    filter_writer_free(&stored);
    return status;
}

/* ---- statistics -------------------------------------------------------------------------------------- */

static void count_rows(const me_engine *e, me_stats *out)
{
    for (uint32_t i = 0; i < e->clusters.count; i++) {
        const cluster *c = &e->clusters.all[i];
        switch (c->kind) {
        case CLUSTER_EQUAL:
            out->equal += c->count;
            break;
        case CLUSTER_PRESENT:
            out->present += c->count;
            break;
        case CLUSTER_WIDE:
        case CLUSTER_CELL:
            out->range += c->count;
            break;
        case CLUSTER_PATTERN:
            out->pattern += c->count;
            break;
        case CLUSTER_ALWAYS:
            out->unanchored += c->count;
            break;
        default:
            break;
        }
    }
}

void me_engine_stats(const me_engine *e, me_stats *out)
{
    *out = (me_stats){
        .subscriptions = e->live,
        .paths = e->paths.live - 1,
        .constants = e->constants.live,
        .clusters = e->clusters.live,
        .sampled_events = e->sampled_events,
    };
    for (uint32_t part = 0; part < ME_PARTS; part++) {
        out->memory[part] = part == ME_ENGINE ? e->heap.bytes : e->parts[part].bytes;
        out->bytes += out->memory[part];
    }
    out->source_bytes = out->memory[ME_SOURCES];
    count_rows(e, out);
    for (uint32_t i = 0; i < e->infos_cap; i++) {
        const path_info *info = &e->infos[i];
        out->cuts += info->numbers.count + (info->strings != NULL ? info->strings->count : 0);
    }
    for (uint32_t i = 0; i < e->pattern_count; i++) {
        out->patterns += e->patterns[i].references > 0;
    }
    for (uint32_t i = 0; i < e->handle_count; i++) {
        if (e->sources[i] != NULL) {
            out->never += e->places[i].cluster == PLACE_NEVER;
        }
    }
}
