#include "event.h"

#include <string.h>

void event_log_init(event_log *log)
{
    *log = (event_log){0};
    arena_init(&log->arena, &log->heap);
}

void event_log_free(event_log *log)
{
    heap *h = &log->heap;
    arena_free(&log->arena);
    heap_free(h, log->entries, log->cap * sizeof *log->entries);
    heap_free(h, log->visits, log->visit_cap * sizeof *log->visits);
    heap_free(h, log->last_visit, log->last_visit_cap * sizeof *log->last_visit);
    heap_free(h, log->frames, log->frame_cap * sizeof *log->frames);
    heap_free(h, log->key, log->key_cap);
    *log = (event_log){0};
}

/* Frees the array `*data` of `*cap` elements when an unusually large event has made it grow. */
static void give_back(heap *h, void *data, uint32_t *cap, size_t element)
{
    if (*cap * element > ARENA_KEEPS) {
        void *array;
        memcpy(&array, data, sizeof array); /* `data` is the address of a pointer of any type */
        heap_free(h, array, *cap * element);
        memset(data, 0, sizeof array);
        *cap = 0;
    }
}

void event_log_reset(event_log *log)
{
    for (uint32_t i = 0; i < log->visit_count; i++) {
        log->last_visit[log->visits[i].path] = 0;
    }
    log->visit_count = 0;
    log->count = 0;
    give_back(&log->heap, &log->entries, &log->cap, sizeof *log->entries);
    give_back(&log->heap, &log->visits, &log->visit_cap, sizeof *log->visits);
    give_back(&log->heap, &log->frames, &log->frame_cap, sizeof *log->frames);
    give_back(&log->heap, &log->key, &log->key_cap, 1);
    arena_reset(&log->arena);
}

void event_strike(event_log *log, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        log->entries[i].path = PATH_NONE;
    }
}

bool event_visits_reserve(event_log *log, uint32_t path_count)
{
    uint32_t known = log->last_visit_cap;
    if (!heap_reserve(&log->heap, &log->last_visit, &log->last_visit_cap, path_count,
                      sizeof *log->last_visit)) {
        return false;
    }
    for (uint32_t i = known; i < log->last_visit_cap; i++) {
        log->last_visit[i] = 0;
    }
    return true;
}
