/* Any sequence of adds, replacements, removals, matches and questions about coverings, of which any
 * allocation may fail. After every step all invariants hold, each match is compared with the
 * oracle's answer, and with what covering says of those that matched. */
#include "covering.h"
#include "crowd.h"
#include "parse.h"

enum { SUBSCRIPTIONS = 96, STEPS = 160, TOP_DESTINATION = 5 };

typedef struct state {
    stream in;
    me_limits limits;
    me_engine *e;
    me_event *ev;
    uint32_t dice;
    subscription subs[SUBSCRIPTIONS];
    uint32_t retired[SUBSCRIPTIONS], retired_count; /* removed, numbers not given back */
    grown_event event;                              /* the newest one */
    char *json;                                     /* its text, while it is matched */
} state;

/* ---- the filter of a step ------------------------------------------------------------------------- */

/* Bytes of their own, or NULL for what is no filter. */
static uint8_t *filter_of(const page *t, size_t *length)
{
    heap h = {0};
    filter_writer w;
    me_error error = {0};
    filter_writer_init(&w, &h, true);
    me_status status = parse_filter(t->at, t->length, NULL, 0, &me_default_limits, &w, &error);
    uint8_t *bytes = NULL;
    if (status == ME_OK) {
        MUST(filter_check(w.bytes, w.length, &me_default_limits, &error) == ME_OK);
        bytes = (uint8_t *)exact_copy(w.bytes, w.length);
        *length = w.length;
    }
    filter_writer_free(&w);
    MUST(h.bytes == 0);
    return bytes;
}

static uint8_t *grown_filter(stream *in, size_t *length)
{
    static page t;
    t.length = 0;
    grow_filter(in, &t, 3);
    return filter_of(&t, length);
}

/* ---- changes -------------------------------------------------------------------------------------------- */

static subscription *free_place(state *s)
{
    for (uint32_t i = 0; i < SUBSCRIPTIONS; i++) {
        if (!s->subs[i].live) {
            return &s->subs[i];
        }
    }
    return NULL;
}

static subscription *some_live(state *s)
{
    uint32_t first = take_below(&s->in, SUBSCRIPTIONS);
    for (uint32_t i = 0; i < SUBSCRIPTIONS; i++) {
        subscription *one = &s->subs[(first + i) % SUBSCRIPTIONS];
        if (one->live) {
            return one;
        }
    }
    return NULL;
}

static uint32_t some_destination(stream *in)
{
    uint32_t number = take_below(in, TOP_DESTINATION + 2);
    return number > TOP_DESTINATION ? ME_NO_DESTINATION : number;
}

/* Adds, or replaces, with these filter bytes, which it keeps or frees. */
static void put(state *s, subscription *one, uint8_t *filter, size_t length, uint32_t allowed)
{
    uint32_t to = some_destination(&s->in), handle = one->handle;
    me_stats before, after;
    me_engine_stats(s->e, &before);
    me_engine_write_lock(s->e);
    heap_fail_after(allowed == 0 ? SIZE_MAX : allowed - 1);
    me_status status = one->live ? me_engine_replace(s->e, handle, filter, length, to, NULL)
                                 : me_engine_add(s->e, filter, length, to, &handle);
    heap_fail_after(SIZE_MAX);
    me_engine_write_unlock(s->e);
    MUST(status == ME_OK || (status == ME_NOMEM && allowed != 0));
    me_engine_stats(s->e, &after);
    if (status == ME_NOMEM) {
        free(filter);
        MUST(before.subscriptions == after.subscriptions && before.constants == after.constants);
        MUST(before.cuts == after.cuts && before.patterns == after.patterns);
        MUST(before.unanchored == after.unanchored && before.never == after.never);
        return;
    }
    free(one->filter);
    *one = (subscription){true, handle, to, filter, length};
    MUST(me_engine_is_live(s->e, handle) && me_engine_destination(s->e, handle) == to);
}

static void step_put(state *s, bool replace, uint32_t allowed)
{
    subscription *one = replace ? some_live(s) : free_place(s);
    size_t length = 0;
    uint8_t *filter = one != NULL ? grown_filter(&s->in, &length) : NULL;
    if (filter != NULL) {
        put(s, one, filter, length, allowed);
    }
}

