/* Cuts against a sorted list: where a value lies, in every order of arrival, before and after
 * labels are made anew, and with memory that runs out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cuts.h"
#include "test.h"

enum { VALUES = 1500, ROOM = 48 };

static bool valid(const cuts *c)
{
    const char *why = "";
    bool ok = cuts_validate(c, &why);
    if (!ok) {
        printf("invariant: %s\n", why);
    }
    return ok;
}

/* New labels when there is no room; false: no memory, nothing changed. */
static bool relabel(cuts *c, heap *h)
{
    cuts_map map = {0};
    bool planned = cuts_plan_relabel(c, h, &map);
    if (planned) {
        cuts_apply_relabel(c, &map);
        CHECK(valid(c));
    }
    cuts_map_free(&map, h);
    return planned;
}

static void acquire(cuts *c, heap *h, const me_value *v)
{
    cuts_status status = cuts_acquire(c, h, v);
    if (status == CUTS_FULL) {
        CHECK(relabel(c, h));
        status = cuts_acquire(c, h, v);
    }
    CHECK(status == CUTS_OK);
}

/* ---- values in order ------------------------------------------------------------------------------ */

static char room[VALUES][ROOM];

static me_value big(uint32_t i, const char *format)
{
    snprintf(room[i], ROOM, format, i);
    return (me_value){.as.s = room[i], .len = (uint32_t)strlen(room[i]), .type = ME_BIG};
}

/* The i-th of VALUES numbers in rising order, canonical, around the places where types meet. */
static me_value number_at(uint32_t i)
{
    int64_t step = (int64_t)i - VALUES / 2;
    if (i < 200) { /* below int64 */
        return i == 0 ? value_of_double(-INFINITY) : big(i, i % 2 ? "-9%029u" : "-8%029u");
    }
    if (i >= VALUES - 200) {
        return i == VALUES - 1 ? value_of_double(INFINITY) : big(i, "1%029u");
    }
    if (i % 2 == 0 && i < VALUES / 2) { /* doubles and the integers beside them, near -2^53 .. */
        return value_of_int(step + INT64_C(9007199254740992));
    }
    return i % 3 == 0 ? value_of_double((double)step + 0.5) : value_of_int(step);
}

static int by_value(const void *a, const void *b)
{
    return value_compare(a, b);
}

static uint32_t fill_numbers(me_value *values)
{
    for (uint32_t i = 0; i < VALUES; i++) {
        values[i] = value_canonical(number_at(i));
    }
    qsort(values, VALUES, sizeof *values, by_value);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < VALUES; i++) {
        if (value_compare(&values[kept - 1], &values[i]) != 0) {
            values[kept++] = values[i];
        }
    }
    return kept;
}

static uint32_t fill_strings(me_value *values)
{
    for (uint32_t i = 0; i < VALUES; i++) {
        static const char *const shapes[] = {"%u", "a shared prefix %u", "\xC3\xA9%u",
                                             "\xF0\x9F\x98\x80%u", "12345678%u"};
        snprintf(room[i], ROOM, shapes[i % 5], i);
        values[i] = value_of_string(room[i], strlen(room[i]) - (i == 0));
    }
    qsort(values, VALUES, sizeof *values, by_value);
    return VALUES;
}

/* ---- the same questions to both ------------------------------------------------------------------- */

/* Only every second value is a cut; the others lie between. */
static void check_places(const cuts *c, const me_value *values, uint32_t count)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = cuts_locate(c, &values[i]);
        CHECK(place > last);
        if (i % 2 == 1) {
            CHECK(place == cuts_label(c, &values[i]) && place >= last + 2);
            CHECK(cuts_has_end(c, place) && cuts_has_end(c, place - 1));
        } else {
            CHECK(i == 0 || place == last + 1);
        }
        last = place;
    }
    bool text = values[0].type == ME_STRING;
    CHECK(cuts_locate(c, &values[0]) >= (text ? LABEL_STRINGS : LABEL_NUMBERS));
    CHECK(last <= (text ? LABEL_STRINGS_END : LABEL_NUMBERS_END));
}

static uint32_t arrival(uint32_t order, uint32_t i, uint32_t count)
{
    switch (order) {
    case 0:
        return i;
    case 1:
        return count - 1 - i;
    case 2:
        return (uint32_t)((uint64_t)i * 7919 % count);
    default: /* from both ends towards the middle: every cut between the last two */
        return i % 2 == 0 ? i / 2 : count - 1 - i / 2;
    }
}

