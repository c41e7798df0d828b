/* The columnar scan: a predicate of every row is tested for every event, nothing is indexed.
 *
 * A row is a conjunction of `slots` predicates; a predicate is three u16: attribute, least value
 * and width. Each of the three is a column per slot, and 32 rows are a block. A pass over slot 0
 * tests all rows and lists the blocks of which a row survives, without a branch that could be
 * mispredicted; the pass over slot 1 tests those blocks, and so on. An event is a table of u16 by
 * attribute, where ABSENT stands for a missing one: it is so large that `value - least <= width`
 * fails.
 *
 * Four ways to look 32 attributes up:
 *   bytes     up to 128 attributes, values below 255: the table lies in two registers (AVX-512 VBMI)
 *   permute   up to 128 attributes: the table lies in four registers (AVX-512)
 *   gather    any number: gathers from the table (AVX-512, AVX2), or plain loads
 *   filter    any number: a 2,048-bit filter of the event's attributes, in four registers
 *             (AVX-512), rejects most rows by their attribute alone; the rest are looked up
 */
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#define VBMI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")))
#define AVX2 __attribute__((target("avx2")))
#endif

enum { LANES = 32, ABSENT = 0xFFFF };

typedef struct {
    const uint16_t *columns; /* slot after slot: attributes, least values, widths; `rows` each */
    uint64_t rows, slots;    /* rows: a multiple of LANES */
    uint16_t *table;         /* all attributes and 64 more, ABSENT on entry and on return */
    uint16_t *filter;        /* 128 words, zero on entry and on return */
    uint32_t *blocks;        /* room for rows / LANES + 1: survivors */
    uint32_t *masks;         /* the same: which rows of each survive */
    uint32_t *matches;       /* room for all rows */
    uint64_t read;           /* out: tests of a block against a slot */
} scan;

/* 32 rows of a slot. */
typedef struct {
    const uint16_t *attr, *least, *width;
} block;

typedef uint64_t (*scan_event)(scan *s);

static inline block block_at(const scan *s, uint64_t slot, uint64_t number)
{
    const uint16_t *attr = s->columns + slot * 3 * s->rows + number * LANES;
    return (block){attr, attr + s->rows, attr + 2 * s->rows};
}

/* Row numbers of the survivors, appended to the matches. */
static uint64_t emit(scan *s, uint64_t count)
{
    uint64_t found = 0;
    for (uint64_t i = 0; i < count; i++)
        for (uint32_t mask = s->masks[i]; mask != 0; mask &= mask - 1)
            s->matches[found++] = s->blocks[i] * LANES + (uint32_t)__builtin_ctz(mask);
    return found;
}

/* Scan for the event in `s`. `test` gives the rows of a block that hold, by `event`. */
#define SCAN_BODY(s, test, event)                                              \
    uint32_t *const blocks = (s)->blocks, *const masks = (s)->masks;           \
    const uint64_t all = (s)->rows / LANES;                                    \
    uint64_t count = 0;                                                        \
    _Pragma("GCC unroll 4") for (uint64_t i = 0; i < all; i++)                 \
    {                                                                          \
        uint32_t mask = test(block_at(s, 0, i), event);                        \
        blocks[count] = (uint32_t)i;                                           \
        masks[count] = mask;                                                   \
        count += mask != 0;                                                    \
    }                                                                          \
    (s)->read += all;                                                          \
    for (uint64_t slot = 1; slot < (s)->slots; slot++) {                       \
        uint64_t kept = 0;                                                     \
        (s)->read += count;                                                    \
        for (uint64_t i = 0; i < count; i++) {                                 \
            uint32_t number = blocks[i];                                       \
            uint32_t mask = masks[i] & test(block_at(s, slot, number), event); \
            blocks[kept] = number;                                             \
            masks[kept] = mask;                                                \
            kept += mask != 0;                                                 \
        }                                                                      \
        count = kept;                                                          \
    }                                                                          \
    return emit(s, count);

/* ---- portable ---------------------------------------------------------------------------------- */

static inline uint32_t test_portable(block b, const uint16_t *table)
{
    uint32_t mask = 0;
    for (int lane = 0; lane < LANES; lane++) {
        uint16_t off = (uint16_t)(table[b.attr[lane]] - b.least[lane]);
        mask |= (uint32_t)(off <= b.width[lane]) << lane;
    }
    return mask;
}

