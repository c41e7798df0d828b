/* The JSON reader: what it keeps, what it refuses and where, duplicates, limits, no memory. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "json.h"

static const me_limits roomy = {
    .event_bytes = 16 << 20, .event_depth = 512, .event_values = 65536, .digits = 1000};

/* A reader with its subscriptions, and the log of the last text written out: a=1 b.c="x" */
typedef struct bench {
    heap heap;
    paths paths;
    event_log log;
    me_error error;
    char kept[2000];
} bench;

static void subscribe(bench *b, const char *name)
{
    CHECK(paths_intern(&b->paths, name, strlen(name)) != PATH_NONE);
}

static void set_up(bench *b)
{
    static const char *const names[] = {
        "a", "a.b", "a.b.c", "x", "long.path.to.a.value", "caf\xC3\xA9",
    };
    memset(b, 0, sizeof *b);
    CHECK(paths_init(&b->paths, &b->heap, 1));
    event_log_init(&b->log);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        subscribe(b, names[i]);
    }
}

static void tear_down(bench *b)
{
    event_log_free(&b->log);
    paths_free(&b->paths);
    CHECK(b->heap.bytes == 0);
}

static int write_value(char *out, size_t room, const me_value *v)
{
    switch (v->type) {
    case ME_NULL:
        return snprintf(out, room, "null");
    case ME_BOOL:
        return snprintf(out, room, v->as.i ? "true" : "false");
    case ME_INT:
        return snprintf(out, room, "%lld", (long long)v->as.i);
    case ME_DOUBLE:
        return snprintf(out, room, "%.17gd", v->as.d);
    case ME_BIG:
        return snprintf(out, room, "%.*sN", (int)v->len, v->as.s);
    default:
        return snprintf(out, room, "\"%.*s\"", (int)v->len, v->as.s);
    }
}

static void write_log(bench *b)
{
    size_t at = 0, room = sizeof b->kept;
    b->kept[0] = '\0';
    for (uint32_t i = 0; i < b->log.count; i++) {
        const event_entry *e = &b->log.entries[i];
        if (e->path == PATH_NONE) {
            continue;
        }
        char name[100];
        size_t length = paths_name(&b->paths, e->path, name, sizeof name);
        at += (size_t)snprintf(b->kept + at, room - at, "%s%.*s=", at > 0 ? " " : "", (int)length,
                               name);
        at += (size_t)write_value(b->kept + at, room - at, &e->value);
    }
}

/* The text is read from a block of exactly its size, so that ASan sees a read beyond it. */
static me_status read_bytes(bench *b, const char *text, size_t length, const me_limits *limits)
{
    char *copy = malloc(length > 0 ? length : 1);
    if (copy == NULL) {
        return ME_NOMEM;
    }
    memcpy(copy, text, length);
    memset(&b->error, 0, sizeof b->error);
    event_log_reset(&b->log);
    me_status status = json_read(copy, length, limits, &b->paths, &b->log, &b->error);
    write_log(b);
    free(copy);
    return status;
}

static bool keeps(bench *b, const char *text, const char *expected)
{
    me_status status = read_bytes(b, text, strlen(text), &roomy);
    bool ok = status == ME_OK && strcmp(b->kept, expected) == 0;
    if (!ok) {
        printf("%s -> status %d, kept %s (%s)\n", text, (int)status, b->kept, b->error.message);
    }
    return ok;
}

static bool refuses(bench *b, const char *text, size_t offset, const char *message)
{
    me_status status = read_bytes(b, text, strlen(text), &roomy);
    bool ok =
        status == ME_EVENT && b->error.offset == offset && strcmp(b->error.message, message) == 0;
    if (!ok) {
        printf("%s -> status %d at %zu: %s\n", text, (int)status, b->error.offset,
               b->error.message);
    }
    return ok;
}

