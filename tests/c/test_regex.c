/* Regular expressions against sets of positions, at the bounds, out of memory, and hostile. */
#include "regex_model.h"
#include "regex_parts.h"

/* ---- asking ------------------------------------------------------------------------------------- */

static char *exact(const char *bytes, size_t length)
{
    char *copy = malloc(length + (length == 0)); /* ASan sees every read beyond it */
    if (length != 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

/* Does every literal stand where it must? */
static bool literals_hold(const regex *r, const char *text, size_t length)
{
    regex_needle start = regex_literal_at(r, REGEX_START);
    regex_needle finish = regex_literal_at(r, REGEX_FINISH);
    regex_needle inner = regex_literal_at(r, REGEX_INNER);
    bool held = inner.length == 0;
    for (size_t at = 0; !held && at + inner.length <= length; at++) {
        held = memcmp(text + at, inner.bytes, inner.length) == 0;
    }
    return held && start.length <= length && finish.length <= length &&
           (start.length == 0 || memcmp(text, start.bytes, start.length) == 0) &&
           (finish.length == 0 ||
            memcmp(text + length - finish.length, finish.bytes, finish.length) == 0);
}

static me_status check_regex(heap *h, const char *pattern, size_t length, me_error *error)
{
    uint64_t states = 0;
    return regex_check(h, pattern, length, &me_default_limits, &states, error);
}

static uint64_t rows[REGEX_ROW_WORDS];

/* All ways to match, which must agree. */
static bool ask(const char *pattern, size_t pattern_length, const char *text, size_t length)
{
    heap h = {0};
    bool answers[3] = {false, false, false};
    regex_ends ends;
    char *code = exact(pattern, pattern_length), *s = exact(text, length);
    for (int form = REGEX_TABLE; form <= REGEX_PROGRAM; form++) {
        regex *r = regex_compile_as(&h, code, pattern_length, (regex_form)form, &ends);
        CHECK(r != NULL);
        if (r == NULL) {
            continue;
        }
        uint32_t words = regex_state_words(r);
        uint64_t *scratch = malloc((words + 1) * sizeof *scratch);
        bool answer = answers[form] = regex_match(r, s, length, scratch, rows);
        CHECK(regex_match(r, s, length, scratch, NULL) == answer);
        CHECK(!answer || literals_hold(r, s, length));
        CHECK(!answer || regex_ends_fit(&ends, s, length));
        free(scratch);
        regex_free(&h, r);
    }
    CHECK(answers[0] == answers[2] && answers[1] == answers[2]);
    free(code);
    free(s);
    CHECK(h.bytes == 0);
    return answers[0];
}

static bool matches(const char *pattern, const char *text)
{
    return ask(pattern, strlen(pattern), text, strlen(text));
}

static void test_examples(void)
{
    CHECK(matches("", "") && !matches("", "a") && matches("()", "") && matches("|a", ""));
    CHECK(matches("abc", "abc") && !matches("abc", "abcd") && !matches("abc", "ab"));
    CHECK(matches("a|bc|", "bc") && matches("a|bc|", "") && !matches("a|bc|", "b"));
    CHECK(matches("(a|b)*c", "ababc") && !matches("(a|b)*c", "abab"));
    CHECK(matches("a{2,3}", "aaa") && !matches("a{2,3}", "a") && !matches("a{2,3}", "aaaa"));
    CHECK(matches("a{2,}", "aaaaa") && matches("a{0}b", "b") && !matches("a{0}b", "ab"));
    CHECK(matches("(ab){2}", "abab") && matches("(a{2}){2}", "aaaa") && matches("a{0,}", ""));
    CHECK(matches("(a?){3}b{0,2}", "aab") && matches("(|a){5}", "aaa") && !matches("(|a)+", "b"));
    CHECK(matches(".", "é") && matches(".", "😀") && !matches(".", "\n") && !matches(".", "\r"));
    CHECK(matches("[^a]", "\n") && !matches("[^a]", "a") && matches("[a-c-]", "-"));
    CHECK(matches("[-a]", "-") && matches("[--]", "-") && matches("[^-]", "x") &&
          matches("[a\\-z]", "-") && !matches("[a\\-z]", "b"));
    CHECK(matches("\\.\\*\\n\\t\\r\\^\\{", ".*\n\t\r^{") && matches("[.^$]", "$"));
    CHECK(matches("^a$", "^a$") && !matches("^a$", "a"));
    CHECK(matches("\\p{L}", "é") && matches("\\p{Lu}", "É") && !matches("\\p{Lu}", "é"));
    CHECK(matches("\\P{Lu}", "é") && matches("[\\P{L}é]+", "1é") && !matches("[^\\p{L}]", "a"));
    CHECK(matches("\\p{Cn}", "\xCD\xB8") && matches("\\p{C}", "\xCD\xB8")); /* U+0378 */
    CHECK(matches("\\p{Co}", "\xF4\x8F\xBF\xBD") && matches("\\p{Cn}", "\xF4\x8F\xBF\xBF"));
    CHECK(!matches("[^\\p{L}\\P{L}]*", "a") && matches("[^\\p{L}\\P{L}]*", ""));
    CHECK(ask("a\0b", 3, "a\0b", 3) && !ask("a\0b", 3, "ab", 2) && ask("[^a]", 4, "\0", 1));
}

/* ---- random regexes against the definition ---------------------------------------------------- */

static void compare(const tree *t, const written *pattern, uint32_t most)
{
    written subject = {.length = 0};
    uint32_t points[40], length = check_below(&state, most + 1);
    uint32_t alphabet = check_below(&state, 3) == 0 ? UNITS : 1 + check_below(&state, 3);
    for (uint32_t i = 0; i < length; i++) {
        points[i] = check_below(&state, alphabet);
        append(&subject, units[points[i]]);
    }
    bool expected = (ends(t, 1, points, length) >> length & 1) != 0;
    bool answer = ask(pattern->at, pattern->length, subject.at, subject.length);
    if (answer != expected) {
        printf("%.*s on %.*s: expected %d\n", (int)pattern->length, pattern->at,
               (int)subject.length, subject.at, expected);
    }
    CHECK(answer == expected);
}

static void test_random(void)
{
    for (int round = 0; round < 6000; round++) {
        written pattern = {.length = 0};
        heap h = {0};
        me_error error;
        tree *t = grow(&pattern, round % 4);
        me_status status = check_regex(&h, pattern.at, pattern.length, &error);
        CHECK(status == ME_OK || status == ME_FILTER_LIMIT);
        for (int i = 0; status == ME_OK && i < 6; i++) {
            compare(t, &pattern, i < 4 ? 6 : 39);
        }
        CHECK(h.bytes == 0);
        fell(t);
    }
}

/* ---- what is refused ---------------------------------------------------------------------------- */

static me_error refuse(const char *pattern, size_t length, me_status wanted)
{
    heap h = {0};
    me_error error = {0};
    char *copy = exact(pattern, length);
    me_status status = check_regex(&h, copy, length, &error);
    if (status != wanted) {
        printf("%.60s: status %d: %s\n", pattern, (int)status, error.message);
    }
    CHECK(status == wanted && h.bytes == 0);
    free(copy);
    return error;
}

static void test_syntax_errors(void)
{
    static const struct {
        const char *pattern;
        size_t offset;
    } bad[] = {
        {"*", 0},        {"a**", 2},     {"a+?", 2},        {"a{2}{3}", 4}, {"(?:a)", 1},
        {"a)", 1},       {"(a", 2},      {"(a|", 3},        {"a|*", 2},     {"]", 0},
        {"}", 0},        {"{1}", 0},     {"a{", 2},         {"a{,2}", 2},   {"a{x", 2},
        {"a{1", 3},      {"a{1x}", 3},   {"a{1,2", 5},      {"a{2,1}", 4},  {"a{1,,}", 4},
        {"\\d", 1},      {"a\\", 2},     {"\\1", 1},        {"\\$", 1},     {"\\pL", 2},
        {"\\p{", 3},     {"\\p{X}", 3},  {"\\p{Lx}", 4},    {"\\p{L", 4},   {"\\p{Lu", 5},
        {"\\p{Luu}", 5}, {"\\p{Cs}", 4}, {"\\p{}", 3},      {"[", 1},       {"[]", 1},
        {"[^]", 2},      {"[a", 2},      {"[[]", 1},        {"[a[]", 2},    {"[a-", 3},
        {"[z-a]", 3},    {"[a--]", 3},   {"[a-b-c]", 5},    {"[--a]", 3},   {"[---]", 3},
        {"[\\d]", 2},    {"[a-\\d]", 4}, {"[\\p{L}-z]", 7}, {"é*+", 3},     {"[a-[b]]", 3},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        me_error error = refuse(bad[i].pattern, strlen(bad[i].pattern), ME_SYNTAX);
        if (error.offset != bad[i].offset) {
            printf("%s: %zu: %s\n", bad[i].pattern, error.offset, error.message);
        }
        CHECK(error.offset == bad[i].offset && strncmp(error.message, "expected ", 9) == 0);
    }
    CHECK(strcmp(refuse("a|?", 3, ME_SYNTAX).message,
                 "expected a character, ., (, [, a backslash, | or the end, got ?") == 0);
    CHECK(strstr(refuse("(a", 2, ME_SYNTAX).message, "got the end of the regex") != NULL);
    CHECK(strstr(refuse("\\\x01", 2, ME_SYNTAX).message, "got another character") != NULL);
}

/* `count` times `s`. */
static char *many(const char *s, size_t count)
{
    size_t n = strlen(s);
    char *all = malloc(n * count + 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(all + n * i, s, n);
    }
    all[n * count] = '\0';
    return all;
}

static void expect_limit(const char *pattern, const char *limit)
{
    me_error error = refuse(pattern, strlen(pattern), ME_FILTER_LIMIT);
    CHECK(error.limit != NULL && strcmp(error.limit, limit) == 0);
    CHECK(strstr(error.message, limit) != NULL);
}

static void test_bounds(void)
{
    heap h = {0};
    me_error error;
    static const char *const large[] = {"a{2048}",           "a{0,1024}",      "a{99999999999999}",
                                        "(a{50}){50}",       "((a?){40}){40}", "(){5000}",
                                        "((a{1000}){1000})", "a{1024,}{2}",    "(a|b){700}"};
    static const char *const fine[] = {"a{2047}", "a{0,1023}", ".{0,1000}", "(){2048}", "a{2046,}"};
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        CHECK(check_regex(&h, fine[i], strlen(fine[i]), &error) == ME_OK);
    }
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        if (strcmp(large[i], "a{1024,}{2}") != 0) {
            expect_limit(large[i], "regex_states");
        }
    }
    char *as = many("a", 2048), *bars = many("|", 1100), *open = many("(", 1001);
    expect_limit(as, "regex_states");
    expect_limit(bars, "regex_states");
    expect_limit(open, "regex_depth");
    CHECK(refuse(open, 1000, ME_SYNTAX).offset == 1000);
    CHECK(check_regex(&h, as, 2047, &error) == ME_OK && h.bytes == 0);
    char *letters = many("\\p{L}", 100);
    CHECK(check_regex(&h, letters, strlen(letters), &error) == ME_OK);
    char *deep = malloc(3001);
    memset(deep, '(', 1000);
    memset(deep + 1000, 'a', 1000);
    memset(deep + 2000, ')', 1000);
    CHECK(check_regex(&h, deep, 3000, &error) == ME_OK);
    char *class = malloc(1 << 20);
    memset(class, 'a', 1 << 20);
    class[0] = '[';
    class[(1 << 20) - 1] = '\0';
    expect_limit(class, "regex_ranges");
    free(as);
    free(bars);
    free(open);
    free(letters);
    free(deep);
    free(class);
    CHECK(h.bytes == 0);
}