static void step_crowd(state *s)
{
    static page t;
    uint32_t kind = take_below(&s->in, 3), shape = take(&s->in);
    uint32_t count = take_below(&s->in, 48), first = take(&s->in), by = take_below(&s->in, 3);
    for (uint32_t i = 0; i < count; i++) {
        subscription *one = free_place(s);
        size_t length = 0;
        if (one == NULL) {
            return;
        }
        crowd_writers[kind](&t, shape + (shape >= 128 ? i : 0), first + i * by);
        uint8_t *filter = filter_of(&t, &length);
        MUST(filter != NULL);
        put(s, one, filter, length, 0);
    }
}

static void step_remove(state *s)
{
    subscription *one = some_live(s);
    if (one == NULL) {
        return;
    }
    me_engine_write_lock(s->e);
    me_engine_remove(s->e, one->handle);
    if (take_rarely(&s->in, 2) && s->retired_count < SUBSCRIPTIONS) {
        s->retired[s->retired_count++] = one->handle;
    } else {
        me_engine_release_handle(s->e, one->handle);
    }
    MUST(!me_engine_is_live(s->e, one->handle));
    me_engine_write_unlock(s->e);
    free(one->filter);
    *one = (subscription){.live = false};
}

static void release_retired(state *s)
{
    me_engine_write_lock(s->e);
    while (s->retired_count > 0) {
        me_engine_release_handle(s->e, s->retired[--s->retired_count]);
    }
    me_engine_write_unlock(s->e);
}

/* ---- questions ------------------------------------------------------------------------------------------- */

/* What the oracle does not know is asked of an engine that has one subscription only. */
static bool alone(const state *s, const subscription *one)
{
    me_engine *e = me_engine_new(&s->limits, 1);
    me_event *ev = me_event_new();
    me_error error = {0};
    uint32_t handle, count = 0;
    const uint32_t *found;
    MUST(e != NULL && ev != NULL);
    MUST(me_engine_add(e, one->filter, one->length, ME_NO_DESTINATION, &handle) == ME_OK);
    MUST(me_event_json(e, ev, s->json, s->event.json.length, &error) == ME_OK);
    MUST(me_match(e, ev, ME_ALL, &found, &count) == ME_OK);
    me_event_free(ev);
    me_engine_free(e);
    return count == 1;
}

static bool wanted(const state *s, const subscription *one)
{
    verdict said =
        oracle_matches(one->filter, one->length, &s->event.plain, s->limits.combinations);
    return said == CANNOT_SAY ? alone(s, one) : said == YES;
}

/* The event as JSON text, or value by value, as a mapping is read. */
static me_status read_event(state *s, uint32_t form)
{
    me_error error = {0};
    if (form == 0) {
        return me_event_json(s->e, s->ev, s->json, s->event.json.length, &error);
    }
    me_event_start(s->ev);
    for (uint32_t i = 0; i < s->event.plain.count; i++) {
        const seen *one = &s->event.plain.at[i];
        bool put_one = true;
        if (form == 1) {
            put_one =
                me_event_put_key(s->e, s->ev, ME_ROOT, one->path, one->path_length, &one->value);
        } else {
            uint32_t path = me_event_step(s->e, ME_ROOT, one->path, one->path_length);
            put_one = path == ME_NO_PATH || !me_event_wants(s->e, path) ||
                      me_event_put(s->e, s->ev, path, &one->value);
        }
        if (!put_one) {
            return ME_NOMEM;
        }
    }
    return ME_OK;
}

static void check_handles(const state *s, const uint32_t *found, uint32_t count, bool only_some)
{
    uint32_t right = 0, all = 0;
    for (uint32_t i = 0; i < SUBSCRIPTIONS; i++) {
        const subscription *one = &s->subs[i];
        uint32_t times = 0;
        for (uint32_t k = 0; one->live && k < count; k++) {
            times += found[k] == one->handle;
        }
        bool true_one = one->live && (!only_some || times > 0) && wanted(s, one);
        MUST(only_some || times == true_one);
        MUST(times <= 1 && (times == 0 || true_one));
        right += times;
        all += only_some && one->live && wanted(s, one);
    }
    MUST(right == count);
    MUST(!only_some || (count > 0) == (all > 0));
}

