/* Where keys lead, against a plain table of what was kept; and whose references are owned. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "key_cache.h"

enum { KEYS = 64, PARENTS = 24, SPREAD = 120000 };

/* Addresses are never followed, so any number is one. */
static const void *address(uint64_t number)
{
    return (const void *)(uintptr_t)number;
}

static bool keep(key_cache *c, const void *key, uint32_t parent, uint32_t node, uint32_t length)
{
    const void *dropped[KEY_WAYS];
    uint32_t count = 99;
    bool kept = key_cache_keep(c, key, parent, node, length, dropped, &count);
    CHECK(kept && count == 0);
    return kept;
}

static bool leads(const key_cache *c, const void *key, uint32_t parent, uint32_t to)
{
    uint32_t node = 0, length = 0;
    return key_cache_find(c, key, parent, &node, &length) && node == to;
}

static bool unknown(const key_cache *c, const void *key, uint32_t parent)
{
    uint32_t node, length;
    return !key_cache_find(c, key, parent, &node, &length);
}

static uint32_t held(const key_cache *c)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < key_cache_room(c); i++) {
        count += key_cache_at(c, i) != NULL;
    }
    return count;
}

static void test_one_key(void)
{
    heap h = {0};
    key_cache c = {.heap = &h, .version = 1};
    const void *key = address(0x1000);
    CHECK(key_cache_room(&c) == 0 && unknown(&c, key, 0));
    key_cache_prefetch(&c, key, 0);
    key_cache_free(&c); /* nothing yet */
    keep(&c, key, 0, 7 | KEY_WANTED, KEY_LONGEST);
    keep(&c, key, 7, KEY_NODE, 0);
    key_cache_prefetch(&c, key, 0);
    uint32_t node, length;
    CHECK(key_cache_find(&c, key, 0, &node, &length));
    CHECK(node == (7 | KEY_WANTED) && length == KEY_LONGEST);
    CHECK(key_cache_find(&c, key, 7, &node, &length) && node == KEY_NODE && length == 0);
    CHECK(unknown(&c, key, 1) && unknown(&c, address(0x1010), 0));
    CHECK(held(&c) == 2);
    CHECK(h.bytes == heap_footprint(key_cache_room(&c) / KEY_WAYS * sizeof(key_line)));
    CHECK(((uintptr_t)c.lines & 63) == 0 && sizeof(key_line) == 64);
    key_cache_free(&c);
    CHECK(h.bytes == 0 && key_cache_room(&c) == 0 && unknown(&c, key, 0));
}

/* The i-th pair of those that share all of their hash, and so the line whatever their number. */
static const void *twin_of(uint32_t i)
{
    return address(0x7F00000000000000 - ((uint64_t)i << 40));
}

static void test_one_line(void)
{
    heap h = {0};
    key_cache c = {.heap = &h, .version = 5};
    for (uint32_t i = 0; i < KEY_WAYS; i++) {
        CHECK(key_hash(twin_of(i), i) == key_hash(twin_of(0), 0));
        keep(&c, twin_of(i), i, 100 + i, i);
    }
    for (uint32_t i = 0; i < KEY_WAYS; i++) {
        CHECK(leads(&c, twin_of(i), i, 100 + i));
        CHECK(unknown(&c, twin_of(i), i + 1) && unknown(&c, twin_of(i + 1), i));
    }
    for (uint32_t i = KEY_WAYS; i < 60; i++) { /* a full line: one in, one out */
        const void *dropped[KEY_WAYS];
        uint32_t count, known = 0;
        CHECK(key_cache_keep(&c, twin_of(i), i, 100 + i, i, dropped, &count) && count == 1);
        for (uint32_t k = 0; k <= i; k++) {
            bool found = leads(&c, twin_of(k), k, 100 + k);
            CHECK(!found || dropped[0] != twin_of(k));
            known += found;
        }
        CHECK(known == KEY_WAYS && held(&c) == KEY_WAYS && leads(&c, twin_of(i), i, 100 + i));
    }
    /* One key below parents that the hash does not tell apart. */
    const void *key = address(0x2000);
    for (uint32_t i = 0; i < KEY_WAYS; i++) {
        keep(&c, key, i << 24, i, 3);
    }
    for (uint32_t i = 0; i < KEY_WAYS; i++) {
        CHECK(leads(&c, key, i << 24, i));
    }
    key_cache_free(&c);
    CHECK(h.bytes == 0);
}

