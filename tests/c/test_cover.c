/* Covering: filters beside filters, and an engine's answers beside those about pairs. */
#include <stdio.h>

#include "cover.h"
#include "engine_kit.h"

/* 512 of them, of which no more than 256 are made. */
#define EITHER(a) "(" a "1 = 'x' OR " a "2 > 3 OR " a "3 IS NULL OR " a "4 LIKE 'x%')"
#define TOO_MANY_TERMS \
    EITHER("a") " AND " EITHER("b") " AND " EITHER("c") " AND " EITHER("d") " AND (a = 1 OR " \
                                                                            "MATCHES(b, 'x+'))"

static const char *const TEXTS[] = {
    "",
    "a = 1",
    "a = 2 AND b = 'x'",
    "a IN (1, 2, 'x')",
    "a > 0",
    "a > 0 AND a < 9",
    "a BETWEEN 1 AND 2 AND b >= 'w'",
    "a BETWEEN 2 AND 1",
    "STARTS_WITH(b, 'x') AND EXISTS(a)",
    "b LIKE '%x' OR b LIKE 'x_y%' ESCAPE '!'",
    "b LIKE 'x%' AND CONTAINS(b, 'xy') AND ENDS_WITH(b, 'y')",
    "MATCHES(b, 'x+y') AND b <> 'y'",
    "NOT a > 5",
    "NOT (a > 4 AND b = 'x') AND a IS NOT NULL",
    "a IS NULL",
    "a IS NULL AND c.d = TRUE",
    "NOT EXISTS(a) OR new = 3",
    "(a = 1 OR b = 'x') AND (a = 2 OR c.d = TRUE) AND (new = 1 OR new = 2 OR new = 3)",
    "a = 123456789012345678901234567890 OR a < 1e300",
    "FALSE",
    TOO_MANY_TERMS,
    TOO_MANY_TERMS " OR (" TOO_MANY_TERMS " AND NOT (a + b > 5 AND b LIKE 'x%'))",
};
#define COUNT (sizeof TEXTS / sizeof TEXTS[0])

typedef struct all {
    heap heap;
    filter_writer filters[COUNT];
} all;

static bool open_all(all *a)
{
    bool parsed = true;
    a->heap = (heap){0};
    for (size_t i = 0; i < COUNT; i++) {
        parsed = parsed && kit_parse(TEXTS[i], &a->heap, &a->filters[i]);
    }
    return parsed;
}

static void close_all(all *a)
{
    for (size_t i = 0; i < COUNT; i++) {
        filter_writer_free(&a->filters[i]);
    }
}

static bool pair(const all *a, me_relation relation, me_values values, size_t f, size_t g)
{
    const filter_writer *x = &a->filters[f], *y = &a->filters[g];
    bool answer = false;
    me_status status =
        relation == ME_OVERLAPPING
            ? me_filter_overlaps(x->bytes, x->length, y->bytes, y->length, values, &answer)
            : me_filter_covers(x->bytes, x->length, y->bytes, y->length, &answer);
    return status == ME_OK && answer;
}

/* What the engine says of filter f, and what the pairs say. */
static bool agrees(kit *k, const all *a, const uint32_t *handles, me_relation relation,
                   me_values values, size_t f)
{
    const uint32_t *found = NULL;
    uint32_t count = 0, expected = 0, next = 0;
    bool right = me_engine_related(k->e, k->ev, relation, values, UINT32_MAX, a->filters[f].bytes,
                                   a->filters[f].length, &next, &found, &count) == ME_OK;
    for (size_t g = 0; g < COUNT; g++) {
        bool is = relation == ME_COVERING ? pair(a, relation, values, g, f)
                                          : pair(a, relation, values, f, g);
        bool has = false;
        for (uint32_t i = 0; i < count; i++) {
            has |= found[i] == handles[g];
        }
        expected += is;
        right &= is == has;
        if (is != has) {
            printf("%s / %s: %d, %d\n", TEXTS[f], TEXTS[g], (int)relation, (int)values);
        }
    }
    return right && expected == count;
}

static void test_engine(void)
{
    kit k;
    all a;
    uint32_t handles[COUNT];
    CHECK(kit_open(&k) && open_all(&a));
    for (size_t i = 0; i < COUNT; i++) {
        handles[i] = kit_add(&k, TEXTS[i]);
        if (i == COUNT / 2) {
            CHECK(me_engine_keep_notes(k.e) == ME_OK);
        }
    }
    for (size_t f = 0; f < COUNT; f++) {
        CHECK(agrees(&k, &a, handles, ME_COVERING, ME_VALUES_ONE, f)); /* makes no difference */
        CHECK(agrees(&k, &a, handles, ME_COVERED, ME_VALUES_ONE_SHARED, f));
        CHECK(agrees(&k, &a, handles, ME_OVERLAPPING, ME_VALUES_MANY, f));
        CHECK(agrees(&k, &a, handles, ME_OVERLAPPING, ME_VALUES_ONE, f));
        CHECK(agrees(&k, &a, handles, ME_OVERLAPPING, ME_VALUES_ONE_SHARED, f));
    }
    for (size_t i = 0; i < COUNT; i++) { /* each filter gets another handle */
        CHECK(kit_put(&k, handles[i], TEXTS[COUNT - 1 - i], ME_NO_DESTINATION) != UINT32_MAX);
    }
    for (size_t i = 0; i < COUNT / 2; i++) {
        uint32_t swap = handles[i];
        handles[i] = handles[COUNT - 1 - i];
        handles[COUNT - 1 - i] = swap;
    }
    for (size_t f = 0; f < COUNT; f++) {
        CHECK(agrees(&k, &a, handles, ME_COVERED, ME_VALUES_MANY, f));
    }
    close_all(&a);
    CHECK(kit_close(&k));
}

