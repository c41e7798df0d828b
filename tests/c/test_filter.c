/* Filter bytes: what is written is read back, and filter_check accepts nothing else. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "filter_text.h"
#include "parse.h"
#include "value.h"

static const me_limits limits = {.filter_bytes = 1 << 20,
                                 .filter_depth = 1000,
                                 .predicates = 100000,
                                 .in_values = 1000000,
                                 .digits = 1000,
                                 .regex_states = 2048,
                                 .regex_ranges = 32768,
                                 .regex_depth = 1000,
                                 .filter_states = 65536};

static me_value string_value(const char *s)
{
    return value_of_string(s, strlen(s));
}

static me_value big_value(const char *digits)
{
    me_value v = string_value(digits);
    v.type = ME_BIG;
    return v;
}

static me_status check_bytes(const filter_writer *w, const me_limits *within, me_error *error)
{
    memset(error, 0, sizeof *error);
    return filter_check(w->bytes, w->length, within, error);
}

/* ---- values and nodes ------------------------------------------------------------------------- */

static void test_values_round_trip(void)
{
    static char long_text[300];
    memset(long_text, 'x', sizeof long_text);
    /* clang-format off */
    const me_value values[] = {
        value_of_null(), value_of_bool(false), value_of_bool(true), value_of_int(0),
        value_of_int(-1), value_of_int(63), value_of_int(64), value_of_int(-64),
        value_of_int(-65), value_of_int(INT64_MAX), value_of_int(INT64_MIN),
        value_of_double(0.1), value_of_double(-0.0), value_of_double(HUGE_VAL),
        value_of_double(5e-324), string_value(""), string_value("x"),
        value_of_string("a\0b", 3), value_of_string(long_text, sizeof long_text),
        big_value("-9223372036854775809")};
    /* clang-format on */
    enum { COUNT = sizeof values / sizeof *values };
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    for (int i = 0; i < COUNT; i++) {
        filter_write_value(&w, &values[i]);
    }
    CHECK(!w.failed);
    const uint8_t *at = w.bytes;
    for (int i = 0; i < COUNT; i++) {
        me_value v;
        at = filter_read_value(at, &v);
        CHECK(v.type == values[i].type && v.len == values[i].len);
        if (v.type == ME_STRING || v.type == ME_BIG) {
            CHECK(memcmp(v.as.s, values[i].as.s, v.len) == 0);
        } else {
            CHECK(v.as.i == values[i].as.i); /* a double's bits, too */
        }
    }
    CHECK(at == w.bytes + w.length);
    filter_writer_free(&w);
    CHECK(h.bytes == 0);
}

/* Every operator once, as the compiler reads it. */
static const char everything[] =
    "a = 1 AND (b <> 'x' OR c < 2.5 OR d <= 1e999) AND NOT (e > 'it''s' AND f >= -5) AND "
    "g BETWEEN 1 AND 99999999999999999999 AND h IN (1, 'two', TRUE, 4.0) AND STARTS_WITH(i, 'p') "
    "AND ENDS_WITH(j, '') AND CONTAINS(k, 'c') AND l LIKE '%' AND m ILIKE '!%_' ESCAPE '!' AND "
    "EXISTS(n) AND o.p.q IS NOT NULL AND (TRUE OR FALSE) AND NOT NOT \"\"";

static void write_filter(filter_writer *w, const char *text)
{
    me_error error;
    CHECK(parse_filter(text, strlen(text), NULL, 0, &limits, w, &error) == ME_OK);
}

/* Writes again what a reader reads. */
static void copy_filter(filter_writer *out, const uint8_t *bytes, size_t length)
{
    filter_reader r = {.at = bytes, .end = bytes + length, .named = true};
    filter_node n;
    while (filter_next(&r, &n)) {
        filter_write_op(out, n.op);
        if (n.op == OP_AND || n.op == OP_OR) {
            filter_write_count(out, n.count);
        }
        if (!filter_op_is_leaf(n.op)) {
            continue;
        }
        filter_write_path(out, n.path, n.path_length);
        if (n.op == OP_IN) {
            uint32_t start = out->length;
            const uint8_t *at = n.items;
            for (uint32_t i = 0; i < n.count; i++) {
                me_value v;
                at = filter_read_value(at, &v);
                filter_write_value(out, &v);
            }
            filter_insert_count(out, start, n.count);
            CHECK(at == r.at);
        } else if (n.op != OP_EXISTS && n.op != OP_IS_NULL) {
            filter_write_value(out, &n.a);
        }
        if (n.op == OP_BETWEEN || n.op == OP_LIKE || n.op == OP_ILIKE) {
            filter_write_value(out, &n.b);
        }
    }
    CHECK(r.at == r.end);
}

