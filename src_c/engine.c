/* engine.c - subscriptions in and out: the composition of all tables. See engine.h. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "sieve.h"

const me_limits me_default_limits = {
    .filter_bytes = 1u << 20,
    .filter_depth = 1000,
    .predicates = 100000,
    .in_values = 1000000,
    .event_bytes = 16u << 20,
    .event_depth = 512,
    .event_values = 65536,
    .digits = 1000,
    .regex_states = 2048,
    .regex_ranges = 32768,
    .regex_depth = 1000,
    .filter_states = 65536,
    .combinations = 1048576,
};

const char *me_status_text(me_status status)
{
    switch (status) {
#define ME_STATUS_TEXT(name, text) \
    case name:                     \
        return text;
        ME_STATUS_LIST(ME_STATUS_TEXT)
#undef ME_STATUS_TEXT
    }
    return "unknown status";
}

const char *me_part_name(me_part part)
{
    static const char *const names[] = {
#define ME_PART_TEXT(name, text) text,
        ME_PART_LIST(ME_PART_TEXT)
#undef ME_PART_TEXT
    };
    return names[part];
}

const char *me_simd(void)
{
    return sieve()->name;
}

bool me_simd_force(const char *name)
{
    return sieve_force(name);
}

/* ---- life --------------------------------------------------------------------------------------- */

