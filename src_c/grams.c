#include "grams.h"

#include "require.h"

#define LOG_SLOTS_MIN 4u
#define LOG_SLOTS_PER_WORD 2u

void grams_init(gram_table *t, uint32_t width, uint64_t seed)
{
    *t = (gram_table){.width = width, .factor = seed | 1};
    memset(&t->mask, 0xFF, width); /* the first bytes in memory, whatever the byte order */
}

static size_t block_size(uint32_t log_slots)
{
    return (sizeof(gram_slot) << log_slots) +
           (sizeof(uint64_t) << (log_slots - LOG_SLOTS_PER_WORD));
}

static void release(gram_table *t, heap *h)
{
    if (t->slots != NULL) {
        heap_free(h, t->slots, block_size(t->log_slots));
    }
    t->slots = NULL;
    t->filter = NULL;
}

void grams_free(gram_table *t, heap *h)
{
    release(t, h);
    t->count = 0;
}

uint64_t gram_at(const gram_table *t, const char *bytes)
{
    uint64_t gram = 0;
    memcpy(&gram, bytes, t->width);
    return gram;
}

/* Multiply-shift: the top bits of the product with a secret odd factor. */
static inline uint64_t hash_gram(uint64_t gram, uint64_t factor)
{
    return gram * factor;
}

/* Two places in a word of the filter, from bits of the hash below those that choose the word. */
static inline uint32_t first_bit(uint64_t hash)
{
    return hash >> 40 & 63;
}

static inline uint32_t second_bit(uint64_t hash)
{
    return hash >> 34 & 63;
}

static uint64_t filter_bits(uint64_t hash)
{
    return UINT64_C(1) << first_bit(hash) | UINT64_C(1) << second_bit(hash);
}

static uint32_t home_of(const gram_table *t, uint64_t hash)
{
    return (uint32_t)(hash >> (64 - t->log_slots));
}

/* The slot of the gram, or the empty one where it belongs. */
static uint32_t slot_of(const gram_table *t, uint64_t gram)
{
    uint32_t mask = (1u << t->log_slots) - 1;
    uint32_t i = home_of(t, hash_gram(gram, t->factor));
    while (t->slots[i].set != 0 && t->slots[i].gram != gram) {
        i = (i + 1) & mask;
    }
    return i;
}

needle_set *grams_find(const gram_table *t, uint64_t gram)
{
    if (t->slots == NULL) {
        return NULL;
    }
    gram_slot *slot = &t->slots[slot_of(t, gram)];
    return slot->set != 0 ? &slot->set : NULL;
}

static void mark(gram_table *t, uint64_t gram)
{
    uint64_t hash = hash_gram(gram, t->factor);
    t->filter[home_of(t, hash) >> LOG_SLOTS_PER_WORD] |= filter_bits(hash);
}

/* Moves to a table of another size. */
static bool resize(gram_table *t, heap *h, uint32_t log_slots)
{
    gram_slot *slots = heap_zalloc(h, block_size(log_slots));
    if (slots == NULL) {
        return false;
    }
    gram_table old = *t;
    t->slots = slots;
    t->filter = (uint64_t *)(slots + ((size_t)1 << log_slots));
    t->log_slots = log_slots;
    for (size_t i = 0; old.slots != NULL && i < (size_t)1 << old.log_slots; i++) {
        if (old.slots[i].set != 0) {
            t->slots[slot_of(t, old.slots[i].gram)] = old.slots[i];
            mark(t, old.slots[i].gram);
        }
    }
    release(&old, h);
    return true;
}

bool grams_reserve(gram_table *t, heap *h)
{
    if (t->slots == NULL) {
        return resize(t, h, LOG_SLOTS_MIN);
    }
    uint64_t slots = UINT64_C(1) << t->log_slots;
    return (t->count + UINT64_C(1)) * 4 <= slots * 3 || resize(t, h, t->log_slots + 1);
}

needle_set *grams_put(gram_table *t, uint64_t gram)
{
    gram_slot *slot = &t->slots[slot_of(t, gram)];
    if (slot->set == 0) {
        slot->gram = gram;
        t->count++;
        mark(t, gram);
    }
    return &slot->set;
}

/* The bits of one filter word, from the grams whose home is one of its slots. They lie from the
 * first of these slots up to the first empty one after the last. */
