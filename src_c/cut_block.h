/* cut_block.h - a sorted run of cuts; the layout is in cuts.h, which is made of these. */
#ifndef MATCHENGINE_CUT_BLOCK_H
#define MATCHENGINE_CUT_BLOCK_H

#include "cuts.h"

static inline uint32_t *cut_labels(cut_block *b)
{
    return b->highs + b->cap;
}

static inline uint32_t *cut_references(cut_block *b)
{
    return b->highs + 3 * (size_t)b->cap;
}

static inline uint64_t cut_block_key(const cut_block *b, uint32_t at)
{
    return (uint64_t)b->highs[at] << 32 | b->highs[2 * (size_t)b->cap + at];
}

/* The key of a canonical value; `*exact` when no other value has it. */
uint64_t cut_key(const me_value *v, bool *exact);

me_value cut_value(const cut_block *b, uint32_t at);

/* How many keys of a block that is not empty are below `key`. */
uint32_t cut_block_below(const cut_block *b, uint64_t key);

/* Where `value`, which has this key, is in a block that is not empty, or belongs. */
uint32_t cut_block_find(const cut_block *b, const me_value *value, uint64_t key, bool exact,
                        bool *found);

/* A block of `cap` cuts with the cuts [from, to) of `b` (which may be NULL) moved into it, and what
 * to do with `b` after that: free it without the values. NULL: no memory. */
cut_block *cut_block_copy(heap *h, cut_block *b, uint32_t from, uint32_t to, uint32_t cap);
void cut_block_free_shell(cut_block *b, heap *h);

void cut_block_free(cut_block *b, heap *h);

/* From now on the block keeps its values. False: no memory, nothing changed. */
bool cut_block_keep_values(cut_block *b, heap *h);

/* There must be room; `kept` (from value_keep) now belongs to the block. */
void cut_block_insert(cut_block *b, uint32_t at, uint64_t key, uint32_t label,
                      const me_value *kept);
void cut_block_remove(cut_block *b, heap *h, uint32_t at);

#endif
