/* Computed predicates: exact arithmetic, their text, which bytes are one, and what they come to. */
#include <math.h>
#include <string.h>

#include "arithmetic.h"
#include "check.h"
#include "computation.h"
#include "filter_text.h"
#include "parse.h"

/* ---- arithmetic --------------------------------------------------------------------------------- */

static bool is_int(me_value v, int64_t i)
{
    return v.type == ME_INT && v.as.i == i;
}

static bool is_double(me_value v, double d)
{
    return v.type == ME_DOUBLE && memcmp(&v.as.d, &d, sizeof d) == 0;
}

static me_value of_ints(arithmetic_op op, int64_t a, int64_t b)
{
    me_value x = value_of_int(a), y = value_of_int(b);
    CHECK(arithmetic(op, &x, &y, &x));
    return x;
}

static void test_edges_of_int64(void)
{
    const double two63 = 9223372036854775808.0;
    CHECK(is_int(of_ints(ARITHMETIC_ADD, INT64_MAX, INT64_MIN), -1));
    CHECK(is_int(of_ints(ARITHMETIC_ADD, INT64_MIN, 0), INT64_MIN));
    CHECK(is_double(of_ints(ARITHMETIC_ADD, INT64_MAX, 1), two63));
    CHECK(is_double(of_ints(ARITHMETIC_ADD, INT64_MIN, INT64_MIN), -2 * two63));
    CHECK(is_int(of_ints(ARITHMETIC_SUBTRACT, -1, INT64_MIN), INT64_MAX));
    CHECK(is_double(of_ints(ARITHMETIC_SUBTRACT, 0, INT64_MIN), two63));
    CHECK(is_double(of_ints(ARITHMETIC_SUBTRACT, INT64_MIN, INT64_MAX), -2 * two63));
    CHECK(is_int(of_ints(ARITHMETIC_MULTIPLY, INT64_MIN, 1), INT64_MIN));
    CHECK(is_int(of_ints(ARITHMETIC_MULTIPLY, INT64_MIN / 2, 2), INT64_MIN));
    CHECK(is_double(of_ints(ARITHMETIC_MULTIPLY, INT64_MIN, -1), two63));
    CHECK(is_double(of_ints(ARITHMETIC_MULTIPLY, INT64_MIN, INT64_MIN), two63 * two63));
    CHECK(is_int(of_ints(ARITHMETIC_MULTIPLY, 0, INT64_MIN), 0));
    CHECK(is_double(of_ints(ARITHMETIC_NEGATE, INT64_MIN, 0), two63));
    CHECK(is_int(of_ints(ARITHMETIC_NEGATE, INT64_MAX, 0), -INT64_MAX));
    CHECK(is_double(of_ints(ARITHMETIC_DIVIDE, 7, 2), 3.5));
    CHECK(is_double(of_ints(ARITHMETIC_DIVIDE, 6, 2), 3.0));
}

static void test_division_by_zero(void)
{
    me_value one = value_of_int(1), out = value_of_int(7);
    const me_value zeros[] = {value_of_int(0), value_of_double(0.0), value_of_double(-0.0)};
    for (size_t i = 0; i < 3; i++) {
        CHECK(!arithmetic(ARITHMETIC_DIVIDE, &one, &zeros[i], &out));
        CHECK(is_int(out, 7));
    }
    me_value nan = value_of_double((double)NAN);
    CHECK(!arithmetic(ARITHMETIC_DIVIDE, &nan, &zeros[0], &out));
}

#if defined(__SIZEOF_INT128__)
__extension__ typedef __int128 wide;

static void check_exact(me_value got, wide exact)
{
    if (exact >= INT64_MIN && exact <= INT64_MAX) {
        CHECK(is_int(got, (int64_t)exact));
    } else {
        CHECK(is_double(got, (double)exact)); /* the compiler rounds to the nearest */
    }
}

static int64_t any_int(uint64_t *state)
{
    uint64_t bits = check_random(state) >> check_below(state, 64);
    return check_below(state, 2) ? (int64_t)bits : (int64_t)(UINT64_C(0) - bits);
}