static void test_paths_and_values(bench *b)
{
    CHECK(keeps(b, "{}", ""));
    CHECK(keeps(b, " \t\r\n{ } \n", ""));
    CHECK(keeps(b, "{\"a\":1}", "a=1"));
    CHECK(keeps(b, "{\"y\":1,\"x\":[],\"a\":{}}", ""));
    CHECK(keeps(b, " { \"a\" : { \"b\" : { \"c\" : -0 } } , \"x\" : null } ", "a.b.c=0 x=null"));
    CHECK(keeps(b, "{\"a.b\":1,\"a\":{\"b\":2},\"a.b.c\":3,\"a\":4}", "a.b=1 a.b.c=3 a=4"));
    CHECK(keeps(b, "{\"a\":[1,[2,{\"b\":[3,{\"c\":4,\"d\":5}]}],6,[]]}",
                "a=1 a=2 a.b=3 a.b.c=4 a=6"));
    CHECK(
        keeps(b, "{\"long\":{\"path.to\":{\"a\":{\"value\":true}}}}", "long.path.to.a.value=true"));
    CHECK(keeps(b, "{\"x\":[true,false,null,\"\"]}", "x=true x=false x=null x=\"\""));
    CHECK(keeps(b, "{\"long\":1,\"long.path\":[2],\"path\":{\"to\":3}}", ""));
    CHECK(keeps(b, "{\"x\":{\"a\":{\"b\":1}},\"b\":{\"a\":1}}", ""));
}

static void test_numbers(bench *b)
{
    CHECK(keeps(b, "{\"x\":[0,-1,9223372036854775807,-9223372036854775808]}",
                "x=0 x=-1 x=9223372036854775807 x=-9223372036854775808"));
    CHECK(keeps(b, "{\"x\":9223372036854775808}", "x=9223372036854775808N"));
    CHECK(
        keeps(b, "{\"x\":-123456789012345678901234567890}", "x=-123456789012345678901234567890N"));
    CHECK(keeps(b, "{\"x\":[1.5,1e2,1E+2,25e-1,0.0,-0.0,1e400]}",
                "x=1.5d x=100d x=100d x=2.5d x=0d x=-0d x=infd"));
    CHECK(refuses(b, "{\"x\":01}", 5, "number has a leading zero"));
    CHECK(refuses(b, "{\"x\":-012.5}", 6, "number has a leading zero"));
    CHECK(refuses(b, "{\"x\":+1}", 5, "expected a value"));
    CHECK(refuses(b, "{\"x\":.5}", 5, "expected a value"));
    CHECK(refuses(b, "{\"x\":1.}", 7, "expected a digit"));
    CHECK(refuses(b, "{\"x\":1.e5}", 7, "expected a digit"));
    CHECK(refuses(b, "{\"x\":1e}", 7, "expected a digit"));
    CHECK(refuses(b, "{\"x\":1e+}", 8, "expected a digit"));
    CHECK(refuses(b, "{\"x\":-}", 6, "expected a digit"));
    CHECK(refuses(b, "{\"x\":-Infinity}", 6, "expected a digit"));
    CHECK(refuses(b, "{\"x\":Infinity}", 5, "expected a value"));
    CHECK(refuses(b, "{\"x\":NaN}", 5, "expected a value"));
    CHECK(refuses(b, "{\"x\":0x1}", 6, "expected ',' or '}'"));
    CHECK(refuses(b, "{\"x\":1.5.5}", 8, "expected ',' or '}'"));
}

