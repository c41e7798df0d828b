/* The string index against a plain list of patterns: random adding, removing and searching, out of
 * memory at every allocation, the wrap of the epoch, and hostile needles. */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "like_oracle.h"
#include "strings_index.h"

#define MOST 400u /* patterns in the model */

static uint64_t state = 42;

typedef struct {
    string_kind kind;
    uint32_t number;
    uint32_t length;
    char bytes[64];
    const char *escape;
} entry;

typedef struct {
    heap heap;
    string_index *index;
    entry entries[MOST];
    uint32_t count;
    string_hits hits;
} model;

static me_value text_of(const char *s)
{
    return value_of_string(s, strlen(s));
}

static bool entry_holds(const entry *e, const char *s, size_t length)
{
    size_t n = e->length;
    if (e->kind == STRING_SUFFIX) {
        return n <= length && memcmp(s + length - n, e->bytes, n) == 0;
    }
    if (e->kind == STRING_CONTAINS) {
        for (size_t i = 0; i + n <= length; i++) {
            if (memcmp(s + i, e->bytes, n) == 0) {
                return true;
            }
        }
        return false;
    }
    return oracle_like(e->bytes, n, e->escape, strlen(e->escape), e->kind == STRING_ILIKE, s,
                       length);
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The text is copied to where ASan sees every read beyond it. */
static void check_search(model *m, const char *s, size_t length)
{
    char *copy = malloc(length + (length == 0));
    if (length != 0) {
        memcpy(copy, s, length);
    }
    uint32_t expected[MOST], count = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        if (entry_holds(&m->entries[i], copy, length)) {
            expected[count++] = m->entries[i].number;
        }
    }
    CHECK(string_index_search(m->index, copy, length, &m->hits));
    CHECK(m->hits.count == count);
    if (m->hits.count == count && count != 0) {
        qsort(m->hits.numbers, count, sizeof *expected, compare_numbers);
        qsort(expected, count, sizeof *expected, compare_numbers);
        CHECK(memcmp(m->hits.numbers, expected, count * sizeof *expected) == 0);
    }
    free(copy);
}

static void check_valid(const model *m)
{
    const char *why = NULL;
    bool valid = string_index_validate(m->index, &why);
    if (!valid) {
        printf("invalid: %s\n", why);
    }
    CHECK(valid && string_index_count(m->index) == m->count);
}

static void model_init(model *m)
{
    memset(m, 0, sizeof *m);
    m->index = string_index_new(&m->heap, check_random(&state));
    string_hits_init(&m->hits);
}

static void model_free(model *m)
{
    string_index_free(m->index);
    string_hits_free(&m->hits);
    CHECK(m->heap.bytes == 0 && m->hits.heap.bytes == 0);
}

/* Adds when it is new. False: no memory. */
static bool model_add(model *m, string_kind kind, const char *bytes, uint32_t length,
                      const char *escape)
{
    if (kind == STRING_SUFFIX || kind == STRING_CONTAINS) {
        escape = "";
    }
    me_value pattern = value_of_string(bytes, length);
    uint32_t found = string_index_find(m->index, kind, pattern, text_of(escape));
    for (uint32_t i = 0; i < m->count; i++) {
        const entry *e = &m->entries[i];
        if (e->kind == kind && e->length == length && memcmp(e->bytes, bytes, length) == 0 &&
            strcmp(e->escape, escape) == 0) {
            CHECK(found == e->number);
            return true;
        }
    }
    CHECK(found == UINT32_MAX);
    if (m->count == MOST) {
        return true;
    }
    uint32_t number = check_below(&state, 1000000) * MOST + m->count;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->entries[i].number == number) {
            return true;
        }
    }
    if (!string_index_add(m->index, kind, pattern, text_of(escape), number)) {
        return false;
    }
    entry *e = &m->entries[m->count++];
    *e = (entry){.kind = kind, .number = number, .length = length, .escape = escape};
    memcpy(e->bytes, bytes, length);
    return true;
}

static void model_remove(model *m, uint32_t i)
{
    string_index_remove(m->index, m->entries[i].number);
    m->entries[i] = m->entries[--m->count];
}

static const char *const units[] = {"a", "b", "A", "\n", "é", "É", "😀", "\xC8\xBA", "\xE2\xB1\xA5"};
#define UNITS ((uint32_t)(sizeof units / sizeof *units))

/* Code points of a small alphabet, with wildcards when `wild`. */
static uint32_t random_bytes(char *out, uint32_t most, uint32_t alphabet, bool wild)
{
    uint32_t length = 0;
    for (uint32_t n = check_below(&state, most + 1); n > 0; n--) {
        uint32_t pick = wild ? check_below(&state, 6) : 9;
        const char *unit = units[check_below(&state, alphabet)];
        unit = pick == 0 ? "%" : pick == 1 ? "_" : unit;
        memcpy(out + length, unit, strlen(unit));
        length += (uint32_t)strlen(unit);
    }
    return length;
}

