/* Every allocation of every operation fails in turn: the engine stays valid and as it was. */
#include "engine_kit.h"

enum { EVENTS = 7, RESULT = 512 };

static const char *const events[EVENTS] = {
    "{}",
    "{\"a\": 1, \"b\": 2}",
    "{\"a\": [1, 2, \"x\"], \"b\": [5, 11.5], \"s\": \"abcd\"}",
    "{\"a\": \"x\", \"s\": [\"abcd\", \"bc\"]}",
    "{\"p\": 3.25, \"q\": 7, \"n\": {\"x\": 1, \"y\": null}}",
    "{\"p\": -3.25, \"a\": 123456789012345678901234567890}",
    "{\"p\": \"aab\", \"s\": \"\"}",
};

/* What an outsider can see of an engine. */
typedef struct view {
    me_stats stats;
    uint32_t counts[EVENTS];
    uint32_t found[EVENTS][RESULT];
} view;

static void look(kit *k, view *v)
{
    memset(v, 0, sizeof *v);
    v->stats = kit_stats(k);
    v->stats.bytes = v->stats.source_bytes = 0; /* room that was made is kept, */
    memset(v->stats.memory, 0, sizeof v->stats.memory);
    v->stats.clusters = 0; /* and ranges that were filed anew */
    v->stats.sampled_events = 0;
    for (int i = 0; i < EVENTS; i++) {
        CHECK(kit_ask(k, events[i], ME_ALL) == ME_OK && k->count <= RESULT);
        v->counts[i] = k->count;
        for (uint32_t r = 0; r < k->count; r++) {
            v->found[i][r] = k->found[r];
        }
    }
}

/* Adds, or replaces `handle`, with every allocation failing in turn before it succeeds. */
static uint32_t put_at_last(kit *k, uint32_t handle, const char *text)
{
    heap h = {0};
    filter_writer w;
    view before, after;
    uint32_t given = handle;
    me_status status = ME_NOMEM;
    CHECK(kit_parse(text, &h, &w));
    look(k, &before);
    for (size_t allowed = 0; status != ME_OK; allowed++) {
        me_engine_write_lock(k->e);
        heap_fail_after(allowed);
        status = handle == UINT32_MAX
                     ? me_engine_add(k->e, w.bytes, w.length, ME_NO_DESTINATION, &given)
                     : me_engine_replace(k->e, handle, w.bytes, w.length, ME_NO_DESTINATION, NULL);
        heap_fail_after(SIZE_MAX);
        me_engine_write_unlock(k->e);
        if (status != ME_OK) {
            look(k, &after);
            CHECK(status == ME_NOMEM && kit_valid(k));
            CHECK(memcmp(&before, &after, sizeof before) == 0);
        }
    }
    CHECK(kit_valid(k));
    filter_writer_free(&w);
    return given;
}

static void check_match(kit *k, const char *event, me_mode mode)
{
    view wanted, got;
    look(k, &wanted);
    me_event *old = k->ev;
    k->ev = me_event_new();
    me_status status = ME_NOMEM;
    for (size_t allowed = 0; status != ME_OK; allowed++) {
        heap_fail_after(allowed);
        status = kit_ask(k, event, mode);
        heap_fail_after(SIZE_MAX);
        CHECK(status == ME_OK || status == ME_NOMEM);
        /* The same scratch is good for the next event. */
        CHECK(kit_ask(k, "{\"a\": 1}", ME_ALL) == ME_OK);
    }
    look(k, &got);
    CHECK(memcmp(&wanted, &got, sizeof got) == 0);
    me_event_free(k->ev);
    k->ev = old;
}

static const char *const filters[] = {
    "",
    "FALSE",
    "a = 1 AND b = 2",
    "a IN (1, 2, 3, 'x', TRUE, 'a long string that has its own block of memory')",
    "a NOT IN (1, 'x') AND b <> 3",
    "b >= 10 AND b < 12 AND NOT (c > 5)",
    "s BETWEEN 'ab' AND 'ad'",
    "STARTS_WITH(s, 'ab') AND ENDS_WITH(s, 'cd')",
    "CONTAINS(s, 'bc') OR s LIKE 'a_c%' OR s ILIKE 'AB%b%'",
    "EXISTS(a) AND n.x IS NULL",
    "(a = 1 OR b = 2) AND (a = 2 OR b = 3 OR s = 'abcd')",
    "(a = 1 OR b < 3) AND (s LIKE 'ab%' OR EXISTS(n.x)) AND NOT (b = 7 OR a IN (5, 6))",
    "new.path.of.some.length = 1 OR \"another new path\" IN (1, 2, 3)",
    "a = 123456789012345678901234567890 OR p > 1234567890123456789012345678901",
    "a < b AND NOT a * (2 + c) BETWEEN n.x AND s OR s = \"a new path\"",
    "p > 60 * 60 AND (a BETWEEN 'a' AND s OR a > 123456789012345678901234567890 + b)",
    "FALSE AND a < b OR a IN (1, 2) AND NOT b = c",
    "a = 1 AND b = 1 AND c = 1 AND d = 1 AND e = 1 AND f = 1 AND g = 1 AND h = 1 AND i = 1 AND "
    "j = 1 AND k = 1 AND l IN (1, 2) AND m = 1 AND n = 1",
    "MATCHES(s, '(a|b)*a(a|b|c|d){20}') OR MATCHES(s, '[a-z]+')",
    "a = 1 AND (MATCHES(s, '(a|[^b])*[ac](a|[b-e]){2}') OR NOT MATCHES(s, '[a-z]*'))",
};
enum { FILTERS = sizeof filters / sizeof filters[0] };

