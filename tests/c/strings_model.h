/* strings_model.h - a string index beside a plain list of its patterns, which is asked the same. */
#ifndef MATCHENGINE_STRINGS_MODEL_H
#define MATCHENGINE_STRINGS_MODEL_H

#include <stdlib.h>

#include "check.h"
#include "like_oracle.h"
#include "string_parts.h"

#define MOST 400u /* patterns in the model */

static uint64_t state = 42;

typedef struct {
    string_kind kind;
    uint32_t number;
    uint32_t length;
    char bytes[512];
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
    if (e->kind == STRING_MATCHES) { /* test_regex.c has tested it */
        heap h = {0};
        regex *r = regex_compile(&h, e->bytes, n, NULL);
        uint64_t *words = malloc((regex_state_words(r) + 1) * sizeof *words);
        bool answer = regex_match(r, s, length, words, NULL);
        free(words);
        regex_free(&h, r);
        return answer;
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
    if (kind != STRING_LIKE && kind != STRING_ILIKE) {
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

#endif