static void test_string_index(bench *b)
{
    CHECK(keeps(b, "{\"x\":\"a string longer than one block of sixteen\"}",
                "x=\"a string longer than one block of sixteen\""));
    CHECK(keeps(b, "{\"x\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "x=\"\"\\/\b\f\n\r\t\""));
    CHECK(keeps(b, "{\"x\":\"caf\\u00e9 \\u20AC \\ud83d\\uDE00!\"}",
                "x=\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80!\""));
    CHECK(keeps(b, "{\"x\":\"caf\xC3\xA9 and \\n\"}", "x=\"caf\xC3\xA9 and \n\""));
    CHECK(keeps(b, "{\"caf\\u00E9\":1,\"\\u0061\":{\"\\u0062\":2},\"\\u0061\\u002eb\":3}",
                "caf\xC3\xA9=1 a.b=2 a.b=3"));
    CHECK(keeps(b, "{\"x\":\"\x7F\"}", "x=\"\x7F\""));
    CHECK(refuses(b, "{\"x\":\"\\u12G4\"}", 10, "expected four hexadecimal digits after \\u"));
    CHECK(refuses(b, "{\"x\":\"\\q\"}", 7, "unknown escape in string"));
    CHECK(refuses(b, "{\"x\":\"ab\ncd\"}", 8, "control character in string"));
    CHECK(refuses(b, "{\"x\":\"ab\\ud83d\"}", 8, "lone surrogate in \\u escape"));
    CHECK(refuses(b, "{\"x\":\"\\ud83d\\u0041\"}", 6, "lone surrogate in \\u escape"));
    CHECK(refuses(b, "{\"x\":\"\\ude00\\ud83d\"}", 6, "lone surrogate in \\u escape"));
    CHECK(refuses(b, "{\"x\":\"\\ud83d\\n\"}", 6, "lone surrogate in \\u escape"));
    CHECK(refuses(b, "{\"x\":\"ab\xC3(\"}", 8, "invalid UTF-8"));
    CHECK(refuses(b, "{\"x\":\"ab\xC3\\q\"}", 8, "invalid UTF-8")); /* the first fault */
    CHECK(refuses(b, "{\"\xFF\":1}", 2, "invalid UTF-8"));
    read_bytes(b, "{\"x\":\"a\\u0000b\"}", 16, &roomy);
    CHECK(b->log.count == 1 && b->log.entries[0].value.len == 3);
}

/* The end of a string, an escape and a character of two bytes at every place of a window. */
static void test_windows(bench *b)
{
    static const char *const ends[] = {"", "\xC3\xA9", "\\n"};
    static const char *const kept[] = {"", "\xC3\xA9", "\n"};
    char run[201], text[500], expected[300];
    for (int length = 0; length < 200; length++) {
        memset(run, 'r', (size_t)length);
        run[length] = '\0';
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            snprintf(text, sizeof text, "{\"x\":\"%s%s!\",\"a\":7}", run, ends[i]);
            snprintf(expected, sizeof expected, "x=\"%s%s!\" a=7", run, kept[i]);
            CHECK(keeps(b, text, expected));
        }
        snprintf(text, sizeof text, "{\"%s\":\"\",\"a\":\"%s", run, run);
        CHECK(refuses(b, text, strlen(text), "string without a closing quote"));
        snprintf(text, sizeof text, "{\"x\":\"%s\x1F\"}", run);
        CHECK(refuses(b, text, 6 + (size_t)length, "control character in string"));
    }
}