me_engine *me_engine_new(const me_limits *limits, uint64_t seed)
{
    heap h = {0};
    me_engine *e = heap_zalloc(&h, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    e->heap = h;
    e->limits = limits != NULL ? *limits : me_default_limits;
    e->seed = seed;
    e->always = CLUSTER_NONE;
    e->pattern_free = e->handle_free = UINT32_MAX;
    bodies_init(&e->bodies, &e->parts[ME_BODIES]);
    pool_init(&e->programs, &e->parts[ME_PROGRAMS]);
    pool_init(&e->sets, &e->parts[ME_SETS]);
    pool_init(&e->lists, &e->parts[ME_LISTS]);
    pool_init(&e->computations, &e->parts[ME_PROGRAMS]);
    e->lock = rwlock_new(&e->heap);
    if (e->lock == NULL || !paths_init(&e->paths, &e->parts[ME_PATHS], seed) ||
        !constants_init(&e->constants, &e->parts[ME_CONSTANTS], seed) ||
        !clusters_init(&e->clusters, &e->parts[ME_CLUSTERS]) || !compiler_init(e)) {
        me_engine_free(e);
        return NULL;
    }
    sieve();
    return e;
}

size_t source_size(const uint8_t *source, const uint8_t **filter, size_t *length)
{
    size_t n = 0, shift = 0;
    const uint8_t *at = source;
    for (; *at & 0x80; at++, shift += 7) {
        n |= (size_t)(*at & 0x7F) << shift;
    }
    n |= (size_t)*at++ << shift;
    *filter = at;
    *length = n;
    return (size_t)(at - source) + n;
}

static void free_source(me_engine *e, uint8_t *source)
{
    if (source != NULL) {
        const uint8_t *filter;
        size_t length;
        heap_free(&e->parts[ME_SOURCES], source, source_size(source, &filter, &length));
    }
}

void me_engine_free(me_engine *e)
{
    if (e == NULL) {
        return;
    }
    for (uint32_t i = 0; i < e->infos_cap; i++) {
        path_info *info = &e->infos[i];
        cuts_free(&info->numbers, &e->parts[ME_CUTS]);
        if (info->strings != NULL) {
            cuts_free(info->strings, &e->parts[ME_CUTS]);
            heap_free(&e->parts[ME_CUTS], info->strings, sizeof(cuts));
        }
        if (info->patterns != NULL) {
            string_index_free(info->patterns);
        }
    }
    for (uint32_t i = 0; i < e->histories_cap; i++) {
        heap_free(&e->parts[ME_PATHS], e->histories[i].sample, PATH_SAMPLE * sizeof(uint32_t));
    }
    for (uint32_t i = 0; i < e->handle_count; i++) {
        free_source(e, e->sources[i]);
    }
    heap_free(&e->parts[ME_PATHS], e->infos, e->infos_cap * sizeof(path_info));
    heap_free(&e->parts[ME_PATHS], e->histories, e->histories_cap * sizeof(path_history));
    heap_free(&e->parts[ME_PATTERNS], e->patterns, e->pattern_cap * sizeof(pattern));
    heap_free(&e->parts[ME_HANDLES], e->places, e->places_cap * sizeof(place));
    heap_free(&e->parts[ME_SOURCES], e->sources, e->sources_cap * sizeof(uint8_t *));
    heap_free(&e->parts[ME_HANDLES], e->destinations, e->destinations_cap * sizeof(uint32_t));
    heap_free(&e->parts[ME_HANDLES], e->notes, e->notes_cap * sizeof(cover_note));
    compiler_free(e);
    pool_free(&e->programs);
    pool_free(&e->sets);
    pool_free(&e->lists);
    pool_free(&e->computations);
    bodies_free(&e->bodies);
    clusters_free(&e->clusters);
    constants_free(&e->constants);
    paths_free(&e->paths);
    rwlock_free(&e->heap, e->lock);
    heap h = e->heap;
    heap_free(&h, e, sizeof *e);
}

void me_engine_read_lock(me_engine *e)
{
    rwlock_read(e->lock);
}

bool me_engine_try_read_lock(me_engine *e)
{
    return rwlock_try_read(e->lock);
}

void me_engine_read_unlock(me_engine *e)
{
    rwlock_read_done(e->lock);
}

void me_engine_write_lock(me_engine *e)
{
    rwlock_write(e->lock);
}

bool me_engine_try_write_lock(me_engine *e)
{
    return rwlock_try_write(e->lock);
}

void me_engine_write_unlock(me_engine *e)
{
    rwlock_write_done(e->lock);
}

void me_engine_reset_lock(me_engine *e)
{
    rwlock_reset(e->lock);
}

/* ---- filing a plan -------------------------------------------------------------------------------- */

/* What one subscription owns in the index: where its rows are and the body they share. */
typedef struct filing {
    place place;
    uint32_t body;
} filing;

static bool make_body(me_engine *e, const plan *p, uint32_t *body)
{
    *body = BODY_NONE;
    if (p->test_count == 0) {
        return true;
    }
    *body = bodies_new(&e->bodies, p->test_count);
    if (*body != BODY_NONE) {
        memcpy(body_tests(&e->bodies, *body), p->tests, p->test_count * sizeof(test));
    }
    return *body != BODY_NONE;
}

static bool add_row(me_engine *e, const anchor *a, const row *r, place *where)
{
    where->cluster = cluster_for(e, a);
    if (where->cluster == CLUSTER_NONE) {
        return false;
    }
    row filed = *r;
    filed.range = (sieve_range){a->lo, a->width};
    where->row = cluster_append(&e->clusters, where->cluster, &filed);
    return true;
}

/* Several rows. On failure the rows already filed are taken out, last first, so that none moves. */
static bool add_rows(me_engine *e, const plan *p, row *r, place *where)
{
    uint32_t number = pool_new(&e->lists, sizeof(row_list) + p->anchor_count * sizeof(place));
    if (number == POOL_NONE) {
        return false;
    }
    row_list *list = pool_block(&e->lists, number);
    list->count = p->anchor_count;
    list->body = r->tail.body;
    r->tail.owner |= ROW_MANY;
    for (uint32_t i = 0; i < p->anchor_count; i++) {
        if (!add_row(e, &p->anchors[i], r, &list->rows[i])) {
            while (i-- > 0) {
                remove_row(e, list->rows[i].cluster, list->rows[i].row);
            }
            pool_release(&e->lists, number);
            return false;
        }
    }
    sort_rows(list);
    *where = (place){PLACE_MANY, number};
    return true;
}

static bool file_plan(me_engine *e, uint32_t handle, const plan *p, filing *out)
{
    static const anchor nothing = {.kind = CLUSTER_ALWAYS};
    if (p->never) {
        *out = (filing){{PLACE_NEVER, 0}, BODY_NONE};
        return true;
    }
    if (!make_body(e, p, &out->body)) {
        return false;
    }
    row r = {.needs = p->needs, .tail = {handle, out->body}};
    bool filed = p->anchor_count > 1
                     ? add_rows(e, p, &r, &out->place)
                     : add_row(e, p->anchor_count == 1 ? p->anchors : &nothing, &r, &out->place);
    if (!filed && out->body != BODY_NONE) {
        bodies_release(&e->bodies, out->body);
    }
    return filed;
}

/* Takes a subscription's rows, body, programs and sets out of the index. Never fails. */
static void unfile(me_engine *e, place where)
{
    uint32_t body;
    if (where.cluster == PLACE_NEVER) {
        return;
    }
    if (where.cluster == PLACE_MANY) {
        row_list *list = pool_block(&e->lists, where.row);
        body = list->body;
        /* From the end, and what is done sorts last: rows of its own that move meanwhile are still
         * found in the list (file.c). */
        for (uint32_t i = list->count; i-- > 0;) {
            place at = list->rows[i];
            list->rows[i] = (place){PLACE_FREE, 0};
            remove_row(e, at.cluster, at.row);
        }
        pool_release(&e->lists, where.row);
    } else {
        body = cluster_row(&e->clusters, where.cluster, where.row).tail.body;
        remove_row(e, where.cluster, where.row);
    }
    if (body != BODY_NONE) {
        compile_discard(e, body_tests(&e->bodies, body), body_size(body));
        bodies_release(&e->bodies, body);
    }
}

/* ---- handles ---------------------------------------------------------------------------------------- */

/* A free handle with room in every per-handle array; it is not taken yet. */
static bool reserve_handle(me_engine *e, uint32_t destination, uint32_t *handle)
{
    *handle = e->handle_free != UINT32_MAX ? e->handle_free : e->handle_count;
    uint32_t need = *handle + 1;
    if (need > OWNER_MASK) {
        return false;
    }
    uint32_t old = e->destinations_cap;
    if ((destination != ME_NO_DESTINATION || old > 0) && need > old) {
        if (!heap_reserve(&e->parts[ME_HANDLES], &e->destinations, &e->destinations_cap,
                          need > e->places_cap ? need : e->places_cap, sizeof(uint32_t))) {
            return false;
        }
        for (uint32_t i = old; i < e->destinations_cap; i++) {
            e->destinations[i] = ME_NO_DESTINATION;
        }
    }
    return heap_reserve(&e->parts[ME_HANDLES], &e->places, &e->places_cap, need, sizeof(place)) &&
           heap_reserve(&e->parts[ME_SOURCES], &e->sources, &e->sources_cap, need,
                        sizeof(uint8_t *)) &&
           (!e->keeps_notes || heap_reserve(&e->parts[ME_HANDLES], &e->notes, &e->notes_cap, need,
                                            sizeof(cover_note)));
}

static void take_handle(me_engine *e, uint32_t handle)
{
    if (handle == e->handle_count) {
        e->handle_count++;
    } else {
        e->handle_free = e->places[handle].row;
    }
}

/* The stored filter behind its length, in one block of exactly that size. */
static uint8_t *keep_source(me_engine *e, const filter_writer *stored)
{
    uint8_t head[10];
    size_t n = 0, length = stored->length;
    do {
        head[n++] = (uint8_t)((length & 0x7F) | (length > 0x7F ? 0x80 : 0));
        length >>= 7;
    } while (length > 0);
    uint8_t *source = heap_alloc(&e->parts[ME_SOURCES], n + stored->length);
    if (source != NULL) {
        memcpy(source, head, n);
        memcpy(source + n, stored->bytes, stored->length);
    }
    return source;
}

typedef struct entry {
    uint8_t *source;
    filing filing;
    cover_note note; /* when notes are kept */
} entry;

/* Everything about a filter that can fail: references, compilation, rows, source. */
static me_status enter(me_engine *e, uint32_t handle, const uint8_t *filter, size_t length,
                       entry *out)
{
    filter_writer stored;
    filter_writer_init(&stored, &e->heap, false);
    me_status status = acquire_filter(e, filter, length, &stored);
    if (status == ME_OK) {
        plan p;
        bool noted = !e->keeps_notes || note_of_stored(e, stored.bytes, stored.length, &out->note);
        status = noted ? compile(e, stored.bytes, stored.length, &p) : ME_NOMEM;
        out->source = status == ME_OK ? keep_source(e, &stored) : NULL;
        if (status == ME_OK && (out->source == NULL || !file_plan(e, handle, &p, &out->filing))) {
            free_source(e, out->source);
            compile_discard(e, p.tests, p.test_count);
            status = ME_NOMEM;
        }
        if (status != ME_OK) {
            release_filter(e, stored.bytes, stored.length);
        }
    }
    filter_writer_free(&stored);
    return status;
}

static void leave(me_engine *e, uint32_t handle)
{
    const uint8_t *filter;
    size_t length;
    unfile(e, e->places[handle]);
    source_size(e->sources[handle], &filter, &length);
    release_filter(e, filter, length);
    free_source(e, e->sources[handle]);
    e->sources[handle] = NULL;
}

static void set_note(me_engine *e, uint32_t handle, const entry *new)
{
    if (e->keeps_notes) {
        e->notes[handle] = new->note;
    }
}

static void set_destination(me_engine *e, uint32_t handle, uint32_t destination)
{
    if (handle < e->destinations_cap) {
        e->destinations[handle] = destination;
    }
}

me_status me_engine_add(me_engine *e, const uint8_t *filter, size_t length, uint32_t destination,
                        uint32_t *handle)
{
    entry new;
    if (!reserve_handle(e, destination, handle)) {
        return ME_NOMEM;
    }
    me_status status = enter(e, *handle, filter, length, &new);
    if (status == ME_OK) {
        take_handle(e, *handle);
        e->places[*handle] = new.filing.place;
        e->sources[*handle] = new.source;
        set_note(e, *handle, &new);
        set_destination(e, *handle, destination);
        e->live++;
    }
    return status;
}

/* Gives the rows filed under `from` to `to`. */
static void rename_owner(me_engine *e, place where, uint32_t from, uint32_t to)
{
    place *rows = &where;
    uint32_t count = where.cluster == PLACE_NEVER ? 0 : 1;
    if (where.cluster == PLACE_MANY) {
        row_list *list = pool_block(&e->lists, where.row);
        rows = list->rows;
        count = list->count;
    }
    for (uint32_t i = 0; i < count; i++) {
        row_tail *tail = &cluster_columns(&e->clusters.all[rows[i].cluster]).tails[rows[i].row];
        tail->owner = tail->owner - from + to;
    }
}

me_status me_engine_replace(me_engine *e, uint32_t handle, const uint8_t *filter, size_t length,
                            uint32_t destination)
{
    uint32_t spare;
    entry new;
    /* While the old rows still stand the new ones need another owner, so that a row that moves
     * finds its place: a handle that is not taken. */
    if (!reserve_handle(e, destination, &spare)) {
        return ME_NOMEM;
    }
    me_status status = enter(e, spare, filter, length, &new);
    if (status != ME_OK) {
        return status;
    }
    place free_link = e->places[spare];
    e->places[spare] = new.filing.place;
    leave(e, handle);
    e->places[handle] = e->places[spare];
    e->places[spare] = free_link;
    rename_owner(e, e->places[handle], spare, handle);
    e->sources[handle] = new.source;
    set_note(e, handle, &new);
    set_destination(e, handle, destination);
    return ME_OK;
}

void me_engine_remove(me_engine *e, uint32_t handle)
{
    leave(e, handle);
    e->places[handle] = (place){PLACE_RETIRED, 0};
    set_destination(e, handle, ME_NO_DESTINATION);
    e->live--;
}

void me_engine_release_handle(me_engine *e, uint32_t handle)
{
    e->places[handle] = (place){PLACE_FREE, e->handle_free};
    e->handle_free = handle;
}
