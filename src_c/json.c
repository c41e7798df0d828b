/* One pass, no recursion: the reader is at a value, or after one.
 *
 *     {"a": [1, {"b": 2}], "c": 3}
 *           ^ at a value: open a container (its frame goes on the stack) or read a scalar
 *             ^ after a value: a comma leads to the next value, a bracket closes the container,
 *               and that is after a value again
 *
 * `node` is the path of the value at hand, PATH_NONE once a key has left the trie of subscribed
 * paths; from there on the text is only checked.
 *
 * The end of the text. An object ends with '}', so between strings the reader needs no check for
 * the end: whatever it expects, it stops at that last bracket at the latest, and only when a
 * bracket closes a container does it ask whether the text is over. A text that ends otherwise is
 * wrong; to find out where, it is copied and a NUL put behind it to stop at.
 *
 * Duplicate keys. In one object a key leads to one node and no other key does, so a duplicate is
 * a node visited twice from the same object. Every visit of a node is chained to the one before:
 *
 *     {"a.b": 1, "a": {"b": 2}, "a.b": 3}     node a.b: object 1 <- object 2, then object 1 again
 *
 * Objects are numbered as they open. A visit from a higher-numbered object than the innermost open
 * one belongs to an object that is closed, so it is dropped from the chain for good; a visit from
 * a lower-numbered one means that this object has not been there. Each visit is dropped once, so
 * all chains together cost linear time.
 */
#include "json.h"

#include <stdio.h>

#include "json_string.h"
#include "value.h"

#define NO_VISIT UINT32_MAX

#if defined(__GNUC__)
#define COLD __attribute__((cold, noinline))
#else
#define COLD
#endif

typedef struct json_reader {
    const char *text, *end;
    const char *last; /* the end without the space before it */
    const me_limits *limits;
    const paths *paths;
    event_log *log;
    me_error *error;
    me_status status;
    event_frame top;  /* the innermost open container; those around it are in log->frames */
    uint32_t depth;   /* open containers */
    uint32_t objects; /* serial number of the newest object */
    uint32_t node;    /* path of the value at hand */
    uint32_t visit;   /* visit of the value at hand */
    uint64_t values_left;
    scan_window window;
} json_reader;

/* ---- failure: every function that moves returns NULL ---------------------------------------- */

COLD static const char *fail(json_reader *r, const char *at, const char *message)
{
    r->status = ME_EVENT;
    r->error->offset = (size_t)(at - r->text);
    r->error->limit = NULL;
    snprintf(r->error->message, sizeof r->error->message, "%s", message);
    return NULL;
}

COLD static const char *fail_limit(json_reader *r, const char *at, const char *limit,
                                   uint64_t value)
{
    r->status = ME_EVENT_LIMIT;
    r->error->offset = (size_t)(at - r->text);
    r->error->limit = limit;
    r->error->value = value;
    snprintf(r->error->message, sizeof r->error->message, "the event exceeds the limit %s", limit);
    return NULL;
}

COLD static const char *fail_memory(json_reader *r)
{
    r->status = ME_NOMEM;
    return NULL;
}

/* ---- small steps ---------------------------------------------------------------------------- */

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static inline const char *skip_space(const char *at)
{
    while ((unsigned char)*at <= ' ' && is_space(*at)) { /* one comparison in compact texts */
        at++;
    }
    return at;
}

static inline bool wanted(const json_reader *r)
{
    return r->node != PATH_NONE && r->paths->nodes[r->node].uses > 0;
}

static inline const char *put(json_reader *r, const char *at, me_value value)
{
    return event_put(r->log, r->node, value) ? at : fail_memory(r);
}

/* ---- scalars -------------------------------------------------------------------------------- */

static inline const char *read_string(json_reader *r, const char *at)
{
    json_span span;
    json_fault fault;
    at = json_string(&r->window, at + 1, &span, &fault);
    if (at == NULL) {
        return fail(r, fault.at, fault.message);
    }
    if (!wanted(r)) {
        return at;
    }
    size_t length = (size_t)(span.to - span.from);
    if (!span.escaped) {
        return put(r, at, value_of_string(span.from, length));
    }
    char *copy = event_bytes(r->log, length);
    if (copy == NULL) {
        return fail_memory(r);
    }
    return put(r, at, value_of_string(copy, json_unescape(&span, copy)));
}

/* The digits that must stand at `at`. */
static inline const char *read_digits(json_reader *r, const char *at)
{
    const char *after = scan_digits(at, r->end);
    return after > at ? after : fail(r, at, "expected a digit");
}

/* The fraction and exponent of a number, of which one is there. */
static const char *read_fraction(json_reader *r, const char *at)
{
    if (*at == '.') {
        at = read_digits(r, at + 1);
    }
    if (at != NULL && (*at == 'e' || *at == 'E')) {
        at++;
        if (*at == '+' || *at == '-') {
            at++;
        }
        at = read_digits(r, at);
    }
    return at;
}

