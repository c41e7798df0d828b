/* Blocks of every size against a plain list: contents, cache lines, and exact accounting. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "heap.h"

/* From here on a block starts on a cache line. */
enum { LARGE = 4096, LINE = 64, BLOCKS = 48, STEPS = 20000 };

static bool on_a_line(const void *block)
{
    return (uintptr_t)block % LINE == 0;
}

static bool placed(const void *block, size_t size)
{
    return block != NULL && (size < LARGE ? (uintptr_t)block % 16 == 0 : on_a_line(block));
}

static void test_footprint(void)
{
    heap h = {0};
    char *p = heap_alloc(&h, 100);
    CHECK(p != NULL && h.bytes == 112);
    heap_free(&h, p, 100);
    CHECK(h.bytes == 0);
    CHECK(heap_footprint(1) == 32 && heap_footprint(24) == 32 && heap_footprint(25) == 48);
    CHECK(heap_footprint(LARGE - 1) == LARGE + 16);
    for (size_t size = 1; size < 3 * LARGE; size++) {
        size_t bytes = heap_footprint(size);
        CHECK(bytes % 16 == 0 && bytes >= size + 8 && bytes <= heap_footprint(size + 1));
        CHECK(size < LARGE ? bytes < size + 8 + 32 : bytes >= size + LINE + 8);
        CHECK(bytes <= size + LINE + 32);
    }
    heap_free(&h, NULL, 0);
    heap_free(&h, NULL, 100000);
    CHECK(h.bytes == 0);
}

/* Every size around the bound, with other blocks between so that malloc's addresses vary. */
static void test_where_blocks_start(void)
{
    enum { COUNT = 600 };
    static char *blocks[COUNT], *between[COUNT];
    heap h = {0};
    size_t bytes = 0;
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = LARGE - COUNT / 2 + i;
        blocks[i] = i % 2 == 0 ? heap_alloc(&h, size) : heap_zalloc(&h, size);
        between[i] = heap_alloc(&h, 16 * (1 + i % 7));
        bytes += heap_footprint(size) + heap_footprint(16 * (1 + i % 7));
        CHECK(placed(blocks[i], size) && between[i] != NULL && h.bytes == bytes);
        memset(blocks[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = LARGE - COUNT / 2 + i;
        CHECK(blocks[i][0] == (char)(i % 251) && blocks[i][size - 1] == (char)(i % 251));
        heap_free(&h, blocks[i], size);
        heap_free(&h, between[i], 16 * (1 + i % 7));
    }
    CHECK(h.bytes == 0);
}

/* Memory that comes back dirty is zeroed again. */
static void test_zeroed(void)
{
    static const size_t sizes[] = {1, 24, 4095, 4096, 4097, 10000, 70001, 300000};
    heap h = {0};
    for (size_t i = 0; i < 4 * sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = sizes[i / 4];
        char *dirty = heap_alloc(&h, size);
        memset(dirty, 0xA5, size);
        heap_free(&h, dirty, size);
        char *p = heap_zalloc(&h, size);
        CHECK(placed(p, size));
        bool zero = true;
        for (size_t k = 0; k < size; k++) {
            zero = zero && p[k] == 0;
        }
        CHECK(zero);
        memset(p, 0xA5, size);
        heap_free(&h, p, size);
    }
    CHECK(h.bytes == 0);
}

/* ---- random operations ---------------------------------------------------------------------- */

typedef struct block {
    unsigned char *bytes; /* NULL: none */
    size_t size;
    uint64_t mark; /* what the bytes are made of */
} block;

static unsigned char byte_at(const block *b, size_t i)
{
    return (unsigned char)((b->mark * (i / 8 + 1)) >> (i % 8 * 8));
}

static void fill(block *b, size_t from)
{
    for (size_t i = from; i < b->size; i++) {
        b->bytes[i] = byte_at(b, i);
    }
}

static bool intact(const block *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (b->bytes[i] != byte_at(b, i)) {
            return false;
        }
    }
    return true;
}

/* Small, around the bound, large, and what malloc gets from the system. */
static size_t random_size(uint64_t *state)
{
    switch (check_below(state, 8)) {
    case 0:
    case 1:
        return 1 + check_below(state, 200);
    case 2:
    case 3:
        return LARGE - 40 + check_below(state, 80);
    case 4:
    case 5:
    case 6:
        return 1 + check_below(state, 4 * LARGE);
    default:
        return check_below(state, 60) == 0 ? 200000 + check_below(state, 100000)
                                           : 1 + check_below(state, 30000);
    }
}

static void make(heap *h, block *b, uint64_t *state, bool fails)
{
    size_t size = random_size(state);
    unsigned how = check_below(state, 3);
    unsigned char *made = how == 0   ? heap_alloc(h, size)
                          : how == 1 ? heap_zalloc(h, size)
                                     : heap_resize(h, NULL, 0, size);
    CHECK((made == NULL) == fails);
    if (made != NULL) {
        CHECK(placed(made, size));
        *b = (block){made, size, check_random(state)};
        fill(b, 0);
    }
}

static void resize(heap *h, block *b, uint64_t *state, bool fails)
{
    size_t size = random_size(state), old = b->size;
    if (check_below(state, 3) == 0) { /* a step, as of an array that grows */
        size = old + old / 4 + 4;
    }
    size = size > 400000 ? 1 : size;
    unsigned char *other = heap_resize(h, b->bytes, old, size);
    CHECK((other == NULL) == fails);
    if (other == NULL) {
        CHECK(intact(b, old));
        return;
    }
    CHECK(placed(other, size));
    b->bytes = other;
    b->size = size;
    CHECK(intact(b, old < size ? old : size));
    fill(b, old < size ? old : size);
}

