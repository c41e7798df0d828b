/* like_masks.h - finds a core that has `_` inside, 64 places of the core at a time (Shift-And).
 *
 * Bit i of the state says: the text read so far ends with the first i + 1 places of the core. One
 * code point of text moves all of them on:
 *
 *     state = (state << 1 | 1) & (places that are _ | places that are this code point)
 *
 *     core  e _ f         reads:  e     x     f
 *     any   . 1 .         state  1..   .1.   ..1   the last bit: found
 *
 * A core of m places takes ceil(m / 64) words a step, so the search is linear in the text whatever
 * the text is. The places of a frequent code point are kept as a row of words, those of a rare one
 * (fewer places than a row has words) as a sorted list: memory stays linear in the core too, even
 * if all its code points differ.
 */
#ifndef MATCHENGINE_LIKE_MASKS_H
#define MATCHENGINE_LIKE_MASKS_H

#include "like.h"

typedef struct like_masks like_masks;

/* The masks of a core of `points` places, coded with LIKE_ANY; its first place is not one. NULL:
 * no memory. */
like_masks *like_masks_new(heap *h, const char *core, size_t length, uint32_t points);
void like_masks_free(heap *h, like_masks *m);

/* Words of the state. */
uint32_t like_masks_words(const like_masks *m);

/* Where the leftmost occurrence at or after `from` ends, or SIZE_MAX. `state` is scratch. */
size_t like_masks_find(const like_masks *m, const char *text, size_t from, size_t length, bool fold,
                       uint64_t *state);

#endif
