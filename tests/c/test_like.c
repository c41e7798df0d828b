/* LIKE and ILIKE against the definition, at the edges, out of memory, and on hostile patterns. */
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "like.h"
#include "like_oracle.h"

static uint64_t state = 20240601;

typedef struct {
    char bytes[ORACLE_ROOM];
    size_t length;
} text;

static void append(text *t, const char *s)
{
    size_t n = strlen(s);
    memcpy(t->bytes + t->length, s, n);
    t->length += n;
}

/* A copy that ends where its block does, so that ASan sees every read too far. */
static char *exact(const char *bytes, size_t length)
{
    char *copy = malloc(length + (length == 0));
    if (length != 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

static bool like(const char *pattern, const char *escape, bool fold, const char *s)
{
    heap h = {0};
    like_pattern *p = like_compile(&h, pattern, strlen(pattern), escape, strlen(escape), fold);
    bool answer = like_match(p, s, strlen(s));
    like_free(&h, p);
    CHECK(h.bytes == 0);
    return answer;
}

static void test_examples(void)
{
    CHECK(like("", "", false, "") && !like("", "", false, "a"));
    CHECK(like("%", "", false, "") && like("%", "", false, "a\nb"));
    CHECK(!like("_", "", false, "") && like("_", "", false, "\n") && like("_", "", false, "é"));
    CHECK(like("_", "", false, "\xF0\x9F\x98\x80") && !like("__", "", false, "é"));
    CHECK(like("a%c", "", false, "abbc") && like("a%c", "", false, "ac"));
    CHECK(!like("a%c", "", false, "a") && !like("ab%bc", "", false, "abc"));
    CHECK(like("%a_a%", "", false, "xaba") && !like("%a_a%", "", false, "aa"));
    CHECK(like("100!%", "!", false, "100%") && !like("100!%", "!", false, "1000"));
    CHECK(like("a%%b", "%", false, "a%b") && !like("a%%b", "%", false, "ab"));
    CHECK(like("éé_", "é", false, "éx") && like("é_", "é", false, "_"));
    CHECK(like("!!", "!", false, "!") && !like("!!", "!", false, "!!"));
    CHECK(like("STRASSE%", "", true, "strasse 1") && !like("STRASSE", "", true, "straße"));
    CHECK(like("%\xE2\x84\xAA%", "", true, "xk") && like("k", "", true, "\xE2\x84\xAA"));
    CHECK(like("%ÀÉ", "", true, "xàé") && !like("%ÀÉ", "", false, "xàé"));
    CHECK(like("Σ%", "", true, "ςx") && like("_Σ", "", true, "Éσ"));
}

/* The alphabet decides how often anything matches; some of it folds, also to another length. */
static const char *const units[] = {"a", "b", "A", "\n", "é", "É", "\xC8\xBA", "\xE2\xB1\xA5",
                                    "😀"};

static void random_text(text *t, uint32_t most, uint32_t alphabet)
{
    t->length = 0;
    for (uint32_t n = check_below(&state, most + 1); n > 0; n--) {
        append(t, units[check_below(&state, alphabet)]);
    }
}

static void random_pattern(text *t, uint32_t most, uint32_t alphabet, const char *escape)
{
    t->length = 0;
    for (uint32_t n = check_below(&state, most + 1); n > 0; n--) {
        uint32_t pick = check_below(&state, 8);
        if (pick == 0 && *escape != '\0') {
            append(t, escape);
            append(t, check_below(&state, 2) == 0 ? "%" : escape);
        } else if (pick < 4 && *escape != (pick < 2 ? '%' : '_')) {
            append(t, pick < 2 ? "%" : "_");
        } else {
            const char *unit = units[check_below(&state, alphabet)];
            append(t, unit);
            append(t, strcmp(unit, escape) == 0 ? escape : ""); /* doubled: itself */
        }
    }
}

static void compare(const text *pattern, const char *escape, bool fold, const text *subject)
{
    heap h = {0};
    char *code = exact(pattern->bytes, pattern->length);
    like_pattern *p = like_compile(&h, code, pattern->length, escape, strlen(escape), fold);
    free(code);
    char *s = exact(subject->bytes, subject->length);
    bool expected = oracle_like(pattern->bytes, pattern->length, escape, strlen(escape), fold,
                                subject->bytes, subject->length);
    bool answer = like_match(p, s, subject->length);
    uint32_t words = like_state_words(p);
    uint64_t *scratch = malloc((words + 1) * sizeof *scratch);
    CHECK(answer == expected);
    CHECK(like_match_with(p, s, subject->length, false, scratch) == expected);
    like_piece best[3];
    uint32_t pieces = like_pieces(p, best, 3);
    bool open;
    if (pieces == 0) {
        uint32_t points = like_points(p, &open);
        uint32_t read[ORACLE_ROOM];
        size_t n = oracle_points(s, subject->length, false, read);
        CHECK(expected == (open ? n >= points : n == points));
    }
    free(scratch);
    free(s);
    like_free(&h, p);
    CHECK(h.bytes == 0);
}

static void test_random(void)
{
    static const char *const escapes[] = {"", "", "!", "é", "%", "_", "a"};
    for (int round = 0; round < 30000; round++) {
        const char *escape = escapes[check_below(&state, 7)];
        uint32_t alphabet = 1 + check_below(&state, sizeof units / sizeof *units);
        text pattern, subject;
        random_pattern(&pattern, round % 3 == 0 ? 20 : 6, alphabet, escape);
        random_text(&subject, round % 5 == 0 ? 60 : 10, alphabet);
        compare(&pattern, escape, round % 2 == 0, &subject);
    }
}

/* A pattern made from the text, so that it nearly always matches. */
static void test_derived(void)
{
    for (int round = 0; round < 10000; round++) {
        text subject, pattern = {.length = 0};
        random_text(&subject, 300, 1 + check_below(&state, 9));
        bool dropping = false;
        for (size_t at = 0; at < subject.length;) {
            size_t from = at;
            utf8_next(subject.bytes, subject.length, &at);
            uint32_t pick = check_below(&state, 24);
            if (pick == 0) {
                dropping = !dropping;
                append(&pattern, "%");
            } else if (pick < 3 && !dropping) {
                append(&pattern, "_");
            } else if (!dropping) {
                memcpy(pattern.bytes + pattern.length, subject.bytes + from, at - from);
                pattern.length += at - from;
            }
        }
        if (check_below(&state, 4) == 0) {
            append(&pattern, "b");
        }
        compare(&pattern, "", round % 2 == 0, &subject);
    }
}

/* Cores of many words: rows and lists, states on the stack and lent. */
static void test_long_cores(void)
{
    for (int round = 0; round < 200; round++) {
        text subject = {.length = 0}, pattern = {.length = 0};
        uint32_t core = 60 + check_below(&state, 500), lead = check_below(&state, 200);
        uint32_t distinct = 1 + check_below(&state, round % 2 == 0 ? 3 : 300);
        for (uint32_t i = 0; i < lead; i++) {
            append(&subject, "a");
        }
        append(&pattern, "%");
        for (uint32_t i = 0; i < core; i++) {
            char unit[5] = "";
            utf8_put(unit, 0x61 + check_below(&state, distinct));
            append(&subject, unit);
            bool inner = i > 0 && i + 1 < core && check_below(&state, 20) == 0;
            append(&pattern, inner ? "_" : unit);
        }
        append(&pattern, "%");
        append(&subject, "aaa");
        compare(&pattern, "", false, &subject);
        compare(&pattern, "", true, &subject);
        pattern.bytes[1 + core / 2] = '_';
        if (utf8_valid_prefix(pattern.bytes, pattern.length) == pattern.length) {
            compare(&pattern, "", false, &subject);
        }
    }
}

static void test_pieces(void)
{
    heap h = {0};
    const char *s = "ab_longer%of%";
    like_pattern *p = like_compile(&h, s, strlen(s), "", 0, false);
    like_piece best[2];
    CHECK(like_pieces(p, best, 2) == 2);
    CHECK(best[0].length == 6 && best[0].place == PLACE_ANYWHERE);
    CHECK(best[1].length == 2 && best[1].place == PLACE_START);
    CHECK(memcmp(best[0].bytes, "longer", 6) == 0 && !like_is_one_piece(p));
    like_free(&h, p);
    static const char *const whole[] = {"%abc%", "abc%", "%abc", "%%abc%%"};
    static const like_place places[] = {PLACE_ANYWHERE, PLACE_START, PLACE_END, PLACE_ANYWHERE};
    for (int i = 0; i < 4; i++) {
        p = like_compile(&h, whole[i], strlen(whole[i]), "", 0, true);
        CHECK(like_is_one_piece(p) && like_pieces(p, best, 2) == 1 && best[0].place == places[i]);
        like_free(&h, p);
    }
    static const char *const more[] = {"abc", "%a_c%", "_%abc%", "%abc_", "%", "a%b", "%_abc"};
    for (int i = 0; i < 7; i++) {
        p = like_compile(&h, more[i], strlen(more[i]), "", 0, false);
        CHECK(!like_is_one_piece(p));
        like_free(&h, p);
    }
    CHECK(h.bytes == 0);
}

static void test_no_memory(void)
{
    const char *s =
        "ab%cd_e%fgh%i_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaj%";
    heap h = {0};
    for (size_t budget = 0;; budget++) {
        heap_fail_after(budget);
        like_pattern *p = like_compile(&h, s, strlen(s), "", 0, budget % 2 == 0);
        heap_fail_after(SIZE_MAX);
        bool done = p != NULL && budget > 20;
        like_free(&h, p);
        CHECK(h.bytes == 0);
        if (done) {
            break;
        }
    }
}

static double seconds_to_match(const text *pattern, const char *s, size_t length, bool fold)
{
    heap h = {0};
    like_pattern *p = like_compile(&h, pattern->bytes, pattern->length, "", 0, fold);
    clock_t start = clock();
    CHECK(!like_match(p, s, length));
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    like_free(&h, p);
    return seconds;
}

static void repeat(text *t, const char *unit, uint32_t times)
{
    for (; times > 0; times--) {
        append(t, unit);
    }
}

/* A long text against what makes backtracking explode. The bound is generous, yet thousands of
 * times below anything quadratic. */
static void test_hostile(void)
{
    size_t length = 300000;
    char *s = malloc(length);
    memset(s, 'a', length);
    text patterns[6] = {{.length = 0}};
    repeat(&patterns[0], "%_", 2000);
    append(&patterns[0], "%X");
    append(&patterns[1], "%aaaa_aaab%");
    repeat(&patterns[2], "%a", 1000);
    append(&patterns[2], "b%");
    append(&patterns[3], "%");
    repeat(&patterns[3], "a", 2000);
    append(&patterns[3], "b%");
    append(&patterns[4], "%b");
    repeat(&patterns[4], "a", 2000);
    append(&patterns[4], "%");
    append(&patterns[5], "%");
    repeat(&patterns[5], "a_", 1000);
    append(&patterns[5], "b%");
    for (int i = 0; i < 6; i++) {
        for (int fold = 0; fold < 2; fold++) {
            double seconds = seconds_to_match(&patterns[i], s, length, fold != 0);
            CHECK(seconds < 5);
        }
    }
    free(s);
}

/* A core beyond what like_match keeps on its stack: right without scratch, linear with it. */
static void test_monstrous(void)
{
    size_t core = 20000, length = core + 500;
    char *pattern = malloc(core + 2), *s = malloc(length);
    memset(pattern, 'a', core + 2);
    memset(s, 'a', length);
    pattern[0] = pattern[core + 1] = '%';
    pattern[core / 2] = '_';
    pattern[core] = 'b';
    heap h = {0};
    like_pattern *p = like_compile(&h, pattern, core + 2, "", 0, false);
    CHECK(like_state_words(p) == (core + 63) / 64);
    uint64_t *scratch = malloc(like_state_words(p) * sizeof *scratch);
    CHECK(!like_match(p, s, length) && !like_match_with(p, s, length, false, scratch));
    s[length - 1] = 'b';
    CHECK(like_match(p, s, length) && like_match_with(p, s, length, false, scratch));
    CHECK(like_match(p, s + 500, core) && !like_match(p, s + 501, core - 1));
    like_free(&h, p);
    CHECK(h.bytes == 0);
    free(scratch);
    free(pattern);
    free(s);
}

int main(void)
{
    test_examples();
    test_random();
    test_derived();
    test_long_cores();
    test_pieces();
    test_no_memory();
    test_hostile();
    test_monstrous();
    return check_report();
}