static void test_versions(void)
{
    heap h = {0};
    key_cache c = {.heap = &h, .version = 1};
    const void *dropped[KEY_WAYS];
    uint32_t count;
    for (uint32_t i = 0; i < KEY_WAYS; i++) {
        keep(&c, twin_of(i), i, i, 1);
    }
    keep(&c, address(64), 0, 9, 1);
    c.version = 2;
    for (uint32_t i = 0; i < KEY_WAYS; i++) {
        CHECK(unknown(&c, twin_of(i), i));
    }
    CHECK(held(&c) == KEY_WAYS + 1); /* still owned */
    /* The same pair again: all of the old line goes, the key itself included. */
    CHECK(key_cache_keep(&c, twin_of(1), 1, 50, 1, dropped, &count) && count == KEY_WAYS);
    for (uint32_t i = 0; i < KEY_WAYS; i++) {
        CHECK(dropped[0] == twin_of(i) || dropped[1] == twin_of(i) || dropped[2] == twin_of(i));
        CHECK(i == 1 ? leads(&c, twin_of(i), i, 50) : unknown(&c, twin_of(i), i));
    }
    CHECK(unknown(&c, address(64), 0) && held(&c) == 2);
    CHECK(key_cache_keep(&c, address(64), 0, 10, 1, dropped, &count) && count == 1);
    CHECK(dropped[0] == address(64) && leads(&c, address(64), 0, 10));
    key_cache_free(&c);
    CHECK(h.bytes == 0);
}

/* Another key of the line of (key, 0), with another mark. */
static const void *neighbour(const key_cache *c, const void *key)
{
    uint64_t number = (uintptr_t)key;
    do {
        number += 16;
    } while (key_cache_line(c, address(number), 0) != key_cache_line(c, key, 0));
    return address(number);
}

static void test_what_is_due(void)
{
    heap h = {0};
    key_cache c = {.heap = &h, .version = 1};
    const void *key = address(0x5000);
    CHECK(!key_cache_is_due(&c, key, 0));
    const void *near = neighbour(&c, key), *far = address(0x5010);
    CHECK(key_cache_line(&c, far, 0) != key_cache_line(&c, key, 0));
    CHECK(!key_cache_is_due(&c, far, 0));
    CHECK(key_cache_is_due(&c, key, 0) && key_cache_is_due(&c, key, 0));
    CHECK(!key_cache_is_due(&c, near, 0)); /* in between */
    CHECK(!key_cache_is_due(&c, key, 0) && !key_cache_is_due(&c, near, 0));
    CHECK(key_cache_is_due(&c, near, 0) && !key_cache_is_due(&c, key, 1));
    CHECK(key_cache_is_due(&c, far, 0) && held(&c) == 0);
    keep(&c, key, 0, 1, 1);
    CHECK(key_cache_is_due(&c, near, 0)); /* keeping is not coming up */
    c.version = 2;
    CHECK(key_cache_is_due(&c, near, 0) && key_cache_is_due(&c, far, 0));
    const void *dropped[KEY_WAYS];
    uint32_t count;
    CHECK(key_cache_keep(&c, key, 0, 1, 1, dropped, &count) && count == 1 && dropped[0] == key);
    CHECK(key_cache_is_due(&c, near, 0));
    key_cache_free(&c);
    CHECK(h.bytes == 0);
}

/* ---- random operations ---------------------------------------------------------------------- */

/* What was kept last for a pair, and how many references the cache owns. */
typedef struct model {
    struct {
        uint64_t version; /* 0: never kept */
        uint32_t node, length;
    } pairs[KEYS][PARENTS];
    uint32_t references[KEYS];
    uint64_t version;
} model;

/* Few addresses that collide in every way: neighbours, equal low bits, sums with a parent. */
static const void *key_number(uint32_t i)
{
    return address(((uint64_t)(i % 16) << 40) + (i / 16 % 2) * 16 + (i / 32) * 4096 + 0x100000);
}

static uint32_t parent_number(uint32_t i)
{
    return i < PARENTS / 2 ? i : i << 24;
}

static uint32_t number_of_key(const void *key)
{
    uint32_t i = 0;
    while (i < KEYS && key_number(i) != key) {
        i++;
    }
    return i;
}

