/* relabel.c - new labels for a path's cuts, and every stored interval rewritten to them.
 *
 * Intervals of a path may stand in any body or program, so a relabel reads all of them once. That
 * pass is shared: every path that has grown by half since its last relabel is relabelled with it,
 * so growing all paths together costs a number of passes that is logarithmic in the cuts.
 *
 * First everything that can fail (new labels are computed beside the old ones, room is made in the
 * wide clusters), then everything that changes. Ranges in cells move to their path's wide cluster,
 * because a cell is a function of labels; a path that has many is filed into cells again at the
 * end, and whatever cannot be for want of memory stays in the wide cluster, which is always right.
 */
#include <stdlib.h>

#include "engine.h"

#define JOIN_CUTS 256u /* smaller paths do not join a shared pass */

typedef struct relabelling {
    uint32_t path;
    uint32_t rows; /* in cells */
    cuts_map numbers, strings;
} relabelling;

typedef struct relabel_pass {
    relabelling *items;
    uint32_t count, cap;
    uint32_t *by_path; /* per path: its item + 1; 0: not in this pass */
    uint32_t path_count;
} relabel_pass;

static bool has_grown(const cuts *c)
{
    return c != NULL && c->count >= JOIN_CUTS &&
           c->count - c->count_at_relabel > c->count_at_relabel / 2 &&
           c->count > c->count_at_relabel;
}

static bool joins(const me_engine *e, uint32_t path, uint32_t wanted)
{
    const path_info *info = &e->infos[path];
    return path == wanted || has_grown(&info->numbers) || has_grown(info->strings);
}

/* Counts the rows that are in cells, for every path of the pass. */
static void count_rows(const me_engine *e, relabel_pass *pass)
{
    for (uint32_t i = 0; i < e->clusters.count; i++) {
        const cluster *c = &e->clusters.all[i];
        if (c->kind == CLUSTER_CELL && c->key < pass->path_count && pass->by_path[c->key] != 0) {
            pass->items[pass->by_path[c->key] - 1].rows += c->count;
        }
    }
}

/* Room in the wide cluster for every row that will leave a cell. */
static bool make_room(me_engine *e, const relabelling *r)
{
    uint32_t path = r->path;
    if (r->rows == 0) {
        return true;
    }
    uint32_t wide = e->infos[path].wide;
    if (wide == CLUSTER_NONE) {
        wide = clusters_new(&e->clusters, CLUSTER_WIDE, path);
        if (wide == CLUSTER_NONE) {
            return false;
        }
        e->infos[path].wide = wide;
    }
    return cluster_reserve(&e->clusters, wide, r->rows);
}

static void undo_room(me_engine *e, const relabel_pass *pass)
{
    for (uint32_t i = 0; i < pass->count; i++) {
        uint32_t wide = e->infos[pass->items[i].path].wide;
        if (wide != CLUSTER_NONE && e->clusters.all[wide].count == 0) {
            e->infos[pass->items[i].path].wide = CLUSTER_NONE;
            clusters_drop(&e->clusters, wide);
        }
    }
}

static void move_row(me_engine *e, uint32_t from, uint32_t at, uint32_t to)
{
    row r = cluster_row(&e->clusters, from, at);
    uint32_t moved_to = cluster_append(&e->clusters, to, &r);
    row_moved(e, r.tail.owner, from, at, to, moved_to);
    remove_row(e, from, at);
}

/* Lists of rows are sorted by cluster (file.c), and rows have moved. */
static void sort_lists(me_engine *e)
{
    for (uint32_t i = 0; e->lists_unsorted && i < e->lists.count; i++) {
        row_list *list = pool_block(&e->lists, i);
        if (list != NULL) {
            sort_rows(list);
        }
    }
    e->lists_unsorted = false;
}

static void leave_cells(me_engine *e, const relabel_pass *pass)
{
    for (uint32_t i = 0; i < e->clusters.count; i++) {
        const cluster *c = &e->clusters.all[i];
        if (c->kind != CLUSTER_CELL || c->key >= pass->path_count || pass->by_path[c->key] == 0) {
            continue;
        }
        uint32_t wide = e->infos[c->key].wide;
        while (e->clusters.all[i].kind == CLUSTER_CELL) {
            move_row(e, i, e->clusters.all[i].count - 1, wide);
        }
    }
}

/* ---- rewriting ------------------------------------------------------------------------------------ */

static void map_interval(const relabelling *r, uint32_t *lo, uint32_t *width)
{
    if (*lo == LABEL_NEVER) {
        return;
    }
    const cuts_map *map = *lo >= LABEL_STRINGS ? &r->strings : &r->numbers;
    uint32_t end = cuts_map_label(map, *lo + *width);
    *lo = cuts_map_label(map, *lo);
    *width = end - *lo;
}

static void map_test(const relabel_pass *pass, test *t)
{
    test_kind kind = test_kind_of(t);
    if ((kind == T_INTERVAL || kind == F_INTERVAL) && (test_slot(t) & 1) != 0) {
        uint32_t path = test_path(t);
        if (path < pass->path_count && pass->by_path[path] != 0) {
            map_interval(&pass->items[pass->by_path[path] - 1], &t->lo, &t->width);
        }
    }
}