static uint64_t scan_portable(scan *s){SCAN_BODY(s, test_portable, s -> table)}

#if defined(__x86_64__)

/* ---- AVX2 -------------------------------------------------------------------------------------- */

/* Values of 16 attributes: two gathers of 32 bits, of which the lower halves are meant. */
AVX2 static inline __m256i values_avx2(__m256i attr, const uint16_t *table)
{
    const __m256i low = _mm256_set1_epi32(0xFFFF);
    __m256i even = _mm256_i32gather_epi32((const int *)table, _mm256_and_si256(attr, low), 2);
    __m256i odd = _mm256_i32gather_epi32((const int *)table, _mm256_srli_epi32(attr, 16), 2);
    return _mm256_or_si256(_mm256_and_si256(even, low), _mm256_slli_epi32(odd, 16));
}

AVX2 static inline __m256i holds_avx2(block b, int half, const uint16_t *table)
{
    __m256i attr = _mm256_loadu_si256((const __m256i *)b.attr + half);
    __m256i least = _mm256_loadu_si256((const __m256i *)b.least + half);
    __m256i width = _mm256_loadu_si256((const __m256i *)b.width + half);
    __m256i off = _mm256_sub_epi16(values_avx2(attr, table), least);
    return _mm256_cmpeq_epi16(_mm256_min_epu16(off, width), off);
}

AVX2 static inline uint32_t test_avx2(block b, const uint16_t *table)
{
    __m256i packed = _mm256_packs_epi16(holds_avx2(b, 0, table), holds_avx2(b, 1, table));
    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(packed, 0xD8));
}

AVX2 static uint64_t scan_avx2(scan *s){SCAN_BODY(s, test_avx2, s -> table)}

/* ---- AVX-512 ----------------------------------------------------------------------------------- */

AVX512 static inline uint32_t compare_avx512(block b, __m512i values)
{
    __m512i off = _mm512_sub_epi16(values, _mm512_loadu_si512(b.least));
    return _mm512_cmple_epu16_mask(off, _mm512_loadu_si512(b.width));
}

