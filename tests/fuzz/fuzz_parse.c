/* Text, or bytes of unknown origin, as a filter. What is accepted is accepted by the check, prints
 * as a text that parses to the same bytes, and can be added, matched and taken out again.
 *
 * The first byte says what the rest is: text as it is, text with lower limits and parameters, text
 * grown by the grammar, or the bytes of a filter. The second how many allocations succeed.
 */
#include "grammar.h"
#include "parse.h"
#include "printer.h"

static const me_limits tight = {
    .filter_bytes = 200,
    .filter_depth = 3,
    .predicates = 4,
    .in_values = 3,
    .event_bytes = 1000,
    .event_depth = 10,
    .event_values = 100,
    .digits = 20,
    .regex_states = 20,
    .regex_ranges = 700,
    .regex_depth = 2,
    .filter_states = 30,
};

static const me_parameter parameters[] = {
    {"p", 1, {.as.i = 5, .type = ME_INT}},
    {"and", 3, {.as.s = "a'b%", .len = 4, .type = ME_STRING}},
};

static bool is_error(me_status status, const me_error *error, size_t length)
{
    switch (status) {
    case ME_SYNTAX:
    case ME_TYPE:
    case ME_BAD_FILTER:
        return error->offset <= length && error->message[0] != '\0';
    case ME_FILTER_LIMIT:
        return error->offset <= length && error->limit != NULL;
    default:
        return false;
    }
}

/* ---- what an accepted filter must do ------------------------------------------------------------- */

static void check_printed(const uint8_t *bytes, size_t length)
{
    static page t;
    heap h = {0};
    filter_writer w;
    me_error error = {0};
    me_limits wide = me_default_limits;
    wide.filter_depth = 100000; /* of more parentheses than are needed */
    if (!print_filter(&t, bytes, length)) {
        return;
    }
    filter_writer_init(&w, &h, true);
    me_status status = parse_filter(t.at, t.length, NULL, 0, &wide, &w, &error);
    if (status != ME_OK) {
        fprintf(stderr, "%.*s\n%s at %zu\n", (int)t.length, t.at, error.message, error.offset);
    }
    MUST(status == ME_OK);
    MUST(w.length == length && memcmp(w.bytes, bytes, length) == 0);
    filter_writer_free(&w);
}

static bool is_same(const me_value *a, const me_value *b)
{
    bool nan = a->type == ME_DOUBLE && isnan(a->as.d);
    return a->type == b->type && (nan ? isnan(b->as.d) : a->as.i == b->as.i);
}

/* Every operation on two numbers of the event, to the last bit. */
static void check_operation(expression_op op, const me_value *a, const me_value *b)
{
    me_value x = arithmetic_operand(*a), y = arithmetic_operand(*b), result;
    bool done = arithmetic(expression_arithmetic(op), &x, &y, &result);
    MUST(done == (op != EXPRESSION_DIVIDE || as_double(b) != 0.0));
    if (done) {
        me_value exact = calculated(op, a, b);
        MUST(is_same(&result, &exact));
    }
}

static void check_arithmetic(const occasion *event)
{
    for (uint32_t i = 1; i < event->count && i < 16; i++) {
        const me_value *a = &event->at[i - 1].value, *b = &event->at[i].value;
        if (is_number(a) && is_number(b)) {
            check_operation(EXPRESSION_ADD, a, b);
            check_operation(EXPRESSION_SUBTRACT, a, b);
            check_operation(EXPRESSION_MULTIPLY, a, b);
            check_operation(EXPRESSION_DIVIDE, a, b);
            check_operation(EXPRESSION_NEGATE, b, b);
        }
    }
}

static void match_one(me_engine *e, me_event *ev, const uint8_t *bytes, size_t length, stream *in)
{
    static grown_event event;
    me_error error = {0};
    const uint32_t *found;
    uint32_t count;
    if (!grow_event(in, &event)) {
        return;
    }
    char *json = exact_copy(event.json.at, event.json.length);
    MUST(me_event_json(e, ev, json, event.json.length, &error) == ME_OK);
    MUST(me_match(e, ev, ME_ALL, &found, &count) == ME_OK);
    verdict said = oracle_matches(bytes, length, &event.plain, me_default_limits.combinations);
    MUST(said == CANNOT_SAY || count == (said == YES));
    check_arithmetic(&event.plain);
    free(json);
}

