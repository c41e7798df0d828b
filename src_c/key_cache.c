#include "key_cache.h"

#include <string.h>

#define FIRST_LINES 256u

static uint32_t lines_of(const key_cache *c)
{
    return c->lines == NULL ? 0 : (uint32_t)(UINT64_C(1) << (64 - c->shift));
}

/* Other bits of the hash than those that choose the line. */
static uint32_t mark_of(const void *key, uint32_t parent)
{
    return (uint32_t)(key_hash(key, parent) >> 16);
}

/* Enters a key where there is room in its line; what it pushes out, or NULL. */
static const void *enter(key_cache *c, key_way way, uint8_t length, uint64_t version)
{
    key_line *line = key_cache_line(c, way.key, way.parent);
    uint32_t at = 0;
    while (at < KEY_WAYS && line->ways[at].key != NULL) {
        at++;
    }
    at = at < KEY_WAYS ? at : mark_of(way.key, way.parent) % KEY_WAYS;
    const void *out = line->ways[at].key;
    line->version = version;
    line->ways[at] = way;
    line->lengths[at] = length;
    return out;
}

static bool make_lines(key_cache *c, uint32_t count)
{
    key_line *lines = heap_zalloc(c->heap, count * sizeof *lines);
    if (lines == NULL) {
        return false;
    }
    c->lines = lines;
    c->kept = 0;
    for (c->shift = 64; count > 1; count /= 2) {
        c->shift--;
    }
    return true;
}

/* Twice the lines; every line becomes two, so nothing is pushed out. False: no memory. */
static bool grow(key_cache *c)
{
    key_cache old = *c;
    uint32_t count = lines_of(&old);
    if (!make_lines(c, count * 2)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const key_line *line = &old.lines[i];
        for (uint32_t k = 0; k < KEY_WAYS; k++) {
            if (line->ways[k].key != NULL) {
                enter(c, line->ways[k], line->lengths[k], line->version);
                c->kept++;
            }
        }
    }
    heap_free(c->heap, old.lines, count * sizeof *old.lines);
    return true;
}

bool key_cache_is_due(key_cache *c, const void *key, uint32_t parent)
{
    if (c->lines == NULL && !make_lines(c, FIRST_LINES)) {
        return false;
    }
    key_line *line = key_cache_line(c, key, parent);
    uint32_t mark = mark_of(key, parent);
    bool due = line->candidate == mark;
    line->candidate = mark;
    return due;
}

bool key_cache_keep(key_cache *c, const void *key, uint32_t parent, uint32_t node, uint32_t length,
                    const void *dropped[KEY_WAYS], uint32_t *count)
{
    *count = 0;
    if (c->lines == NULL && !make_lines(c, FIRST_LINES)) {
        return false;
    }
    uint32_t lines = lines_of(c);
    if (c->kept >= lines * 2 && lines < KEY_LINES_MOST) {
        grow(c); /* no memory for more: the keys share what there is */
    }
    key_line *line = key_cache_line(c, key, parent);
    if (line->version != c->version) {
        for (uint32_t i = 0; i < KEY_WAYS; i++) {
            if (line->ways[i].key != NULL) {
                dropped[(*count)++] = line->ways[i].key;
            }
        }
        *line = (key_line){.candidate = line->candidate};
    }
    const void *out = enter(c, (key_way){key, parent, node}, (uint8_t)length, c->version);
    if (out != NULL) {
        dropped[(*count)++] = out;
    }
    c->kept++;
    return true;
}

uint32_t key_cache_room(const key_cache *c)
{
    return lines_of(c) * KEY_WAYS;
}

const void *key_cache_at(const key_cache *c, uint32_t i)
{
    return c->lines[i / KEY_WAYS].ways[i % KEY_WAYS].key;
}

void key_cache_free(key_cache *c)
{
    heap_free(c->heap, c->lines, lines_of(c) * sizeof *c->lines);
    c->lines = NULL;
}