AVX512 static inline uint32_t test_gather(block b, const uint16_t *table)
{
    const __m512i low = _mm512_set1_epi32(0xFFFF);
    __m512i attr = _mm512_loadu_si512(b.attr);
    __m512i even = _mm512_i32gather_epi32(_mm512_and_si512(attr, low), table, 2);
    __m512i odd = _mm512_i32gather_epi32(_mm512_srli_epi32(attr, 16), table, 2);
    even = _mm512_and_si512(even, low);
    return compare_avx512(b, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
}

AVX512 static uint64_t scan_gather(scan *s)
{
    SCAN_BODY(s, test_gather, s->table)
}

/* 128 words in registers. */
typedef struct {
    __m512i part[4];
} words;

AVX512 static inline words load_words(const uint16_t *from)
{
    words w;
    for (int i = 0; i < 4; i++)
        w.part[i] = _mm512_loadu_si512(from + i * LANES);
    return w;
}

/* The words at 32 indices, each below 128. */
AVX512 static inline __m512i pick(const words *w, __m512i index)
{
    __m512i low = _mm512_permutex2var_epi16(w->part[0], index, w->part[1]);
    __m512i high = _mm512_permutex2var_epi16(w->part[2], index, w->part[3]);
    return _mm512_mask_blend_epi16(_mm512_test_epi16_mask(index, _mm512_set1_epi16(64)), low, high);
}

AVX512 static inline uint32_t test_permute(block b, const words *table)
{
    return compare_avx512(b, pick(table, _mm512_loadu_si512(b.attr)));
}

AVX512 static uint64_t scan_permute(scan *s)
{
    const words table = load_words(s->table);
    SCAN_BODY(s, test_permute, &table)
}

/* 128 bytes in registers. */
typedef struct {
    __m512i low, high;
} bytes;

/* Two times 32 words, cut to bytes: ABSENT becomes 255, which no interval below 255 has. */
VBMI static inline __m512i narrow(const uint16_t *from)
{
    __m256i low = _mm512_cvtepi16_epi8(_mm512_loadu_si512(from));
    __m256i high = _mm512_cvtepi16_epi8(_mm512_loadu_si512(from + LANES));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* The upper half of each word, no part of an attribute, becomes zero. */
VBMI static inline uint32_t test_bytes(block b, const bytes *table)
{
    const __mmask64 lower = 0x5555555555555555;
    __m512i attr = _mm512_loadu_si512(b.attr);
    __m512i value = _mm512_maskz_permutex2var_epi8(lower, table->low, attr, table->high);
    __m512i off = _mm512_sub_epi16(value, _mm512_loadu_si512(b.least));
    return _mm512_cmple_epu16_mask(off, _mm512_loadu_si512(b.width));
}

VBMI static uint64_t scan_bytes(scan *s)
{
    const bytes table = {narrow(s->table), narrow(s->table + 2 * LANES)};
    SCAN_BODY(s, test_bytes, &table)
}

/* Which of 32 attributes may be in the event: bit `attr % 16` of word `attr / 16 % 128`. */
AVX512 static inline uint32_t maybe(block b, const words *filter)
{
    const __m512i fifteen = _mm512_set1_epi16(15);
    __m512i attr = _mm512_loadu_si512(b.attr);
    __m512i word = pick(filter, _mm512_srli_epi16(attr, 4));
    __m512i bit = _mm512_sllv_epi16(_mm512_set1_epi16(1), _mm512_and_si512(attr, fifteen));
    return _mm512_test_epi16_mask(word, bit);
}

static inline int holds(const scan *s, uint64_t slot, uint64_t row)
{
    block b = block_at(s, slot, 0);
    return (uint16_t)(s->table[b.attr[row]] - b.least[row]) <= b.width[row];
}

AVX512 static uint64_t scan_filter(scan *s)
{
    const words filter = load_words(s->filter);
    uint64_t count = 0, found = 0;
    for (uint64_t i = 0; i < s->rows / LANES; i++) {
        uint32_t mask = maybe(block_at(s, 0, i), &filter);
        s->blocks[count] = (uint32_t)i;
        s->masks[count] = mask;
        count += mask != 0;
    }
    s->read += s->rows / LANES;
    uint64_t maybes = emit(s, count);
    for (uint64_t i = 0; i < maybes; i++) {
        uint32_t row = s->matches[i];
        uint64_t slot = 0;
        while (slot < s->slots && holds(s, slot, row))
            slot++;
        s->matches[found] = row;
        found += slot == s->slots;
    }
    return found;
}

#endif

/* ---- the contract ------------------------------------------------------------------------------ */

static scan_event chosen(const char *name)
{
#if defined(__x86_64__)
    int avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512dq");
    if (strcmp(name, "bytes") == 0)
        return avx512 && __builtin_cpu_supports("avx512vbmi") ? scan_bytes : 0;
    if (strcmp(name, "permute") == 0)
        return avx512 ? scan_permute : 0;
    if (strcmp(name, "gather") == 0)
        return avx512 ? scan_gather : 0;
    if (strcmp(name, "filter") == 0)
        return avx512 ? scan_filter : 0;
    if (strcmp(name, "avx2") == 0)
        return __builtin_cpu_supports("avx2") ? scan_avx2 : 0;
#endif
    return strcmp(name, "portable") == 0 ? scan_portable : 0;
}

int scan_has(const char *name)
{
    return chosen(name) != 0;
}

/* Match `events` events of `pairs` (attribute, value) pairs each. The numbers of the rows that
 * match the last one are in `s->matches`; returns the number of matches of all, or ~0 when this
 * machine lacks the kernel. */
uint64_t scan_events(scan *s, const char *name, uint64_t events, uint64_t pairs,
                     const uint16_t *attrs, const uint16_t *values, uint64_t *last)
{
    scan_event kernel = chosen(name);
    uint64_t found = 0;
    if (kernel == 0)
        return ~(uint64_t)0;
    for (uint64_t e = 0; e < events; e++, attrs += pairs, values += pairs) {
        for (uint64_t i = 0; i < pairs; i++) {
            s->table[attrs[i]] = values[i];
            s->filter[attrs[i] / 16 % 128] |= (uint16_t)(1 << attrs[i] % 16);
        }
        found += *last = kernel(s);
        for (uint64_t i = 0; i < pairs; i++) {
            s->table[attrs[i]] = ABSENT;
            s->filter[attrs[i] / 16 % 128] = 0;
        }
    }
    return found;
}