static void test_structure(bench *b)
{
    CHECK(refuses(b, "", 0, "expected an object"));
    CHECK(refuses(b, "  ", 2, "expected an object"));
    CHECK(refuses(b, "[1]", 0, "expected an object"));
    CHECK(refuses(b, "7", 0, "expected an object"));
    CHECK(refuses(b, "\xEF\xBB\xBF{}", 0, "expected an object"));
    CHECK(refuses(b, "{", 1, "expected a string key"));
    CHECK(refuses(b, "{a:1}", 1, "expected a string key"));
    CHECK(refuses(b, "{'a':1}", 1, "expected a string key"));
    CHECK(refuses(b, "{\"a\":1,}", 7, "expected a string key"));
    CHECK(refuses(b, "{,}", 1, "expected a string key"));
    CHECK(refuses(b, "{\"a\" 1}", 5, "expected ':'"));
    CHECK(refuses(b, "{\"a\":}", 5, "expected a value"));
    CHECK(refuses(b, "{\"a\":'x'}", 5, "expected a value"));
    CHECK(refuses(b, "{\"a\":[1,]}", 8, "expected a value"));
    CHECK(refuses(b, "{\"a\":[,1]}", 6, "expected a value"));
    CHECK(refuses(b, "{\"a\":[1 2]}", 8, "expected ',' or ']'"));
    CHECK(refuses(b, "{\"a\":[1}", 7, "expected ',' or ']'"));
    CHECK(refuses(b, "{\"a\":1]", 6, "expected ',' or '}'"));
    CHECK(refuses(b, "{\"a\":1 \"b\":2}", 7, "expected ',' or '}'"));
    CHECK(refuses(b, "{\"a\":tru}", 8, "expected a value"));
    CHECK(refuses(b, "{\"a\":nul", 8, "expected a value"));
    CHECK(refuses(b, "{\"a\":True}", 5, "expected a value"));
    CHECK(refuses(b, "{\"a\":truee}", 9, "expected ',' or '}'"));
    CHECK(refuses(b, "{} {}", 3, "expected end of text"));
    CHECK(refuses(b, "{}\f", 2, "expected end of text"));
    CHECK(refuses(b, "{\"a\":1}}", 7, "expected end of text"));
    CHECK(refuses(b, "{/**/}", 1, "expected a string key"));
    CHECK(refuses(b, "{\"a\":{}", 7, "expected ',' or '}'"));
    CHECK(refuses(b, "{\"a\":[{} \n", 10, "expected ',' or ']'"));
    CHECK(refuses(b, "{\"a\":{\"b\":1} ", 13, "expected ',' or '}'"));
    CHECK(refuses(b, "{\"a\":\"b}", 8, "string without a closing quote"));
    CHECK(refuses(b, "{\"a\":1} }", 8, "expected end of text"));
}

static void test_duplicates(bench *b)
{
    CHECK(keeps(b, "{\"a\":1,\"a\":2}", "a=2"));
    CHECK(keeps(b, "{\"a\":1,\"x\":0,\"a\":2}", "x=0 a=2"));
    CHECK(keeps(b, "{\"a.b\":1,\"a\":{\"b\":2}}", "a.b=1 a.b=2"));
    CHECK(keeps(b, "{\"a\":{\"b\":2},\"a.b\":1}", "a.b=2 a.b=1"));
    CHECK(keeps(b, "{\"a\":{\"b\":1},\"a\":2}", "a=2"));
    CHECK(keeps(b, "{\"a\":2,\"a\":{\"b\":1}}", "a.b=1"));
    CHECK(keeps(b, "{\"a\":{\"b\":1},\"a\":{}}", ""));
    CHECK(keeps(b, "{\"a.b\":1,\"a.b\":2}", "a.b=2"));
    CHECK(keeps(b, "{\"a\":{\"b\":1,\"b\":2,\"b.c\":3,\"b.c\":4}}", "a.b=2 a.b.c=4"));
    CHECK(
        keeps(b, "{\"a.b\":1,\"a\":[{\"b\":2},{\"b\":3,\"b\":4}],\"a.b\":5}", "a.b=2 a.b=4 a.b=5"));
    CHECK(keeps(b, "{\"a\":{\"b\":1},\"a\":{\"b\":2},\"a.b\":3,\"a\":{\"b\":4},\"a.b\":5}",
                "a.b=4 a.b=5"));
    CHECK(keeps(b, "{\"a\":[1,{\"b\":2}],\"x\":[3],\"a\":[4],\"x\":[]}", "a=4"));
    CHECK(keeps(b, "{\"\\u0061\":1,\"a\":2}", "a=2"));
    CHECK(keeps(b, "{\"a\":[{\"b\":1},{\"b\":1}]}", "a.b=1 a.b=1")); /* two objects */
    CHECK(keeps(b, "{\"a\":[{\"b.c\":1,\"b\":{\"c\":2}},{\"b.c\":3}],\"a\":[{\"b.c\":4}]}",
                "a.b.c=4"));
}

static bool exceeds(bench *b, const char *text, me_limits limits, const char *name, uint64_t value)
{
    me_status status = read_bytes(b, text, strlen(text), &limits);
    bool ok =
        status == ME_EVENT_LIMIT && strcmp(b->error.limit, name) == 0 && b->error.value == value;
    if (!ok) {
        printf("%s -> status %d %s\n", text, (int)status, b->error.message);
    }
    return ok;
}

