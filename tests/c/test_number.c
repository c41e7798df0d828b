/* Decimal literals: the fast path, the exact path, its rounding, and the way back to digits. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "value.h"

static double read(const char *text)
{
    return number_to_double(text, strlen(text));
}

/* Bit for bit, so that the sign of zero counts. */
static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void test_fast_path(void)
{
    CHECK(same(read("0"), 0.0));
    CHECK(same(read("-0"), -0.0));
    CHECK(same(read("-0.000e5"), -0.0));
    CHECK(same(read("0.1"), 0.1));
    CHECK(same(read("-12.5e1"), -125.0));
    CHECK(same(read("9007199254740992"), 9007199254740992.0));
    CHECK(same(read("1e22"), 1e22));
    CHECK(same(read("1E-22"), 1e-22));
    CHECK(same(read("00012e+03"), 12000.0));
    CHECK(number_to_double("25", 1) == 2.0); /* the length ends the literal, not a NUL */
}

static void test_exact_path(void)
{
    CHECK(same(read("1e23"), 1e23));
    CHECK(same(read("8.5e22"), 8.5e22));
    CHECK(same(read("9007199254740993"), 9007199254740992.0)); /* tie: to even */
    CHECK(same(read("9007199254740995"), 9007199254740996.0));
    CHECK(same(read("9007199254740993.0000000000000000000000000001"), 9007199254740994.0));
    CHECK(same(read("1.7976931348623157e308"), 1.7976931348623157e308));
    CHECK(same(read("1.7976931348623158e308"), 1.7976931348623157e308));
    CHECK(same(read("1.7976931348623159e308"), (double)INFINITY)); /* past the half way point */
    CHECK(same(read("2.2250738585072014e-308"), 2.2250738585072014e-308));
    CHECK(same(read("2.2250738585072011e-308"), 0x0.fffffffffffffp-1022));
    CHECK(same(read("4.9e-324"), 0x1p-1074));
    CHECK(same(read("2.4703282292062328e-324"), 0x1p-1074));
    CHECK(same(read("2.4703282292062327e-324"), 0.0));
}

static void test_extremes(void)
{
    CHECK(same(read("1e99999999999999999999"), (double)INFINITY));
    CHECK(same(read("-1e99999999999999999999"), -(double)INFINITY));
    CHECK(same(read("1e-99999999999999999999"), 0.0));
    CHECK(same(read("-1e-99999999999999999999"), -0.0));
    CHECK(same(read("0e99999999999999999999"), 0.0));
}

/* A tie of 54 bits, followed by a run of zeros and one more digit far behind it. */
static void test_long_literals(void)
{
    enum { LENGTH = 5000 };
    char *text = malloc(LENGTH);
    CHECK(text != NULL);
    if (text == NULL) {
        return;
    }
    memset(text, '0', LENGTH);
    memcpy(text, "9007199254740993.", 17);
    CHECK(same(number_to_double(text, LENGTH), 9007199254740992.0));
    text[LENGTH - 1] = '1';
    CHECK(same(number_to_double(text, LENGTH), 9007199254740994.0));

    memset(text, '0', LENGTH);
    text[1] = '.';
    memcpy(text + LENGTH - 6, "1e4993", 6); /* 4,992 zeros after the point, then the 1 */
    CHECK(same(number_to_double(text, LENGTH), 1.0));
    memset(text, '9', LENGTH);
    CHECK(same(number_to_double(text, LENGTH), (double)INFINITY));
    free(text);
}

/* The C library's strtod is the second opinion. */
static void test_against_strtod(void)
{
    uint64_t state = 20240607;
    char text[64];
    for (int i = 0; i < 100000; i++) {
        uint64_t mantissa = check_random(&state) >> check_below(&state, 64);
        int exponent = (int)check_below(&state, 700) - 360;
        snprintf(text, sizeof text, "%llu.%ue%d", (unsigned long long)mantissa,
                 (unsigned)check_below(&state, 1000000), exponent);
        CHECK(same(read(text), strtod(text, NULL)));
    }
}

static void test_locale_has_no_say(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (setlocale(LC_NUMERIC, names[i]) != NULL) {
            CHECK(same(read("12345678901234567890.5e-3"), 12345678901234567.8905));
        }
    }
    setlocale(LC_NUMERIC, "C");
}

static bool digits_are(double d, const char *expected)
{
    char digits[NUMBER_DIGITS];
    size_t len = number_digits(d, digits);
    return len == strlen(expected) && memcmp(digits, expected, len) == 0;
}

static void test_digits(void)
{
    CHECK(digits_are(9007199254740992.0, "9007199254740992"));
    CHECK(digits_are(-9223372036854775808.0, "-9223372036854775808"));
    CHECK(digits_are(1e22, "10000000000000000000000"));
    CHECK(digits_are(1e23, "99999999999999991611392"));
    char digits[NUMBER_DIGITS];
    size_t len = number_digits(-1.7976931348623157e308, digits);
    CHECK(len == 310);
    CHECK(number_to_double(digits, len) == -1.7976931348623157e308);
}

static bool parses_to_int(const char *text, int64_t expected)
{
    me_value v = number_parse(text, strlen(text));
    return v.type == ME_INT && v.as.i == expected;
}

static bool parses_to_big(const char *text)
{
    me_value v = number_parse(text, strlen(text));
    return v.type == ME_BIG && v.as.s == text && v.len == strlen(text);
}

static bool parses_to_double(const char *text, double expected)
{
    me_value v = number_parse(text, strlen(text));
    return v.type == ME_DOUBLE && same(v.as.d, expected);
}

static void test_parse(void)
{
    CHECK(parses_to_int("0", 0));
    CHECK(parses_to_int("-0", 0));
    CHECK(parses_to_int("-17", -17));
    CHECK(parses_to_int("9223372036854775807", INT64_MAX));
    CHECK(parses_to_int("-9223372036854775808", INT64_MIN));
    CHECK(parses_to_big("9223372036854775808"));
    CHECK(parses_to_big("-9223372036854775809"));
    CHECK(parses_to_big("18446744073709551616"));
    CHECK(parses_to_big("100000000000000000000000000000"));
    CHECK(parses_to_double("5.0", 5.0));
    CHECK(parses_to_double("5e0", 5.0));
    CHECK(parses_to_double("-0.0", -0.0));
    CHECK(parses_to_double("1E400", (double)INFINITY));
}

int main(void)
{
    test_fast_path();
    test_exact_path();
    test_extremes();
    test_long_literals();
    test_against_strtod();
    test_locale_has_no_say();
    test_digits();
    test_parse();
    return check_report();
}