static void test_random(void)
{
    static block blocks[BLOCKS];
    uint64_t state = 29;
    heap h = {0};
    for (uint32_t step = 0; step < STEPS; step++) {
        block *b = &blocks[check_below(&state, BLOCKS)];
        bool fails = check_below(&state, 8) == 0;
        heap_fail_after(fails ? 0 : SIZE_MAX);
        if (b->bytes == NULL) {
            make(&h, b, &state, fails);
        } else if (check_below(&state, 4) > 0) {
            resize(&h, b, &state, fails);
        } else {
            CHECK(intact(b, b->size));
            heap_free(&h, b->bytes, b->size); /* needs no memory */
            *b = (block){0};
        }
        heap_fail_after(SIZE_MAX);
        size_t bytes = 0;
        for (uint32_t i = 0; i < BLOCKS; i++) {
            bytes += blocks[i].bytes != NULL ? heap_footprint(blocks[i].size) : 0;
        }
        CHECK(h.bytes == bytes);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        CHECK(blocks[i].bytes == NULL || intact(&blocks[i], blocks[i].size));
        heap_free(&h, blocks[i].bytes, blocks[i].size);
    }
    CHECK(h.bytes == 0);
}

/* ---- bounds --------------------------------------------------------------------------------- */

/* From every size around the bound to every other one. */
static void test_across_the_bound(void)
{
    enum { AROUND = 6 };
    heap h = {0};
    for (size_t from = LARGE - AROUND; from <= LARGE + AROUND; from++) {
        for (size_t to = LARGE - AROUND; to <= LARGE + AROUND; to++) {
            block b = {heap_alloc(&h, from), from, from * 7919 + to};
            CHECK(placed(b.bytes, from));
            fill(&b, 0);
            heap_fail_after(0);
            CHECK(heap_resize(&h, b.bytes, from, to) == NULL);
            heap_fail_after(SIZE_MAX);
            CHECK(h.bytes == heap_footprint(from) && intact(&b, from));
            b.bytes = heap_resize(&h, b.bytes, from, to);
            b.size = to;
            CHECK(placed(b.bytes, to) && h.bytes == heap_footprint(to));
            CHECK(intact(&b, from < to ? from : to));
            fill(&b, 0);
            heap_free(&h, b.bytes, to);
        }
    }
    CHECK(h.bytes == 0);
}

/* More than there can be is refused, before a sum of sizes wraps around. */
static void test_too_much(void)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 72, SIZE_MAX / 2 + 1};
    heap h = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t old = 100; old < 10000; old += 9000) {
            block b = {heap_alloc(&h, old), old, 5};
            fill(&b, 0);
            CHECK(heap_alloc(&h, sizes[i]) == NULL && heap_zalloc(&h, sizes[i]) == NULL);
            CHECK(heap_resize(&h, NULL, 0, sizes[i]) == NULL);
            CHECK(heap_resize(&h, b.bytes, old, sizes[i]) == NULL);
            CHECK(intact(&b, old) && h.bytes == heap_footprint(old));
            heap_free(&h, b.bytes, old);
        }
    }
    CHECK(h.bytes == 0);
}

static void test_grow(void)
{
    heap h = {0};
    uint64_t *array = NULL;
    uint32_t cap = 0;
    for (uint32_t need = 1; need < 40000; need++) {
        uint32_t before = cap;
        if (need % 64 == 0) { /* without memory: as it was, unless there is room */
            heap_fail_after(0);
            CHECK(heap_reserve(&h, &array, &cap, need, sizeof *array) == (need <= before));
            CHECK(cap == before);
            heap_fail_after(SIZE_MAX);
        }
        CHECK(heap_reserve(&h, &array, &cap, need, sizeof *array) && cap >= need);
        CHECK(cap == before || cap <= before + before / 4 + 4);
        CHECK(placed(array, cap * sizeof *array));
        CHECK(h.bytes == heap_footprint(cap * sizeof *array));
        array[need - 1] = need * UINT64_C(0x9E3779B97F4A7C15);
        CHECK(array[need / 2] == (need / 2 + 1) * UINT64_C(0x9E3779B97F4A7C15));
    }
    uint32_t wrong = 0;
    for (uint32_t i = 0; i + 1 < 40000; i++) {
        wrong += array[i] != (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    }
    CHECK(wrong == 0);
    uint64_t *same = array;
    uint32_t room = cap;
    CHECK(!heap_grow(&h, &array, &cap, cap + 1, SIZE_MAX / 1000));
    CHECK(array == same && cap == room && h.bytes == heap_footprint(cap * sizeof *array));
    heap_free(&h, array, cap * sizeof *array);
    CHECK(h.bytes == 0);
    /* A capacity beyond uint32 is none. */
    uint32_t huge = UINT32_MAX - 5;
    char *none = NULL;
    CHECK(!heap_grow(&h, &none, &huge, UINT32_MAX, 1));
    CHECK(none == NULL && huge == UINT32_MAX - 5 && h.bytes == 0);
}

int main(void)
{
    test_footprint();
    test_where_blocks_start();
    test_zeroed();
    test_random();
    test_across_the_bound();
    test_too_much();
    test_grow();
    return check_report();
}
