/* file.c - rows in and out of clusters, and the back references that keep them findable. */
#include <stdlib.h>

#include "engine.h"

/* A path's ranges share one wide cluster until it has this many rows: probing cells for a handful
 * of rows costs more than sieving them. */
#define WIDE_ROWS 512u

/* Classes from this one on, intervals wider than 2^26 labels, gain nothing from cells. */
#define WIDE_BITS 28u

/* The least even k with width < 2^k. */
static uint32_t class_of(uint32_t width)
{
    uint32_t k = 0;
    while (k < 32 && width >> k != 0) {
        k += 2;
    }
    return k;
}

uint32_t *cluster_lead(me_engine *e, const cluster *c)
{
    switch (c->kind) {
    case CLUSTER_ALWAYS:
        return &e->always;
    case CLUSTER_EQUAL:
        return &e->constants.records[c->key].cluster;
    case CLUSTER_PRESENT:
        return &e->infos[c->key].present;
    case CLUSTER_WIDE:
        return &e->infos[c->key].wide;
    case CLUSTER_PATTERN:
        return &e->patterns[c->key].cluster;
    default:
        return NULL;
    }
}

static uint32_t cell_for(me_engine *e, const anchor *a, uint32_t k)
{
    uint32_t number = clusters_find_cell(&e->clusters, a->key, k, a->lo >> k);
    if (number == CLUSTER_NONE) {
        number = clusters_new_cell(&e->clusters, a->key, k, a->lo >> k);
        if (number != CLUSTER_NONE) {
            e->histories[a->key].cells++;
            e->infos[a->key].classes |= 1u << k;
        }
    }
    return number;
}

static bool belongs_in_cell(const me_engine *e, const anchor *a, uint32_t k)
{
    uint32_t wide = e->infos[a->key].wide;
    return k < WIDE_BITS && wide != CLUSTER_NONE && e->clusters.all[wide].count >= WIDE_ROWS;
}

/* A pattern without a literal is tried on every string only if a row is found by it. */
static void ask_pattern(me_engine *e, uint32_t number, bool asked)
{
    string_index_set_asked(e->infos[e->patterns[number].path].patterns, number, asked);
}

static void drop_if_empty(me_engine *e, uint32_t number)
{
    cluster *c = &e->clusters.all[number];
    if (c->count > 0) {
        return;
    }
    uint32_t *lead = cluster_lead(e, c);
    if (c->kind == CLUSTER_PATTERN) {
        ask_pattern(e, c->key, false);
    }
    if (lead != NULL) {
        *lead = CLUSTER_NONE;
    } else if (--e->histories[c->key].cells == 0) {
        e->infos[c->key].classes = 0;
    }
    clusters_drop(&e->clusters, number);
}

uint32_t cluster_for(me_engine *e, const anchor *a)
{
    uint32_t k = a->kind == CLUSTER_WIDE ? class_of(a->width) : 0, number;
    if (a->kind == CLUSTER_WIDE && belongs_in_cell(e, a, k)) {
        number = cell_for(e, a, k);
    } else {
        cluster key = {.kind = (uint8_t)a->kind, .key = a->key};
        uint32_t *lead = cluster_lead(e, &key);
        if (*lead == CLUSTER_NONE) {
            *lead = clusters_new(&e->clusters, (cluster_kind)a->kind, a->key);
            if (*lead != CLUSTER_NONE && a->kind == CLUSTER_PATTERN) {
                ask_pattern(e, a->key, true);
            }
        }
        number = *lead;
    }
    if (number != CLUSTER_NONE && !cluster_reserve(&e->clusters, number, 1)) {
        drop_if_empty(e, number);
        return CLUSTER_NONE;
    }
    return number;
}

static int by_cluster(const void *a, const void *b)
{
    const place *p = a, *q = b;
    return (p->cluster > q->cluster) - (p->cluster < q->cluster);
}

void sort_rows(row_list *list)
{
    qsort(list->rows, list->count, sizeof(place), by_cluster);
}

/* The entry of a list for the row that is at (cluster, at). Lists are sorted by cluster, save while
 * a relabel moves rows; a cluster holds few rows of one subscription (compile.c). */
static place *find_in_list(row_list *list, uint32_t cluster_number, uint32_t at, bool unsorted)
{
    uint32_t lo = 0, n = unsorted ? 0 : list->count;
    while (n > 0) {
        uint32_t half = n / 2;
        bool below = list->rows[lo + half].cluster < cluster_number;
        lo = below ? lo + half + 1 : lo;
        n = below ? n - half - 1 : half;
    }
    while (list->rows[lo].cluster != cluster_number || list->rows[lo].row != at) {
        lo++;
    }
    return &list->rows[lo];
}

void row_moved(me_engine *e, uint32_t owner, uint32_t cluster_number, uint32_t from,
               uint32_t new_cluster, uint32_t to)
{
    place *p = &e->places[owner & OWNER_MASK];
    if (owner & ROW_MANY) {
        p = find_in_list(pool_block(&e->lists, p->row), cluster_number, from, e->lists_unsorted);
        e->lists_unsorted |= cluster_number != new_cluster;
    }
    p->cluster = new_cluster;
    p->row = to;
}

void remove_row(me_engine *e, uint32_t cluster_number, uint32_t at)
{
    uint32_t last = e->clusters.all[cluster_number].count - 1;
    uint32_t moved = cluster_remove(&e->clusters, cluster_number, at);
    if (moved != UINT32_MAX) {
        row_moved(e, moved, cluster_number, last, cluster_number, at);
    }
    drop_if_empty(e, cluster_number);
}
