/* The trie of paths against a plain list of names, and with memory that runs out. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "paths.h"

static bool valid(const paths *p)
{
    const char *why = "";
    bool ok = paths_validate(p, &why);
    if (!ok) {
        printf("invariant: %s\n", why);
    }
    return ok;
}

static uint32_t intern(paths *p, const char *name)
{
    return paths_intern(p, name, strlen(name));
}

static uint32_t step(const paths *p, uint32_t node, const char *key)
{
    return paths_step(p, node, key, strlen(key));
}

static bool name_is(const paths *p, uint32_t node, const char *expected)
{
    char name[300];
    size_t length = paths_name(p, node, NULL, 0);
    return length == strlen(expected) && paths_name(p, node, name, sizeof name) == length &&
           memcmp(name, expected, length) == 0;
}

static void test_walk(void)
{
    heap h = {0};
    paths p;
    CHECK(paths_init(&p, &h, 42));
    uint32_t symbol = intern(&p, "symbol"), lat = intern(&p, "geo.lat");
    uint32_t geo = step(&p, PATH_ROOT, "geo");
    CHECK(geo != PATH_NONE && p.nodes[geo].uses == 0 && p.nodes[geo].children == 1);
    CHECK(step(&p, PATH_ROOT, "symbol") == symbol);
    CHECK(step(&p, geo, "lat") == lat);
    CHECK(step(&p, PATH_ROOT, "geo.lat") == lat); /* another spelling */
    CHECK(step(&p, PATH_ROOT, "lat") == PATH_NONE);
    CHECK(step(&p, symbol, "lat") == PATH_NONE);
    CHECK(step(&p, PATH_ROOT, "geo.") == PATH_NONE);
    CHECK(step(&p, PATH_ROOT, "geo.lat.x") == PATH_NONE);
    CHECK(paths_child(&p, PATH_ROOT, "geo.lat", 7) == PATH_NONE);
    CHECK(name_is(&p, lat, "geo.lat") && name_is(&p, PATH_ROOT, ""));
    CHECK(intern(&p, "geo.lat") == lat && p.nodes[lat].uses == 2);
    paths_release(&p, lat);
    CHECK(step(&p, geo, "lat") == lat);
    CHECK(intern(&p, "geo") == geo);
    paths_release(&p, lat);
    CHECK(step(&p, geo, "lat") == PATH_NONE && step(&p, PATH_ROOT, "geo") == geo);
    paths_release(&p, geo);
    CHECK(step(&p, PATH_ROOT, "geo") == PATH_NONE && p.live == 2);
    uint32_t again = intern(&p, "price");
    CHECK(again == geo || again == lat); /* numbers are used again */
    CHECK(valid(&p));
    paths_free(&p);
    CHECK(h.bytes == 0);
}

/* Names that differ in dots, empty segments and length only. */
static void test_odd_names(void)
{
    static const char *const names[] = {"",
                                        ".",
                                        "..",
                                        "a",
                                        "a.",
                                        ".a",
                                        "a..b",
                                        "a.b",
                                        "A",
                                        "a\xC3\xA9",
                                        "123",
                                        "1234",
                                        "12345678",
                                        "123456789",
                                        "0123456789abcdef",
                                        "0123456789abcdefg",
                                        "0123456789abcde.",
                                        "0123456789abcdef.",
                                        "name with spaces",
                                        "x.0123456789abcdefghijkl.y"};
    enum { COUNT = sizeof names / sizeof names[0] };
    uint32_t numbers[COUNT];
    heap h = {0};
    paths p;
    CHECK(paths_init(&p, &h, 7));
    for (size_t i = 0; i < COUNT; i++) {
        numbers[i] = intern(&p, names[i]);
        CHECK(numbers[i] != PATH_NONE);
    }
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(step(&p, PATH_ROOT, names[i]) == numbers[i]);
        CHECK(name_is(&p, numbers[i], names[i]));
        CHECK(p.nodes[numbers[i]].uses == 1);
    }
    CHECK(valid(&p));
    for (size_t i = 0; i < COUNT; i++) {
        paths_release(&p, numbers[i]);
        CHECK(valid(&p));
    }
    CHECK(p.live == 1);
    paths_free(&p);
    CHECK(h.bytes == 0);
}

/* ---- random operations ---------------------------------------------------------------------- */

#define NAMES 400u

typedef struct model {
    char names[NAMES][48];
    uint32_t numbers[NAMES];
    uint32_t uses[NAMES];
} model;