static void check_model(const key_cache *c, const model *m)
{
    uint32_t counts[KEYS] = {0}, known = 0, current = 0;
    for (uint32_t i = 0; i < key_cache_room(c); i++) {
        if (key_cache_at(c, i) != NULL) {
            uint32_t key = number_of_key(key_cache_at(c, i));
            CHECK(key < KEYS);
            counts[key % KEYS]++;
            current += c->lines[i / KEY_WAYS].version == c->version;
        }
    }
    CHECK(memcmp(counts, m->references, sizeof counts) == 0);
    for (uint32_t k = 0; k < KEYS; k++) {
        uint32_t below = 0;
        for (uint32_t p = 0; p < PARENTS; p++) {
            uint32_t node, length;
            if (key_cache_find(c, key_number(k), parent_number(p), &node, &length)) {
                CHECK(m->pairs[k][p].version == m->version);
                CHECK(m->pairs[k][p].node == node && m->pairs[k][p].length == length);
                below++;
            }
        }
        CHECK(below <= counts[k]);
        known += below;
    }
    CHECK(known == current); /* every pair once, and none that was never kept */
}

static void random_keep(key_cache *c, model *m, uint64_t *state)
{
    uint32_t k = check_below(state, KEYS), p = check_below(state, PARENTS);
    uint32_t node, length, count;
    const void *dropped[KEY_WAYS];
    if (key_cache_find(c, key_number(k), parent_number(p), &node, &length)) {
        CHECK(m->pairs[k][p].version == m->version && m->pairs[k][p].node == node);
        return;
    }
    (void)key_cache_is_due(c, key_number(k), parent_number(p));
    node = (uint32_t)check_random(state), length = check_below(state, KEY_LONGEST + 1);
    uint32_t room = key_cache_room(c);
    bool kept = key_cache_keep(c, key_number(k), parent_number(p), node, length, dropped, &count);
    CHECK(kept || (room == 0 && count == 0 && key_cache_room(c) == 0));
    if (kept) {
        m->references[k]++;
        m->pairs[k][p].version = m->version;
        m->pairs[k][p].node = node;
        m->pairs[k][p].length = length;
        CHECK(leads(c, key_number(k), parent_number(p), node));
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = number_of_key(dropped[i]);
        CHECK(key < KEYS && m->references[key % KEYS] > 0);
        m->references[key % KEYS]--;
    }
}

static void test_random(void)
{
    uint64_t state = 17;
    for (uint32_t round = 0; round < 12; round++) {
        static model m;
        heap h = {0};
        m = (model){.version = 1};
        key_cache c = {.heap = &h, .version = 1};
        uint32_t patience = 1 + check_below(&state, 3000); /* operations of a version */
        for (uint32_t step = 0; step < 6000; step++) {
            if (check_below(&state, patience) == 0) {
                c.version = ++m.version;
            }
            if (check_below(&state, 4) == 0) { /* the next allocation or the one after fails */
                heap_fail_after(check_below(&state, 2));
            }
            random_keep(&c, &m, &state);
            heap_fail_after(SIZE_MAX);
            if (step % 500 == 0 || step < 3) {
                check_model(&c, &m);
            }
        }
        check_model(&c, &m);
        key_cache_free(&c);
        CHECK(h.bytes == 0);
    }
}

/* ---- growth --------------------------------------------------------------------------------- */

/* As malloc gives them: 48 or 64 bytes apart. */
static const void *spread(uint32_t i)
{
    return address(0x7F12345678A0 + (uint64_t)i * 48 + (i & 8) * 2);
}

/* Keeps keys number `from` to `to`; whatever is owned is counted in `references`. */
static void keep_spread(key_cache *c, uint32_t from, uint32_t to, uint8_t *references)
{
    for (uint32_t i = from; i < to; i++) {
        const void *dropped[KEY_WAYS];
        uint32_t count;
        CHECK(key_cache_keep(c, spread(i), 0, i, i % 256, dropped, &count));
        references[i]++;
        for (uint32_t k = 0; k < count; k++) {
            uint32_t low = 0, high = SPREAD;
            while (high - low > 1) { /* spread() rises */
                uint32_t middle = low + (high - low) / 2;
                *((uintptr_t)spread(middle) <= (uintptr_t)dropped[k] ? &low : &high) = middle;
            }
            CHECK(spread(low) == dropped[k] && references[low] == 1);
            references[low]--;
        }
    }
}

