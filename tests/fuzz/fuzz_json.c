/* JSON text as an event: what is accepted, which values are kept in which order, and that neither
 * depends on who asks, on white space, on what was read before or on where the text lies.
 *
 * The first byte chooses limits and whether the text is grown by a grammar or is what follows, the
 * second how many allocations succeed.
 */
#include "grammar.h"
#include "json.h"
#include "json_oracle.h"

static const me_limits tight = {
    .event_bytes = 120, .event_depth = 4, .event_values = 6, .digits = 20};

static const char *const wanted[] = {
    "a", "b", "a.b", "a.b.c", "", "x.", ".", "caf\xC3\xA9", "a.0", "long.path.to.a.value",
};

typedef struct reader {
    heap heap;
    paths paths;
    event_log log;
    me_error error;
} reader;

static void open_reader(reader *r, size_t count)
{
    memset(r, 0, sizeof *r);
    MUST(paths_init(&r->paths, &r->heap, 1));
    event_log_init(&r->log);
    for (size_t i = 0; i < count; i++) {
        MUST(paths_intern(&r->paths, wanted[i], strlen(wanted[i])) != PATH_NONE);
    }
}

static void close_reader(reader *r)
{
    event_log_free(&r->log);
    paths_free(&r->paths);
    MUST(r->heap.bytes == 0);
}

static me_status read_text(reader *r, const char *s, size_t length, const me_limits *limits)
{
    memset(&r->error, 0, sizeof r->error);
    event_log_reset(&r->log);
    me_status status = json_read(s, length, limits, &r->paths, &r->log, &r->error);
    MUST(status == ME_OK || status == ME_EVENT || status == ME_EVENT_LIMIT || status == ME_NOMEM);
    if (status == ME_EVENT || status == ME_EVENT_LIMIT) {
        MUST(r->error.offset <= length);
        MUST(status == ME_EVENT ? r->error.message[0] != '\0' : r->error.limit != NULL);
    }
    return status;
}

/* ---- texts that are mostly right, with keys that come again ---------------------------------------- */

static void grow_json_string(stream *s, page *out)
{
    static const char *const parts[] = {
        "a",
        "b",
        ".",
        "x",
        "\xC3\xA9",
        "\\u00e9",
        "\\n",
        "\\\"",
        "\\ud83d\\ude00",
        "\\u0000",
        "\\/",
        "0",
        "long.path.to.a.value",
        "caf\\u00E9",
        "\\ud800",
        "\xED\xA0\x80",
        "\\u0061",
        "",
    };
    text_say(out, "\"");
    for (uint32_t count = take_below(s, 4); count > 0; count--) {
        uint32_t which = take(s);
        text_say(out, parts[which < 224 ? which % 14 : which % (sizeof parts / sizeof *parts)]);
    }
    text_say(out, "\"");
}

static void grow_json_object(stream *s, page *out, uint32_t depth);

static void grow_json_value(stream *s, page *out, uint32_t depth)
{
    static const char *const scalars[] = {
        "0",
        "1",
        "-1.5e3",
        "true",
        "false",
        "null",
        "-0",
        "1E400",
        "123456789012345678901234567890",
        "9223372036854775808",
        "01",
        "1.",
        "nul",
        "+1",
        "0.5",
        "7",
    };
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t"};
    uint32_t shape = depth == 0 ? 0 : take_below(s, 8);
    text_say(out, spaces[take_below(s, 6)]);
    if (shape < 3) {
        uint32_t which = take(s);
        text_say(out, scalars[which < 240 ? which % 10 : which % 16]);
    } else if (shape < 5) {
        grow_json_string(s, out);
    } else if (shape == 5) {
        text_say(out, "[");
        for (uint32_t i = 0, count = take_below(s, 4); i < count; i++) {
            text_say(out, i > 0 ? "," : "");
            grow_json_value(s, out, depth - 1);
        }
        text_say(out, "]");
    } else {
        grow_json_object(s, out, depth - 1);
    }
    text_say(out, spaces[take_below(s, 6)]);
}

static void grow_json_object(stream *s, page *out, uint32_t depth)
{
    static const char *const keys[] = {
        "\"a\":", "\"b\":", "\"a.b\":", "\"\":", "\"\\u0061\":", "\"x\":", "\"b.c\":", "\"c\" :",
    };
    text_say(out, "{");
    for (uint32_t i = 0, count = take_below(s, 6); i < count; i++) {
        text_say(out, i > 0 ? "," : "");
        if (take_rarely(s, 8)) {
            grow_json_string(s, out);
            text_say(out, ":");
        } else {
            text_say(out, PICK(s, keys));
        }
        grow_json_value(s, out, depth);
    }
    text_say(out, "}");
}

/* ---- the log beside the oracle -------------------------------------------------------------------- */

