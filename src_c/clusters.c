#include "clusters.h"

#include <string.h>

#include "require.h"

#define FIRST_CELLS 16u

/* The block of a cluster with room for `cap` rows; none for one row. */
static size_t block_bytes(const cluster *c, uint32_t cap)
{
    size_t needs = cap > CLUSTER_FEW ? sizeof(uint32_t) : 0;
    return cap * (needs + sizeof(row_tail) + (cluster_has_ranges(c) ? sizeof(sieve_range) : 0));
}

static void free_block(clusters *cs, cluster *c)
{
    if (c->cap > 1) {
        heap_free(cs->heap, c->block, block_bytes(c, c->cap));
    }
}

static uint64_t cell_hash(uint32_t path, uint32_t class_bits, uint32_t cell)
{
    uint64_t x = ((uint64_t)path << 32 | cell) * 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 32 ^ class_bits) * 0xD6E8FEB86659FD93u;
    return x ^ x >> 32;
}

bool clusters_init(clusters *cs, heap *h)
{
    *cs = (clusters){.heap = h, .free_head = CLUSTER_NONE};
    cs->cells = heap_zalloc(h, FIRST_CELLS * sizeof(uint64_t));
    cs->cell_mask = FIRST_CELLS - 1;
    return cs->cells != NULL;
}

void clusters_free(clusters *cs)
{
    for (uint32_t i = 0; i < cs->count; i++) {
        free_block(cs, &cs->all[i]);
    }
    heap_free(cs->heap, cs->all, cs->cap * sizeof(cluster));
    heap_free(cs->heap, cs->cells, ((size_t)cs->cell_mask + 1) * sizeof(uint64_t));
    *cs = (clusters){0};
}

uint32_t clusters_new(clusters *cs, cluster_kind kind, uint32_t key)
{
    uint32_t number = cs->free_head;
    if (number != CLUSTER_NONE) {
        cs->free_head = cs->all[number].key;
    } else {
        if (!heap_reserve(cs->heap, &cs->all, &cs->cap, cs->count + 1, sizeof(cluster))) {
            return CLUSTER_NONE;
        }
        number = cs->count++;
    }
    cs->all[number] = (cluster){.kind = (uint8_t)kind, .key = key, .cap = 1};
    cs->live++;
    return number;
}

/* ---- directory of cells ------------------------------------------------------------------------ */

static uint64_t hash_of_cell(const cluster *c)
{
    return cell_hash(c->key, c->class_bits, c->cell);
}

uint32_t clusters_find_cell(const clusters *cs, uint32_t path, uint32_t class_bits, uint32_t cell)
{
    uint64_t hash = cell_hash(path, class_bits, cell);
    for (uint32_t at = (uint32_t)hash & cs->cell_mask;; at = (at + 1) & cs->cell_mask) {
        uint64_t slot = cs->cells[at];
        if (slot == 0) {
            return CLUSTER_NONE;
        }
        if (slot >> 32 == hash >> 32) {
            const cluster *c = &cs->all[(uint32_t)slot - 1];
            if (c->key == path && c->cell == cell && c->class_bits == class_bits) {
                return (uint32_t)slot - 1;
            }
        }
    }
}

static void place_cell(uint64_t *cells, uint32_t mask, uint64_t hash, uint32_t number)
{
    uint32_t at = (uint32_t)hash & mask;
    while (cells[at] != 0) {
        at = (at + 1) & mask;
    }
    cells[at] = (hash >> 32) << 32 | (number + 1);
}

static bool resize_cells(clusters *cs, uint32_t size)
{
    uint64_t *cells = heap_zalloc(cs->heap, size * sizeof(uint64_t));
    if (cells == NULL) {
        return false;
    }
    for (uint32_t i = 0; i <= cs->cell_mask; i++) {
        if (cs->cells[i] != 0) {
            uint32_t number = (uint32_t)cs->cells[i] - 1;
            place_cell(cells, size - 1, hash_of_cell(&cs->all[number]), number);
        }
    }
    heap_free(cs->heap, cs->cells, ((size_t)cs->cell_mask + 1) * sizeof(uint64_t));
    cs->cells = cells;
    cs->cell_mask = size - 1;
    return true;
}

uint32_t clusters_new_cell(clusters *cs, uint32_t path, uint32_t class_bits, uint32_t cell)
{
    if ((uint64_t)(cs->cell_count + 1) * 2 > cs->cell_mask &&
        !resize_cells(cs, (cs->cell_mask + 1) * 2)) {
        return CLUSTER_NONE;
    }
    uint32_t number = clusters_new(cs, CLUSTER_CELL, path);
    if (number != CLUSTER_NONE) {
        cs->all[number].class_bits = (uint8_t)class_bits;
        cs->all[number].cell = cell;
        place_cell(cs->cells, cs->cell_mask, cell_hash(path, class_bits, cell), number);
        cs->cell_count++;
    }
    return number;
}