/* Doubles `a`, so that it is valid as an escape, and leaves nothing escaped that may not be. */
static uint32_t escape_a(char *bytes, uint32_t length)
{
    char out[64];
    uint32_t n = 0;
    for (uint32_t i = 0; i < length && n + 2 < sizeof out; i++) {
        out[n++] = bytes[i];
        if (bytes[i] == 'a') {
            out[n++] = "a%_"[check_below(&state, 3)];
        }
    }
    memcpy(bytes, out, n);
    return n;
}

static bool random_add(model *m, uint32_t alphabet)
{
    static const string_kind kinds[] = {STRING_SUFFIX, STRING_CONTAINS, STRING_LIKE, STRING_ILIKE};
    string_kind kind = kinds[check_below(&state, 4)];
    bool like = kind == STRING_LIKE || kind == STRING_ILIKE;
    char bytes[64];
    uint32_t length = random_bytes(bytes, check_below(&state, 4) == 0 ? 15 : 5, alphabet, like);
    if (like && check_below(&state, 8) == 0) {
        length = escape_a(bytes, length);
        if (utf8_valid_prefix(bytes, length) == length) {
            return model_add(m, kind, bytes, length, "a");
        }
        return true;
    }
    return model_add(m, kind, bytes, length, "");
}

static void random_search(model *m, uint32_t alphabet)
{
    char s[512];
    uint32_t most = check_below(&state, 10) == 0 ? 120 : 25;
    check_search(m, s, random_bytes(s, most, alphabet, false));
}

static void test_interleavings(void)
{
    static model m;
    for (int round = 0; round < 60; round++) {
        uint32_t alphabet = 1 + check_below(&state, UNITS), size = 1 + check_below(&state, MOST);
        model_init(&m);
        for (int step = 0; step < 1200; step++) {
            bool shrink = m.count >= size || (step > 900 && m.count > 0);
            if (m.count > 0 && (shrink || check_below(&state, 3) == 0)) {
                model_remove(&m, check_below(&state, m.count));
            } else {
                CHECK(random_add(&m, alphabet));
            }
            if (step % 8 == 0 || m.count < 20) {
                check_valid(&m);
            }
            if (step % 4 == 0) {
                random_search(&m, alphabet);
            }
        }
        while (m.count > 0) {
            model_remove(&m, check_below(&state, m.count));
            check_valid(&m);
        }
        random_search(&m, alphabet);
        model_free(&m);
    }
}

static void test_overlaps(void)
{
    static model m;
    static const char *const needles[] = {"aba",
                                          "a",
                                          "ab",
                                          "bab",
                                          "b",
                                          "",
                                          "ababa",
                                          "baba",
                                          "abababab",
                                          "bababababa",
                                          "babababababababab"};
    model_init(&m);
    for (uint32_t i = 0; i < 11; i++) {
        uint32_t n = (uint32_t)strlen(needles[i]);
        CHECK(model_add(&m, STRING_CONTAINS, needles[i], n, ""));
        CHECK(model_add(&m, STRING_SUFFIX, needles[i], n, ""));
        CHECK(model_add(&m, STRING_LIKE, needles[i], n, "!"));
        check_valid(&m);
    }
    check_search(&m, "ababa", 5);
    check_search(&m, "", 0);
    check_search(&m, NULL, 0);
    check_search(&m, "abababababababababab", 20);
    check_search(&m, "xxabababab\0bababababababababab", 30);
    while (m.count > 0) {
        model_remove(&m, 0);
        check_valid(&m);
        check_search(&m, "babababababababababab", 21);
    }
    model_free(&m);
}

/* Patterns that share one needle in every role: the trie must always have one to show. */
static void test_shared_needle(void)
{
    static model m;
    static const char *const patterns[] = {"%volcano%",   "volcano%",   "%volcano",   "%volcano%a%",
                                           "%a%volcano%", "%_volcano%", "%volcano_%", "volcano"};
    for (int round = 0; round < 50; round++) {
        model_init(&m);
        for (uint32_t i = 0; i < 8; i++) {
            uint32_t n = (uint32_t)strlen(patterns[i]);
            CHECK(model_add(&m, STRING_LIKE, patterns[i], n, ""));
            CHECK(model_add(&m, STRING_ILIKE, patterns[i], n, "!"));
        }
        CHECK(model_add(&m, STRING_CONTAINS, "volcano", 7, ""));
        CHECK(model_add(&m, STRING_CONTAINS, "volcanology", 11, ""));
        CHECK(model_add(&m, STRING_SUFFIX, "volcano", 7, ""));
        while (m.count > 0) {
            check_valid(&m);
            check_search(&m, "a volcano", 9);
            check_search(&m, "VOLCANO ash", 11);
            check_search(&m, "volcanology", 11);
            model_remove(&m, check_below(&state, m.count));
        }
        model_free(&m);
    }
}