static void test_every_order(uint32_t (*fill)(me_value *))
{
    static me_value values[VALUES];
    uint32_t count = fill(values);
    CHECK(count > VALUES / 2);
    for (uint32_t order = 0; order < 4; order++) {
        heap h = {0};
        cuts c = {0};
        for (uint32_t i = 0; i < count; i++) {
            uint32_t k = arrival(order, i, count);
            if (k % 2 == 1) {
                acquire(&c, &h, &values[k]);
                acquire(&c, &h, &values[k]);
            }
        }
        CHECK(valid(&c) && c.count == count / 2 && cuts_references(&c) == count / 2 * 2);
        check_places(&c, values, count);
        CHECK(relabel(&c, &h));
        check_places(&c, values, count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t k = arrival((order + 1) % 4, i, count);
            if (k % 2 == 1) {
                cuts_release(&c, &h, &values[k]);
                CHECK(cuts_locate(&c, &values[k]) == cuts_label(&c, &values[k]));
                cuts_release(&c, &h, &values[k]);
                CHECK(i % 100 != 0 || valid(&c));
            }
        }
        CHECK(c.count == 0 && valid(&c));
        cuts_free(&c, &h);
        CHECK(h.bytes == 0);
    }
}

/* Halving the room beside one constant ends every label soon; stored labels follow the map. */
static void test_relabelling_keeps_intervals(void)
{
    heap h = {0};
    cuts c = {0};
    me_value zero = value_of_int(0), one = value_of_int(1);
    uint32_t relabels = 0;
    acquire(&c, &h, &zero);
    acquire(&c, &h, &one);
    for (int i = 1; i < 400; i++) {
        me_value v = value_of_double(ldexp(1.0, -i));
        cuts_status status = cuts_acquire(&c, &h, &v);
        if (status == CUTS_FULL) {
            cuts_map map = {0};
            uint32_t at_zero = cuts_label(&c, &zero), at_one = cuts_label(&c, &one);
            CHECK(cuts_plan_relabel(&c, &h, &map));
            uint32_t before = cuts_map_label(&map, at_zero - 1);
            uint32_t after = cuts_map_label(&map, at_one + 1);
            uint32_t inner = cuts_map_label(&map, at_zero + 1);
            cuts_apply_relabel(&c, &map);
            CHECK(before == cuts_label(&c, &zero) - 1 && after == cuts_label(&c, &one) + 1);
            CHECK(inner == cuts_label(&c, &zero) + 1);
            cuts_map_free(&map, &h);
            relabels++;
            status = cuts_acquire(&c, &h, &v);
        }
        CHECK(status == CUTS_OK && valid(&c));
    }
    CHECK(relabels > 5 && relabels < 100);
    double share = cuts_share(&c, LABEL_NUMBERS, LABEL_NUMBERS_END - LABEL_NUMBERS);
    CHECK(share > 0.99 && share <= 1.0);
    cuts_free(&c, &h);
    CHECK(h.bytes == 0);
}

static void test_no_memory(uint32_t (*fill)(me_value *))
{
    static me_value values[VALUES];
    heap h = {0};
    cuts c = {0};
    uint32_t count = fill(values);
    for (uint32_t i = 0; i < count; i++) {
        const me_value *v = &values[arrival(2, i, count)];
        cuts_status status = CUTS_NOMEM;
        for (size_t allowed = 0; status != CUTS_OK; allowed++) {
            size_t bytes = h.bytes;
            heap_fail_after(allowed);
            status = cuts_acquire(&c, &h, v);
            bool relabelled = status == CUTS_FULL && relabel(&c, &h);
            heap_fail_after(SIZE_MAX);
            CHECK(c.count == i + (status == CUTS_OK) && (i % 50 != 0 || valid(&c)));
            CHECK(relabelled || status == CUTS_OK || h.bytes >= bytes);
        }
    }
    CHECK(valid(&c));
    heap_fail_after(0); /* giving back needs no memory */
    for (uint32_t i = 0; i < count; i++) {
        cuts_release(&c, &h, &values[arrival(3, i, count)]);
    }
    heap_fail_after(SIZE_MAX);
    CHECK(c.count == 0 && valid(&c));
    cuts_free(&c, &h);
    CHECK(h.bytes == 0);
}

int main(void)
{
    test_every_order(fill_numbers);
    test_every_order(fill_strings);
    test_relabelling_keeps_intervals();
    test_no_memory(fill_numbers);
    test_no_memory(fill_strings);
    return check_report();
}