static bool copies_exactly(const uint8_t *bytes, size_t length)
{
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    copy_filter(&w, bytes, length);
    bool same = !w.failed && w.length == length && memcmp(w.bytes, bytes, length) == 0;
    filter_writer_free(&w);
    return same;
}

static void test_nodes_round_trip(void)
{
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    write_filter(&w, everything);
    me_error error;
    CHECK(check_bytes(&w, &limits, &error) == ME_OK);
    CHECK(copies_exactly(w.bytes, w.length));
    filter_text text;
    filter_describe(&text, w.bytes, w.length);
    CHECK(strcmp(text.text,
                 "a = i1 | b <> 'x' | c < d2.5 | d <= dinf | OR 3 | e > 'it's' | f >= i-5 | AND 2 "
                 "| NOT | g BETWEEN i1,B99999999999999999999 | h IN i1,'two',true,d4 | "
                 "i PREFIX 'p' | j SUFFIX '' | k CONTAINS 'c' | l LIKE '%','' | "
                 "m ILIKE '!%_','!' | n EXISTS | o.p.q NULL | NOT | TRUE | FALSE | OR 2 | "
                 " = true | NOT | NOT | AND 14") == 0);
    filter_writer_free(&w);
}

static void test_stored_form(void)
{
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, false);
    me_value five = value_of_int(5);
    filter_write_op(&w, OP_EQ);
    filter_write_path_number(&w, 70000);
    filter_write_value(&w, &five);
    filter_write_op(&w, OP_EXISTS);
    filter_write_path_number(&w, 0);
    filter_write_op(&w, OP_OR);
    filter_write_count(&w, 2);
    filter_reader r = {.at = w.bytes, .end = w.bytes + w.length, .named = false};
    filter_node n;
    CHECK(filter_next(&r, &n) && n.op == OP_EQ && n.path_number == 70000 && n.a.as.i == 5);
    CHECK(filter_next(&r, &n) && n.op == OP_EXISTS && n.path_number == 0);
    CHECK(filter_next(&r, &n) && n.op == OP_OR && n.count == 2);
    CHECK(!filter_next(&r, &n));
    filter_writer_free(&w);
    CHECK(h.bytes == 0);
}

static void test_in_of_every_size(void)
{
    for (uint32_t count = 1; count < 20000; count = count < 260 ? count + 1 : count * 2) {
        heap h = {0};
        filter_writer w;
        filter_writer_init(&w, &h, true);
        filter_write_op(&w, OP_IN);
        filter_write_path(&w, "a", 1);
        uint32_t start = w.length;
        for (uint32_t i = 0; i < count; i++) {
            me_value v = value_of_int(i);
            filter_write_value(&w, &v);
        }
        filter_insert_count(&w, start, count);
        me_error error;
        CHECK(check_bytes(&w, &limits, &error) == ME_OK);
        filter_reader r = {.at = w.bytes, .end = w.bytes + w.length, .named = true};
        filter_node n;
        CHECK(filter_next(&r, &n) && n.count == count && n.a.as.i == (int64_t)count - 1);
        filter_writer_free(&w);
    }
}

/* ---- filter_check ----------------------------------------------------------------------------- */

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})
#define A 1, 'a' /* the path a */

static void expect_bad(const uint8_t *bytes, size_t length)
{
    me_error error = {0};
    uint8_t *exact = malloc(length > 0 ? length : 1); /* its own block: overreading is seen */
    memcpy(exact, bytes, length);
    me_status status = filter_check(exact, length, &limits, &error);
    CHECK(status == ME_BAD_FILTER && error.message[0] != '\0' && error.offset <= length);
    free(exact);
}

static void test_check_refuses_structure(void)
{
    CHECK(filter_check(BYTES(OP_TRUE), &limits, &(me_error){0}) == ME_OK);
    me_error error;
    CHECK(filter_check(NULL, 0, &limits, &error) == ME_BAD_FILTER);
    expect_bad(BYTES(0));
    expect_bad(BYTES(OP_COUNT));
    expect_bad(BYTES(OP_NOT));
    expect_bad(BYTES(OP_TRUE, OP_TRUE));
    expect_bad(BYTES(OP_TRUE, OP_AND, 1));
    expect_bad(BYTES(OP_TRUE, OP_TRUE, OP_AND, 3));
    expect_bad(BYTES(OP_TRUE, OP_TRUE, OP_AND, 0));
    expect_bad(BYTES(OP_TRUE, OP_TRUE, OP_AND));
    expect_bad(BYTES(OP_TRUE, OP_TRUE, OP_AND, 0x82, 0));
    expect_bad(BYTES(OP_TRUE, OP_TRUE, OP_AND, 2, OP_TRUE, OP_AND, 2));
    expect_bad(BYTES(OP_TRUE, OP_TRUE, OP_TRUE, OP_OR, 2, OP_OR, 2));
}

