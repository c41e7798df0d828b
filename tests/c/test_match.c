/* Matching against the obvious loop: random conjunctions in crowded clusters and cells, under every
 * kernel, while subscriptions come and go; and what a scratch carries from one event to the next. */
#include "engine_kit.h"
#include "scratch.h"

enum { PATHS = 5, SUBSCRIPTIONS = 900, EVENTS = 250, LARGEST = 120, VALUES = 3 };

/* lo <= path <= hi for each path in `paths`, and no more than one value unless `many`. */
typedef struct wish {
    uint32_t handle; /* UINT32_MAX: not there */
    uint32_t paths;
    int lo[PATHS], hi[PATHS];
} wish;

typedef struct happening {
    int count[PATHS]; /* 0: missing */
    int values[PATHS][VALUES];
} happening;

static bool satisfies(const happening *h, const wish *w)
{
    for (uint32_t p = 0; p < PATHS; p++) {
        bool some = (w->paths >> p & 1) == 0;
        for (int i = 0; i < h->count[p]; i++) {
            some = some || (h->values[p][i] >= w->lo[p] && h->values[p][i] <= w->hi[p]);
        }
        if (!some) {
            return false;
        }
    }
    return true;
}

/* Mostly narrow ranges, many of them one value, some wide: all kinds of clusters fill up. */
static void roll_wish(wish *w, uint64_t *random)
{
    w->paths = 1 + check_below(random, (1u << PATHS) - 1);
    for (uint32_t p = 0; p < PATHS; p++) {
        uint32_t width = check_below(random, 4) == 0   ? check_below(random, LARGEST)
                         : check_below(random, 2) == 0 ? 0
                                                       : check_below(random, 5);
        w->lo[p] = (int)check_below(random, p == 0 ? 3 : LARGEST);
        w->hi[p] = w->lo[p] + (int)width;
    }
}

static void spell_wish(const wish *w, char *text, size_t size)
{
    size_t used = 0;
    for (uint32_t p = 0; p < PATHS; p++) {
        if ((w->paths >> p & 1) != 0) {
            const char *and = used > 0 ? " AND " : "";
            const char *form = w->lo[p] == w->hi[p] ? "%sp%u = %d" : "%sp%u BETWEEN %d AND %d";
            used += (size_t)snprintf(text + used, size - used, form, and, p, w->lo[p], w->hi[p]);
        }
    }
}

static void roll_happening(happening *h, uint64_t *random)
{
    for (uint32_t p = 0; p < PATHS; p++) {
        uint32_t kind = check_below(random, 8);
        h->count[p] = kind == 0 ? 0 : kind == 1 ? 2 + (int)check_below(random, 2) : 1;
        for (int i = 0; i < VALUES; i++) {
            h->values[p][i] = (int)check_below(random, p == 0 ? 4 : LARGEST + 10);
        }
    }
}

static void spell_happening(const happening *h, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "{\"unwanted\": [1, {}]");
    for (uint32_t p = 0; p < PATHS; p++) {
        if (h->count[p] == 0) {
            continue;
        }
        used += (size_t)snprintf(text + used, size - used, ", \"p%u\": [%d", p, h->values[p][0]);
        for (int i = 1; i < h->count[p]; i++) {
            used += (size_t)snprintf(text + used, size - used, ", %d.0", h->values[p][i]);
        }
        used += (size_t)snprintf(text + used, size - used, "]");
    }
    snprintf(text + used, size - used, "}");
}

static void check_happening(kit *k, const wish *wishes, const happening *h)
{
    char text[400];
    uint32_t wanted = 0;
    spell_happening(h, text, sizeof text);
    CHECK(kit_ask(k, text, ME_ALL) == ME_OK);
    for (uint32_t i = 0; i < SUBSCRIPTIONS; i++) {
        if (wishes[i].handle == UINT32_MAX || !satisfies(h, &wishes[i])) {
            continue;
        }
        wanted++;
        CHECK(k->count > 0 && bsearch(&wishes[i].handle, k->found, k->count, sizeof(uint32_t),
                                      kit_by_number) != NULL);
    }
    CHECK(k->count == wanted);
}

static void change(kit *k, wish *w, uint64_t *random)
{
    char text[400];
    bool remove = w->handle != UINT32_MAX && check_below(random, 3) == 0;
    if (remove) {
        kit_remove(k, w->handle);
        w->handle = UINT32_MAX;
        return;
    }
    uint32_t handle = w->handle;
    roll_wish(w, random);
    spell_wish(w, text, sizeof text);
    w->handle = kit_put(k, handle, text, ME_NO_DESTINATION);
    CHECK(handle == UINT32_MAX ? w->handle != UINT32_MAX : w->handle == handle);
}

static void test_under(const char *simd)
{
    static wish wishes[SUBSCRIPTIONS];
    kit k;
    happening h;
    uint64_t random = 77;
    printf("%s\n", simd);
    CHECK(me_simd_force(simd) && kit_open(&k));
    for (uint32_t i = 0; i < SUBSCRIPTIONS; i++) {
        wishes[i].handle = UINT32_MAX;
        change(&k, &wishes[i], &random);
    }
    CHECK(kit_valid(&k));
    for (uint32_t i = 0; i < EVENTS; i++) {
        roll_happening(&h, &random);
        check_happening(&k, wishes, &h);
        for (uint32_t n = 0; n < 10; n++) {
            change(&k, &wishes[check_below(&random, SUBSCRIPTIONS)], &random);
        }
        if (i % 25 == 0) {
            me_engine_write_lock(k.e);
            me_engine_learn(k.e, k.ev); /* other anchors from now on */
            me_engine_write_unlock(k.e);
            CHECK(kit_valid(&k));
        }
    }
    CHECK(kit_close(&k));
}