/* Fails each allocation in turn: whatever happens, the index answers for what it says it has. */
static void test_no_memory(void)
{
    static model m;
    for (int round = 0; round < 40; round++) {
        model_init(&m);
        uint32_t alphabet = 1 + check_below(&state, UNITS);
        for (int step = 0; step < 200; step++) {
            heap_fail_after(check_below(&state, 12));
            if (check_below(&state, 3) == 0 && m.count > 0) {
                model_remove(&m, check_below(&state, m.count));
            } else {
                (void)random_add(&m, alphabet);
            }
            heap_fail_after(0);
            bool searched = string_index_search(m.index, "ab", 2, &m.hits);
            heap_fail_after(SIZE_MAX);
            CHECK(searched || m.hits.count <= m.count);
            check_valid(&m);
            if (step % 16 == 0) {
                random_search(&m, alphabet);
            }
        }
        heap_fail_after(0); /* removing needs no memory */
        while (m.count > 0) {
            model_remove(&m, m.count - 1);
        }
        heap_fail_after(SIZE_MAX);
        check_valid(&m);
        model_free(&m);
    }
    heap_fail_after(0);
    heap h = {0};
    CHECK(string_index_new(&h, 1) == NULL);
    heap_fail_after(SIZE_MAX);
}

static void test_epoch_wrap(void)
{
    static model m;
    model_init(&m);
    for (int i = 0; i < 60; i++) {
        CHECK(random_add(&m, 3));
    }
    random_search(&m, 3);
    m.hits.epoch = UINT32_MAX - 20;
    for (int i = 0; i < 60; i++) {
        random_search(&m, 3);
        CHECK(m.hits.epoch != 0);
    }
    CHECK(m.hits.epoch < 60);
    model_free(&m);
}

static double seconds_since(clock_t start)
{
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

/* Fills an index with `count` needles and returns the seconds that a search of a^length takes. */
static double hostile(uint32_t count, uint32_t length, void (*make)(uint32_t i, char *out),
                      uint32_t hits_expected)
{
    heap h = {0};
    string_hits hits;
    string_hits_init(&hits);
    string_index *ix = string_index_new(&h, check_random(&state));
    char *buffer = malloc(length + 1);
    for (uint32_t i = 0; i < count; i++) {
        make(i, buffer);
        CHECK(string_index_add(ix, STRING_CONTAINS, text_of(buffer), text_of(""), i));
    }
    memset(buffer, 'a', length);
    clock_t start = clock();
    CHECK(string_index_search(ix, buffer, length, &hits));
    double seconds = seconds_since(start);
    CHECK(hits.count == hits_expected);
    const char *why = NULL;
    CHECK(string_index_validate(ix, &why));
    for (uint32_t i = 0; i < count; i++) {
        string_index_remove(ix, (i * 7) % count);
    }
    string_index_free(ix);
    string_hits_free(&hits);
    free(buffer);
    CHECK(h.bytes == 0);
    return seconds;
}

static void nested(uint32_t i, char *out)
{
    memset(out, 'a', i + 1);
    out[i + 1] = '\0';
}

/* All 16-byte strings of two letters that begin alike: one gram for thousands. */
static void binary(uint32_t i, char *out)
{
    memcpy(out, "aaaaaaaa", 8);
    for (uint32_t bit = 0; bit < 12; bit++) {
        out[8 + bit] = (i >> bit & 1) != 0 ? 'b' : 'a';
    }
    out[20] = '\0';
}

static void test_hostile(void)
{
    CHECK(hostile(1000, 10000, nested, 1000) < 5);
    CHECK(hostile(4096, 100000, binary, 1) < 5);
}

/* Memory comes back while patterns go, not only at the end. */
static void test_memory_given_back(void)
{
    heap h = {0};
    string_index *ix = string_index_new(&h, 7);
    size_t empty = h.bytes;
    uint32_t count = 20000;
    for (uint32_t i = 0; i < count; i++) {
        char bytes[32];
        snprintf(bytes, sizeof bytes, "%s%u-%u", i % 2 == 0 ? "http://" : "", i * 7919, i);
        string_kind kind = i % 3 == 0 ? STRING_SUFFIX : STRING_CONTAINS;
        CHECK(string_index_add(ix, kind, text_of(bytes), text_of(""), i));
    }
    size_t full = h.bytes;
    CHECK(full - empty < count * 250u);
    for (uint32_t i = 0; i < count; i++) {
        string_index_remove(ix, i);
        if (i == count / 10 * 9) {
            CHECK(h.bytes - empty < (full - empty) / 5);
        }
    }
    CHECK(h.bytes == empty);
    string_index_free(ix);
    CHECK(h.bytes == 0);
}

int main(void)
{
    test_overlaps();
    test_shared_needle();
    test_interleavings();
    test_no_memory();
    test_epoch_wrap();
    test_hostile();
    test_memory_given_back();
    return check_report();
}