static void test_check_refuses_constants(void)
{
    CHECK(filter_check(BYTES(OP_EQ, A, ME_INT, 2), &limits, &(me_error){0}) == ME_OK);
    expect_bad(BYTES(OP_EQ, A));
    expect_bad(BYTES(OP_EQ, A, ME_NULL));
    expect_bad(BYTES(OP_EQ, A, 0));
    expect_bad(BYTES(OP_EQ, A, ME_STRING + 1));
    expect_bad(BYTES(OP_EQ, A, ME_BOOL, 2));
    expect_bad(BYTES(OP_EQ, A, ME_INT, 0x80, 0));
    expect_bad(BYTES(OP_EQ, A, ME_INT, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2));
    expect_bad(BYTES(OP_EQ, A, ME_DOUBLE, 0, 0, 0, 0, 0, 0, 0));
    expect_bad(BYTES(OP_EQ, A, ME_DOUBLE, 0, 0, 0, 0, 0, 0, 0xF8, 0x7F)); /* NaN */
    expect_bad(BYTES(OP_EQ, A, ME_STRING, 2, 'x'));
    expect_bad(BYTES(OP_EQ, A, ME_STRING, 1, 0xFF));
    expect_bad(BYTES(OP_EQ, 1, 0xC0, ME_INT, 2));
    expect_bad(BYTES(OP_EQ, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F, 'a'));
    expect_bad(BYTES(OP_LT, A, ME_BOOL, 1));
    expect_bad(BYTES(OP_IN, A, 0));
    expect_bad(BYTES(OP_IN, A, 2, ME_INT, 2));
    expect_bad(BYTES(OP_IN, A, 1, ME_NULL));
    expect_bad(BYTES(OP_BETWEEN, A, ME_INT, 2, ME_STRING, 0));
    expect_bad(BYTES(OP_BETWEEN, A, ME_BOOL, 0, ME_BOOL, 1));
    expect_bad(BYTES(OP_PREFIX, A, ME_INT, 2));
    expect_bad(BYTES(OP_LIKE, A, ME_STRING, 1, '!', ME_STRING, 1, '!'));
    expect_bad(BYTES(OP_LIKE, A, ME_STRING, 1, 'x', ME_STRING, 2, '!', '!'));
    expect_bad(BYTES(OP_LIKE, A, ME_STRING, 1, 'x'));
    CHECK(filter_check(BYTES(OP_MATCHES, A, ME_STRING, 1, 'x'), &limits, &(me_error){0}) == ME_OK);
    expect_bad(BYTES(OP_MATCHES, A, ME_STRING, 1, '('));
    expect_bad(BYTES(OP_MATCHES, A, ME_INT, 2));
    expect_bad(BYTES(OP_MATCHES, A, ME_STRING, 1, 'x', ME_STRING, 0));
    static const char large[] = "a{9999}";
    uint8_t bytes[] = {OP_MATCHES, A, ME_STRING, 7, 0, 0, 0, 0, 0, 0, 0};
    memcpy(bytes + sizeof bytes - 7, large, 7);
    me_error error = {0};
    CHECK(filter_check(bytes, sizeof bytes, &limits, &error) == ME_FILTER_LIMIT);
    CHECK(error.limit != NULL && strcmp(error.limit, "regex_states") == 0);
}

static void expect_big(const char *digits, bool good)
{
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    me_value v = big_value(digits);
    filter_write_op(&w, OP_EQ);
    filter_write_path(&w, "a", 1);
    filter_write_value(&w, &v);
    me_error error;
    CHECK(check_bytes(&w, &limits, &error) == (good ? ME_OK : ME_BAD_FILTER));
    filter_writer_free(&w);
}

static void test_check_wants_large_integers_to_be_large(void)
{
    expect_big("9223372036854775808", true);
    expect_big("-9223372036854775809", true);
    expect_big("10000000000000000000", true);
    expect_big("9223372036854775807", false);
    expect_big("-9223372036854775808", false);
    expect_big("09223372036854775808", false);
    expect_big("922337203685477580x", false);
    expect_big("-", false);
    expect_big("", false);
    expect_big("--9223372036854775809", false);
}