/* Few segments, so that names are often the beginning of others. */
static void make_names(model *m, uint64_t *state)
{
    for (uint32_t i = 0; i < NAMES; i++) {
        char *name = m->names[i];
        bool repeated;
        do {
            int length = 0;
            for (uint32_t left = 1 + check_below(state, 3); left > 0; left--) {
                int letters = (int)check_below(state, 12);
                unsigned digit = check_below(state, 5);
                length += snprintf(name + length, sizeof m->names[i] - (size_t)length, "%s%.*s%u",
                                   length > 0 ? "." : "", letters, "abcdefghijkl", digit);
            }
            repeated = false;
            for (uint32_t j = 0; j < i; j++) {
                repeated |= strcmp(m->names[j], name) == 0;
            }
        } while (repeated);
    }
}

static void check_model(const paths *p, const model *m)
{
    CHECK(valid(p));
    for (uint32_t i = 0; i < NAMES; i++) {
        uint32_t node = step(p, PATH_ROOT, m->names[i]);
        if (m->uses[i] > 0) {
            CHECK(node == m->numbers[i] && p->nodes[node].uses == m->uses[i]);
            CHECK(name_is(p, node, m->names[i]));
        } else { /* perhaps there as a way to others */
            CHECK(node == PATH_NONE || p->nodes[node].uses == 0);
        }
    }
}

static void random_operation(paths *p, model *m, uint64_t *state, uint32_t chance_to_add)
{
    uint32_t i = check_below(state, NAMES);
    if (check_below(state, 100) < chance_to_add) {
        size_t before = p->live;
        uint32_t node = intern(p, m->names[i]);
        if (node == PATH_NONE) {
            CHECK(p->live == before);
            return;
        }
        CHECK(m->uses[i] == 0 || node == m->numbers[i]);
        m->numbers[i] = node;
        m->uses[i]++;
    } else if (m->uses[i] > 0) {
        paths_release(p, m->numbers[i]);
        m->uses[i]--;
    }
}

static void test_random(void)
{
    uint64_t state = 3;
    static model m;
    make_names(&m, &state);
    heap h = {0};
    paths p;
    CHECK(paths_init(&p, &h, 11));
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t chance_to_add = round % 2 == 0 ? 80 : 25; /* fills up, empties out */
        for (int i = 0; i < 400; i++) {
            if (check_below(&state, 10) == 0) { /* the next allocation or the one after it fails */
                heap_fail_after(check_below(&state, 3));
            }
            random_operation(&p, &m, &state, chance_to_add);
            heap_fail_after(SIZE_MAX);
        }
        check_model(&p, &m);
    }
    for (uint32_t i = 0; i < NAMES; i++) {
        for (; m.uses[i] > 0; m.uses[i]--) {
            paths_release(&p, m.numbers[i]);
        }
    }
    CHECK(p.live == 1 && p.edge_mask == 15 && valid(&p));
    paths_free(&p);
    CHECK(h.bytes == 0);
}

/* Every allocation of a long insertion fails once; nothing must remain of it. */
static void test_no_memory(void)
{
    bool done = false;
    for (size_t budget = 0; !done; budget++) {
        heap h = {0};
        paths p;
        heap_fail_after(budget);
        if (paths_init(&p, &h, 5)) {
            uint32_t first = intern(&p, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p");
            uint32_t live = p.live;
            uint32_t second = intern(&p, "a.b.c.x.y.z");
            done = first != PATH_NONE && second != PATH_NONE;
            CHECK(first != PATH_NONE ? live == 17 : live == 1);
            CHECK(second != PATH_NONE || p.live == live);
            CHECK(valid(&p));
            paths_free(&p);
        }
        CHECK(h.bytes == 0);
    }
    heap_fail_after(SIZE_MAX);
}

/* A name of many segments is walked, made and released without recursion. */
static void test_deep_name(void)
{
    enum { LENGTH = 200000 };
    char *name = malloc(LENGTH);
    heap h = {0};
    paths p;
    CHECK(name != NULL && paths_init(&p, &h, 9));
    if (name == NULL) {
        return;
    }
    for (size_t i = 0; i < LENGTH; i++) {
        name[i] = i % 2 == 0 ? 'a' : '.';
    }
    uint32_t node = paths_intern(&p, name, LENGTH);
    CHECK(node != PATH_NONE && paths_step(&p, PATH_ROOT, name, LENGTH) == node);
    CHECK(paths_name(&p, node, NULL, 0) == LENGTH);
    paths_release(&p, node);
    CHECK(p.live == 1 && valid(&p));
    paths_free(&p);
    CHECK(h.bytes == 0);
    free(name);
}

int main(void)
{
    test_walk();
    test_odd_names();
    test_random();
    test_no_memory();
    test_deep_name();
    return check_report();
}