static bool overlap(const char *f, const char *g, me_values values)
{
    heap h = {0};
    filter_writer x, y;
    bool parsed = kit_parse(f, &h, &x) && kit_parse(g, &h, &y), answer = false;
    me_status status = me_filter_overlaps(x.bytes, x.length, y.bytes, y.length, values, &answer);
    filter_writer_free(&x);
    filter_writer_free(&y);
    CHECK(parsed && status == ME_OK);
    return answer;
}

static void test_where_values_are_single(void)
{
    static const struct {
        const char *f, *g;
        bool many, one, shared;
    } cases[] = {
        {"a = 1", "a = 2", true, false, false},
        {"a = 1", "a < 2", true, true, true},
        {"a = 1", "a IS NULL", true, false, false},
        {"a = 1", "b = 1 AND b = 2", true, false, true},
        {"a = 1", "a = 1 AND b = 1 AND b = 2", true, false, true},
        {"a = 1", "a = 1 AND a = 2", true, false, false},
        {"a = 1 OR b = 1", "a = 2", true, true, true},
        {"a = 1", "NOT a = 1", false, false, false},
        {"a = 1", "b = 1 AND NOT b = 1", false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *f = cases[i].f, *g = cases[i].g;
        for (int turn = 0; turn < 2; turn++, f = cases[i].g, g = cases[i].f) {
            CHECK(overlap(f, g, ME_VALUES_MANY) == cases[i].many);
            CHECK(overlap(f, g, ME_VALUES_ONE) == cases[i].one);
            CHECK(overlap(f, g, ME_VALUES_ONE_SHARED) == cases[i].shared);
        }
    }
}

/* Filters without patterns: what a pattern needs and does not get makes the answer "not known". */
static void test_no_memory(void)
{
    all a;
    bool answer = false;
    CHECK(open_all(&a));
    const filter_writer *f = &a.filters[17], *g = &a.filters[13];
    me_status status = ME_NOMEM;
    for (size_t allowed = 0; status == ME_NOMEM; allowed++) {
        heap_fail_after(allowed);
        status = me_filter_covers(f->bytes, f->length, g->bytes, g->length, &answer);
        heap_fail_after(SIZE_MAX);
    }
    CHECK(status == ME_OK && !answer);

    kit k;
    CHECK(kit_open(&k));
    uint32_t handle = kit_add(&k, "a > 0");
    const uint32_t *found = NULL;
    uint32_t count = 0, next = 0;
    for (me_relation relation = ME_COVERING; relation <= ME_OVERLAPPING; relation++) {
        status = ME_NOMEM;
        for (size_t allowed = 0; status == ME_NOMEM; allowed++) {
            heap_fail_after(allowed);
            status = me_engine_keep_notes(k.e);
            if (status == ME_OK) {
                next = 0;
                status = me_engine_related(k.e, k.ev, relation, ME_VALUES_MANY, UINT32_MAX,
                                           a.filters[4].bytes, a.filters[4].length, &next, &found,
                                           &count);
            }
            heap_fail_after(SIZE_MAX);
        }
        CHECK(status == ME_OK && count == 1 && found[0] == handle);
    }
    close_all(&a);
    CHECK(kit_close(&k));
}

/* One covering is wanted, and there are more candidates than are asked at first, of which all cover
 * or none does; enough to make every array grow. */
static void test_no_memory_for_few(const char *crowd)
{
    all a;
    kit k;
    CHECK(open_all(&a) && kit_open(&k));
    for (int i = 0; i < 600; i++) {
        CHECK(kit_add(&k, crowd) != UINT32_MAX);
    }
    CHECK(kit_add(&k, "a > 0") != UINT32_MAX);
    const uint32_t *found = NULL;
    uint32_t count = 0;
    me_status status = ME_NOMEM;
    for (size_t allowed = 0; status == ME_NOMEM; allowed++) {
        uint32_t next = 0;
        me_event *fresh = me_event_new(); /* whose arrays have not grown yet */
        CHECK(fresh != NULL);
        heap_fail_after(allowed);
        status = me_engine_related(k.e, fresh, ME_COVERING, ME_VALUES_MANY, 1, a.filters[4].bytes,
                                   a.filters[4].length, &next, &found, &count);
        heap_fail_after(SIZE_MAX);
        CHECK(status == ME_NOMEM || (status == ME_OK && count == 1));
        me_event_free(fresh);
    }
    close_all(&a);
    CHECK(kit_close(&k));
}

int main(void)
{
    test_engine();
    test_where_values_are_single();
    test_no_memory();
    test_no_memory_for_few("a > 0");
    test_no_memory_for_few("a <= 1");
    return check_report();
}