static void check_engine(const uint8_t *bytes, size_t length, size_t allowed, stream *in)
{
    me_engine *e = me_engine_new(NULL, 1);
    me_event *ev = me_event_new();
    me_stats left;
    uint32_t handle = 0;
    const char *why;
    MUST(e != NULL && ev != NULL);
    heap_fail_after(allowed);
    me_status status = me_engine_add(e, bytes, length, ME_NO_DESTINATION, &handle);
    heap_fail_after(SIZE_MAX);
    MUST(status == ME_OK || status == ME_NOMEM);
    MUST(me_engine_validate(e, &why));
    if (status == ME_NOMEM) {
        MUST(me_engine_add(e, bytes, length, ME_NO_DESTINATION, &handle) == ME_OK);
        MUST(me_engine_validate(e, &why));
    }
    for (int i = 0; i < 3; i++) {
        match_one(e, ev, bytes, length, in);
    }
    me_engine_remove(e, handle);
    me_engine_release_handle(e, handle);
    MUST(me_engine_validate(e, &why));
    me_engine_stats(e, &left);
    MUST(left.subscriptions + left.constants + left.cuts + left.patterns + left.clusters == 0);
    me_event_free(ev);
    me_engine_free(e);
}

static void check_accepted(const uint8_t *bytes, size_t length, const me_limits *limits,
                           size_t allowed, stream *in)
{
    uint8_t *copy = (uint8_t *)exact_copy(bytes, length);
    me_error error = {0};
    MUST(filter_check(copy, length, limits, &error) == ME_OK);
    check_printed(copy, length);
    check_engine(copy, length, allowed, in);
    free(copy);
}

/* ---- the two ways in ---------------------------------------------------------------------------------- */

static void try_text(const page *t, bool with_parameters, size_t allowed, stream *in)
{
    const me_limits *limits = with_parameters ? &tight : &me_default_limits;
    size_t count = with_parameters ? 2 : 0;
    heap h = {0};
    filter_writer w, again;
    me_error error = {0}, other = {0};
    char *copy = exact_copy(t->at, t->length);
    filter_writer_init(&w, &h, true);
    filter_writer_init(&again, &h, true);
    me_status status = parse_filter(copy, t->length, parameters, count, limits, &w, &error);
    heap_fail_after(allowed);
    me_status second = parse_filter(copy, t->length, parameters, count, limits, &again, &other);
    heap_fail_after(SIZE_MAX);
    MUST(second == status || second == ME_NOMEM);
    if (status == ME_OK) {
        MUST(second == ME_NOMEM ||
             (again.length == w.length && memcmp(again.bytes, w.bytes, w.length) == 0));
        check_accepted(w.bytes, w.length, limits, allowed, in);
    } else {
        MUST(is_error(status, &error, t->length));
        MUST(second == ME_NOMEM || (error.offset == other.offset && error.value == other.value));
    }
    filter_writer_free(&w);
    filter_writer_free(&again);
    MUST(h.bytes == 0);
    free(copy);
}

static void try_bytes(const page *t, size_t allowed, stream *in)
{
    me_error error = {0};
    uint8_t *copy = (uint8_t *)exact_copy(t->at, t->length);
    me_status status = filter_check(copy, t->length, &me_default_limits, &error);
    if (status == ME_OK) {
        check_accepted(copy, t->length, &me_default_limits, allowed, in);
    } else {
        MUST(is_error(status, &error, t->length));
    }
    heap_fail_after(allowed);
    me_status second = filter_check(copy, t->length, &me_default_limits, &error);
    heap_fail_after(SIZE_MAX);
    MUST(second == status || second == ME_NOMEM);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static page t;
    stream in = {data, data + size};
    uint32_t kind = take_below(&in, 4);
    size_t allowed = take_below(&in, 64);
    t.length = 0;
    if (kind == 2) {
        grow_filter(&in, &t, 4);
    } else {
        size_t length = (size_t)(in.end - in.at);
        text_put(&t, (const char *)in.at, length);
    }
    if (kind == 3) {
        try_bytes(&t, allowed, &in);
    } else {
        try_text(&t, kind == 1, allowed, &in);
    }
    return 0;
}
