/* event.h - one event on its way into the engine: the scratch memory of one match.
 *
 * A reader (the JSON scanner, or the walk over a Python mapping) walks the event and the trie of
 * subscribed paths side by side and puts every scalar that lies on a subscribed path into a log:
 *
 *     {"a": {"b": [1, 2]}, "x": 3}       log:  (a.b, 1) (a.b, 2)        nobody subscribed to x
 *
 * The log keeps order; a reader that finds a duplicate key strikes out what the earlier one
 * contributed (event_strike). Strings are borrowed from the event's own bytes, or live in the
 * event's arena (unescaped text), which keeps its memory from one event to the next.
 */
#ifndef MATCHENGINE_EVENT_H
#define MATCHENGINE_EVENT_H

#include "arena.h"
#include "heap.h"
#include "matchengine.h"
#include "paths.h"
#include "prefetch.h"

typedef struct event_entry {
    me_value value;
    uint32_t path;    /* PATH_NONE when struck out */
    uint32_t next;    /* used by the encoder: the previous entry of the same path */
    path_query query; /* with query.key: the path is not known yet, and this leads to it */
} event_entry;

/* A key seen in an object that is still open, or in one inside it (json.c, duplicate keys). */
typedef struct event_visit {
    uint32_t object; /* serial number of the object that holds the key */
    uint32_t path;   /* node the key led to */
    uint32_t from;   /* log entries the key's value contributed: [from, to) */
    uint32_t to;
    uint32_t previous; /* earlier visit of the same node in this event, UINT32_MAX for none */
} event_visit;

/* An open object or array (json.c). */
typedef struct event_frame {
    uint32_t node;   /* the path of the container, PATH_NONE when nobody subscribed below it */
    uint32_t object; /* its serial number when it is an object, EVENT_ARRAY otherwise */
    uint32_t visit;  /* the visit to close after it, UINT32_MAX for none */
} event_frame;

#define EVENT_ARRAY UINT32_MAX

typedef struct event_log {
    heap heap;
    event_entry *entries;
    uint32_t count, cap;
    event_visit *visits; /* owned by the reader's duplicate check */
    uint32_t visit_count, visit_cap;
    uint32_t *last_visit; /* per node: newest visit + 1 in this event, 0 for none */
    uint32_t last_visit_cap;
    arena arena;         /* unescaped text, and what else lives as long as the event */
    event_frame *frames; /* scratch of json.c: the objects and arrays that are open */
    uint32_t frame_cap;
    char *key; /* scratch of json.c: a key without its escapes */
    uint32_t key_cap;
} event_log;

void event_log_init(event_log *log);
void event_log_free(event_log *log);

/* Forgets the event, keeps the memory, up to 1 MiB (ARENA_KEEPS) for the arena and every array. */
void event_log_reset(event_log *log);

/* Appends a contribution. False when there is no memory. */
static inline bool event_put(event_log *log, uint32_t path, me_value value)
{
    if (log->count == log->cap &&
        !heap_reserve(&log->heap, &log->entries, &log->cap, log->count + 1, sizeof(event_entry))) {
        return false;
    }
    event_entry *entry = &log->entries[log->count++];
    entry->value = value;
    entry->path = path;
    entry->query.key = NULL;
    return true;
}

/* Appends a contribution whose path is a key away from `node`: the encoder takes the step, for many
 * at once. The key must live as long as the event. */
static inline bool event_put_key(event_log *log, const paths *p, uint32_t node, const char *key,
                                 size_t length, me_value value)
{
    if (!event_put(log, PATH_NONE, value)) {
        return false;
    }
    event_entry *entry = &log->entries[log->count - 1];
    entry->query = paths_ask(p, node, key, length);
    PREFETCH(paths_slot(p, &entry->query));
    return true;
}

/* Strikes out the entries [from, to). */
void event_strike(event_log *log, uint32_t from, uint32_t to);

/* Makes `last_visit` cover the paths [0, path_count). False when there is no memory. */
bool event_visits_reserve(event_log *log, uint32_t path_count);

/* `size` bytes that live until the next reset; NULL when there is no memory. */
static inline char *event_bytes(event_log *log, size_t size)
{
    return arena_bytes(&log->arena, size);
}

#endif
