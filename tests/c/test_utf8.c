/* UTF-8: what is valid, decoding and encoding of every code point, folding. */
#include <string.h>

#include "check.h"
#include "value.h"

static size_t prefix(const char *s)
{
    return utf8_valid_prefix(s, strlen(s));
}

static void test_valid(void)
{
    CHECK(utf8_valid_prefix("", 0) == 0);
    CHECK(prefix("plain text that is longer than one block") == 40);
    CHECK(utf8_valid_prefix("a\0b", 3) == 3);
    CHECK(prefix("caf\xC3\xA9") == 5);
    CHECK(prefix("\xE2\x82\xAC \xF0\x9F\x98\x80") == 8);
    CHECK(prefix("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF") == 10);
}

static void test_invalid(void)
{
    static const char *const bad[] = {
        "\x80",             /* continuation first */
        "\xC0\x80",         /* overlong */
        "\xC1\xBF",         /* overlong */
        "\xC3",             /* cut off */
        "\xC3(",            /* no continuation */
        "\xE0\x9F\xBF",     /* overlong */
        "\xE2\x82",         /* cut off */
        "\xE2\x82(",        /* no continuation */
        "\xED\xA0\x80",     /* surrogate */
        "\xED\xBF\xBF",     /* surrogate */
        "\xF0\x8F\xBF\xBF", /* overlong */
        "\xF0\x9F\x98",     /* cut off */
        "\xF4\x90\x80\x80", /* beyond U+10FFFF */
        "\xF5\x80\x80\x80", /* no such lead */
        "\xFF",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];
        for (size_t before = 0; before < 40; before++) { /* in every position of a block */
            memset(text, 'x', before);
            size_t length = strlen(bad[i]);
            memcpy(text + before, bad[i], length);
            CHECK(utf8_valid_prefix(text, before + length) == before);
            memset(text + before + length, 'y', 20);
            CHECK(utf8_valid_prefix(text, before + length + 20) == before);
        }
    }
}

static void test_every_code_point(void)
{
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        size_t length = utf8_put(bytes, code), at = 0;
        bool surrogate = code >= 0xD800 && code < 0xE000;
        CHECK(utf8_valid_prefix(bytes, length) == (surrogate ? 0 : length));
        CHECK(surrogate || (utf8_next(bytes, length, &at) == code && at == length));
        CHECK(utf8_fold(utf8_fold(code)) == utf8_fold(code));
    }
}

static void test_fold(void)
{
    /* Beside the letters: the multiplication sign stands among the capitals, and the full folding
     * of sharp s would be two letters. */
    static const uint32_t pairs[][2] = {
        {'A', 'a'},         {'Z', 'z'},       {'z', 'z'},           {'@', '@'},
        {'[', '['},         {0xC9, 0xE9},     {0xD7, 0xD7},         {0xDF, 0xDF},
        {0x1E9E, 0xDF},     {0x130, 0x130},   {0x131, 0x131},       {0x178, 0xFF},
        {0x17F, 's'},       {0x212A, 'k'},    {0x3A3, 0x3C3},       {0x3C2, 0x3C3},
        {0x410, 0x430},     {0xAB70, 0x13A0}, {0x1F88, 0x1F80},     {0x10400, 0x10428},
        {0x1E921, 0x1E943}, {0x4E2D, 0x4E2D}, {0x10FFFF, 0x10FFFF},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        CHECK(utf8_fold(pairs[i][0]) == pairs[i][1]);
    }
}

int main(void)
{
    test_valid();
    test_invalid();
    test_every_code_point();
    test_fold();
    return check_report();
}
