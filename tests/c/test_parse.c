/* The parser: what it writes, where it complains, and that nothing else happens. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "filter_text.h"
#include "parse.h"
#include "value.h"

#define limits me_default_limits

static me_parameter parameter(const char *name, me_value value)
{
    me_parameter p = {.name = name, .length = strlen(name), .value = value};
    return p;
}

static me_value string_value(const char *s)
{
    return value_of_string(s, strlen(s));
}

/* Parses and describes; checks on the way that accepted filters pass filter_check and that every
 * byte of memory comes back. The texts of tests have no NUL unless `length` is given. */
static me_status parse_with(const char *text, size_t length, const me_limits *within,
                            const me_parameter *parameters, size_t count, filter_text *out,
                            me_error *error)
{
    heap h = {0};
    filter_writer w;
    filter_writer_init(&w, &h, true);
    memset(error, 0, sizeof *error);
    me_status status = parse_filter(text, length, parameters, count, within, &w, error);
    if (status == ME_OK) {
        me_error none;
        CHECK(filter_check(w.bytes, w.length, within, &none) == ME_OK);
        if (out != NULL) {
            filter_describe(out, w.bytes, w.length);
        }
    } else if (status != ME_NOMEM) {
        CHECK(error->message[0] != '\0' && error->offset <= length);
    }
    filter_writer_free(&w);
    CHECK(h.bytes == 0);
    return status;
}

static void expect_filter(const char *text, const char *wanted)
{
    filter_text got;
    me_error error;
    me_status status = parse_with(text, strlen(text), &limits, NULL, 0, &got, &error);
    CHECK(status == ME_OK);
    if (status != ME_OK || strcmp(got.text, wanted) != 0) {
        printf("  %s\n  got    %s\n  wanted %s\n", text, status == ME_OK ? got.text : error.message,
               wanted);
    }
    CHECK(status == ME_OK && strcmp(got.text, wanted) == 0);
}

static void expect_error(const char *text, me_status wanted, size_t offset)
{
    me_error error;
    me_status status = parse_with(text, strlen(text), &limits, NULL, 0, NULL, &error);
    if (status != wanted || error.offset != offset) {
        printf("  %s\n  status %d at %zu: %s\n", text, (int)status, error.offset, error.message);
    }
    CHECK(status == wanted && error.offset == offset);
}

static void test_leaves(void)
{
    expect_filter("", "TRUE");
    expect_filter(" \t\r\n\v\f", "TRUE");
    expect_filter("a", "a = true");
    expect_filter("a = 5", "a = i5");
    expect_filter("5 < a", "a > i5");
    expect_filter("5 <= a", "a >= i5");
    expect_filter("'x' >= a", "a <= 'x'");
    expect_filter("5 > a", "a < i5");
    expect_filter("TRUE = a", "a = true");
    expect_filter("a != 'it''s'", "a <> 'it's'");
    expect_filter("a<>''''", "a <> '''");
    expect_filter("\"a \"\"b\"\".c\" = ''", "a \"b\".c = ''");
    expect_filter("a BETWEEN 1 AND 2.5", "a BETWEEN i1,d2.5");
    expect_filter("a not between 'a' and 'b'", "a BETWEEN 'a','b' | NOT");
    expect_filter("a IN (1, 'x', TRUE, -1.5)", "a IN i1,'x',true,d-1.5");
    expect_filter("a NOT IN (1)", "a IN i1 | NOT");
    expect_filter("a LIKE 'x%'", "a LIKE 'x%',''");
    expect_filter("a ILIKE 'x!%' ESCAPE '!'", "a ILIKE 'x!%','!'");
    expect_filter("a NOT LIKE 'x' ESCAPE '\xE2\x82\xAC'", "a LIKE 'x','\xE2\x82\xAC' | NOT");
    expect_filter("MATCHES(a, 'it''s [a-z]+')", "a MATCHES 'it's [a-z]+'");
    expect_filter("NOT matches (a, '')", "a MATCHES '' | NOT");
    expect_filter("a IS NULL", "a NULL");
    expect_filter("a IS NOT NULL", "a NULL | NOT");
    expect_filter("EXISTS(a.b.c)", "a.b.c EXISTS");
    expect_filter("exists\t(\"x y\")", "x y EXISTS");
    expect_filter("starts_with(a, 'x') AND Ends_With(a,'y') AND CONTAINS(a,'')",
                  "a PREFIX 'x' | a SUFFIX 'y' | a CONTAINS '' | AND 3");
    expect_filter("exists AND starts_with > 1 AND a.in.5 AND in.a AND \"in\"",
                  "exists = true | starts_with > i1 | a.in.5 = true | in.a = true | in = true"
                  " | AND 5");
    expect_filter("TRUE OR false", "TRUE | FALSE | OR 2");
    expect_filter("\xC3\xA9t\xC3\xA9 = '\xF0\x9F\x92\xA9'",
                  "\xC3\xA9t\xC3\xA9 = '\xF0\x9F\x92\xA9'");
}