static inline const char *read_number(json_reader *r, const char *at)
{
    const char *start = at, *digits = at + (*at == '-');
    at = read_digits(r, digits);
    if (at == NULL) {
        return NULL;
    }
    size_t count = (size_t)(at - digits);
    if (*digits == '0' && count > 1) {
        return fail(r, digits, "number has a leading zero");
    }
    char c = *at;
    bool whole = c != '.' && c != 'e' && c != 'E';
    if (whole && count > r->limits->digits) {
        return fail_limit(r, start, "digits", count);
    }
    if (!whole) {
        at = read_fraction(r, at);
    }
    if (at == NULL || !wanted(r)) {
        return at;
    }
    size_t length = (size_t)(at - start);
    return put(r, at,
               whole ? number_parse(start, length)
                     : value_of_double(number_to_double(start, length)));
}

/* Tells where a text that begins like a literal leaves it. */
COLD static const char *fail_literal(json_reader *r, const char *at, const char *literal)
{
    while (*at == *literal) {
        at++;
        literal++;
    }
    return fail(r, at, "expected a value");
}

/* true, false and null, of which the last four letters fit one comparison. */
static const char *read_literal(json_reader *r, const char *at, char first)
{
    const char *tail = first == 'f' ? at + 1 : at;
    const char *letters = first == 't' ? "true" : first == 'f' ? "alse" : "null";
    if (r->end - tail < 4 || load32(tail) != load32(letters)) {
        return fail_literal(r, at, first == 't' ? "true" : first == 'f' ? "false" : "null");
    }
    if (!wanted(r)) {
        return tail + 4;
    }
    return put(r, tail + 4, first == 'n' ? value_of_null() : value_of_bool(first == 't'));
}