static void check_destinations(const state *s, const uint32_t *found, uint32_t count)
{
    uint32_t expected = 0, got = 0;
    for (uint32_t i = 0; i < SUBSCRIPTIONS; i++) {
        const subscription *one = &s->subs[i];
        if (one->live && one->destination != ME_NO_DESTINATION && wanted(s, one)) {
            expected |= 1u << one->destination;
        }
    }
    for (uint32_t k = 0; k < count; k++) {
        MUST(found[k] <= TOP_DESTINATION && (got >> found[k] & 1) == 0);
        got |= 1u << found[k];
    }
    MUST(got == expected);
}

static void step_match(state *s, me_mode mode, uint32_t allowed)
{
    uint32_t form = take_below(&s->in, 3), count = 0;
    const uint32_t *found = NULL;
    if (!grow_event(&s->in, &s->event)) {
        return;
    }
    s->json = exact_copy(s->event.json.at, s->event.json.length);
    me_engine_read_lock(s->e);
    heap_fail_after(allowed == 0 ? SIZE_MAX : allowed - 1);
    me_status status = read_event(s, form);
    status = status == ME_OK ? me_match(s->e, s->ev, mode, &found, &count) : status;
    heap_fail_after(SIZE_MAX);
    me_engine_read_unlock(s->e);
    MUST(status == ME_OK || (status == ME_NOMEM && allowed != 0));
    if (status == ME_OK && mode == ME_DESTINATIONS) {
        check_destinations(s, found, count);
    } else if (status == ME_OK) {
        check_handles(s, found, count, mode == ME_ANY);
        if (mode == ME_ALL) {
            check_matched(s->subs, SUBSCRIPTIONS, found, count, &s->event.plain, &s->dice);
        }
    }
    free(s->json);
}

/* explain says what match says; a contradiction never matches, and what is always true always. */
static void step_explain(state *s, uint32_t allowed)
{
    me_explanation why;
    me_diagnosis d;
    subscription *one = some_live(s);
    if (one == NULL || !grow_event(&s->in, &s->event)) {
        return;
    }
    s->json = exact_copy(s->event.json.at, s->event.json.length);
    me_engine_write_lock(s->e);
    MUST(read_event(s, 0) == ME_OK);
    heap_fail_after(allowed == 0 ? SIZE_MAX : allowed - 1);
    me_status status = me_engine_explain(s->e, s->ev, one->handle, &why);
    heap_fail_after(SIZE_MAX);
    MUST(status == ME_OK || (status == ME_NOMEM && allowed != 0));
    MUST(status != ME_OK || why.matched == wanted(s, one));
    heap_fail_after(allowed == 0 ? SIZE_MAX : allowed - 1);
    status = me_engine_diagnose(s->e, one->filter, one->length, &d);
    heap_fail_after(SIZE_MAX);
    MUST(status == ME_OK || (status == ME_NOMEM && allowed != 0));
    MUST(status != ME_OK || !d.never || !wanted(s, one));
    MUST(status != ME_OK || !d.always || wanted(s, one));
    me_engine_write_unlock(s->e);
    free(s->json);
}

/* Which subscriptions cover a filter, are covered by it, or overlap with it? */
static void step_related(state *s, uint32_t allowed)
{
    uint32_t how = take(&s->in), limit = take_below(&s->in, 4) != 0 ? UINT32_MAX : how / 16;
    me_relation relation = (me_relation)(how % 3);
    me_values values = how / 4 % 2 == 0    ? ME_VALUES_MANY
                       : how / 16 % 2 == 0 ? ME_VALUES_ONE
                                           : ME_VALUES_ONE_SHARED;
    bool notes = relation != ME_COVERING || how / 8 % 2 != 0;
    const subscription *same = take_rarely(&s->in, 3) ? some_live(s) : NULL;
    const uint32_t *found = NULL;
    uint32_t count = 0, next = 0;
    size_t length = same != NULL ? same->length : 0;
    uint8_t *filter =
        same != NULL ? (uint8_t *)exact_copy(same->filter, length) : grown_filter(&s->in, &length);
    if (filter == NULL) {
        return;
    }
    me_engine_write_lock(s->e);
    heap_fail_after(allowed == 0 ? SIZE_MAX : allowed - 1);
    me_status status = notes ? me_engine_keep_notes(s->e) : ME_OK;
    if (status == ME_OK) {
        status = me_engine_related(s->e, s->ev, relation, values, limit, filter, length, &next,
                                   &found, &count);
    }
    heap_fail_after(SIZE_MAX);
    me_engine_write_unlock(s->e);
    MUST(status == ME_OK || (status == ME_NOMEM && allowed != 0));
    if (status == ME_OK && next == UINT32_MAX) { /* in one slice, as nearly always */
        const question q = {relation, values, allowed != 0, limit, filter, length};
        check_related(s->subs, SUBSCRIPTIONS, &q, found, count);
    }
    free(filter);
}

