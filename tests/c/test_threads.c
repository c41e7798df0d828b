/* Readers and one writer through the engine's lock. A reader sees whole operations only: of two
 * subscriptions that are added and removed under one write lock both match or neither, and of a
 * subscription that is replaced exactly one filter. Built with TSan, any race is an error.
 *
 * THREADS_SECONDS=600 goes on for so many seconds. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "engine_kit.h"

enum { READERS = 3, ROUNDS = 400, PAIRS = 4, BACKGROUND = 50 };

typedef struct shared {
    kit k; /* its scratch is the writer's */
    atomic_int writing;
    atomic_ulong reads, wrong;
    uint32_t replaced;
    uint32_t pairs[PAIRS][2]; /* guarded by the lock; UINT32_MAX while they are out */
} shared;

static bool has(const uint32_t *found, uint32_t count, uint32_t handle)
{
    for (uint32_t i = 0; i < count; i++) {
        if (found[i] == handle) {
            return true;
        }
    }
    return false;
}

/* One event, and what must hold of the result while the lock is still held. */
static bool read_once(shared *s, me_event *ev, uint32_t turn)
{
    static const char *const events[] = {"{\"a\": 1, \"b\": 5, \"s\": \"even\"}",
                                         "{\"a\": 1, \"b\": 5, \"s\": \"odd\"}"};
    const char *event = events[turn % 2];
    const uint32_t *found;
    uint32_t count;
    me_error error;
    me_engine_read_lock(s->k.e);
    bool right = me_event_json(s->k.e, ev, event, strlen(event), &error) == ME_OK &&
                 me_match(s->k.e, ev, ME_ALL, &found, &count) == ME_OK;
    uint32_t in = 0;
    for (uint32_t i = 0; right && i < PAIRS; i++) {
        bool there = s->pairs[i][0] != UINT32_MAX;
        in += there ? 2 : 0;
        right = has(found, count, s->pairs[i][0]) == there &&
                has(found, count, s->pairs[i][1]) == there;
    }
    /* The replaced one wants even or odd: seen with one event of two, or the other. */
    uint32_t rest = right ? count - in - BACKGROUND : 0;
    right = right && rest == (has(found, count, s->replaced) ? 1 : 0);
    me_engine_read_unlock(s->k.e);
    return right;
}

static void *reader(void *argument)
{
    shared *s = argument;
    me_event *ev = me_event_new();
    for (uint32_t turn = 0; atomic_load(&s->writing) || turn < 10; turn++) {
        if (!read_once(s, ev, turn)) {
            atomic_fetch_add(&s->wrong, 1);
        }
        atomic_fetch_add(&s->reads, 1);
    }
    me_event_free(ev);
    return NULL;
}

static void add_pair(shared *s, const filter_writer filters[2], uint32_t *pair)
{
    for (int i = 0; i < 2; i++) {
        if (me_engine_add(s->k.e, filters[i].bytes, filters[i].length, ME_NO_DESTINATION,
                          &pair[i]) != ME_OK) {
            atomic_fetch_add(&s->wrong, 1);
        }
    }
}

static void remove_pair(shared *s, uint32_t *pair)
{
    for (int i = 0; i < 2; i++) {
        me_engine_remove(s->k.e, pair[i]);
        me_engine_release_handle(s->k.e, pair[i]);
        pair[i] = UINT32_MAX;
    }
}

