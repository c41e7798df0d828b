/* The whole engine: what is added matches, what is removed does not, and everything stays valid:
 * whatever the order, whichever kernel, and whichever allocation fails. */
#include "engine.h"
#include "engine_kit.h"

/* ---- one filter of every kind, filed under every kind of anchor ----------------------------------- */

static const char *const filters[] = {
    "",
    "FALSE",
    "a = 1",
    "a = 1 AND b = 2",
    "a = 'x' AND s LIKE '%bc%'",
    "a <> 1",
    "a IN (1, 2, 3, 'x', TRUE, 1.5)",
    "a NOT IN (1, 'x')",
    "b < 10",
    "b >= 10 AND b < 12",
    "b BETWEEN 3 AND 5",
    "NOT (b > 5)",
    "s < 'm'",
    "s BETWEEN 'ab' AND 'ad'",
    "STARTS_WITH(s, 'ab')",
    "STARTS_WITH(s, '')",
    "ENDS_WITH(s, 'cd')",
    "CONTAINS(s, 'bc')",
    "s LIKE 'a_c%'",
    "s ILIKE 'AB%'",
    "NOT s LIKE 'a%'",
    "EXISTS(a)",
    "NOT EXISTS(a)",
    "a IS NULL",
    "a IS NOT NULL AND b IS NULL",
    "n.x = 1 OR n.y = 2",
    "(a = 1 OR b = 2) AND (a = 2 OR b = 3 OR s = 'abcd')",
    "(a = 1 OR b < 3) AND (s LIKE 'ab%' OR EXISTS(n.x)) AND NOT (b = 7)",
    "a = 1 OR TRUE",
    "a = 1 AND FALSE",
    "a > 9007199254740993 OR a = 123456789012345678901234567890",
    "a = 1 AND b = 1 AND c = 1 AND d = 1 AND e = 1 AND f = 1 AND g = 1 AND h = 1 AND i = 1 AND "
    "j = 1 AND k = 1 AND l = 1 AND m = 1 AND n = 1",
    "b < 1 OR b BETWEEN 2 AND 3 OR b BETWEEN 4 AND 5 OR b BETWEEN 6 AND 7 OR b BETWEEN 8 AND 9 OR "
    "b BETWEEN 10 AND 11 OR b BETWEEN 12 AND 13 OR b BETWEEN 14 AND 15 OR b > 20 OR b = 18",
};
enum { FILTERS = sizeof filters / sizeof filters[0] };

typedef struct example {
    const char *event;
    const char *matches; /* one letter for each filter: y or n */
} example;

static const example examples[] = {
    {"{}", "ynnnnnnnnnnnnnnnnnnnnnyynnnnynnnn"},
    {"{\"a\": 1}", "ynynnnynnnnnnnnnnnnnnynnynnnynnnn"},
    {"{\"a\": 1.0, \"b\": 2}", "ynyynnynynnynnnnnnnnnynnnnnnynnny"},
    {"{\"a\": \"x\", \"s\": \"abcd\"}", "ynnnynynnnnnyyyyyyyynynnynnnynnnn"},
    {"{\"a\": [1, 2], \"b\": [2, 3]}", "ynyynyynynyynnnnnnnnnynnnnynynnny"},
    {"{\"b\": 10, \"s\": \"m\"}", "ynnnnnnnnynnnnnynnnnynyynnnnynnny"},
    {"{\"b\": 5.0, \"s\": \"ab\"}", "ynnnnnnnynyyyyyynnnynnyynnnnynnny"},
    {"{\"a\": null, \"b\": 11, \"n\": {\"y\": 2}}", "ynnnnnnnnynnnnnnnnnnnynynynnynnny"},
    {"{\"a\": 123456789012345678901234567890, \"s\": \"z\"}", "ynnnnynynnnnnnnynnnnyynnynnnynynn"},
};
enum { EXAMPLES = sizeof examples / sizeof examples[0] };

static void add_all(kit *k, uint32_t *handles)
{
    for (uint32_t i = 0; i < FILTERS; i++) {
        handles[i] = kit_add(k, filters[i]);
        CHECK(handles[i] != UINT32_MAX);
    }
}

