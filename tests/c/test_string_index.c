/* The string index against a plain list of patterns: random adding, removing and searching, out of
 * memory at every allocation, the wrap of the epoch, and hostile needles. */
#include <time.h>

#include "strings_model.h"

static const char *const units[] = {"a", "b",  "A",        "\n",          "é",
                                    "É", "😀", "\xC8\xBA", "\xE2\xB1\xA5"};
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

/* A regex of literals, wildcards, and now and then another way: `a|`. */
static uint32_t as_regex(const char *bytes, uint32_t length, char *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < length; i++) {
        const char *piece = bytes[i] == '%' ? "(.|\n)*" : bytes[i] == '_' ? "[^b]" : NULL;
        if (piece != NULL) {
            memcpy(out + n, piece, strlen(piece));
            n += (uint32_t)strlen(piece);
        } else {
            out[n++] = bytes[i];
        }
        if (piece == NULL && bytes[i] == 'a' && check_below(&state, 8) == 0) {
            out[n++] = '|';
        }
    }
    return n;
}

static bool random_add(model *m, uint32_t alphabet)
{
    static const string_kind kinds[] = {STRING_SUFFIX, STRING_CONTAINS, STRING_LIKE, STRING_ILIKE,
                                        STRING_MATCHES};
    string_kind kind = kinds[check_below(&state, 5)];
    if (kind == STRING_MATCHES) {
        char wild[64], written[512];
        uint32_t size = random_bytes(wild, check_below(&state, 4) == 0 ? 12 : 4, alphabet, true);
        return model_add(m, kind, written, as_regex(wild, size, written), "");
    }
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

/* Needles nested by the hundred, which send the walks on hops; some are filed by a gram in their
 * middle, so that finding the key is not enough. */
static void test_long_walks(void)
{
    static model m;
    for (int round = 0; round < 20; round++) {
        char s[1400];
        uint32_t period = 1 + check_below(&state, 4), breaks = check_below(&state, 4);
        for (uint32_t i = 0; i < sizeof s; i++) {
            s[i] = (char)('a' + i % period);
        }
        model_init(&m);
        for (uint32_t i = 0; i < MOST; i++) {
            char bytes[512];
            uint32_t length = 1 + check_below(&state, round % 2 == 0 ? 300 : 120);
            memcpy(bytes, s + check_below(&state, period), length);
            uint32_t change = check_below(&state, 12);
            if (change < 3) { /* at the front, at the end, or somewhere */
                uint32_t places[] = {0, length - 1, check_below(&state, length)};
                bytes[places[change]] = (char)('a' + check_below(&state, 6));
            }
            bool like = check_below(&state, 8) == 0;
            if (like) {
                memmove(bytes + 1, bytes, length);
                bytes[0] = bytes[length + 1] = '%';
                bytes[length + 2] = 'e';
                bytes[length + 3] = '%';
                length += 4;
            }
            CHECK(model_add(&m, like ? STRING_LIKE : STRING_CONTAINS, bytes, length, ""));
        }
        check_valid(&m);
        for (uint32_t i = 0; i < breaks; i++) {
            s[check_below(&state, sizeof s)] = (char)('a' + check_below(&state, 6));
        }
        for (int search = 0; search < 6; search++) {
            uint32_t from = check_below(&state, 900);
            check_search(&m, s + from, check_below(&state, (uint32_t)sizeof s - from));
            check_search(&m, s, sizeof s);
            for (int i = 0; i < 40 && m.count > 0; i++) {
                model_remove(&m, check_below(&state, m.count));
            }
            check_valid(&m);
        }
        CHECK(round % 2 != 0 || m.hits.hops != NULL || period > 2);
        model_free(&m);
    }
}

/* A needle filed by a gram in its middle, whose key many walks pass in vain: the hops must not pass
 * over it, since what stands before the key may yet be right. */
static void test_unsettled(void)
{
    static model m;
    char s[1600];
    memset(s, 'a', sizeof s);
    s[1000] = 'q';
    model_init(&m);
    CHECK(model_add(&m, STRING_CONTAINS, "qaaaaaaaz", 9, "")); /* takes the needle's first gram */
    CHECK(model_add(&m, STRING_CONTAINS, s + 1000, 101, ""));
    for (uint32_t length = 8; length < 300; length++) {
        CHECK(model_add(&m, STRING_CONTAINS, s, length, ""));
    }
    const string_pattern *p = m.index->all[1];
    CHECK(p->needle.start > 0 && p->needle.length == 101);
    check_search(&m, s, 1000);
    CHECK(m.hits.count == 292 && m.hits.hops != NULL);
    check_search(&m, s, sizeof s);
    CHECK(m.hits.count == 293);
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
    test_long_walks();
    test_unsettled();
    test_epoch_wrap();
    test_hostile();
    test_memory_given_back();
    return check_report();
}