/* Backward-shift deletion: no tombstones. */
static void forget_cell(clusters *cs, uint32_t number)
{
    uint32_t mask = cs->cell_mask;
    uint32_t hole = (uint32_t)hash_of_cell(&cs->all[number]) & mask;
    while ((uint32_t)cs->cells[hole] != number + 1) {
        hole = (hole + 1) & mask;
    }
    for (uint32_t at = (hole + 1) & mask; cs->cells[at] != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)hash_of_cell(&cs->all[(uint32_t)cs->cells[at] - 1]) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            cs->cells[hole] = cs->cells[at];
            hole = at;
        }
    }
    cs->cells[hole] = 0;
    cs->cell_count--;
    if (mask >= 1024 && cs->cell_count < mask / 8) {
        resize_cells(cs, (mask + 1) / 2); /* no memory for a smaller one: keep the large one */
    }
}

void clusters_drop(clusters *cs, uint32_t number)
{
    cluster *c = &cs->all[number];
    if (c->kind == CLUSTER_CELL) {
        forget_cell(cs, number);
    }
    free_block(cs, c);
    *c = (cluster){.kind = CLUSTER_FREE, .key = cs->free_head};
    cs->free_head = number;
    cs->live--;
    if (cs->live == 0) {
        heap_free(cs->heap, cs->all, cs->cap * sizeof(cluster));
        cs->all = NULL;
        cs->count = cs->cap = 0;
        cs->free_head = CLUSTER_NONE;
    }
}

/* ---- rows --------------------------------------------------------------------------------------- */

static void copy_columns(columns to, columns from, uint32_t count, bool ranges)
{
    memcpy(to.needs, from.needs, count * sizeof *to.needs);
    memcpy(to.tails, from.tails, count * sizeof *to.tails);
    if (ranges) {
        memcpy(to.ranges, from.ranges, count * sizeof *to.ranges);
    }
}

static bool resize(clusters *cs, cluster *c, uint32_t cap)
{
    cluster resized = *c;
    resized.cap = cap;
    if (cap > 1) {
        resized.block = heap_alloc(cs->heap, block_bytes(c, cap));
        if (resized.block == NULL) {
            return false;
        }
    }
    if (c->count > 0) {
        copy_columns(cluster_columns(&resized), cluster_columns(c), c->count,
                     cluster_has_ranges(c));
    }
    free_block(cs, c);
    *c = resized;
    return true;
}

bool cluster_reserve(clusters *cs, uint32_t number, uint32_t more)
{
    cluster *c = &cs->all[number];
    if (more <= c->cap - c->count) {
        return true;
    }
    uint64_t need = (uint64_t)c->count + more;
    uint64_t grown = need < CLUSTER_FEW ? need + 1 : need == CLUSTER_FEW ? need : need + need / 8;
    return grown <= OWNER_MASK && resize(cs, c, (uint32_t)grown);
}

uint32_t cluster_append(clusters *cs, uint32_t number, const row *r)
{
    cluster *c = &cs->all[number];
    columns k = cluster_columns(c);
    uint32_t at = c->count++;
    k.needs[at] = r->needs;
    k.tails[at] = r->tail;
    if (cluster_has_ranges(c)) {
        k.ranges[at] = r->range;
    }
    return at;
}

row cluster_row(const clusters *cs, uint32_t number, uint32_t at)
{
    cluster *c = &cs->all[number];
    columns k = cluster_columns(c);
    row r = {.needs = k.needs[at], .tail = k.tails[at]};
    if (cluster_has_ranges(c)) {
        r.range = k.ranges[at];
    }
    return r;
}

uint32_t cluster_remove(clusters *cs, uint32_t number, uint32_t at)
{
    cluster *c = &cs->all[number];
    columns k = cluster_columns(c);
    uint32_t last = --c->count, moved = UINT32_MAX;
    if (at != last) {
        k.needs[at] = k.needs[last];
        k.tails[at] = k.tails[last];
        if (cluster_has_ranges(c)) {
            k.ranges[at] = k.ranges[last];
        }
        moved = k.tails[at].owner;
    }
    if (c->count == 0 || c->count < c->cap / 2) {
        /* Keeping the larger block when there is no memory for a smaller one is fine. */
        resize(cs, c, c->count <= 1 ? 1 : c->count + c->count / 8 + 1);
    }
    return moved;
}

bool clusters_validate(const clusters *cs, const char **why)
{
    uint32_t live = 0, cells = 0;
    for (uint32_t i = 0; i < cs->count; i++) {
        const cluster *c = &cs->all[i];
        if (c->kind == CLUSTER_FREE) {
            continue;
        }
        live++;
        REQUIRE(c->count > 0 && c->count <= c->cap);
        if (c->kind == CLUSTER_CELL) {
            cells++;
            REQUIRE(clusters_find_cell(cs, c->key, c->class_bits, c->cell) == i);
            for (uint32_t r = 0; r < c->count; r++) {
                row one = cluster_row(cs, i, r);
                REQUIRE(one.range.lo >> c->class_bits == c->cell);
                REQUIRE((uint64_t)one.range.width < (UINT64_C(1) << c->class_bits));
            }
        }
    }
    REQUIRE(live == cs->live);
    REQUIRE(cells == cs->cell_count);
    return true;
}