/* ---- literals ----------------------------------------------------------------------------------- */

static void expect_literals(const char *pattern, const char *start, const char *finish,
                            const char *inner)
{
    heap h = {0};
    const char *wanted[] = {start, finish, inner};
    regex *r = regex_compile(&h, pattern, strlen(pattern), NULL);
    for (uint32_t place = 0; place < REGEX_PLACES; place++) {
        regex_needle n = regex_literal_at(r, (regex_place)place);
        bool same =
            n.length == strlen(wanted[place]) && memcmp(n.bytes, wanted[place], n.length) == 0;
        if (!same) {
            printf("%s: place %u: %.*s\n", pattern, place, (int)n.length, n.bytes);
        }
        CHECK(same);
    }
    regex_free(&h, r);
}

static void test_literals(void)
{
    expect_literals("cat", "cat", "cat", "cat");
    expect_literals("", "", "", "");
    expect_literals("[ab]", "", "", "");
    expect_literals("a*", "", "", "");
    expect_literals("cat[ab]s?", "cat", "", "cat");
    expect_literals("x[ab]cats", "x", "cats", "cats");
    expect_literals("cats|cars", "ca", "s", "ca");
    expect_literals("(ab){2,}", "abab", "abab", "abab");
    expect_literals("(ab)+c", "ab", "abc", "abc");
    expect_literals(".*error.*", "", "", "error");
    expect_literals(".*(disk|disc) full.*", "", "", " full");
    expect_literals("/api/v[0-9]+/users", "/api/v", "/users", "/users");
    expect_literals("[x]a{3}[.]", "xaaa.", "xaaa.", "xaaa.");
    expect_literals("(a|a)b", "ab", "ab", "ab");
    expect_literals("a{0}b", "b", "b", "b");
    expect_literals("(x|yabcd|zabce)q", "", "q", "q");
    expect_literals("(yabcd|zabce)q", "", "q", "abc");
    expect_literals("a{40}", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    expect_literals("abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz012345",
                    "efghijklmnopqrstuvwxyz0123456789", "defghijklmnopqrstuvwxyz012345678");
}

/* ---- hostile ------------------------------------------------------------------------------------ */

/* Patterns that make backtracking exponential, or tables. */
static const char *const hostile[] = {
    "(a+)+b",
    "(a|a)*b",
    "(a*)*b",
    "(a|aa)+b",
    "(.*)*(.*)*b",
    "((a?){30}){30}",
    "(a?){500}a{500}",
    "(a|b)*a(a|b){20}",
    "((a*)*)*",
    "(.*a){20}",
    "(a{0,30}){0,30}",
    "([ab]*a[ab]{9}){3}",
    "(a|b|ab|ba|aba)*c",
    "\\p{L}*a\\p{L}{300}",
};

/* No more steps than instructions, for each code point, however long the text is. */
static void test_linear(void)
{
    heap h = {0};
    size_t length = 6000;
    char *as = many("a", length), *abs = many("ab", length / 2);
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        size_t n = strlen(hostile[i]);
        regex_program program;
        me_error error;
        CHECK(regex_parse(&h, hostile[i], n, NULL, &program, &error) == ME_OK);
        uint64_t count = program.count;
        regex_program_free(&program);
        regex *slow = regex_compile_as(&h, hostile[i], n, REGEX_PROGRAM, NULL);
        regex *bits = regex_compile_as(&h, hostile[i], n, REGEX_BITS, NULL);
        regex *fast = regex_compile(&h, hostile[i], n, NULL);
        uint64_t *scratch =
            malloc((regex_state_words(slow) + regex_state_words(bits) + 1) * sizeof *scratch);
        for (int which = 0; which < 2; which++) {
            const char *text = which == 0 ? as : abs;
            uint64_t steps = 0;
            bool answer = regex_follow(slow, text, length, scratch, &steps);
            CHECK(steps <= 2 * count * (length + 1));
            CHECK(regex_match(bits, text, length, scratch, rows) == answer);
            CHECK(regex_match(bits, text, length, scratch, NULL) == answer);
            CHECK(regex_match(fast, text, length, scratch, rows) == answer);
        }
        free(scratch);
        regex_free(&h, slow);
        regex_free(&h, bits);
        regex_free(&h, fast);
    }
    free(as);
    free(abs);
    CHECK(h.bytes == 0);
}

