/* Slabs of residual tests: records keep their place and their contents, and memory comes back. */
#include <string.h>

#include "bodies.h"
#include "check.h"

enum { RECORDS = 6000 };

static bool valid(const bodies *b)
{
    const char *why = "";
    bool ok = bodies_validate(b, &why);
    if (!ok) {
        printf("invariant: %s\n", why);
    }
    return ok;
}

static void write_record(bodies *b, uint32_t body, uint32_t mark)
{
    for (uint32_t i = 0; i < body_size(body); i++) {
        body_tests(b, body)[i] = test_make(T_INTERVAL, i, mark, mark + i);
    }
}

static bool holds(const bodies *b, uint32_t body, uint32_t mark)
{
    for (uint32_t i = 0; i < body_size(body); i++) {
        test wanted = test_make(T_INTERVAL, i, mark, mark + i);
        if (memcmp(&wanted, &body_tests(b, body)[i], sizeof wanted) != 0) {
            return false;
        }
    }
    return true;
}

static void test_records_keep_their_contents(void)
{
    heap h = {0};
    bodies b;
    static uint32_t records[RECORDS];
    uint64_t random = 11;
    bodies_init(&b, &h);
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint32_t size = i < 3000 ? 2 : 1 + check_below(&random, BODY_MAX);
        records[i] = bodies_new(&b, size);
        CHECK(records[i] != BODY_NONE && body_size(records[i]) == size);
        write_record(&b, records[i], i);
    }
    CHECK(valid(&b));
    for (uint32_t turn = 0; turn < 3 * RECORDS; turn++) {
        uint32_t i = check_below(&random, RECORDS);
        CHECK(holds(&b, records[i], i));
        bodies_release(&b, records[i]);
        records[i] = bodies_new(&b, 1 + check_below(&random, BODY_MAX));
        CHECK(records[i] != BODY_NONE);
        write_record(&b, records[i], i);
        CHECK(turn % 1000 != 0 || valid(&b));
    }
    size_t full = h.bytes;
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint32_t k = i % 2 == 0 ? i / 2 : RECORDS - 1 - i / 2;
        CHECK(holds(&b, records[k], k));
        bodies_release(&b, records[k]);
    }
    CHECK(valid(&b) && h.bytes < full / 10);
    bodies_free(&b);
    CHECK(h.bytes == 0);
}

/* A record that was given back is the next to be taken, so that churn does not grow the slab. */
static void test_records_are_used_again(void)
{
    heap h = {0};
    bodies b;
    bodies_init(&b, &h);
    uint32_t first = bodies_new(&b, 3), second = bodies_new(&b, 3);
    size_t bytes = h.bytes;
    for (int i = 0; i < 10000; i++) {
        bodies_release(&b, first);
        first = bodies_new(&b, 3);
        CHECK(first != second);
    }
    CHECK(h.bytes == bytes && valid(&b));
    bodies_free(&b);
    CHECK(h.bytes == 0);
}

static void test_no_memory(void)
{
    heap h = {0};
    bodies b;
    bodies_init(&b, &h);
    for (uint32_t size = 1; size <= BODY_MAX; size++) {
        uint32_t body = BODY_NONE;
        for (size_t allowed = 0; body == BODY_NONE; allowed++) {
            heap_fail_after(allowed);
            body = bodies_new(&b, size);
            heap_fail_after(SIZE_MAX);
            CHECK(valid(&b));
        }
        write_record(&b, body, size);
        CHECK(holds(&b, body, size));
    }
    bodies_free(&b);
    CHECK(h.bytes == 0);
}

int main(void)
{
    test_records_keep_their_contents();
    test_records_are_used_again();
    test_no_memory();
    return check_report();
}