static bool within(bench *b, const char *text, me_limits limits)
{
    return read_bytes(b, text, strlen(text), &limits) == ME_OK;
}

static void test_limits(bench *b)
{
    me_limits tight = {.event_bytes = 30, .event_depth = 3, .event_values = 4, .digits = 5};
    CHECK(within(b, "{\"x\":[[1,2],null,true],\"y\":{}}", tight));
    CHECK(exceeds(b, "{\"x\":[[1,2],null,true],\"y\":{} }", tight, "event_bytes", 31));
    CHECK(exceeds(b, "{\"x\":[1,2,[{}]]}", tight, "event_depth", 4));
    CHECK(b->error.offset == 11);
    CHECK(exceeds(b, "{\"q\":[1,2,null,\"\",5]}", tight, "event_values", 5));
    CHECK(b->error.offset == 18);
    CHECK(within(b, "{\"q\":-12345}", tight));
    CHECK(exceeds(b, "{\"q\":-123456}", tight, "digits", 6));
    CHECK(b->error.offset == 5);
    CHECK(within(b, "{\"q\":123456.5,\"x\":123456e7}", tight));
}

static const char *const sample =
    "{\"a\":{\"b\":[1,-2.5e3,{\"c\":\"caf\xC3\xA9 \\u20ac \\ud83d\\ude00\"}],\"b\":true},"
    " \"y\":[null,false,[[]],{}],\"x\\n\":0,\"caf\\u00e9\":\"a long string, of several blocks\","
    "\"x\":123456789012345678901234567890 }";

/* No beginning of the text is an object, and the error is never beyond its end. */
static void test_cut_off(bench *b)
{
    size_t length = strlen(sample);
    CHECK(read_bytes(b, sample, length, &roomy) == ME_OK);
    for (size_t cut = 0; cut < length; cut++) {
        CHECK(read_bytes(b, sample, cut, &roomy) == ME_EVENT);
        CHECK(b->error.offset <= cut && b->error.message[0] != '\0');
    }
}

/* Changed bytes: no crash, and what was read before leaves no trace in what is read next. */
static void test_mutations(bench *b)
{
    static const char spice[] = "\"\\{}[],:0159.-+eEtfnu/ \n\xC3\xA9\xED\xFF";
    size_t length = strlen(sample);
    char text[400], expected[sizeof b->kept];
    uint64_t state = 5;
    CHECK(length < sizeof text && read_bytes(b, sample, length, &roomy) == ME_OK);
    memcpy(expected, b->kept, sizeof expected);
    for (int i = 0; i < 30000; i++) {
        memcpy(text, sample, length);
        for (uint32_t changes = 1 + check_below(&state, 3); changes > 0; changes--) {
            text[check_below(&state, (uint32_t)length)] = spice[check_below(&state, sizeof spice)];
        }
        me_status status = read_bytes(b, text, length, &roomy);
        CHECK(status == ME_OK || (status == ME_EVENT && b->error.offset <= length));
        if (i % 100 == 0) {
            CHECK(read_bytes(b, sample, length, &roomy) == ME_OK);
            CHECK(strcmp(b->kept, expected) == 0);
        }
    }
}

static void test_deep(bench *b)
{
    enum { DEPTH = 100000 };
    char *text = malloc(2 * DEPTH + 10);
    CHECK(text != NULL);
    if (text == NULL) {
        return;
    }
    memcpy(text, "{\"a\":", 5);
    memset(text + 5, '[', DEPTH);
    memset(text + 5 + DEPTH, ']', DEPTH);
    text[5 + 2 * DEPTH] = '}';
    CHECK(read_bytes(b, text, 2 * DEPTH + 6, &roomy) == ME_EVENT_LIMIT);
    CHECK(b->error.offset == 5 + 511 && b->error.value == 513);
    me_limits deep = roomy;
    deep.event_depth = DEPTH + 1;
    CHECK(read_bytes(b, text, 2 * DEPTH + 6, &deep) == ME_OK);
    free(text);
}

