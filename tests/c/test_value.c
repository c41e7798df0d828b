/* Canonical form, the total order across types, equality and hashes that agree with it. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "value.h"

static me_value number(const char *text)
{
    return value_canonical(number_parse(text, strlen(text)));
}

static me_value string(const char *text)
{
    return value_of_string(text, strlen(text));
}

static void test_canonical(void)
{
    CHECK(number("5.0").type == ME_INT && number("5.0").as.i == 5);
    CHECK(number("-0.0").type == ME_INT && number("-0.0").as.i == 0);
    CHECK(number("1e18").type == ME_INT && number("1e18").as.i == 1000000000000000000);
    CHECK(number("-9223372036854775808.0").as.i == INT64_MIN);
    CHECK(number("9223372036854775808.0").type == ME_DOUBLE); /* 2^63 does not fit */
    CHECK(number("9223372036854775808").type == ME_DOUBLE);   /* nor does it as digits */
    CHECK(number("18446744073709551616").type == ME_DOUBLE);
    CHECK(number("-18446744073709551616").as.d == -18446744073709551616.0);
    CHECK(number("18446744073709551617").type == ME_BIG);
    CHECK(number("1000000000000000000000000000000").type == ME_BIG);
    CHECK(number("1e30").type == ME_DOUBLE);
    CHECK(number("2.5").type == ME_DOUBLE);
    CHECK(number("1e999").type == ME_DOUBLE);
    me_value small = {.type = ME_BIG, .len = 3};
    small.as.s = "-12"; /* a caller may keep any integer as digits */
    CHECK(value_canonical(small).type == ME_INT && value_canonical(small).as.i == -12);
}

static void test_nan(void)
{
    double odd;
    uint64_t bits = UINT64_C(0xFFF8000000001234);
    memcpy(&odd, &bits, sizeof odd);
    me_value a = value_canonical(value_of_double((double)NAN));
    me_value b = value_canonical(value_of_double(odd));
    CHECK(a.type == ME_DOUBLE && isnan(a.as.d));
    CHECK(value_equal(&a, &b) && value_compare(&a, &b) == 0);
    CHECK(value_hash(&a, 7) == value_hash(&b, 7));
}

/* Strictly ascending; every pair is compared, both ways round. */
static void check_order(const me_value *sorted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order = value_compare(&sorted[i], &sorted[j]);
            CHECK((order > 0) - (order < 0) == (i > j) - (i < j));
            CHECK(value_equal(&sorted[i], &sorted[j]) == (i == j));
            CHECK((value_hash(&sorted[i], 1) == value_hash(&sorted[j], 1)) == (i == j));
        }
    }
}

static void test_order(void)
{
    static char negative_nines[401] = "-", *const nines = negative_nines + 1;
    memset(nines, '9', sizeof negative_nines - 2);
    const me_value sorted[] = {
        value_of_null(),
        value_of_bool(false),
        value_of_bool(true),
        value_canonical(value_of_double((double)NAN)),
        number("-1e999"),
        number(negative_nines),
        number("-1e308"),
        number("-1000000000000000000000000000001"),
        number("-1000000000000000000000000000000"),
        number("-9223372036854775809"),
        number("-9223372036854775808"),
        number("-2.5"),
        number("-2"),
        number("-1e-300"),
        number("0"),
        number("4.9e-324"),
        number("2"),
        number("2.5"),
        number("9007199254740992.0"), /* 2^53 */
        number("9007199254740993"),
        number("9223372036854775807"),
        number("9223372036854775808"),
        number("9223372036854775809"),
        number("18446744073709551615"),
        number("18446744073709551616.0"),
        number("18446744073709551617"),
        number("1000000000000000000000000000000"), /* 10^30 */
        number("1e30"),                            /* 10^30 + 19884624838656 */
        number("1000000000000000019884624838657"),
        number("1e308"),
        number(nines),
        number("1e999"),
        string(""),
        value_of_string("\0", 1),
        string("10"),
        string("9"),
        string("a"),
        string("a\xCC\x81"),
        string("\xC3\xA9"),
        string("\xEF\xBF\xBD"),
        string("\xF0\x9F\x98\x80"),
    };
    check_order(sorted, sizeof sorted / sizeof sorted[0]);
}

/* One number in several spellings is one value. */
static void test_equal_numbers(void)
{
    static const char *const spellings[][2] = {
        {"5", "5.0"},
        {"-0", "0e7"},
        {"9223372036854775808", "9223372036854775808.0"},
        {"1000000000000000019884624838656", "1e30"},
        {"-9223372036854775808", "-9.223372036854775808e18"},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        me_value a = number(spellings[i][0]), b = number(spellings[i][1]);
        CHECK(value_equal(&a, &b));
        CHECK(value_compare(&a, &b) == 0);
        CHECK(value_hash(&a, 99) == value_hash(&b, 99));
    }
    me_value text = string("5"), five = number("5");
    CHECK(!value_equal(&text, &five) && value_hash(&text, 3) != value_hash(&five, 3));
}

/* Every length up to several blocks: the hash reads each byte, and no byte outside. */
static void test_hash_bytes(void)
{
    char text[100];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)('a' + i % 26);
    }
    for (size_t len = 0; len < 80; len++) {
        char copy[80];
        memcpy(copy, text, len);
        uint64_t hash = hash_bytes(text, len, 5);
        CHECK(hash_bytes(copy, len, 5) == hash);
        CHECK(hash_bytes(copy, len, 6) != hash);
        CHECK(hash_bytes(text, len + 1, 5) != hash);
        for (size_t i = 0; i < len; i++) {
            copy[i] ^= 1;
            CHECK(hash_bytes(copy, len, 5) != hash);
            copy[i] ^= 1;
        }
    }
}

int main(void)
{
    test_canonical();
    test_nan();
    test_order();
    test_equal_numbers();
    test_hash_bytes();
    return check_report();
}