/* Rows that are made while they are used: many, all of them again and again, and in vain. Also
 * regexes with more kinds of characters than columns. */
static void test_long_strings(void)
{
    static const char *const patterns[] = {".*a.{300}",
                                           "(a|b)*a(a|b){9}",
                                           "(a|b)*a(a|b){10}",
                                           "((a|b)*a(a|b){3}(é|b)){2,}",
                                           ".*",
                                           "(a|[^a]b)*",
                                           ".*a(b|é){0,40}[ab]*(a?){40}.{20}b.*"};
    size_t most = 40000;
    char *text = malloc(most + 2);
    for (size_t i = 0; i < 2 * (sizeof patterns / sizeof *patterns); i++) {
        heap h = {0};
        const char *pattern = patterns[i / 2];
        regex *r[3];
        uint32_t words = 0;
        for (int form = 0; form < 3; form++) {
            r[form] = regex_compile_as(&h, pattern, strlen(pattern), (regex_form)form, NULL);
            words += regex_state_words(r[form]);
        }
        uint64_t *scratch = malloc((words + 1) * sizeof *scratch), steps = 0;
        for (int round = 0; round < 12; round++) {
            size_t length = 0, wanted = round < 9 ? check_below(&state, 300) : most;
            uint32_t letters = 2 + (uint32_t)i % 2;
            while (length < wanted) {
                const char *letter =
                    units[check_below(&state, letters) * (letters == 3 ? 5 : 1) % 6];
                memcpy(text + length, letter, strlen(letter));
                length += strlen(letter);
            }
            bool answer = regex_match(r[2], text, length, scratch, NULL);
            CHECK(regex_follow(r[2], text, length, scratch, &steps) == answer);
            for (int form = 0; form < 2; form++) {
                CHECK(regex_match(r[form], text, length, scratch, rows) == answer);
                CHECK(regex_match(r[form], text, length, scratch, NULL) == answer);
            }
        }
        for (int form = 0; form < 3; form++) {
            regex_free(&h, r[form]);
        }
        free(scratch);
        CHECK(h.bytes == 0);
    }
    free(text);
}

