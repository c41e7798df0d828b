/* The table of (path, value) pairs against a plain list, and with memory that runs out. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "constants.h"
#include "test.h"

enum { PATHS = 5, VALUES = 400, STEPS = 20000 };

static uint32_t acquire(constants *c, uint32_t path, const me_value *v)
{
    return constants_acquire(c, path, v, constants_hash(c, path, v));
}

static bool valid(const constants *c)
{
    const char *why = "";
    bool ok = constants_validate(c, &why);
    if (!ok) {
        printf("invariant: %s\n", why);
    }
    return ok;
}

/* The i-th of many distinct canonical values of all types; strings live in `room`. */
static me_value value_number(uint32_t i, char room[64])
{
    switch (i % 5) {
    case 0:
        return value_of_int((int64_t)i - 100);
    case 1:
        return value_of_double(i + 0.5);
    case 2:
        snprintf(room, 64, "%u", i);
        return value_of_string(room, strlen(room));
    case 3:
        snprintf(room, 64, "a string that is long enough to be kept elsewhere %u", i);
        return value_of_string(room, strlen(room));
    default:
        snprintf(room, 64, "1%029u7", i);
        return (me_value){.as.s = room, .len = (uint32_t)strlen(room), .type = ME_BIG};
    }
}

static void test_against_a_list(void)
{
    heap h = {0};
    constants c;
    static uint32_t references[PATHS][VALUES], numbers[PATHS][VALUES];
    uint64_t random = 3;
    char room[64];
    CHECK(constants_init(&c, &h, 99));
    size_t empty = h.bytes;
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t path = check_below(&random, PATHS), i = check_below(&random, VALUES);
        me_value v = value_number(i, room);
        uint32_t *left = &references[path][i];
        CHECK((constants_find(&c, path, &v) == CONSTANT_NONE) == (*left == 0));
        /* Grows at first, shrinks in the end. */
        bool add = check_below(&random, STEPS) > step;
        if (add) {
            uint32_t number = acquire(&c, path, &v);
            CHECK(number != CONSTANT_NONE && (*left == 0 || number == numbers[path][i]));
            CHECK(c.records[number].path == path && value_equal(&c.records[number].value, &v));
            CHECK(*left > 0 || c.records[number].cluster == UINT32_MAX);
            numbers[path][i] = number;
            ++*left;
        } else if (*left > 0) {
            CHECK(constants_find(&c, path, &v) == numbers[path][i]);
            constants_release(&c, numbers[path][i]);
            --*left;
        }
        CHECK(step % 512 != 0 || valid(&c));
    }
    for (uint32_t path = 0; path < PATHS; path++) {
        for (uint32_t i = 0; i < VALUES; i++) {
            while (references[path][i]-- > 0) {
                constants_release(&c, numbers[path][i]);
            }
        }
    }
    CHECK(valid(&c) && c.live == 0);
    for (uint32_t i = 0; i < VALUES; i++) {
        me_value v = value_number(i, room);
        CHECK(constants_find(&c, 0, &v) == CONSTANT_NONE);
    }
    CHECK(h.bytes < 64 * empty + 100000);
    constants_free(&c);
    CHECK(h.bytes == 0);
}

static void test_codes_tell_types(void)
{
    heap h = {0};
    constants c;
    CHECK(constants_init(&c, &h, 1));
    me_value text = value_of_string("x", 1), number = value_of_int(5);
    me_value yes = value_of_bool(true), no = value_of_bool(false);
    uint32_t a = acquire(&c, 3, &text), b = acquire(&c, 3, &number);
    CHECK(constants_code(&c, a) > CODE_STRINGS && constants_code(&c, a) < CODE_MANY);
    CHECK(constants_code(&c, b) > CODE_NUMBERS && constants_code(&c, b) < CODE_STRINGS);
    CHECK(constants_code(&c, acquire(&c, 3, &yes)) == CODE_TRUE);
    CHECK(constants_code(&c, acquire(&c, 3, &no)) == CODE_FALSE);
    CHECK(constants_find(&c, 4, &text) == CONSTANT_NONE);
    constants_free(&c);
    CHECK(h.bytes == 0);
}

static void test_no_memory(void)
{
    heap h = {0};
    constants c;
    char room[64];
    for (size_t allowed = 0;; allowed++) {
        heap_fail_after(allowed);
        bool made = constants_init(&c, &h, 5);
        heap_fail_after(SIZE_MAX);
        if (made) {
            break;
        }
    }
    for (uint32_t i = 0; i < VALUES; i++) {
        me_value v = value_number(i, room);
        uint32_t number = CONSTANT_NONE;
        for (size_t allowed = 0; number == CONSTANT_NONE; allowed++) {
            heap_fail_after(allowed);
            number = acquire(&c, 1, &v);
            heap_fail_after(SIZE_MAX);
            CHECK(c.live == i + (number != CONSTANT_NONE));
            CHECK(valid(&c));
        }
    }
    /* Giving back needs no memory. */
    heap_fail_after(0);
    for (uint32_t i = 0; i < VALUES; i++) {
        me_value v = value_number(i, room);
        constants_release(&c, constants_find(&c, 1, &v));
    }
    heap_fail_after(SIZE_MAX);
    CHECK(valid(&c) && c.live == 0);
    constants_free(&c);
    CHECK(h.bytes == 0);
}

int main(void)
{
    test_against_a_list();
    test_codes_tell_types();
    test_no_memory();
    return check_report();
}
