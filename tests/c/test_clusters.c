/* Clusters against plain arrays: rows come out as they went in, whatever moves meanwhile. */
#include <string.h>

#include "check.h"
#include "clusters.h"

enum { LISTS = 12, ROWS = 300, STEPS = 30000 };

/* What a cluster should hold. */
typedef struct list {
    uint32_t number; /* CLUSTER_NONE: it does not exist */
    uint32_t count;
    row rows[ROWS];
} list;

static bool valid(const clusters *cs)
{
    const char *why = "";
    bool ok = clusters_validate(cs, &why);
    if (!ok) {
        printf("invariant: %s\n", why);
    }
    return ok;
}

static const cluster_kind kinds[] = {CLUSTER_EQUAL, CLUSTER_PRESENT, CLUSTER_WIDE,
                                     CLUSTER_CELL,  CLUSTER_PATTERN, CLUSTER_ALWAYS};

static uint32_t make(clusters *cs, uint32_t i)
{
    cluster_kind kind = kinds[i % 6];
    return kind == CLUSTER_CELL ? clusters_new_cell(cs, i, 4, i * 1000) : clusters_new(cs, kind, i);
}

static bool same_row(const row *a, const row *b, bool ranges)
{
    return a->needs == b->needs && a->tail.owner == b->tail.owner && a->tail.body == b->tail.body &&
           (!ranges || (a->range.lo == b->range.lo && a->range.width == b->range.width));
}

static void check_list(const clusters *cs, const list *l)
{
    if (l->number == CLUSTER_NONE) {
        return;
    }
    cluster *c = &cs->all[l->number];
    columns k = cluster_columns(c);
    bool ranges = cluster_has_ranges(c);
    CHECK(c->count == l->count && c->cap >= c->count);
    for (uint32_t i = 0; i < l->count; i++) {
        row r = cluster_row(cs, l->number, i);
        CHECK(same_row(&r, &l->rows[i], ranges));
        CHECK(k.needs[i] == r.needs && k.tails[i].owner == r.tail.owner);
        CHECK(k.tails[i].body == r.tail.body);
        CHECK(!ranges || k.ranges[i].lo == r.range.lo);
    }
}

static void append(clusters *cs, list *l, uint32_t i, uint32_t mark)
{
    row r = {.needs = ~mark,
             .tail = {.owner = mark, .body = mark * 3},
             .range = {.lo = i * 1000 << 4, .width = mark % 16}};
    if (l->number == CLUSTER_NONE) {
        l->number = make(cs, i);
        CHECK(l->number != CLUSTER_NONE);
    }
    CHECK(cluster_reserve(cs, l->number, 1));
    CHECK(cluster_append(cs, l->number, &r) == l->count);
    l->rows[l->count++] = r;
}

static void take_out(clusters *cs, list *l, uint32_t at)
{
    uint32_t moved = cluster_remove(cs, l->number, at);
    l->count--;
    CHECK(moved == (at < l->count ? l->rows[l->count].tail.owner : UINT32_MAX));
    l->rows[at] = l->rows[l->count];
    if (l->count == 0) {
        clusters_drop(cs, l->number);
        l->number = CLUSTER_NONE;
    }
}

static void test_rows_in_and_out(void)
{
    heap h = {0};
    clusters cs;
    static list lists[LISTS];
    uint64_t random = 5;
    CHECK(clusters_init(&cs, &h));
    for (uint32_t i = 0; i < LISTS; i++) {
        lists[i] = (list){.number = CLUSTER_NONE};
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t i = check_below(&random, LISTS);
        list *l = &lists[i];
        bool add = check_below(&random, STEPS) * 2 > step;
        if (add && l->count < ROWS) {
            append(&cs, l, i, step);
        } else if (l->count > 0) {
            take_out(&cs, l, check_below(&random, l->count));
        }
        if (step % 500 == 0) {
            CHECK(valid(&cs));
            for (uint32_t k = 0; k < LISTS; k++) {
                check_list(&cs, &lists[k]);
            }
        }
    }
    size_t full = h.bytes;
    for (uint32_t i = 0; i < LISTS; i++) {
        while (lists[i].count > 0) {
            take_out(&cs, &lists[i], 0);
        }
    }
    CHECK(valid(&cs) && cs.live == 0 && h.bytes <= full);
    clusters_free(&cs);
    CHECK(h.bytes == 0);
}

static void test_cells_are_found(void)
{
    enum { PATHS = 20, CELLS = 50 };
    heap h = {0};
    clusters cs;
    static uint32_t numbers[PATHS][CELLS];
    CHECK(clusters_init(&cs, &h));
    for (uint32_t turn = 0; turn < 3; turn++) {
        for (uint32_t p = 0; p < PATHS; p++) {
            for (uint32_t c = 0; c < CELLS; c++) {
                CHECK(clusters_find_cell(&cs, p, c % 4 * 2, c) == CLUSTER_NONE);
                numbers[p][c] = clusters_new_cell(&cs, p, c % 4 * 2, c);
                row r = {.tail = {.owner = c}, .range = {.lo = c << c % 4 * 2}};
                CHECK(cluster_reserve(&cs, numbers[p][c], 1));
                CHECK(cluster_append(&cs, numbers[p][c], &r) == 0);
            }
        }
        CHECK(cs.live == PATHS * CELLS && valid(&cs));
        for (uint32_t i = 0; i < PATHS * CELLS; i++) {
            uint32_t k = (i * 7) % (PATHS * CELLS), p = k / CELLS, c = k % CELLS;
            CHECK(clusters_find_cell(&cs, p, c % 4 * 2, c) == numbers[p][c]);
            CHECK(clusters_find_cell(&cs, p, 8, c) == CLUSTER_NONE);
            CHECK(cluster_remove(&cs, numbers[p][c], 0) == UINT32_MAX);
            clusters_drop(&cs, numbers[p][c]);
            CHECK(clusters_find_cell(&cs, p, c % 4 * 2, c) == CLUSTER_NONE);
        }
        CHECK(cs.live == 0 && valid(&cs));
    }
    clusters_free(&cs);
    CHECK(h.bytes == 0);
}

static void test_no_memory(void)
{
    heap h = {0};
    clusters cs;
    CHECK(clusters_init(&cs, &h));
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t number = CLUSTER_NONE;
        for (size_t allowed = 0; number == CLUSTER_NONE; allowed++) {
            heap_fail_after(allowed);
            number = make(&cs, i);
            heap_fail_after(SIZE_MAX);
            CHECK(cs.live == i + (number != CLUSTER_NONE));
        }
        row r = {.needs = i, .tail = {.owner = i}, .range = {.lo = i * 1000 << 4}};
        bool room = false;
        for (size_t allowed = 0; !room; allowed++) {
            heap_fail_after(allowed);
            room = cluster_reserve(&cs, number, 1 + i * 10);
            heap_fail_after(SIZE_MAX);
            CHECK(cs.all[number].count == 0);
        }
        CHECK(cluster_append(&cs, number, &r) == 0);
    }
    CHECK(valid(&cs));
    heap_fail_after(0); /* taking rows out needs no memory */
    for (uint32_t i = 0; i < cs.count; i++) {
        CHECK(cluster_remove(&cs, i, 0) == UINT32_MAX);
        clusters_drop(&cs, i);
    }
    heap_fail_after(SIZE_MAX);
    CHECK(valid(&cs) && cs.live == 0);
    clusters_free(&cs);
    CHECK(h.bytes == 0);
}

int main(void)
{
    test_rows_in_and_out();
    test_cells_are_found();
    test_no_memory();
    return check_report();
}