/* More kinds of characters than there are columns for, and just as many. */
static void test_many_classes(void)
{
    static const int counts[] = {254, 255, 256, 300};
    for (size_t i = 0; i < 4; i++) {
        heap h = {0};
        char pattern[2000], text[1200];
        size_t length = 0, said = 0;
        for (int k = 0; k < counts[i]; k++) {
            length += utf8_put(text + length, 0x4E00 + (uint32_t)k);
        }
        memcpy(pattern, "(", 1);
        memcpy(pattern + 1, text, length);
        said = length + 1;
        memcpy(pattern + said, ")*a?", 4);
        CHECK(ask(pattern, said + 4, text, length) && !ask(pattern, said + 4, text, length - 3));
        regex *r = regex_compile_as(&h, pattern, said + 4, REGEX_BITS, NULL);
        CHECK(r->form == (counts[i] < 255 ? REGEX_BITS : REGEX_PROGRAM));
        regex_free(&h, r);
        CHECK(h.bytes == 0);
    }
}

/* A table where it is small, none where it would not be; the memory of both is bounded. */
static void test_tables(void)
{
    heap h = {0};
    static const char *const small[] = {"[a-z]+@[a-z]+[.]com", ".{0,1000}", "\\p{L}+", "(a+)+b"};
    static const char *const not_small[] = {"(a|b)*a(a|b){20}", "(a?){1000}"};
    for (size_t i = 0; i < 4; i++) {
        regex *r = regex_compile(&h, small[i], strlen(small[i]), NULL);
        CHECK(regex_state_words(r) == 0 && h.bytes < 50000);
        regex_free(&h, r);
    }
    for (size_t i = 0; i < 2; i++) {
        regex *r = regex_compile(&h, not_small[i], strlen(not_small[i]), NULL);
        CHECK(regex_state_words(r) > 0 && regex_state_words(r) < 1000);
        regex_free(&h, r);
    }
}