static void map_rows_of_wide(me_engine *e, const relabelling *r)
{
    uint32_t wide = e->infos[r->path].wide;
    if (wide == CLUSTER_NONE) {
        return;
    }
    cluster *c = &e->clusters.all[wide];
    columns k = cluster_columns(c);
    for (uint32_t i = 0; i < c->count; i++) {
        map_interval(r, &k.ranges[i].lo, &k.ranges[i].width);
    }
}

/* Free records of a slab are rewritten too: their tests mean nothing to anyone. */
static void map_everything(me_engine *e, const relabel_pass *pass)
{
    for (uint32_t i = 0; i < pass->count; i++) {
        map_rows_of_wide(e, &pass->items[i]);
    }
    for (uint32_t size = 1; size <= BODY_MAX; size++) {
        for (uint32_t i = 0; i < e->bodies.slabs[size].count; i++) {
            const body_chunk *chunk = &e->bodies.slabs[size].chunks[i];
            for (uint32_t t = 0; t < chunk->used * size; t++) {
                map_test(pass, &chunk->tests[t]);
            }
        }
    }
    for (uint32_t i = 0; i < e->programs.count; i++) {
        program *p = pool_block(&e->programs, i);
        for (uint32_t s = 0; p != NULL && s < p->count; s++) {
            map_test(pass, &p->code[s].test);
        }
    }
}

/* ---- back into cells ------------------------------------------------------------------------------- */

/* Files narrow ranges of the wide cluster into cells, from the last row down. */
static void enter_cells(me_engine *e, uint32_t path)
{
    uint32_t wide = e->infos[path].wide;
    if (wide == CLUSTER_NONE) {
        return;
    }
    for (uint32_t at = e->clusters.all[wide].count; at-- > 0;) {
        row r = cluster_row(&e->clusters, wide, at);
        anchor a = {CLUSTER_WIDE, path, r.range.lo, r.range.width};
        uint32_t to = cluster_for(e, &a);
        if (to == CLUSTER_NONE || to == wide) {
            continue;
        }
        move_row(e, wide, at, to);
    }
}

/* ---- the pass ----------------------------------------------------------------------------------------- */

static void free_pass(me_engine *e, relabel_pass *pass)
{
    for (uint32_t i = 0; i < pass->count; i++) {
        cuts_map_free(&pass->items[i].numbers, &e->parts[ME_CUTS]);
        cuts_map_free(&pass->items[i].strings, &e->parts[ME_CUTS]);
    }
    heap_free(&e->parts[ME_CUTS], pass->items, pass->cap * sizeof(relabelling));
    heap_free(&e->parts[ME_CUTS], pass->by_path, pass->path_count * sizeof(*pass->by_path));
}

/* Everything that can fail. */
static bool prepare(me_engine *e, uint32_t wanted, relabel_pass *pass)
{
    pass->path_count = e->paths.count;
    pass->by_path = heap_zalloc(&e->parts[ME_CUTS], pass->path_count * sizeof(*pass->by_path));
    if (pass->by_path == NULL) {
        return false;
    }
    for (uint32_t path = 0; path < pass->path_count; path++) {
        if (!joins(e, path, wanted)) {
            continue;
        }
        if (!heap_reserve(&e->parts[ME_CUTS], &pass->items, &pass->cap, pass->count + 1,
                          sizeof(relabelling))) {
            return false;
        }
        relabelling *r = &pass->items[pass->count];
        *r = (relabelling){.path = path};
        pass->count++;
        pass->by_path[path] = pass->count;
        const path_info *info = &e->infos[path];
        if (!cuts_plan_relabel(&info->numbers, &e->parts[ME_CUTS], &r->numbers) ||
            (info->strings != NULL &&
             !cuts_plan_relabel(info->strings, &e->parts[ME_CUTS], &r->strings))) {
            return false;
        }
    }
    count_rows(e, pass);
    for (uint32_t i = 0; i < pass->count; i++) {
        if (!make_room(e, &pass->items[i])) {
            return false;
        }
    }
    return true;
}

bool relabel_path(me_engine *e, uint32_t path)
{
    relabel_pass pass = {0};
    if (!prepare(e, path, &pass)) {
        undo_room(e, &pass);
        free_pass(e, &pass);
        return false;
    }
    leave_cells(e, &pass);
    map_everything(e, &pass);
    for (uint32_t i = 0; i < pass.count; i++) {
        relabelling *r = &pass.items[i];
        path_info *info = &e->infos[r->path];
        cuts_apply_relabel(&info->numbers, &r->numbers);
        if (info->strings != NULL) {
            cuts_apply_relabel(info->strings, &r->strings);
        }
        e->histories[r->path].sampled = 0; /* samples hold old labels; they are gathered again */
    }
    for (uint32_t i = 0; i < pass.count; i++) {
        enter_cells(e, pass.items[i].path);
    }
    sort_lists(e);
    free_pass(e, &pass);
    return true;
}