/* The filters that still have a handle match as the examples say. */
static void check_examples(kit *k, const uint32_t *handles)
{
    for (uint32_t i = 0; i < EXAMPLES; i++) {
        CHECK(strlen(examples[i].matches) == FILTERS);
        for (uint32_t f = 0; f < FILTERS; f++) {
            bool wanted = handles[f] != UINT32_MAX && examples[i].matches[f] == 'y';
            if (kit_matches(k, examples[i].event, handles[f]) != wanted) {
                printf("%s: %s\n", examples[i].event, filters[f]);
                CHECK(false);
            }
        }
    }
}

static void test_every_kind(void)
{
    kit k;
    uint32_t handles[FILTERS];
    CHECK(kit_open(&k));
    add_all(&k, handles);
    CHECK(kit_valid(&k));
    for (size_t i = 0; kit_simd(i) != NULL; i++) {
        CHECK(strcmp(me_simd(), kit_simd(i)) == 0);
        check_examples(&k, handles);
    }
    me_stats s = kit_stats(&k);
    CHECK(s.subscriptions == FILTERS && s.never == 2);
    CHECK(s.equal > 0 && s.range > 0 && s.pattern > 0 && s.present > 0 && s.unanchored > 0);
    /* Every seventh, round and round, so that rows move into holes everywhere. */
    for (uint32_t i = 0, f = 0; i < FILTERS; i++, f = (f + 7) % FILTERS) {
        kit_remove(&k, handles[f]);
        handles[f] = UINT32_MAX;
        CHECK(kit_valid(&k));
        if (i % 4 == 0) {
            check_examples(&k, handles);
        }
    }
    s = kit_stats(&k);
    CHECK(s.subscriptions + s.constants + s.cuts + s.patterns + s.clusters == 0);
    CHECK(kit_close(&k));
}

/* Every filter is replaced by every other; the handle stays, and so do the neighbours. */
static void test_replace(void)
{
    kit k;
    uint32_t handles[FILTERS];
    CHECK(kit_open(&k));
    add_all(&k, handles);
    for (uint32_t shift = 1; shift < FILTERS; shift += 5) {
        for (uint32_t i = 0; i < FILTERS; i++) {
            const char *text = filters[(i + shift) % FILTERS];
            CHECK(kit_put(&k, handles[i], text, ME_NO_DESTINATION) == handles[i]);
        }
        CHECK(kit_valid(&k));
        uint32_t moved[FILTERS];
        for (uint32_t i = 0; i < FILTERS; i++) {
            moved[(i + shift) % FILTERS] = handles[i];
        }
        check_examples(&k, moved);
    }
    CHECK(kit_stats(&k).subscriptions == FILTERS);
    CHECK(kit_close(&k));
}

/* An expensive filter that is refused leaves everything as it was. */
static void test_replace_refuses(void)
{
    static const struct {
        const char *text;
        me_expense expense;
    } cases[] = {
        {"b IS NULL", ME_EVERY_EVENT},
        {"q = 1 OR NOT EXISTS(b)", ME_EVERY_EVENT},
        {"q = 2 AND r < 3 OR MATCHES(s, '[a-z]+')", ME_EVERY_STRING},
        {"q = 3 OR MATCHES(a, '.')", ME_EVERY_STRING},
        {"q = 4", ME_CHEAP},
    };
    kit k;
    CHECK(kit_open(&k));
    for (uint32_t i = 0; i < 5; i++) {
        heap h = {0};
        filter_writer w;
        me_expense refused = ME_CHEAP;
        uint32_t handle = kit_put(&k, UINT32_MAX, "a = 1 OR x > 5", 7);
        me_stats before = kit_stats(&k);
        CHECK(kit_parse(cases[i].text, &h, &w));
        CHECK(me_engine_replace(k.e, handle, w.bytes, w.length, 9, &refused) == ME_OK);
        CHECK(refused == cases[i].expense && kit_valid(&k));
        me_stats after = kit_stats(&k);
        bool kept = refused != ME_CHEAP;
        CHECK(me_engine_destination(k.e, handle) == (kept ? 7 : 9));
        CHECK((after.clusters == before.clusters && after.paths == before.paths &&
               after.patterns == before.patterns && after.constants == before.constants) == kept);
        CHECK(kit_ask(&k, "{\"a\": 1, \"b\": 0}", ME_ALL) == ME_OK && k.count == i + kept);
        filter_writer_free(&w);
    }
    CHECK(kit_close(&k));
}