static void test_check_limits(void)
{
    const struct {
        const char *text, *limit;
        uint64_t value;
    } cases[] = {
        {"NOT (a OR b AND NOT (c OR d))", "filter_depth", 4},
        {"a AND b AND c AND d AND e", "predicates", 5},
        {"a IN (1, 2, 3, 4)", "in_values", 4},
        {"a = -999999999999999999999999999999", "digits", 30},
    };
    me_limits tight = {.filter_depth = 3, .predicates = 4, .in_values = 3, .digits = 29};
    me_limits enough = {.filter_depth = 4, .predicates = 5, .in_values = 4, .digits = 30};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heap h = {0};
        filter_writer w;
        filter_writer_init(&w, &h, true);
        write_filter(&w, cases[i].text);
        me_error error;
        CHECK(check_bytes(&w, &tight, &error) == ME_FILTER_LIMIT);
        CHECK(strcmp(error.limit, cases[i].limit) == 0 && error.value == cases[i].value);
        CHECK(check_bytes(&w, &enough, &error) == ME_OK);
        filter_writer_free(&w);
    }
}

/* The depth is that of the canonical text, which writes NOT of these inside the leaf. */
static void test_depth_of_inner_not(void)
{
    const char *flat[] = {"a NOT IN (1)", "a IS NOT NULL", "a NOT LIKE 'x'", "a NOT ILIKE 'x'",
                          "a NOT BETWEEN 1 AND 2"};
    me_limits none = limits;
    none.filter_depth = 0;
    for (size_t i = 0; i < sizeof flat / sizeof *flat; i++) {
        heap h = {0};
        filter_writer w;
        filter_writer_init(&w, &h, true);
        write_filter(&w, flat[i]);
        me_error error;
        CHECK(check_bytes(&w, &none, &error) == ME_OK);
        filter_write_op(&w, OP_NOT);
        CHECK(check_bytes(&w, &none, &error) == ME_FILTER_LIMIT && error.value == 1);
        filter_writer_free(&w);
    }
}

/* Cut short, or with bytes changed: refused, or a filter of its own in its only spelling. */
static void test_check_damaged_bytes(void)
{
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    write_filter(&w, everything);
    me_error error;
    for (uint32_t length = 0; length < w.length; length++) {
        uint8_t *exact = malloc(length > 0 ? length : 1);
        memcpy(exact, w.bytes, length);
        if (filter_check(exact, length, &limits, &error) == ME_OK) {
            CHECK(copies_exactly(exact, length));
        }
        free(exact);
    }
    uint64_t state = 7;
    unsigned accepted = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t *damaged = malloc(w.length);
        memcpy(damaged, w.bytes, w.length);
        for (uint32_t n = 1 + check_below(&state, 3); n > 0; n--) {
            damaged[check_below(&state, w.length)] ^= (uint8_t)(1u << check_below(&state, 8));
        }
        if (filter_check(damaged, w.length, &limits, &error) == ME_OK) {
            CHECK(copies_exactly(damaged, w.length));
            accepted++;
        }
        free(damaged);
    }
    CHECK(accepted > 1000);
    filter_writer_free(&w);
}

/* ---- memory ----------------------------------------------------------------------------------- */

static void test_writer_out_of_memory(void)
{
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    me_value v = string_value("a string that is longer than a small writer");
    filter_write_op(&w, OP_EQ);
    heap_fail_after(0);
    filter_write_path(&w, v.as.s, v.len);
    heap_fail_after(SIZE_MAX);
    CHECK(w.failed && w.length == 1);
    filter_write_value(&w, &v);
    filter_write_op(&w, OP_NOT);
    filter_write_count(&w, 1);
    filter_write_bytes(&w, "x", 1);
    filter_insert_count(&w, 0, 1);
    CHECK(w.failed && w.length == 1);
    filter_writer_free(&w);
    CHECK(h.bytes == 0 && !w.failed);
}

static void test_check_out_of_memory(void)
{
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    write_filter(&w, everything);
    me_error error;
    size_t failures = 0;
    heap_fail_after(0);
    while (check_bytes(&w, &limits, &error) == ME_NOMEM && failures < 100) {
        heap_fail_after(++failures);
    }
    heap_fail_after(SIZE_MAX);
    CHECK(failures > 1 && failures < 100);
    filter_writer_free(&w);
}

int main(void)
{
    test_values_round_trip();
    test_nodes_round_trip();
    test_stored_form();
    test_in_of_every_size();
    test_check_refuses_structure();
    test_check_refuses_constants();
    test_check_wants_large_integers_to_be_large();
    test_check_limits();
    test_depth_of_inner_not();
    test_check_damaged_bytes();
    test_writer_out_of_memory();
    test_check_out_of_memory();
    return check_report();
}
