/* key_cache.h - where a key leads, known by the address of the object that holds it.
 *
 * Programs name attributes with few string objects, the same ones in event after event. For such
 * an object neither its bytes nor the trie (paths.h) need be read again: its address and the path
 * of the container are enough. What keeps this true is the caller, who keeps a kept object alive
 * and unchanged, so that no other object can get its address.
 *
 *     line, 64 bytes    version | candidate, lengths | key, parent, node | key, .. | key, ..
 *
 * A pair of key and parent may be in one line only, of which it is one of three. The caller keeps
 * it at once if the object is likely to come again, or else when it comes up twice without another
 * newcomer of the line in between: most objects that are seen once, as those of a decoder, leave no
 * more than their mark. A line tells the truth for one version of the
 * trie; when it is met with a newer one, it is empty.
 *
 * Nodes come with a bit that says whether the path itself is subscribed to.
 */
#ifndef MATCHENGINE_KEY_CACHE_H
#define MATCHENGINE_KEY_CACHE_H

#include "heap.h"
#include "prefetch.h"

#define KEY_WAYS 3u
#define KEY_LONGEST 255u /* bytes of a key that may be kept */
#define KEY_WANTED 0x80000000u
#define KEY_NODE 0x7FFFFFFFu /* all ones: leads nowhere */
#define KEY_LINES_MOST 32768u

typedef struct key_way {
    const void *key; /* NULL: none */
    uint32_t parent, node;
} key_way;

typedef struct key_line {
    uint64_t version;
    uint32_t candidate; /* of the newest newcomer */
    uint8_t lengths[KEY_WAYS];
    key_way ways[KEY_WAYS];
} key_line;

typedef struct key_cache {
    heap *heap;
    key_line *lines; /* NULL until a key is kept */
    uint32_t shift;  /* 64 - log2(lines) */
    uint32_t kept;   /* since the lines became as many as they are */
    uint64_t version;
} key_cache;

static inline uint64_t key_hash(const void *key, uint32_t parent)
{
    uint64_t x =
        ((uint64_t)(uintptr_t)key + ((uint64_t)parent << 40)) * UINT64_C(0x9E3779B97F4A7C15);
    return (x ^ x >> 32) * UINT64_C(0xD6E8FEB86659FD93); /* objects lie at regular distances */
}

static inline key_line *key_cache_line(const key_cache *c, const void *key, uint32_t parent)
{
    return &c->lines[key_hash(key, parent) >> c->shift];
}

static inline void key_cache_prefetch(const key_cache *c, const void *key, uint32_t parent)
{
    if (c->lines != NULL) {
        PREFETCH(key_cache_line(c, key, parent));
    }
}

/* Is it known where `key` leads from `parent`? If not, nothing is written. */
static inline bool key_cache_find(const key_cache *c, const void *key, uint32_t parent,
                                  uint32_t *node, uint32_t *length)
{
    if (c->lines == NULL) {
        return false;
    }
    const key_line *line = key_cache_line(c, key, parent);
    for (uint32_t i = 0; i < KEY_WAYS && line->version == c->version; i++) {
        if (line->ways[i].key == key && line->ways[i].parent == parent) {
            *node = line->ways[i].node;
            *length = line->lengths[i];
            return true;
        }
    }
    return false;
}

/* A key that was not found: has it come up before? If so it is worth keeping. */
bool key_cache_is_due(key_cache *c, const void *key, uint32_t parent);

/* Keeps a key of at most KEY_LONGEST bytes. What it replaces is written to `dropped`, and how many
 * to `*count`. False: no memory, nothing changed. */
bool key_cache_keep(key_cache *c, const void *key, uint32_t parent, uint32_t node, uint32_t length,
                    const void *dropped[KEY_WAYS], uint32_t *count);

/* Key number i of those kept, which may be NULL; for i below key_cache_room. */
uint32_t key_cache_room(const key_cache *c);
const void *key_cache_at(const key_cache *c, uint32_t i);

void key_cache_free(key_cache *c);

#endif