static bool is_wanted(const seen *s)
{
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (strlen(wanted[i]) == s->path_length &&
            memcmp(wanted[i], s->path, s->path_length) == 0) {
            return true;
        }
    }
    return false;
}

static bool same_value(const me_value *a, const me_value *b)
{
    int order = 0;
    return a->type == b->type &&
           (a->type == ME_NULL || (compare_values(a, b, &order) && order == 0));
}

static void check_log(const reader *r, const json_oracle *j)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < r->log.count; i++) {
        const event_entry *e = &r->log.entries[i];
        char name[64];
        if (e->path == PATH_NONE) {
            continue;
        }
        while (next < j->seen_count && (j->seen[next].struck || !is_wanted(&j->seen[next].what))) {
            next++;
        }
        MUST(next < j->seen_count);
        const seen *s = &j->seen[next++].what;
        size_t length = paths_name(&r->paths, e->path, name, sizeof name);
        MUST(length == s->path_length && memcmp(name, s->path, length) == 0);
        MUST(same_value(&e->value, &s->value));
    }
    for (; next < j->seen_count; next++) {
        MUST(j->seen[next].struck || !is_wanted(&j->seen[next].what));
    }
}

static bool same_log(const event_log *a, const event_log *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++) {
        same = a->entries[i].path == b->entries[i].path &&
               same_value(&a->entries[i].value, &b->entries[i].value);
    }
    return same;
}

/* ---- variations of one text ----------------------------------------------------------------------- */

/* White space around every structural character that is in no string. */
static void spread(page *out, const char *s, size_t length)
{
    static const char *const spaces[] = {" ", "\n", "\t\r", "  ", " \n \n                  "};
    bool in_string = false;
    out->length = 0;
    for (size_t i = 0; i < length; i++) {
        bool structural = !in_string && strchr("{}[],:", s[i]) != NULL && s[i] != '\0';
        text_say(out, structural ? spaces[i % 5] : "");
        text_put(out, s + i, 1);
        text_say(out, structural ? spaces[i % 3] : "");
        if (in_string && s[i] == '\\' && i + 1 < length) {
            text_put(out, s + ++i, 1);
        } else if (s[i] == '"') {
            in_string = !in_string;
        }
    }
}

static void check_spread(reader *r, const event_log *log, me_status status, const char *s,
                         size_t length, const me_limits *limits)
{
    static page t;
    me_limits wide = *limits;
    wide.event_bytes = TEXT_ROOM;
    spread(&t, s, length);
    if (t.length < TEXT_ROOM && length <= limits->event_bytes) {
        char *copy = exact_copy(t.at, t.length);
        MUST(read_text(r, copy, t.length, &wide) == status);
        MUST(status != ME_OK || same_log(log, &r->log));
        free(copy);
    }
}

/* Whoever asks: the same answer, and the same error at the same place. */
static void check_nobody_asks(const reader *r, me_status status, const char *s, size_t length,
                              const me_limits *limits)
{
    reader nobody;
    open_reader(&nobody, 0);
    MUST(read_text(&nobody, s, length, limits) == status);
    MUST(nobody.log.count == 0 && nobody.error.offset == r->error.offset);
    MUST(strcmp(nobody.error.message, r->error.message) == 0);
    close_reader(&nobody);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_oracle oracle;
    static page grown;
    stream in = {data, data + size};
    reader r, other;
    uint32_t how = take(&in);
    const me_limits *limits = how % 2 == 0 ? &me_default_limits : &tight;
    size_t allowed = take(&in), length = (size_t)(in.end - in.at);
    grown.length = 0;
    if (how / 2 % 2 == 1) {
        grow_json_object(&in, &grown, 4);
        length = grown.length;
    } else {
        text_put(&grown, (const char *)in.at, length);
    }
    if (length > TEXT_ROOM / 2) {
        return 0;
    }
    char *s = exact_copy(grown.at, length);
    open_reader(&r, sizeof wanted / sizeof *wanted);
    open_reader(&other, sizeof wanted / sizeof *wanted);
    bool accepts = oracle_json(&oracle, s, length, limits);
    me_status status = read_text(&r, s, length, limits);
    if (oracle_had_room(&oracle)) {
        MUST((status == ME_OK) == accepts);
        if (accepts) {
            check_log(&r, &oracle);
        }
    }
    check_nobody_asks(&r, status, s, length, limits);
    check_spread(&other, &r.log, status, s, length, limits);
    heap_fail_after(allowed % 16);
    me_status second = read_text(&other, s, length, limits);
    heap_fail_after(SIZE_MAX);
    MUST(second == status || second == ME_NOMEM);
    MUST(read_text(&other, s, length, limits) == status);
    MUST(status != ME_OK || same_log(&r.log, &other.log));
    close_reader(&r);
    close_reader(&other);
    free(s);
    return 0;
}