/* Thousands of objects visit one node, and the outermost one returns to it again and again: the
 * chain of visits must not be walked anew each time. */
static void test_many_visits(bench *b)
{
    enum { COUNT = 100000 };
    const size_t room = COUNT * 20;
    char *text = malloc(room);
    me_limits limits = roomy;
    limits.event_values = 2 * COUNT + 1;
    CHECK(text != NULL);
    if (text == NULL) {
        return;
    }
    size_t at = (size_t)snprintf(text, room, "{\"a\":[");
    for (int i = 0; i < COUNT; i++) {
        at += (size_t)snprintf(text + at, room - at, "%s{\"b\":1}", i > 0 ? "," : "");
    }
    at += (size_t)snprintf(text + at, room - at, "]");
    for (int i = 0; i < COUNT; i++) {
        at += (size_t)snprintf(text + at, room - at, ",\"a.b\":2");
    }
    at += (size_t)snprintf(text + at, room - at, "}");
    me_error error;
    event_log_reset(&b->log);
    CHECK(json_read(text, at, &limits, &b->paths, &b->log, &error) == ME_OK);
    CHECK(b->log.count == 2 * COUNT && b->log.visit_count == COUNT + 2);
    uint32_t live = 0;
    for (uint32_t i = 0; i < b->log.count; i++) {
        live += b->log.entries[i].path != PATH_NONE;
    }
    CHECK(live == COUNT + 1);
    free(text);
}

/* A fresh log is used for every budget, so that each of its allocations fails once. */
static void test_no_memory(bench *b)
{
    me_status status = ME_NOMEM;
    for (size_t budget = 0; status == ME_NOMEM; budget++) {
        event_log log;
        me_error error;
        event_log_init(&log);
        heap_fail_after(budget);
        status = json_read(sample, strlen(sample), &roomy, &b->paths, &log, &error);
        heap_fail_after(SIZE_MAX);
        event_log_reset(&log); /* a log that failed is as good as any other */
        CHECK(json_read(sample, strlen(sample), &roomy, &b->paths, &log, &error) == ME_OK);
        CHECK(log.count == 6); /* three of them struck out */
        event_log_free(&log);
        CHECK(log.heap.bytes == 0);
    }
    CHECK(status == ME_OK);
}

/* What the arena gives back, and what it keeps. */
static void test_arena(void)
{
    event_log log;
    event_log_init(&log);
    char *small = event_bytes(&log, 100), *large = event_bytes(&log, 3 << 20);
    CHECK(small != NULL && large != NULL);
    memset(small, 1, 100);
    memset(large, 2, 3 << 20);
    for (int i = 0; i < 50; i++) {
        CHECK(event_bytes(&log, 40000) != NULL);
    }
    CHECK(small[99] == 1);
    event_log_reset(&log);
    CHECK(log.heap.bytes < (1 << 20) + 4096);
    size_t kept = log.heap.bytes;
    CHECK(event_bytes(&log, 4000) == small && log.heap.bytes == kept);
    event_log_free(&log);
    CHECK(log.heap.bytes == 0);
}

/* Paths made after the log was first used. */
static void test_new_paths(bench *b)
{
    char name[20];
    CHECK(keeps(b, "{\"later7\":1}", ""));
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "later%u", i);
        subscribe(b, name);
    }
    CHECK(keeps(b, "{\"later7\":1,\"later299\":2,\"later7\":3}", "later299=2 later7=3"));
}

int main(void)
{
    bench b;
    set_up(&b);
    test_paths_and_values(&b);
    test_numbers(&b);
    test_string_index(&b);
    test_windows(&b);
    test_structure(&b);
    test_duplicates(&b);
    test_limits(&b);
    test_cut_off(&b);
    test_mutations(&b);
    test_deep(&b);
    test_many_visits(&b);
    test_no_memory(&b);
    test_arena();
    test_new_paths(&b);
    tear_down(&b);
    return check_report();
}