static void test_add_and_replace(void)
{
    kit k;
    uint32_t handles[FILTERS];
    CHECK(kit_open(&k));
    for (uint32_t i = 0; i < FILTERS; i++) {
        handles[i] = put_at_last(&k, UINT32_MAX, filters[i]);
    }
    for (uint32_t i = 0; i < FILTERS; i++) {
        CHECK(put_at_last(&k, handles[i], filters[(i + 4) % FILTERS]) == handles[i]);
    }
    for (uint32_t i = 0; i < FILTERS; i++) {
        kit_remove(&k, handles[i]);
        CHECK(kit_valid(&k));
    }
    me_stats s = kit_stats(&k);
    CHECK(s.subscriptions + s.constants + s.cuts + s.patterns + s.clusters == 0);
    CHECK(kit_close(&k));
}

/* Narrow ranges in cells and covers of several rows, then constants that leave no room for labels:
 * an allocation that fails in the middle of a relabelling must undo it. */
static void test_relabelling(void)
{
    kit k;
    char text[200];
    CHECK(kit_open(&k));
    for (int i = 0; i < 120; i++) {
        snprintf(text, sizeof text,
                 i % 3 == 0 ? "p BETWEEN %d AND %d.5 OR q BETWEEN %d AND %d"
                            : "p BETWEEN %d AND %d.5 OR p BETWEEN -%d.5 AND -%d",
                 i, i, i + 1, i + 1);
        CHECK(kit_add(&k, text) != UINT32_MAX);
    }
    double room = 1.0;
    for (int i = 0; i < 40; i++) {
        room /= 2;
        snprintf(text, sizeof text, "p > %.17g AND EXISTS(q)", 3.25 + room);
        put_at_last(&k, UINT32_MAX, text);
    }
    CHECK(kit_close(&k));
}

static void test_match(void)
{
    kit k;
    char text[200];
    CHECK(kit_open(&k));
    for (uint32_t i = 0; i < FILTERS; i++) {
        CHECK(kit_put(&k, UINT32_MAX, filters[i], i % 3) != UINT32_MAX);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "p BETWEEN %d AND %d OR a = %d", i, i + 2, i % 3);
        CHECK(kit_put(&k, UINT32_MAX, text, 7) != UINT32_MAX);
    }
    for (int i = 0; i < EVENTS; i++) {
        check_match(&k, events[i], ME_ALL);
        check_match(&k, events[i], ME_ANY);
        check_match(&k, events[i], ME_DESTINATIONS);
    }
    CHECK(kit_close(&k));
}

static void test_new(void)
{
    me_engine *e = NULL;
    me_event *ev = NULL;
    for (size_t allowed = 0; e == NULL; allowed++) {
        heap_fail_after(allowed);
        e = me_engine_new(NULL, 1);
        heap_fail_after(SIZE_MAX);
        CHECK(allowed < 100);
    }
    for (size_t allowed = 0; ev == NULL; allowed++) {
        heap_fail_after(allowed);
        ev = me_event_new();
        heap_fail_after(SIZE_MAX);
        CHECK(allowed < 100);
    }
    me_engine_free(e);
    me_event_free(ev);
    me_engine_free(NULL);
    me_event_free(NULL);
}

/* Asking what a filter would become takes nothing and leaves nothing. */
static void test_diagnose(void)
{
    kit k;
    view before, after;
    CHECK(kit_open(&k));
    CHECK(kit_add(&k, "a = 1") != UINT32_MAX);
    look(&k, &before);
    for (uint32_t i = 0; i < FILTERS; i++) {
        heap h = {0};
        filter_writer w;
        me_diagnosis d;
        me_status status = ME_NOMEM;
        CHECK(kit_parse(filters[i], &h, &w));
        for (size_t allowed = 0; status != ME_OK; allowed++) {
            heap_fail_after(allowed);
            status = me_engine_diagnose(k.e, w.bytes, w.length, &d);
            heap_fail_after(SIZE_MAX);
            look(&k, &after);
            CHECK(kit_valid(&k) && memcmp(&before, &after, sizeof before) == 0);
        }
        CHECK(d.always == (i == 0) && d.never == (i == 1));
        filter_writer_free(&w);
    }
    CHECK(kit_close(&k));
}

int main(void)
{
    test_add_and_replace();
    test_relabelling();
    test_match();
    test_diagnose();
    test_new();
    return check_report();
}
