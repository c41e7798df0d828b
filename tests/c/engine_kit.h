/* engine_kit.h - an engine from filter text and JSON events, for the tests that need a whole one.
 *
 *     kit k;
 *     kit_open(&k);
 *     uint32_t handle = kit_add(&k, "price < 10");
 *     CHECK(kit_matches(&k, "{\"price\": 9}", handle));
 *     CHECK(kit_close(&k));                              every invariant, and nothing left over
 */
#ifndef MATCHENGINE_ENGINE_KIT_H
#define MATCHENGINE_ENGINE_KIT_H

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "matchengine.h"
#include "parse.h"

typedef struct kit {
    me_engine *e;
    me_event *ev;
    const uint32_t *found; /* of the last match, sorted */
    uint32_t count;
} kit;

static inline bool kit_open(kit *k)
{
    *k = (kit){.e = me_engine_new(NULL, 42), .ev = me_event_new()};
    return k->e != NULL && k->ev != NULL;
}

static inline bool kit_valid(const kit *k)
{
    const char *why = "";
    me_engine_read_lock(k->e);
    bool valid = me_engine_validate(k->e, &why);
    me_engine_read_unlock(k->e);
    if (!valid) {
        printf("invariant: %s\n", why);
    }
    return valid;
}

/* Filter bytes, which the caller frees with filter_writer_free; `h` must live as long. */
static inline bool kit_parse(const char *text, heap *h, filter_writer *out)
{
    me_error error;
    filter_writer_init(out, h, true);
    me_status status = parse_filter(text, strlen(text), NULL, 0, &me_default_limits, out, &error);
    if (status != ME_OK) {
        printf("%s: %s at %zu\n", text, error.message, error.offset);
    }
    return status == ME_OK;
}

/* Adds (handle UINT32_MAX) or replaces; returns the handle, UINT32_MAX for no memory. */
static inline uint32_t kit_put(kit *k, uint32_t handle, const char *text, uint32_t to)
{
    heap h = {0};
    filter_writer w;
    uint32_t given = handle;
    if (!kit_parse(text, &h, &w)) {
        abort();
    }
    me_engine_write_lock(k->e);
    me_status status = handle == UINT32_MAX
                           ? me_engine_add(k->e, w.bytes, w.length, to, &given)
                           : me_engine_replace(k->e, handle, w.bytes, w.length, to, NULL);
    me_engine_write_unlock(k->e);
    filter_writer_free(&w);
    return status == ME_OK ? given : UINT32_MAX;
}

static inline uint32_t kit_add(kit *k, const char *text)
{
    return kit_put(k, UINT32_MAX, text, ME_NO_DESTINATION);
}

static inline void kit_remove(kit *k, uint32_t handle)
{
    me_engine_write_lock(k->e);
    me_engine_remove(k->e, handle);
    me_engine_release_handle(k->e, handle);
    me_engine_write_unlock(k->e);
}

static inline int kit_by_number(const void *a, const void *b)
{
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return (p > q) - (p < q);
}

static inline me_status kit_ask(kit *k, const char *json, me_mode mode)
{
    me_error error = {0};
    me_engine_read_lock(k->e);
    me_status status = me_event_json(k->e, k->ev, json, strlen(json), &error);
    if (status == ME_OK) {
        status = me_match(k->e, k->ev, mode, &k->found, &k->count);
    } else if (status != ME_NOMEM) {
        printf("%s: %s at %zu\n", json, error.message, error.offset);
    }
    me_engine_read_unlock(k->e);
    if (status == ME_OK && k->count > 0) {
        qsort((void *)(uintptr_t)k->found, k->count, sizeof(uint32_t), kit_by_number);
    }
    return status;
}

/* Is the handle among those that match, once? */
static inline bool kit_matches(kit *k, const char *json, uint32_t handle)
{
    uint32_t times = 0;
    if (kit_ask(k, json, ME_ALL) != ME_OK) {
        return false;
    }
    for (uint32_t i = 0; i < k->count; i++) {
        times += k->found[i] == handle;
    }
    return times == 1;
}

static inline me_stats kit_stats(const kit *k)
{
    me_stats s;
    me_engine_read_lock(k->e);
    me_engine_stats(k->e, &s);
    me_engine_read_unlock(k->e);
    return s;
}

static inline bool kit_close(kit *k)
{
    bool valid = kit_valid(k);
    me_engine_free(k->e);
    me_event_free(k->ev);
    return valid;
}

/* The kernels that the engine can be made to use here; NULL after the last. */
static inline const char *kit_simd(size_t i)
{
    static const char *const names[] = {"portable", "avx2", "avx512", "neon"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        if (me_simd_force(names[k]) && i-- == 0) {
            return names[k];
        }
    }
    me_simd_force("");
    return NULL;
}

#endif