static void test_against_128_bits(void)
{
    uint64_t state = 12345;
    for (int i = 0; i < 200000; i++) {
        int64_t a = any_int(&state), b = any_int(&state);
        check_exact(of_ints(ARITHMETIC_ADD, a, b), (wide)a + b);
        check_exact(of_ints(ARITHMETIC_SUBTRACT, a, b), (wide)a - b);
        check_exact(of_ints(ARITHMETIC_MULTIPLY, a, b), (wide)a * b);
        check_exact(of_ints(ARITHMETIC_NEGATE, a, 0), -(wide)a);
    }
}
#else
static void test_against_128_bits(void)
{
}
#endif

/* ---- text ---------------------------------------------------------------------------------------- */

static bool parse_into(const char *text, filter_writer *w, me_error *error)
{
    *error = (me_error){0};
    return parse_filter(text, strlen(text), NULL, 0, &me_default_limits, w, error) == ME_OK;
}

static void expect_text(const char *text, const char *wanted)
{
    heap h = {0};
    filter_writer w;
    filter_text got = {.text = "refused"};
    me_error error;
    filter_writer_init(&w, &h, true);
    if (parse_into(text, &w, &error)) {
        CHECK(filter_check(w.bytes, w.length, &me_default_limits, &error) == ME_OK);
        filter_describe(&got, w.bytes, w.length);
    }
    if (strcmp(got.text, wanted) != 0) {
        printf("  %s\n  got    %s %s\n  wanted %s\n", text, got.text, error.message, wanted);
    }
    CHECK(strcmp(got.text, wanted) == 0);
    filter_writer_free(&w);
    CHECK(h.bytes == 0);
}

static void test_text(void)
{
    expect_text("price * volume > 1000", "> [price volume * i1000]");
    expect_text("a < b", "< [a b]");
    expect_text("5 < a + b", "< [i5 a b +]");
    expect_text("(a + b) * -c = d / 2 - 1", "= [a b + c ~ * d i2 / i1 -]");
    expect_text("a + b * c - d = 0", "= [a b c * + d - i0]");
    expect_text("a - (b - c) <> 0", "<> [a b c - - i0]");
    expect_text("-a * b = --5", "= [a ~ b * i-5 ~]");
    expect_text("a -1 > 3", "> [a i1 - i3]");
    expect_text("a BETWEEN b AND c + 1", "BETWEEN [a b c i1 +]");
    expect_text("NOT (a + 1) NOT BETWEEN 2 AND b", "BETWEEN [a i1 + i2 b] | NOT | NOT");
    expect_text("((a + b) > 1) AND (c)", "> [a b + i1] | c = true | AND 2");
    expect_text("x OR (a = b OR y)", "x = true | = [a b] | y = true | OR 3");
    /* No arithmetic and one name: a plain leaf. */
    expect_text("(a) > (5)", "a > i5");
    expect_text("(5) < ((a))", "a > i5");
    expect_text("(a) BETWEEN (1) AND (2)", "a BETWEEN i1,i2");
    expect_text("((a)) AND NOT (b)", "a = true | b = true | NOT | AND 2");
    expect_text("(TRUE) OR (a) IS NULL", "TRUE | a NULL | OR 2");
    expect_text("a = (b = c)", "refused");
    expect_text("(a AND b) + 1 > 2", "refused");
}

static void test_all_paths(void)
{
    heap h = {0};
    filter_writer w;
    me_error error;
    filter_writer_init(&w, &h, true);
    CHECK(parse_into("a < b AND (c = 1 OR NOT d + 2 * a > e) AND TRUE", &w, &error));
    path_reader r = {.filter = {.at = w.bytes, .end = w.bytes + w.length, .named = true}};
    char all[16] = "";
    const char *path;
    uint32_t length;
    while (filter_next_path(&r, &path, &length)) {
        strncat(all, path, length);
    }
    CHECK(strcmp(all, "abcdae") == 0);
    filter_writer_free(&w);
}