/* A key is known when it is owned and never otherwise; returns how many are. */
static uint32_t check_spread(const key_cache *c, const uint8_t *references)
{
    uint32_t owned = 0, wrong = 0;
    for (uint32_t i = 0; i < SPREAD; i++) {
        uint32_t node = 0, length = 0;
        bool found = key_cache_find(c, spread(i), 0, &node, &length);
        wrong += found != (references[i] == 1) || references[i] > 1;
        wrong += found && (node != i || length != i % 256);
        owned += references[i];
    }
    CHECK(wrong == 0);
    CHECK(owned == held(c));
    return owned;
}

static void test_growth(void)
{
    heap h = {0};
    key_cache c = {.heap = &h, .version = 3};
    static uint8_t references[SPREAD];
    memset(references, 0, sizeof references);
    uint32_t room = 0, doublings = 0;
    for (uint32_t done = 0; done < SPREAD; done += 64) {
        uint32_t end = done + 64 < SPREAD ? done + 64 : SPREAD;
        keep_spread(&c, done, end, references);
        if (key_cache_room(&c) != room) {
            CHECK(room == 0 || key_cache_room(&c) == 2 * room);
            room = key_cache_room(&c);
            doublings++;
            CHECK(h.bytes == heap_footprint(room / KEY_WAYS * sizeof(key_line)));
            CHECK(((uintptr_t)c.lines & 63) == 0);
            /* Growing pushed none out, but lines that were full before the others did. */
            CHECK(check_spread(&c, references) > end / 2);
        }
    }
    CHECK(doublings == 8 && room == KEY_LINES_MOST * KEY_WAYS);
    CHECK(check_spread(&c, references) > KEY_LINES_MOST * 2);
    c.version++;
    CHECK(held(&c) > 0 && unknown(&c, spread(SPREAD - 1), 0));
    key_cache_free(&c);
    CHECK(h.bytes == 0);
}

/* A cache that may not grow goes on with the lines it has, and grows when it may. */
static void test_no_memory(void)
{
    heap h = {0};
    key_cache c = {.heap = &h, .version = 1};
    static uint8_t references[SPREAD];
    memset(references, 0, sizeof references);
    const void *dropped[KEY_WAYS];
    uint32_t count = 99;
    heap_fail_after(0);
    CHECK(!key_cache_is_due(&c, spread(0), 0) && !key_cache_is_due(&c, spread(0), 0));
    CHECK(!key_cache_keep(&c, spread(0), 0, 0, 0, dropped, &count) && count == 0);
    CHECK(unknown(&c, spread(0), 0) && key_cache_room(&c) == 0 && h.bytes == 0);
    heap_fail_after(SIZE_MAX);
    keep_spread(&c, 0, 100, references);
    uint32_t room = key_cache_room(&c);
    size_t bytes = h.bytes;
    heap_fail_after(0);
    keep_spread(&c, 100, 5000, references);
    heap_fail_after(SIZE_MAX);
    CHECK(key_cache_room(&c) == room && h.bytes == bytes);
    CHECK(check_spread(&c, references) > room * 9 / 10);
    keep_spread(&c, 5000, 10000, references);
    CHECK(key_cache_room(&c) > room);
    (void)check_spread(&c, references);
    key_cache_free(&c);
    CHECK(h.bytes == 0);
}

/* Growth takes the lines of older versions along: owned, unknown, and given up in their turn. */
static void test_growth_with_old_lines(void)
{
    heap h = {0};
    key_cache c = {.heap = &h, .version = 1};
    static uint8_t references[SPREAD];
    memset(references, 0, sizeof references);
    keep_spread(&c, 0, 400, references);
    uint32_t room = key_cache_room(&c);
    c.version = 2;
    keep_spread(&c, 400, 4000, references);
    CHECK(key_cache_room(&c) > room);
    uint32_t owned = 0, old = 0;
    for (uint32_t i = 0; i < 4000; i++) {
        owned += references[i];
        old += i < 400 && references[i] > 0;
        CHECK(i >= 400 || unknown(&c, spread(i), 0));
        CHECK(i < 400 || leads(&c, spread(i), 0, i) == (references[i] > 0));
    }
    CHECK(owned == held(&c) && old < 400);
    key_cache_free(&c);
    CHECK(h.bytes == 0);
}

int main(void)
{
    test_one_key();
    test_one_line();
    test_versions();
    test_what_is_due();
    test_random();
    test_growth();
    test_no_memory();
    test_growth_with_old_lines();
    return check_report();
}