/* The writer also reads and learns, as a matcher does. */
static void write_many(shared *s)
{
    heap h = {0};
    filter_writer pair[2], even, odd;
    char text[100];
    CHECK(kit_parse("a = 1 AND b > 0", &h, &pair[0]));
    CHECK(kit_parse("b BETWEEN 1 AND 9 OR new = 'x'", &h, &pair[1]));
    CHECK(kit_parse("s = 'even'", &h, &even));
    CHECK(kit_parse("s LIKE 'od%'", &h, &odd));
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t *now = s->pairs[round % PAIRS];
        me_engine_write_lock(s->k.e);
        me_engine_learn(s->k.e, s->k.ev);
        if (now[0] == UINT32_MAX) {
            add_pair(s, pair, now);
        } else {
            remove_pair(s, now);
        }
        const filter_writer *other = round % 2 == 0 ? &odd : &even;
        me_engine_replace(s->k.e, s->replaced, other->bytes, other->length, ME_NO_DESTINATION,
                          NULL);
        me_engine_write_unlock(s->k.e);
        if (round % 8 == 0) { /* growth of every table while others read */
            snprintf(text, sizeof text, "path%u = %u AND b > 10.%u", round, round, round);
            CHECK(kit_add(&s->k, text) != UINT32_MAX);
            CHECK(kit_ask(&s->k, "{\"a\": 1}", ME_ALL) == ME_OK);
        }
    }
    filter_writer_free(&pair[0]);
    filter_writer_free(&pair[1]);
    filter_writer_free(&even);
    filter_writer_free(&odd);
}

static void test_whole_operations(void)
{
    static shared s;
    pthread_t threads[READERS];
    atomic_store(&s.reads, 0);
    CHECK(kit_open(&s.k));
    for (int i = 0; i < BACKGROUND; i++) {
        CHECK(kit_add(&s.k, i % 2 == 0 ? "a = 1" : "b < 100") != UINT32_MAX);
    }
    s.replaced = kit_add(&s.k, "s = 'even'");
    memset(s.pairs, 0xFF, sizeof s.pairs);
    atomic_store(&s.writing, 1);
    for (int i = 0; i < READERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, reader, &s) == 0);
    }
    write_many(&s);
    atomic_store(&s.writing, 0);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%lu reads beside %d writes\n", atomic_load(&s.reads), ROUNDS);
    CHECK(atomic_load(&s.wrong) == 0);
    CHECK(kit_close(&s.k));
}

/* ---- the lock itself ------------------------------------------------------------------------------ */

static void test_try(void)
{
    kit k;
    CHECK(kit_open(&k));
    CHECK(me_engine_try_read_lock(k.e) && me_engine_try_read_lock(k.e));
    CHECK(!me_engine_try_write_lock(k.e));
    me_engine_read_unlock(k.e);
    me_engine_read_unlock(k.e);
    CHECK(me_engine_try_write_lock(k.e));
    CHECK(!me_engine_try_read_lock(k.e) && !me_engine_try_write_lock(k.e));
    me_engine_write_unlock(k.e);
    CHECK(me_engine_try_read_lock(k.e));
    me_engine_read_unlock(k.e);
    CHECK(kit_close(&k));
}

typedef struct starving {
    kit k;
    atomic_int done;
} starving;

static void *never_idle(void *argument)
{
    starving *s = argument;
    while (!atomic_load(&s->done)) {
        me_engine_read_lock(s->k.e);
        for (volatile int i = 0; i < 100; i = i + 1) {
        }
        me_engine_read_unlock(s->k.e);
    }
    return NULL;
}

/* Readers that always overlap must not keep a writer out. */
static void test_a_writer_gets_its_turn(void)
{
    static starving s;
    pthread_t threads[READERS];
    CHECK(kit_open(&s.k));
    for (int i = 0; i < READERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, never_idle, &s) == 0);
    }
    for (int i = 0; i < 50; i++) {
        CHECK(kit_add(&s.k, "a = 1") != UINT32_MAX);
    }
    atomic_store(&s.done, 1);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(kit_close(&s.k));
}

int main(void)
{
    const char *seconds = getenv("THREADS_SECONDS");
    time_t end = time(NULL) + (seconds != NULL ? strtol(seconds, NULL, 10) : 0);
    test_try();
    do {
        test_whole_operations();
    } while (time(NULL) < end);
    test_a_writer_gets_its_turn();
    return check_report();
}