static void test_no_memory(void)
{
    static const char *const patterns[] = {"(a|b\\p{L}|[^c-e])*x{2,5}", "(a|b)*a(a|b){20}", "",
                                           "(("};
    for (size_t i = 0; i < 4; i++) {
        heap h = {0};
        me_error error;
        size_t n = strlen(patterns[i]), allowed = 0;
        me_status status = ME_NOMEM;
        for (; status == ME_NOMEM && allowed < 1000; allowed++) {
            heap_fail_after(allowed);
            status = check_regex(&h, patterns[i], n, &error);
            heap_fail_after(SIZE_MAX);
            CHECK(h.bytes == 0);
        }
        CHECK(status == (i < 3 ? ME_OK : ME_SYNTAX) && allowed > 1);
        regex *r = NULL;
        for (allowed = 0; i < 3 && r == NULL && allowed < 1000; allowed++) {
            heap_fail_after(allowed);
            r = regex_compile(&h, patterns[i], n, NULL);
            heap_fail_after(SIZE_MAX);
            CHECK(r != NULL || h.bytes == 0);
        }
        CHECK((r != NULL) == (i < 3));
        regex_free(&h, r);
        CHECK(h.bytes == 0);
    }
}

/* Bytes at random: refused or not, never more than that. */
static void test_noise(void)
{
    static const char letters[] = "ab(|)*+?{}[]^-,\\pPL.012Nu";
    for (int round = 0; round < 200000; round++) {
        char noise[24];
        size_t n = check_below(&state, sizeof noise);
        for (size_t i = 0; i < n; i++) {
            noise[i] = letters[check_below(&state, sizeof letters - 1)];
        }
        heap h = {0};
        me_error error;
        char *copy = exact(noise, n);
        me_status status = check_regex(&h, copy, n, &error);
        CHECK(status == ME_OK || error.offset <= n);
        if (status == ME_OK && round % 4 == 0) {
            ask(copy, n, "abab", 4);
        }
        free(copy);
        CHECK(h.bytes == 0);
    }
}

int main(void)
{
    test_examples();
    test_random();
    test_syntax_errors();
    test_bounds();
    test_literals();
    test_linear();
    test_long_strings();
    test_many_classes();
    test_tables();
    test_no_memory();
    test_noise();
    return check_report();
}