static void test_numbers(void)
{
    expect_filter("a = 007", "a = i7");
    expect_filter("a = -0", "a = i0");
    expect_filter("a = -0.0", "a = d-0");
    expect_filter("a = 5e0", "a = d5");
    expect_filter("a = 1E+2", "a = d100");
    expect_filter("a = 1e400", "a = dinf");
    expect_filter("a = -1e400", "a = d-inf");
    expect_filter("a = - 5", "a = i-5");
    expect_filter("a = 9223372036854775807", "a = i9223372036854775807");
    expect_filter("a = 9223372036854775808", "a = B9223372036854775808");
    expect_filter("a = -9223372036854775808", "a = i-9223372036854775808");
    expect_filter("a = - 9223372036854775808", "a = i-9223372036854775808");
    expect_filter("a = -0009223372036854775809", "a = B-9223372036854775809");
    expect_filter("a IN (-99999999999999999999, - 0099999999999999999998, 'it''s')",
                  "a IN B-99999999999999999999,B-99999999999999999998,'it's'");
    const char *bad[] = {"5.", "5x", "1e", "1e+", "1.2.3", "0x10", "1_000", "5.e3", "5\xC3\xA9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64];
        snprintf(text, sizeof text, "a = -%s", bad[i]);
        expect_error(text, ME_SYNTAX, 5);
    }
    expect_error("a = .5", ME_SYNTAX, 4);
    expect_error("a = +5", ME_SYNTAX, 4);
    expect_error("a = 1,5", ME_SYNTAX, 5);
}

static void test_connectives_are_flat(void)
{
    expect_filter("a AND b AND c", "a = true | b = true | c = true | AND 3");
    expect_filter("a AND (b AND (c AND d)) AND e",
                  "a = true | b = true | c = true | d = true | e = true | AND 5");
    expect_filter("(a OR b) OR ((c OR d) OR e)",
                  "a = true | b = true | c = true | d = true | e = true | OR 5");
    expect_filter("a OR b AND c OR d", "a = true | b = true | c = true | AND 2 | d = true | OR 3");
    expect_filter("(a OR b) AND (c OR d)",
                  "a = true | b = true | OR 2 | c = true | d = true | OR 2 | AND 2");
    expect_filter("a OR (b AND c) AND d OR (e OR f AND g)",
                  "a = true | b = true | c = true | d = true | AND 3 | e = true | f = true | "
                  "g = true | AND 2 | OR 4");
    expect_filter("NOT NOT a", "a = true | NOT | NOT");
    expect_filter("NOT a = 5 OR b AND c", "a = i5 | NOT | b = true | c = true | AND 2 | OR 2");
    expect_filter("NOT (a AND b) AND NOT (c OR NOT (d AND e))",
                  "a = true | b = true | AND 2 | NOT | c = true | d = true | e = true | AND 2 | "
                  "NOT | OR 2 | NOT | AND 2");
    expect_filter("((((a))))", "a = true");
    expect_filter("NOT(NOT(a))and(b)", "a = true | NOT | NOT | b = true | AND 2");
}