static inline const char *read_scalar(json_reader *r, const char *at)
{
    if (r->values_left-- == 0) {
        return fail_limit(r, at, "event_values", r->limits->event_values + 1);
    }
    char c = *at;
    if (c == '"') {
        return read_string(r, at);
    }
    if (is_digit(c) || c == '-') {
        return read_number(r, at);
    }
    if (c == 't' || c == 'f' || c == 'n') {
        return read_literal(r, at, c);
    }
    return fail(r, at, "expected a value");
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* Registers that this object's key has led to r->node. False when there is no memory. */
static bool visit_node(json_reader *r)
{
    event_log *log = r->log;
    uint32_t newest = log->last_visit[r->node] - 1; /* wraps to NO_VISIT when there is none */
    while (newest != NO_VISIT && log->visits[newest].object > r->top.object) {
        newest = log->visits[newest].previous;
    }
    if (newest != NO_VISIT && log->visits[newest].object == r->top.object) {
        event_visit *again = &log->visits[newest];
        event_strike(log, again->from, again->to);
        again->from = log->count;
        r->visit = newest;
    } else {
        if (!heap_reserve(&log->heap, &log->visits, &log->visit_cap, log->visit_count + 1,
                          sizeof *log->visits)) {
            return false;
        }
        r->visit = log->visit_count++;
        log->visits[r->visit] = (event_visit){
            .object = r->top.object, .path = r->node, .from = log->count, .previous = newest};
    }
    log->last_visit[r->node] = r->visit + 1;
    return true;
}

/* The node that a key leads to goes into r->node. False when there is no memory. */
static bool follow_key(json_reader *r, const json_span *span)
{
    const char *key = span->from;
    size_t length = (size_t)(span->to - span->from);
    if (span->escaped) {
        event_log *log = r->log;
        if (!heap_reserve(&log->heap, &log->key, &log->key_cap, (uint32_t)length, 1)) {
            return false;
        }
        length = json_unescape(span, log->key);
        key = log->key;
    }
    r->node = paths_step(r->paths, r->top.node, key, length);
    return r->node == PATH_NONE || visit_node(r);
}

/* Reads a key and its colon; returns the first byte of the value. */
static inline const char *read_key(json_reader *r, const char *at)
{
    json_span span;
    json_fault fault;
    if (*at != '"') {
        return fail(r, at, "expected a string key");
    }
    at = json_string(&r->window, at + 1, &span, &fault);
    if (at == NULL) {
        return fail(r, fault.at, fault.message);
    }
    r->node = PATH_NONE;
    r->visit = NO_VISIT;
    if (r->top.node != PATH_NONE && !follow_key(r, &span)) {
        return fail_memory(r);
    }
    if (*at != ':') {
        at = skip_space(at);
        if (*at != ':') {
            return fail(r, at, "expected ':'");
        }
    }
    return skip_space(at + 1);
}

/* ---- containers ----------------------------------------------------------------------------- */

static inline bool in_array(const json_reader *r)
{
    return r->top.object == EVENT_ARRAY;
}

static inline char closing_bracket(const json_reader *r)
{
    return in_array(r) ? ']' : '}';
}

/* Opens the container whose bracket is at `at`; returns the next byte that is not space. */
static const char *open_container(json_reader *r, const char *at)
{
    event_log *log = r->log;
    if (r->depth >= r->limits->event_depth) {
        return fail_limit(r, at, "event_depth", (uint64_t)r->depth + 1);
    }
    if (!heap_reserve(&log->heap, &log->frames, &log->frame_cap, r->depth + 1,
                      sizeof *log->frames)) {
        return fail_memory(r);
    }
    log->frames[r->depth++] = r->top;
    r->top = (event_frame){.node = r->node, .object = EVENT_ARRAY, .visit = r->visit};
    if (*at == '{') {
        r->top.object = ++r->objects;
        if (r->node != PATH_NONE && r->paths->nodes[r->node].children == 0) {
            r->top.node = PATH_NONE; /* no key leads anywhere */
        }
    }
    return skip_space(at + 1);
}

/* The value that began with `visit` is complete. */
static inline void close_visit(json_reader *r, uint32_t visit)
{
    if (visit != NO_VISIT) {
        r->log->visits[visit].to = r->log->count;
    }
}

COLD static const char *fail_separator(json_reader *r, const char *at)
{
    return fail(r, at, in_array(r) ? "expected ',' or ']'" : "expected ',' or '}'");
}

/* The outermost object ended before `at`. Returns NULL. */
static const char *check_end(json_reader *r, const char *at)
{
    while (at < r->end && is_space(*at)) {
        at++;
    }
    return at == r->end ? NULL : fail(r, at, "expected end of text");
}

/* From the byte after a value, over the brackets that close, to the next key or element. Returns
 * NULL also when the outermost object is complete and only space follows: the status is ME_OK. */
static inline const char *after_value(json_reader *r, const char *at)
{
    for (;;) {
        if (*at != ',') {
            at = skip_space(at);
        }
        char c = *at;
        if (c == ',') {
            return skip_space(at + 1);
        }
        if (c != closing_bracket(r)) {
            return fail_separator(r, at);
        }
        close_visit(r, r->top.visit);
        r->top = r->log->frames[--r->depth];
        at++;
        if (r->depth == 0) {
            return check_end(r, at);
        }
        if (at == r->last) { /* the last bracket has closed, but not the outermost object */
            return fail_separator(r, r->end);
        }
    }
}

/* Reads from the bracket of the outermost object to the end of the text. */
static void read_values(json_reader *r, const char *at)
{
    bool opened = true; /* the byte at hand is the first one in a container */
    for (at = open_container(r, at); at != NULL;) {
        if (!opened || *at != closing_bracket(r)) {
            if (in_array(r)) {
                r->node = r->top.node;
                r->visit = NO_VISIT;
            } else {
                at = read_key(r, at);
                if (at == NULL) {
                    return;
                }
            }
            char c = *at;
            opened = c == '{' || c == '[';
            at = opened ? open_container(r, at) : read_scalar(r, at);
            if (opened || at == NULL) {
                continue;
            }
            close_visit(r, r->visit);
        }
        opened = false;
        at = after_value(r, at);
    }
}

/* Reads a text whose last byte but space is '}', or behind which a byte stands that is no part of
 * any object. */
static void read_text(json_reader *r)
{
    r->window = window_open(r->text, r->end);
    const char *at = skip_space(r->text);
    if (*at != '{') {
        fail(r, at, "expected an object");
        return;
    }
    read_values(r, at);
}

/* A text that cannot be an object: only the place of the error is asked for. */
static void read_wrong_text(json_reader *r, size_t length)
{
    char *copy = event_bytes(r->log, length + 1);
    if (copy == NULL) {
        r->status = ME_NOMEM;
        return;
    }
    if (length > 0) {
        memcpy(copy, r->text, length);
    }
    copy[length] = '\0';
    r->text = copy;
    r->end = r->last = copy + length;
    read_text(r);
}

me_status json_read(const char *text, size_t length, const me_limits *limits, const paths *p,
                    event_log *log, me_error *error)
{
    json_reader r = {.text = text,
                     .end = text + length,
                     .last = text + length,
                     .limits = limits,
                     .paths = p,
                     .log = log,
                     .error = error,
                     .node = p->live > 1 ? PATH_ROOT : PATH_NONE,
                     .visit = NO_VISIT,
                     .values_left = limits->event_values};
    /* Lengths and counts are kept in 32 bits. */
    if (length > limits->event_bytes || length >= UINT32_MAX) {
        fail_limit(&r, text, "event_bytes", length);
        return r.status;
    }
    if (!event_visits_reserve(log, p->count)) {
        return ME_NOMEM;
    }
    while (r.last > text && is_space(r.last[-1])) {
        r.last--;
    }
    if (r.last > text && r.last[-1] == '}') {
        read_text(&r);
    } else {
        read_wrong_text(&r, length);
    }
    return r.status;
}