static void test_modes_and_destinations(void)
{
    kit k;
    CHECK(kit_open(&k));
    uint32_t first = kit_put(&k, UINT32_MAX, "a = 1", 5);
    CHECK(kit_put(&k, UINT32_MAX, "a < 2", 5) != UINT32_MAX);
    CHECK(kit_put(&k, UINT32_MAX, "a IN (1, 2)", 0) != UINT32_MAX);
    CHECK(kit_add(&k, "EXISTS(a)") != UINT32_MAX);
    CHECK(kit_ask(&k, "{\"a\": [1, 2]}", ME_ALL) == ME_OK && k.count == 4);
    CHECK(kit_ask(&k, "{\"a\": [1, 2]}", ME_ANY) == ME_OK && k.count == 1);
    CHECK(kit_ask(&k, "{\"a\": [1, 2]}", ME_DESTINATIONS) == ME_OK && k.count == 2);
    CHECK(k.found[0] == 0 && k.found[1] == 5);
    CHECK(kit_ask(&k, "{\"a\": 7}", ME_DESTINATIONS) == ME_OK && k.count == 0);
    CHECK(me_engine_destination(k.e, first) == 5);
    CHECK(kit_put(&k, first, "a = 7", 9) == first);
    CHECK(kit_ask(&k, "{\"a\": 7}", ME_DESTINATIONS) == ME_OK && k.count == 1 && k.found[0] == 9);
    CHECK(kit_close(&k));
}

/* ---- handles -------------------------------------------------------------------------------------- */

static void test_a_handle_is_used_again_only_when_given_back(void)
{
    kit k;
    CHECK(kit_open(&k));
    uint32_t a = kit_add(&k, "a = 1"), b = kit_add(&k, "a = 1");
    me_engine_write_lock(k.e);
    me_engine_remove(k.e, a);
    me_engine_write_unlock(k.e);
    CHECK(!me_engine_is_live(k.e, a) && me_engine_is_live(k.e, b));
    uint32_t c = kit_add(&k, "a = 1");
    CHECK(c != a && c != b && kit_valid(&k));
    me_engine_write_lock(k.e);
    me_engine_release_handle(k.e, a);
    me_engine_write_unlock(k.e);
    CHECK(kit_add(&k, "a = 1") == a);
    CHECK(kit_ask(&k, "{\"a\": 1}", ME_ALL) == ME_OK && k.count == 3);
    CHECK(me_engine_handle_end(k.e) == 3 && me_engine_count(k.e) == 3);
    CHECK(kit_close(&k));
}

static void test_filters_are_kept(void)
{
    kit k;
    CHECK(kit_open(&k));
    for (uint32_t i = 0; i < FILTERS; i++) {
        heap h = {0};
        filter_writer w;
        uint8_t kept[4096];
        CHECK(kit_parse(filters[i], &h, &w));
        uint32_t handle = kit_add(&k, filters[i]);
        size_t size = me_engine_filter(k.e, handle, kept, sizeof kept);
        CHECK(size == w.length && memcmp(kept, w.bytes, size) == 0);
        filter_writer_free(&w);
    }
    CHECK(kit_close(&k));
}

/* ---- labels ----------------------------------------------------------------------------------------- */

/* Constants that halve the room between two others, from both sides, among narrow ranges in cells
 * and covers of several rows: labels are made anew again and again, and every interval must follow. */