/* ---- bytes ---------------------------------------------------------------------------------------- */

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define A EXPRESSION_PATH, 1, 'a'                /* 3 bytes */
#define B EXPRESSION_PATH, 1, 'b'                /* 3 */
#define FIVE EXPRESSION_VALUE, ME_INT, 10        /* 3 */
#define TEXT EXPRESSION_VALUE, ME_STRING, 1, 'x' /* 4 */
#define YES EXPRESSION_VALUE, ME_BOOL, 1         /* 3 */

static me_status check(const uint8_t *bytes, size_t length)
{
    me_error error = {0};
    return filter_check(bytes, length, &me_default_limits, &error);
}

static void test_which_bytes_are_a_predicate(void)
{
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 6, A, B)) == ME_OK);
    CHECK(check(BYTES(OP_COMPUTE, OP_EQ, 7, A, FIVE, EXPRESSION_NEGATE)) == ME_OK);
    CHECK(check(BYTES(OP_COMPUTE, OP_EQ, 8, A, TEXT, EXPRESSION_NEGATE)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_BETWEEN, 9, A, B, FIVE)) == ME_OK);
    CHECK(check(BYTES(OP_COMPUTE, OP_BETWEEN, 9, FIVE, A, FIVE)) == ME_OK);
    CHECK(check(BYTES(OP_COMPUTE, OP_EQ, 6, A, YES)) == ME_BAD_FILTER);  /* plain, */
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 6, FIVE, A)) == ME_BAD_FILTER); /* mirrored, */
    CHECK(check(BYTES(OP_COMPUTE, OP_BETWEEN, 9, A, FIVE, FIVE)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 6, FIVE, FIVE)) == ME_BAD_FILTER); /* no path */
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 3, A)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 9, A, B, B)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 4, A, EXPRESSION_ADD)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 0)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 7, A, B)) == ME_BAD_FILTER);       /* too long, */
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 5, A, B)) == ME_BAD_FILTER);       /* too short, */
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 0x86, 0, A, B)) == ME_BAD_FILTER); /* not shortest */
    CHECK(check(BYTES(OP_COMPUTE, OP_IN, 6, A, B)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_TRUE, 6, A, B)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 7, A, B, EXPRESSION_COUNT)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 7, A, B, 0)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_LT, 10, A, B, EXPRESSION_ADD, YES)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_EQ, 10, A, B, EXPRESSION_ADD, YES)) == ME_OK);
    CHECK(check(BYTES(OP_COMPUTE, OP_EQ, 10, A, YES, EXPRESSION_ADD, B)) == ME_BAD_FILTER);
    CHECK(check(BYTES(OP_COMPUTE, OP_EQ, 8, A, B, EXPRESSION_ADD, EXPRESSION_VALUE, ME_NULL)) ==
          ME_BAD_FILTER);
}

static me_status check_within(const char *text, uint64_t depth, uint64_t predicates)
{
    me_limits tight = me_default_limits;
    heap h = {0};
    filter_writer w;
    me_error error;
    filter_writer_init(&w, &h, true);
    CHECK(parse_into(text, &w, &error));
    tight.filter_depth = depth;
    tight.predicates = predicates;
    me_status status = filter_check(w.bytes, w.length, &tight, &error);
    w.length = 0;
    CHECK(parse_filter(text, strlen(text), NULL, 0, &tight, &w, &error) == status);
    filter_writer_free(&w);
    CHECK(h.bytes == 0);
    return status;
}