/* A subscription keeps its filter to the byte. */
static void step_read_back(state *s)
{
    const subscription *one = some_live(s);
    if (one != NULL) {
        uint8_t *copy = (uint8_t *)exact_copy(one->filter, one->length);
        memset(copy, 0xEE, one->length);
        MUST(me_engine_filter(s->e, one->handle, copy, one->length) == one->length);
        MUST(memcmp(copy, one->filter, one->length) == 0);
        free(copy);
    }
}

/* ---- a sequence ------------------------------------------------------------------------------------------- */

static void step(state *s)
{
    uint32_t which = take_below(&s->in, 16);
    uint32_t allowed = which >= 11 && which <= 14 ? 1 + take_below(&s->in, 40) : 0;
    switch (which) {
    case 0:
    case 1:
    case 11:
        step_put(s, false, allowed);
        break;
    case 2:
    case 12:
        step_put(s, true, allowed);
        break;
    case 3:
        step_remove(s);
        break;
    case 4:
        step_crowd(s);
        break;
    case 5:
        step_match(s, ME_ANY, 0);
        break;
    case 6:
        step_match(s, ME_DESTINATIONS, 0);
        break;
    case 7:
        step_explain(s, take_below(&s->in, 2) * take_below(&s->in, 40));
        break;
    case 8:
        step_read_back(s);
        release_retired(s);
        break;
    case 9:
        me_engine_write_lock(s->e);
        me_engine_learn(s->e, s->ev);
        me_engine_write_unlock(s->e);
        break;
    case 10:
        step_related(s, take_below(&s->in, 2) * take_below(&s->in, 40));
        break;
    case 13:
    case 14:
        step_match(s, which == 13 ? ME_ALL : ME_DESTINATIONS, allowed);
        break;
    default:
        step_match(s, ME_ALL, 0);
    }
}

static void check_valid(const state *s)
{
    const char *why = "";
    bool valid = me_engine_validate(s->e, &why);
    if (!valid) {
        fprintf(stderr, "invariant: %s\n", why);
    }
    MUST(valid);
    uint32_t live = 0;
    for (uint32_t i = 0; i < SUBSCRIPTIONS; i++) {
        live += s->subs[i].live;
    }
    MUST(me_engine_count(s->e) == live);
}

static void take_all_out(state *s)
{
    me_stats left;
    for (uint32_t i = 0; i < SUBSCRIPTIONS; i++) {
        if (s->subs[i].live) {
            me_engine_remove(s->e, s->subs[i].handle);
            me_engine_release_handle(s->e, s->subs[i].handle);
            free(s->subs[i].filter);
            s->subs[i] = (subscription){.live = false};
        }
    }
    release_retired(s);
    check_valid(s);
    me_engine_stats(s->e, &left);
    MUST(left.subscriptions + left.constants + left.cuts + left.patterns + left.clusters == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const kernels[] = {"portable", "avx2", "avx512", "neon", ""};
    static state s;
    s = (state){.in = {data, data + size}};
    s.dice = take(&s.in);
    s.limits = me_default_limits;
    s.limits.combinations = s.dice % 4 == 3 ? 4 : s.limits.combinations;
    s.e = me_engine_new(&s.limits, s.dice);
    s.ev = me_event_new();
    MUST(s.e != NULL && s.ev != NULL);
    if (!me_simd_force(PICK(&s.in, kernels))) {
        me_simd_force("");
    }
    for (uint32_t steps = 0; steps < STEPS && !stream_ended(&s.in); steps++) {
        step(&s);
        check_valid(&s);
    }
    take_all_out(&s);
    me_engine_free(s.e);
    me_event_free(s.ev);
    return 0;
}