static void test_relabelling(bool strings)
{
    enum { NARROW = 150, BISECTED = 120 };
    kit k;
    char text[300], event[200];
    uint32_t narrow[NARROW], bisected[BISECTED];
    CHECK(kit_open(&k));
    for (int i = 0; i < NARROW; i++) {
        snprintf(text, sizeof text,
                 i % 3 == 0 ? "p BETWEEN %d AND %d.5 OR q BETWEEN %d AND %d"
                            : "p BETWEEN %d AND %d.5 OR p BETWEEN -%d.5 AND -%d",
                 i, i, i + 1, i + 1);
        narrow[i] = kit_add(&k, text);
    }
    CHECK(kit_valid(&k));
    double room = 1.0;
    for (int i = 0; i < BISECTED; i++) {
        room /= 1.5;
        if (strings) { /* 'aaa...b' approaches 'aaa...' */
            snprintf(text, sizeof text, "p > '%.*s'", i + 1,
                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                     "aaaaaaaaaaaaaaaaaaaaaaaaa");
        } else {
            snprintf(text, sizeof text, "p > %.17g", i % 2 == 0 ? room : -room);
        }
        bisected[i] = kit_add(&k, text);
        CHECK(bisected[i] != UINT32_MAX && kit_valid(&k));
    }
    for (int i = 0; i < NARROW; i++) {
        snprintf(event, sizeof event, "{\"p\": %d.25}", i);
        CHECK(kit_matches(&k, event, narrow[i]));
        CHECK(i == 0 || !kit_matches(&k, event, narrow[i - 1]));
        snprintf(event, sizeof event, i % 3 == 0 ? "{\"q\": %d}" : "{\"p\": -%d.25}", i + 1);
        CHECK(kit_matches(&k, event, narrow[i]));
    }
    CHECK(kit_ask(&k, strings ? "{\"p\": \"aab\"}" : "{\"p\": 0}", ME_ALL) == ME_OK);
    CHECK(k.count == (strings ? BISECTED : 1 + BISECTED / 2));
    for (int i = 0; i < NARROW; i++) {
        kit_remove(&k, narrow[i]);
    }
    CHECK(kit_valid(&k));
    CHECK(kit_ask(&k, strings ? "{\"p\": \"aab\"}" : "{\"p\": 0}", ME_ALL) == ME_OK);
    CHECK(k.count == (strings ? BISECTED : BISECTED / 2));
    CHECK(kit_close(&k));
}

/* ---- many anchors ----------------------------------------------------------------------------------- */

static void test_in_with_many_anchors(void)
{
    enum { MEMBERS = 3000, SUBSCRIPTIONS = 4 };
    kit k;
    static char text[MEMBERS * 8];
    uint32_t handles[SUBSCRIPTIONS];
    CHECK(kit_open(&k));
    for (int s = 0; s < SUBSCRIPTIONS; s++) {
        size_t used = (size_t)snprintf(text, sizeof text, "a IN (-1");
        for (int i = 0; i < MEMBERS; i++) {
            used += (size_t)snprintf(text + used, sizeof text - used, ",%d", i * (s + 1));
        }
        snprintf(text + used, sizeof text - used, ")");
        handles[s] = kit_add(&k, text);
    }
    CHECK(kit_valid(&k));
    CHECK(kit_ask(&k, "{\"a\": -1}", ME_ALL) == ME_OK && k.count == SUBSCRIPTIONS);
    CHECK(kit_ask(&k, "{\"a\": [12, 24, 36]}", ME_ALL) == ME_OK && k.count == SUBSCRIPTIONS);
    CHECK(kit_ask(&k, "{\"a\": 7}", ME_ALL) == ME_OK && k.count == 1);
    kit_remove(&k, handles[1]);
    CHECK(kit_valid(&k));
    CHECK(kit_ask(&k, "{\"a\": 12}", ME_ALL) == ME_OK && k.count == SUBSCRIPTIONS - 1);
    CHECK(kit_put(&k, handles[0], "a = 7", ME_NO_DESTINATION) == handles[0]);
    CHECK(kit_matches(&k, "{\"a\": 7}", handles[0]) && k.count == 1);
    CHECK(kit_close(&k));
}

int main(void)
{
    test_every_kind();
    test_replace();
    test_replace_refuses();
    test_modes_and_destinations();
    test_a_handle_is_used_again_only_when_given_back();
    test_filters_are_kept();
    test_relabelling(false);
    test_relabelling(true);
    test_in_with_many_anchors();
    return check_report();
}
