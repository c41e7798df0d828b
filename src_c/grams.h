/* grams.h - at which positions of a text can any of the needles be?
 *
 * A *gram* is `width` bytes of a needle, at a place of the needle's choosing. A table maps each
 * gram to the set of needles filed under it (needles.h). In front of the table lies a filter of
 * two bits per gram, both in one word, so a position that begins no gram costs a load, a
 * multiplication and a test, and no branch:
 *
 *     text     ... v o l c a n i c   e r u p t i o n ...
 *                  |-------------|                       8 bytes at each position
 *     hash     = 101101100101 ....                       their product with a secret odd factor
 *                ------------      slot, where linear probing begins
 *                ----------        word of the filter: one for 4 slots
 *                             ...  two bits of that word
 *
 * Positions that pass are written down first, sifted by a look at their slots, and looked up last.
 * Of those that begin no gram, about 1 in 150 passes the filter.
 *
 * A slot's home and its filter word come from the same top bits, so the grams of a word live side
 * by side: when one goes, its word is made anew from its neighbours, and the filter never ages.
 *
 * Invariants, checked by grams_validate:
 *   I1  a gram is in one slot only, and no empty slot lies between its home and it
 *   I2  the filter has exactly the bits of the grams in the table
 *   I3  between 1/8 and 3/4 of the slots are used (unless there are few, or memory was short)
 */
#ifndef MATCHENGINE_GRAMS_H
#define MATCHENGINE_GRAMS_H

#include "hash.h"
#include "heap.h"
#include "needles.h"

typedef struct gram_slot {
    uint64_t gram;
    needle_set set; /* 0: the slot is empty */
} gram_slot;

typedef struct gram_table {
    gram_slot *slots; /* NULL while there is no gram */
    uint64_t *filter; /* behind the slots, in the same block */
    uint64_t mask;    /* the bytes of a word that belong to a gram */
    uint64_t factor;  /* of the hash; odd */
    uint32_t width;
    uint32_t count;
    uint32_t log_slots;
} gram_table;

#define GRAM_BLOCK 256u /* positions that one scan writes down at most */

void grams_init(gram_table *t, uint32_t width, uint64_t seed);
void grams_free(gram_table *t, heap *h);

/* The gram that begins at `bytes`; reads `width` bytes. */
uint64_t gram_at(const gram_table *t, const char *bytes);

/* The needles filed under a gram, or NULL. */
needle_set *grams_find(const gram_table *t, uint64_t gram);

/* Makes room for one more gram. False: no memory, and nothing changed. */
bool grams_reserve(gram_table *t, heap *h);

/* The set of a gram, an empty one when it is new: put a needle in. Needs grams_reserve. */
needle_set *grams_put(gram_table *t, uint64_t gram);

/* Forgets a gram whose set has become empty. Never fails; moves to a smaller table when that pays
 * and there is memory for it. */
void grams_drop(gram_table *t, heap *h, uint64_t gram);

/* Writes down which positions of text[0 .. count) may begin a gram, as offsets; returns how many.
 * count <= GRAM_BLOCK, and 8 bytes can be read at each position. */
uint32_t grams_scan(const gram_table *t, const char *text, uint32_t count, uint32_t *found);

bool grams_validate(const gram_table *t, const char **why);

#endif