static void test_syntax_errors(void)
{
    expect_error("a =", ME_SYNTAX, 3);
    expect_error("a = ", ME_SYNTAX, 4);
    expect_error("a AND", ME_SYNTAX, 5);
    expect_error("AND a", ME_SYNTAX, 0);
    expect_error("a b", ME_SYNTAX, 2);
    expect_error("(a", ME_SYNTAX, 2);
    expect_error("a)", ME_SYNTAX, 1);
    expect_error("()", ME_SYNTAX, 1);
    expect_error("a = 'x", ME_SYNTAX, 4);
    expect_error("\"a = 5", ME_SYNTAX, 0);
    expect_error("a ! b", ME_SYNTAX, 2);
    expect_error("a == 5", ME_SYNTAX, 3);
    expect_error("a = ;", ME_SYNTAX, 4);
    expect_error("a. = 5", ME_SYNTAX, 2);
    expect_error("a..b = 5", ME_SYNTAX, 2);
    expect_error("\"a\".b", ME_SYNTAX, 3);
    expect_error("a = :", ME_SYNTAX, 4);
    expect_error("a = :1", ME_SYNTAX, 4);
    expect_error("f(a)", ME_SYNTAX, 0);
    expect_error("b AND f (a)", ME_SYNTAX, 6);
}

static void test_operands_that_are_refused(void)
{
    expect_error("a = -:p", ME_TYPE, 5);
    expect_error("a IN (1, b)", ME_SYNTAX, 9);
    expect_error("STARTS_WITH(a, b)", ME_SYNTAX, 15);
    expect_error("5 = 6", ME_SYNTAX, 4);
    expect_error("5 = -6", ME_SYNTAX, 4);
    expect_error("5 = :p", ME_TYPE, 4);
    expect_error("5", ME_SYNTAX, 1);
    expect_error("'x' AND a", ME_SYNTAX, 4);
    expect_error("5 IN (1)", ME_SYNTAX, 2);
    expect_error("TRUE IN (1)", ME_SYNTAX, 5);
    expect_error("5 < EXISTS(a)", ME_SYNTAX, 4);
    expect_error("1 < a < 5", ME_SYNTAX, 6);
}

/* Where a regex is wrong is a place in the text, doubled quotes counted. */
static void test_regexes_that_are_refused(void)
{
    expect_error("MATCHES(a, '(')", ME_SYNTAX, 13);
    expect_error("MATCHES(a, 'x**')", ME_SYNTAX, 14);
    expect_error("matches (\"é\", 'it''s*+')", ME_SYNTAX, 22);
    expect_error("MATCHES(a, '''*+'", ME_SYNTAX, 15);
    expect_error("MATCHES(a, '[é-a]') AND b", ME_SYNTAX, 16);
    expect_error("MATCHES(a, '*' ;", ME_SYNTAX, 12);
    expect_error("MATCHES(a, 5)", ME_TYPE, 11);
    expect_error("MATCHES(a, NULL)", ME_TYPE, 11);
    expect_error("MATCHES(a, b)", ME_SYNTAX, 11);
    expect_error("MATCHES(a)", ME_SYNTAX, 9);
    expect_error("MATCHES(a, 'a{2048}')", ME_FILTER_LIMIT, 19);
}

static void test_syntax_errors_of_leaves(void)
{
    expect_error("\"EXISTS\"(a)", ME_SYNTAX, 8);
    expect_error("a IN ()", ME_SYNTAX, 6);
    expect_error("a IN (1,)", ME_SYNTAX, 8);
    expect_error("a IN 1", ME_SYNTAX, 5);
    expect_error("a IN (1", ME_SYNTAX, 7);
    expect_error("a NOT 5", ME_SYNTAX, 6);
    expect_error("a IS 5", ME_SYNTAX, 5);
    expect_error("a BETWEEN 1 OR 2", ME_SYNTAX, 12);
    expect_error("a LIKE 'x' ESCAPE 'ab'", ME_SYNTAX, 18);
    expect_error("a LIKE 'x' ESCAPE ''", ME_SYNTAX, 18);
    expect_error("a LIKE 'x!' ESCAPE '!'", ME_SYNTAX, 7);
    expect_error("a LIKE 'x!!!' ESCAPE '!'", ME_SYNTAX, 7);
    expect_error("EXISTS(a, b)", ME_SYNTAX, 8);
    expect_error("EXISTS('a')", ME_SYNTAX, 7);
    expect_error("CONTAINS(a)", ME_SYNTAX, 10);
    expect_error("a = '\xFF'", ME_SYNTAX, 5);
    expect_error("a = '\xED\xA0\x80'", ME_SYNTAX, 5);
    expect_error("\xC3\xA9 = '\xC3\xA9' x", ME_SYNTAX, 10);
}