static uint64_t word_bits(const gram_table *t, uint32_t word)
{
    uint32_t mask = (1u << t->log_slots) - 1, first = word << LOG_SLOTS_PER_WORD;
    uint64_t bits = 0;
    for (uint32_t n = 0; n <= mask; n++) {
        const gram_slot *slot = &t->slots[(first + n) & mask];
        if (slot->set == 0) {
            if (n >= (1u << LOG_SLOTS_PER_WORD) - 1) {
                break;
            }
            continue;
        }
        uint64_t hash = hash_gram(slot->gram, t->factor);
        if (home_of(t, hash) >> LOG_SLOTS_PER_WORD == word) {
            bits |= filter_bits(hash);
        }
    }
    return bits;
}

void grams_drop(gram_table *t, heap *h, uint64_t gram)
{
    uint64_t hash = hash_gram(gram, t->factor);
    uint32_t mask = (1u << t->log_slots) - 1, hole = home_of(t, hash);
    while (t->slots[hole].set != 0) { /* no other empty slot lies between its home and it */
        hole = (hole + 1) & mask;
    }
    for (uint32_t i = (hole + 1) & mask; t->slots[i].set != 0; i = (i + 1) & mask) {
        uint32_t home = home_of(t, hash_gram(t->slots[i].gram, t->factor));
        if (((i - home) & mask) >= ((i - hole) & mask)) { /* it may move up to the hole */
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = (gram_slot){0, 0};
    uint32_t word = home_of(t, hash) >> LOG_SLOTS_PER_WORD;
    t->filter[word] = word_bits(t, word);
    t->count--;
    if (t->count == 0) {
        release(t, h);
    } else if (t->log_slots > LOG_SLOTS_MIN && (uint64_t)t->count * 8 < mask) {
        (void)resize(t, h, t->log_slots - 1);
    }
}

/* Of the positions that passed the filter, keeps those whose gram may be in the table: it is in its
 * home, or the home is taken and so is the next slot. Without branches, so that the cache misses
 * of all of them overlap. */
static uint32_t sift(const gram_table *t, const char *text, uint32_t count, uint32_t *found)
{
    uint32_t mask = (1u << t->log_slots) - 1, n = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t at = found[k];
        uint64_t gram = load64(text + at) & t->mask;
        uint32_t home = home_of(t, hash_gram(gram, t->factor));
        const gram_slot *slot = &t->slots[home], *next = &t->slots[(home + 1) & mask];
        found[n] = at;
        n += (slot->gram == gram) | ((slot->set != 0) & (next->set != 0));
    }
    return n;
}

/* The hottest loop of the index. */
static uint32_t scan(const gram_table *t, const char *text, uint32_t count, uint32_t *found)
{
    const uint64_t *filter = t->filter;
    uint64_t mask = t->mask, factor = t->factor;
    uint32_t shift = 64 - t->log_slots + LOG_SLOTS_PER_WORD, n = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = hash_gram(load64(text + i) & mask, factor);
        uint64_t word = filter[hash >> shift];
        found[n] = i;
        n += (uint32_t)(word >> first_bit(hash) & word >> second_bit(hash) & 1);
    }
    return n;
}
uint32_t grams_scan(const gram_table *t, const char *text, uint32_t count, uint32_t *found)
{
    return sift(t, text, scan(t, text, count, found), found);
}

bool grams_validate(const gram_table *t, const char **why)
{
    REQUIRE((t->slots == NULL) == (t->count == 0));
    if (t->slots == NULL) {
        return true;
    }
    uint32_t slots = 1u << t->log_slots, used = 0;
    REQUIRE((const void *)t->filter == (const void *)(t->slots + slots));
    REQUIRE((uint64_t)t->count * 4 <= (uint64_t)slots * 3);
    for (uint32_t i = 0; i < slots; i++) {
        if (t->slots[i].set != 0) {
            used++;
            REQUIRE((t->slots[i].gram & ~t->mask) == 0);
            REQUIRE(slot_of(t, t->slots[i].gram) == i);
        }
    }
    REQUIRE(used == t->count);
    for (uint32_t word = 0; word < slots >> LOG_SLOTS_PER_WORD; word++) {
        REQUIRE(t->filter[word] == word_bits(t, word));
    }
    return true;
}