/* ---- from one event to the next ------------------------------------------------------------------- */

static void test_marks_forget(void)
{
    heap h = {0};
    marks m = {0};
    CHECK(marks_begin(&m, &h, 10));
    for (uint32_t i = 0; i < 10; i++) {
        CHECK(!marks_has(&m, i));
        marks_set(&m, i);
    }
    CHECK(marks_begin(&m, &h, 5000)); /* new stamps beside old ones */
    for (uint32_t i = 0; i < 5000; i++) {
        CHECK(!marks_has(&m, i));
    }
    for (uint32_t i = 0; i < 20; i++) { /* the stamps that the next epochs would find */
        m.stamps[i] = i;
    }
    m.epoch = UINT32_MAX - 3;
    for (uint32_t turn = 0; turn < 12; turn++) {
        CHECK(marks_begin(&m, &h, 5000));
        for (uint32_t i = 0; i < 20; i++) {
            CHECK(!marks_has(&m, i));
        }
        marks_set(&m, 100 + turn); /* the old ones stay */
        CHECK(marks_has(&m, 100 + turn) && !marks_has(&m, 101 + turn));
    }
    heap_free(&h, m.stamps, m.cap * sizeof(uint32_t));
    CHECK(h.bytes == 0);
}

/* The epochs of a scratch that has matched 2^32 events, give or take a few. At each of them comes up
 * what has come up before, and what never has. */
static void test_epochs_wrap(void)
{
    enum { TURNS = 20 };
    kit k;
    char text[80];
    uint32_t handles[TURNS];
    CHECK(kit_open(&k));
    for (uint32_t i = 0; i < TURNS; i++) {
        snprintf(text, sizeof text, "n = %u OR s LIKE '%%a%u-%%b%%' OR m = %u", i, i, i);
        handles[i] = kit_put(&k, UINT32_MAX, text, 100 + i);
    }
    uint32_t often = kit_put(&k, UINT32_MAX, "a IN (1, 2) OR s LIKE '%x%y'", 0);
    for (uint32_t mode = 0; mode < 2; mode++) {
        const char *event = "{\"a\": [1, 2, 1], \"s\": [\"xy\", \"xxyy\"]}";
        CHECK(kit_ask(&k, event, mode == 0 ? ME_ALL : ME_DESTINATIONS) == ME_OK && k.count == 1);
    }
    k.ev->patterns.epoch = k.ev->handles.epoch = k.ev->destinations.epoch = UINT32_MAX - 5;
    k.ev->hits.epoch = UINT32_MAX - 7;
    for (uint32_t i = 0; i < TURNS; i++) {
        bool all = i % 2 == 0;
        snprintf(text, sizeof text, "{\"n\": [%u, -1], \"a\": 2, \"s\": [\"xy\", \"\"]}", i);
        CHECK(kit_ask(&k, text, ME_DESTINATIONS) == ME_OK && k.count == 2);
        CHECK(k.found[0] == 0 && k.found[1] == 100 + i);
        snprintf(text, sizeof text, "{\"s\": [\"a%u-b\", \"q\"], \"a\": [3, 4]}", i);
        CHECK(kit_ask(&k, text, all ? ME_ALL : ME_DESTINATIONS) == ME_OK && k.count == 1);
        CHECK(k.found[0] == (all ? handles[i] : 100 + i));
        CHECK(kit_ask(&k, "{\"a\": [1, 2]}", ME_ALL) == ME_OK && k.count == 1);
        CHECK(k.found[0] == often);
    }
    CHECK(kit_close(&k));
}

/* A scratch may serve an engine that has changed since, and after an event that was refused. */
static void test_a_scratch_survives_everything(void)
{
    kit k;
    me_error error;
    static const char *const bad[] = {"{\"a\": 1, \"b\": [2, 3", "{\"a\": 1, \"a\": nul}",
                                      "{\"a\": [1, \"x\"], \"b\": \"\\ud800\"}"};
    CHECK(kit_open(&k));
    uint32_t a = kit_add(&k, "a = 1");
    for (uint32_t i = 0; i < 300; i++) {
        char text[60];
        CHECK(me_event_json(k.e, k.ev, bad[i % 3], strlen(bad[i % 3]), &error) == ME_EVENT);
        CHECK(kit_matches(&k, "{\"a\": 1}", a) && k.count == 1);
        CHECK(kit_ask(&k, "{\"b\": [2, 3]}", ME_ALL) == ME_OK && k.count == 0);
        snprintf(text, sizeof text, "path.%u = %u", i, i);
        uint32_t other = kit_add(&k, text);
        snprintf(text, sizeof text, "{\"path\": {\"%u\": %u}}", i, i);
        CHECK(kit_matches(&k, text, other) && k.count == 1);
        if (i % 2 == 0) {
            kit_remove(&k, other);
            CHECK(!kit_matches(&k, text, other));
        }
    }
    CHECK(kit_close(&k));
}

int main(void)
{
    test_marks_forget();
    test_epochs_wrap();
    test_a_scratch_survives_everything();
    for (size_t i = 0; kit_simd(i) != NULL; i++) {
        test_under(kit_simd(i));
    }
    return check_report();
}