static void test_limits(void)
{
    const struct {
        const char *text;
        uint64_t depth, predicates;
    } cases[] = {
        {"a < b", 0, 2},
        {"a + b + c * d = 1", 0, 5},
        {"a - (b - c) = 1", 1, 4},
        {"-(a + b) * 2 = c", 2, 4},
        {"---a = b", 3, 2},
        {"-(3) = a", 2, 2},
        {"NOT a < b", 1, 2},
        {"(a = b OR c) AND d", 1, 4},
        {"NOT (-a = b AND c)", 3, 3},
        {"a NOT BETWEEN b AND -c", 1, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(check_within(cases[i].text, cases[i].depth, cases[i].predicates) == ME_OK);
        CHECK(check_within(cases[i].text, cases[i].depth, cases[i].predicates - 1) ==
              ME_FILTER_LIMIT);
        CHECK(cases[i].depth == 0 ||
              check_within(cases[i].text, cases[i].depth - 1, 1000) == ME_FILTER_LIMIT);
    }
}

/* ---- computing -------------------------------------------------------------------------------------- */

/* The stored form of a predicate on a, b, c, which are paths 0, 1, 2. */
static filter_node stored(const char *text, filter_writer *w, filter_writer *named)
{
    me_error error;
    filter_node leaf;
    CHECK(parse_into(text, named, &error));
    filter_reader r = {.at = named->bytes, .end = named->bytes + named->length, .named = true};
    CHECK(filter_next(&r, &leaf) && leaf.op == OP_COMPUTE);
    expression_reader code = expression_of(&leaf, true);
    expression_item item;
    while (expression_next(&code, &item)) {
        item.path_number = item.op == EXPRESSION_PATH ? (uint32_t)(item.path[0] - 'a') : 0;
        expression_write(w, &item);
    }
    expression_finish(w, 0, leaf.relation);
    r = (filter_reader){.at = w->bytes, .end = w->bytes + w->length, .named = false};
    CHECK(filter_next(&r, &leaf));
    return leaf;
}

static me_truth run(const char *text, me_value a, me_value b)
{
    heap h = {0};
    pool p;
    filter_writer w, named;
    pool_init(&p, &h);
    filter_writer_init(&w, &h, false);
    filter_writer_init(&named, &h, true);
    filter_node leaf = stored(text, &w, &named);
    uint32_t number = computation_new(&p, &leaf);
    CHECK(number != POOL_NONE);
    const computation *c = pool_block(&p, number);
    me_value values[2] = {a, b}, plain[2], numbers[2], stack[16];
    CHECK(c->height <= 16 && c->path_count <= 2);
    for (uint32_t i = 0; i < c->path_count; i++) {
        plain[i] = value_canonical(values[c->paths[i]]);
        numbers[i] = arithmetic_operand(values[c->paths[i]]);
    }
    me_truth truth = computation_run(c, plain, numbers, stack);
    filter_writer_free(&w);
    filter_writer_free(&named);
    pool_release(&p, number);
    CHECK(h.bytes == 0);
    return truth;
}

#define INT(i) value_of_int(i)
#define STR(s) value_of_string(s, strlen(s))

static void test_one_combination(void)
{
    me_value nan = value_of_double((double)NAN), null = value_of_null();
    CHECK(run("a < b", INT(1), INT(2)) == ME_TRUE);
    CHECK(run("a < b", INT(2), INT(2)) == ME_FALSE);
    CHECK(run("a < b", STR("a"), STR("b")) == ME_TRUE);
    CHECK(run("a < b", INT(1), STR("b")) == ME_FALSE);
    CHECK(run("a <> b", INT(1), STR("b")) == ME_FALSE);
    CHECK(run("a < b", value_of_bool(false), value_of_bool(true)) == ME_FALSE);
    CHECK(run("a <> b", value_of_bool(false), value_of_bool(true)) == ME_TRUE);
    CHECK(run("a = b", nan, nan) == ME_FALSE);
    CHECK(run("a <> b", nan, INT(1)) == ME_FALSE);
    CHECK(run("a = b", null, INT(1)) == ME_UNKNOWN);
    /* Null before types, types before division by zero. */
    CHECK(run("a / 0 = b", INT(1), INT(1)) == ME_UNKNOWN);
    CHECK(run("1 / 0 + a = b", STR("x"), INT(1)) == ME_FALSE);
    CHECK(run("1 / 0 + a = b", STR("x"), null) == ME_UNKNOWN);
    CHECK(run("a / 0 = b", INT(1), STR("x")) == ME_FALSE);
    CHECK(run("a * 1 = b", INT(9007199254740993), INT(9007199254740993)) == ME_TRUE);
    CHECK(run("a * 1.0 = b", INT(9007199254740993), INT(9007199254740992)) == ME_TRUE);
    CHECK(run("a - a = 0", INT(5), INT(0)) == ME_TRUE);
    CHECK(run("a + b BETWEEN 2 AND a * 3", INT(1), INT(2)) == ME_TRUE);
    CHECK(run("a + b BETWEEN 4 AND a * 3", INT(1), INT(2)) == ME_FALSE);
    CHECK(run("a BETWEEN 'a' AND b", STR("b"), STR("c")) == ME_TRUE);
    CHECK(run("a BETWEEN 'a' AND b", STR("b"), INT(5)) == ME_FALSE);
    me_value big = STR("1000000000000000000000000000000");
    big.type = ME_BIG;
    CHECK(run("a = b", big, big) == ME_TRUE);
    CHECK(run("a BETWEEN 1000000000000000000000000000000 AND b", big, big) == ME_TRUE);
    CHECK(run("a + 0 = b", big, value_of_double(1e30)) == ME_TRUE);
    CHECK(run("a + 0 = b", big, big) == ME_FALSE);
}

static void expect_plain(const char *text, filter_op op, const me_value *a, const me_value *b)
{
    heap h = {0};
    filter_writer w, named;
    filter_node plain;
    filter_writer_init(&w, &h, false);
    filter_writer_init(&named, &h, true);
    filter_node leaf = stored(text, &w, &named);
    bool folded = expression_plain(&leaf, &plain);
    CHECK(folded == (a != NULL));
    if (folded) {
        CHECK(plain.op == op && plain.path_number == 1 && value_equal(&plain.a, a));
        CHECK(b == NULL || value_equal(&plain.b, b));
    }
    filter_writer_free(&w);
    filter_writer_free(&named);
    CHECK(h.bytes == 0);
}

static void test_folding(void)
{
    me_value day = INT(86400), two = INT(2), half = value_of_double(0.5);
    expect_plain("b > 60 * 60 * 24", OP_GT, &day, NULL);
    expect_plain("60 * 60 * 24 > b", OP_LT, &day, NULL);
    expect_plain("b BETWEEN 1 / 2 AND 1 + 1", OP_BETWEEN, &half, &two);
    expect_plain("b = -(-2)", OP_EQ, &two, NULL);
    expect_plain("b = 1 / 0", OP_EQ, NULL, NULL);
    expect_plain("b = 1e999 - 1e999", OP_EQ, NULL, NULL);
    expect_plain("b BETWEEN 1 + 1 AND 'x'", OP_BETWEEN, NULL, NULL);
    expect_plain("5 + 5 BETWEEN b AND 20", OP_BETWEEN, NULL, NULL);
    expect_plain("b + 1 > 5", OP_GT, NULL, NULL);
    expect_plain("b > b", OP_GT, NULL, NULL);
    expect_plain("a > b", OP_GT, NULL, NULL);
}

/* ---- memory ----------------------------------------------------------------------------------------- */

static void test_no_memory(void)
{
    static const char text[] = "((a + b) * -(c - (d)) BETWEEN e AND 'x') OR a < b AND -f > 1";
    for (size_t allowed = 0;; allowed++) {
        heap h = {0};
        filter_writer w;
        me_error error = {0};
        filter_writer_init(&w, &h, true);
        heap_fail_after(allowed);
        me_status parsed =
            parse_filter(text, sizeof text - 1, NULL, 0, &me_default_limits, &w, &error);
        me_status checked = parsed == ME_OK ? check(w.bytes, w.length) : ME_NOMEM;
        heap_fail_after(SIZE_MAX);
        CHECK(parsed == ME_OK || parsed == ME_NOMEM);
        CHECK(checked == ME_OK || checked == ME_NOMEM);
        filter_writer_free(&w);
        CHECK(h.bytes == 0);
        if (checked == ME_OK) {
            CHECK(allowed > 3);
            return;
        }
    }
}

int main(void)
{
    test_edges_of_int64();
    test_division_by_zero();
    test_against_128_bits();
    test_text();
    test_all_paths();
    test_which_bytes_are_a_predicate();
    test_limits();
    test_one_combination();
    test_folding();
    test_no_memory();
    return check_report();
}
