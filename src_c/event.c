#include "event.h"

#include <string.h>

#define FIRST_BLOCK ((size_t)4096)
#define KEEP_BYTES ((size_t)1 << 20)

void event_log_init(event_log *log)
{
    *log = (event_log){0};
}

static void free_block(event_log *log, uint32_t i)
{
    heap_free(&log->heap, log->blocks[i], log->block_sizes[i]);
}

void event_log_free(event_log *log)
{
    heap *h = &log->heap;
    for (uint32_t i = 0; i < log->block_count; i++) {
        free_block(log, i);
    }
    heap_free(h, log->blocks, log->block_cap * sizeof *log->blocks);
    heap_free(h, log->block_sizes, log->block_sizes_cap * sizeof *log->block_sizes);
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
    if (*cap * element > KEEP_BYTES) {
        void *array;
        memcpy(&array, data, sizeof array); /* `data` is the address of a pointer of any type */
        heap_free(h, array, *cap * element);
        memset(data, 0, sizeof array);
        *cap = 0;
    }
}

static void reset_arena(event_log *log)
{
    size_t kept = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < log->block_count; i++) {
        if (kept + log->block_sizes[i] > KEEP_BYTES) {
            free_block(log, i);
            continue;
        }
        kept += log->block_sizes[i];
        log->blocks[count] = log->blocks[i];
        log->block_sizes[count++] = log->block_sizes[i];
    }
    log->block_count = count;
    log->block_current = 0;
    log->block_used = 0;
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
    reset_arena(log);
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

/* Blocks double, so that their number stays small however much text is unescaped. */
static bool add_block(event_log *log, size_t size)
{
    size_t room = FIRST_BLOCK;
    if (log->block_count > 0) {
        size_t last = log->block_sizes[log->block_count - 1];
        room = last < KEEP_BYTES ? last * 2 : last;
    }
    room = room > size ? room : size;
    heap *h = &log->heap;
    uint32_t need = log->block_count + 1;
    if (!heap_reserve(h, &log->blocks, &log->block_cap, need, sizeof *log->blocks) ||
        !heap_reserve(h, &log->block_sizes, &log->block_sizes_cap, need,
                      sizeof *log->block_sizes)) {
        return false;
    }
    char *block = heap_alloc(h, room);
    if (block == NULL) {
        return false;
    }
    log->blocks[log->block_count] = block;
    log->block_sizes[log->block_count++] = room;
    return true;
}

char *event_bytes(event_log *log, size_t size)
{
    while (log->block_current < log->block_count) {
        if (size <= log->block_sizes[log->block_current] - log->block_used) {
            char *bytes = log->blocks[log->block_current] + log->block_used;
            log->block_used += size;
            return bytes;
        }
        log->block_current++;
        log->block_used = 0;
    }
    if (!add_block(log, size)) {
        return NULL;
    }
    log->block_used = size; /* the new block is the last one, and block_current points to it */
    return log->blocks[log->block_current];
}