/* The first problem of the text is the one reported, even where the second is seen earlier. */
static void test_type_errors(void)
{
    expect_error("a = NULL", ME_TYPE, 4);
    expect_error("a = NULL ;", ME_TYPE, 4);
    expect_error("NULL = a", ME_TYPE, 0);
    expect_error("TRUE < a", ME_TYPE, 0);
    expect_error("a >= FALSE", ME_TYPE, 5);
    expect_error("a IN (1, NULL)", ME_TYPE, 9);
    expect_error("a BETWEEN 1 AND 'x'", ME_TYPE, 16);
    expect_error("a BETWEEN 'x' AND 1", ME_TYPE, 18);
    expect_error("a BETWEEN TRUE AND TRUE", ME_TYPE, 10);
    expect_error("a LIKE 5", ME_TYPE, 7);
    expect_error("a LIKE NULL", ME_TYPE, 7);
    expect_error("a LIKE 'x' ESCAPE 5", ME_TYPE, 18);
    expect_error("ENDS_WITH(a, TRUE)", ME_TYPE, 13);
    expect_error("a = :p", ME_TYPE, 4);
}

static void test_parameters(void)
{
    const char *text = "a = :s AND b IN (:n, :s) AND :yes AND c LIKE :pat ESCAPE :esc AND :n < d";
    const me_parameter given[] = {
        parameter("n", value_of_int(-7)), parameter("s", string_value("' OR TRUE --")),
        parameter("yes", value_of_bool(true)), parameter("pat", string_value("%!%")),
        parameter("esc", string_value("!"))};
    filter_text got;
    me_error error;
    CHECK(parse_with(text, strlen(text), &limits, given, 5, &got, &error) == ME_OK);
    CHECK(strcmp(got.text,
                 "a = '' OR TRUE --' | b IN i-7,'' OR TRUE --' | TRUE | "
                 "c LIKE '%!%','!' | d > i-7 | AND 5") == 0);
    const struct {
        const char *text;
        me_parameter given;
        me_status status;
        size_t offset;
    } cases[] = {
        {"a = :P", parameter("p", value_of_int(1)), ME_TYPE, 4},
        {"a = 1", parameter("p", value_of_int(1)), ME_TYPE, 0},
        {"", parameter("p", value_of_int(1)), ME_TYPE, 0},
        {"a = ;", parameter("p", value_of_int(1)), ME_SYNTAX, 4},
        {":p", parameter("p", value_of_int(1)), ME_SYNTAX, 2},
        {"a = :p", parameter("p", value_of_null()), ME_TYPE, 4},
        {"a = :p", parameter("p", (me_value){.type = 0}), ME_TYPE, 4},
        {"a = :p", parameter("p", value_of_double((double)NAN)), ME_TYPE, 4},
        {"a < :p", parameter("p", value_of_bool(true)), ME_TYPE, 4},
        {"a = :p", parameter("p", string_value("\xC0\x80")), ME_TYPE, 4},
        {"a LIKE 'x!' ESCAPE :p", parameter("p", string_value("!")), ME_SYNTAX, 7},
        {"a LIKE :p ESCAPE 'e'", parameter("p", string_value("ee e")), ME_SYNTAX, 7},
        {"a LIKE 'x' ESCAPE :p", parameter("p", string_value("")), ME_SYNTAX, 18},
        {"a = :p", parameter("p", value_of_double(HUGE_VAL)), ME_OK, 0},
        {"a = :and", parameter("and", value_of_int(1)), ME_OK, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        me_status status = parse_with(cases[i].text, strlen(cases[i].text), &limits,
                                      &cases[i].given, 1, &got, &error);
        CHECK(status == cases[i].status && error.offset == cases[i].offset);
    }
}

static void test_many_parameters(void)
{
    enum { COUNT = 20000 };
    char *text = malloc(COUNT * 16), *names = malloc(COUNT * 8);
    me_parameter *given = malloc(COUNT * sizeof *given);
    size_t length = (size_t)sprintf(text, "a IN (");
    for (int i = 0; i < COUNT; i++) {
        sprintf(names + 8 * i, "p%d", i);
        given[i] = parameter(names + 8 * i, value_of_int(i));
        length += (size_t)sprintf(text + length, "%s:p%d", i == 0 ? "" : ",", i);
    }
    text[length++] = ')';
    me_error error;
    CHECK(parse_with(text, length, &limits, given, COUNT, NULL, &error) == ME_OK);
    CHECK(parse_with(text, length, &limits, given, COUNT - 1, NULL, &error) == ME_TYPE);
    free(text);
    free(names);
    free(given);
}

static void test_nul_in_text(void)
{
    filter_text got;
    me_error error;
    CHECK(parse_with("a = 'x\0y'", 9, &limits, NULL, 0, NULL, &error) == ME_OK);
    CHECK(parse_with("\"\0\" = 1", 7, &limits, NULL, 0, &got, &error) == ME_OK);
    CHECK(parse_with("a\0= 1", 5, &limits, NULL, 0, NULL, &error) == ME_SYNTAX);
    CHECK(error.offset == 1);
}

static void expect_limit(const char *text, const me_limits *within, const char *name,
                         uint64_t value)
{
    me_error error;
    CHECK(parse_with(text, strlen(text), within, NULL, 0, NULL, &error) == ME_FILTER_LIMIT);
    CHECK(error.limit != NULL && strcmp(error.limit, name) == 0 && error.value == value);
}

static void test_limits_at_their_edge(void)
{
    const me_limits tight = {
        .filter_bytes = 40, .filter_depth = 2, .predicates = 3, .in_values = 2, .digits = 20};
    me_error error;
    const char *fits[] = {
        "((a)) AND ((b)) AND ((c))",    "NOT (a AND b)",
        "NOT NOT a AND NOT NOT b",      "a IN (1, 2)",
        "a = -00099999999999999999999", "a = 1.0000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
        CHECK(parse_with(fits[i], strlen(fits[i]), &tight, NULL, 0, NULL, &error) == ME_OK);
    }
    expect_limit("(((a)))", &tight, "filter_depth", 3);
    expect_limit("NOT NOT NOT a", &tight, "filter_depth", 3);
    expect_limit("(NOT (a))", &tight, "filter_depth", 3);
    expect_limit("a OR b OR c OR d", &tight, "predicates", 4);
    expect_limit("a IN (1, 2, 3)", &tight, "in_values", 3);
    expect_limit("a = 100000000000000000000", &tight, "digits", 21);
    expect_limit("a = 1.00000000000000000000000000000000000", &tight, "filter_bytes", 41);
    me_parameter big = parameter("p", string_value("-100000000000000000000"));
    big.value.type = ME_BIG;
    CHECK(parse_with("a = :p", 6, &tight, &big, 1, NULL, &error) == ME_FILTER_LIMIT);
}

/* `prefix` n times, the middle, `suffix` n times. */
static char *repeated(const char *prefix, const char *middle, const char *suffix, size_t n)
{
    size_t a = strlen(prefix), b = strlen(suffix);
    char *text = malloc(n * (a + b) + strlen(middle) + 1), *at = text;
    for (size_t i = 0; i < n; i++, at += a) {
        memcpy(at, prefix, a);
    }
    at = strcpy(at, middle) + strlen(middle);
    for (size_t i = 0; i < n; i++, at += b) {
        memcpy(at, suffix, b);
    }
    *at = '\0';
    return text;
}

static void test_depth_and_width(void)
{
    me_limits wide = limits;
    wide.filter_depth = 300000;
    wide.filter_bytes = 1 << 24;
    const struct {
        const char *prefix, *middle, *suffix;
        bool deep; /* too deep for the default limit */
    } shapes[] = {
        {"(", "a", ")", true},
        {"NOT ", "a", "", true},
        {"NOT(", "a", ")", true},
        {"(a OR (b AND ", "c", "))", true},
        {"a AND ", "a", "", false},
        {"a OR b AND ", "a", "", false},
        {"", "a", " AND (b OR c) OR d", false},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t count = i < 3 ? 100000 : 33000;
        char *text = repeated(shapes[i].prefix, shapes[i].middle, shapes[i].suffix, count);
        size_t length = strlen(text);
        me_error error;
        CHECK(parse_with(text, length, &wide, NULL, 0, NULL, &error) == ME_OK);
        if (shapes[i].deep) {
            CHECK(parse_with(text, length, &limits, NULL, 0, NULL, &error) == ME_FILTER_LIMIT);
        }
        free(text);
    }
    char *text = repeated("123,", "4)", "", 100000);
    memcpy(text, "a IN (1", 7);
    me_error error;
    CHECK(parse_with(text, strlen(text), &limits, NULL, 0, NULL, &error) == ME_OK);
    free(text);
}

/* Every allocation of a parse fails once; the parse says so and gives all memory back. */
static void test_out_of_memory(void)
{
    const char *text = "NOT ((((((a = 'it''s' AND \"b\"\"\" IN (1, 2, :p))))))) OR c = 'don''t'";
    const me_parameter given = parameter("p", string_value("a rather long parameter value that "
                                                           "makes the filter longer than its "
                                                           "text, so that the writer must grow"));
    me_status status = ME_NOMEM;
    size_t failures = 0;
    for (; status == ME_NOMEM && failures < 100; failures++) {
        heap_fail_after(failures);
        heap h = {0};
        filter_writer w;
        filter_writer_init(&w, &h, true);
        me_error error;
        status = parse_filter(text, strlen(text), &given, 1, &limits, &w, &error);
        heap_fail_after(SIZE_MAX);
        filter_writer_free(&w);
        CHECK(h.bytes == 0);
    }
    CHECK(status == ME_OK && failures > 5);
}

/* Texts put together from pieces at random: whatever is accepted passes filter_check (parse_with
 * sees to that), whatever is not points into the text, and the sanitizers watch. */
static void test_random_texts(void)
{
    /* clang-format off */
    static const char *const pieces[] = {
        "a", "b.c", "\"q \"\"\"", "(", ")", "(", ")", " AND ", " OR ", " NOT ", "NOT ", " = ", "<",
        ">=", "<>", "5", "-", "1.5e3", "'x'", "'it''s'", " IN (", ",", " LIKE ", " ESCAPE '!'",
        " BETWEEN ", " IS NULL", "EXISTS(a)", "TRUE", "NULL", ":p", " ", "\xC3\xA9", "\xFF", ";",
        "00099999999999999999999", " a = 1 ", " b IN (1, 2) ", " (a OR b) ", " NOT c "};
    /* clang-format on */
    uint64_t state = 20260807;
    const me_parameter given = parameter("p", value_of_bool(true));
    unsigned accepted = 0;
    for (int round = 0; round < 200000; round++) {
        char text[256];
        size_t length = 0;
        for (uint32_t n = 1 + check_below(&state, 9); n > 0; n--) {
            const char *piece = pieces[check_below(&state, sizeof pieces / sizeof *pieces)];
            memcpy(text + length, piece, strlen(piece));
            length += strlen(piece);
        }
        char *exact = malloc(length); /* its own block: reading past the end is seen */
        memcpy(exact, text, length);
        me_error error;
        bool bound = memchr(text, ':', length) != NULL;
        accepted += parse_with(exact, length, &limits, &given, bound, NULL, &error) == ME_OK;
        free(exact);
    }
    CHECK(accepted > 5000);
}

int main(void)
{
    test_leaves();
    test_numbers();
    test_connectives_are_flat();
    test_syntax_errors();
    test_operands_that_are_refused();
    test_regexes_that_are_refused();
    test_syntax_errors_of_leaves();
    test_type_errors();
    test_parameters();
    test_many_parameters();
    test_nul_in_text();
    test_limits_at_their_edge();
    test_depth_and_width();
    test_out_of_memory();
    test_random_texts();
    return check_report();
}
