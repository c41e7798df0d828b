#include "sieve.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define SIEVE_X86 1
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__GNUC__)
#define SIEVE_NEON 1
#include <arm_neon.h>
#endif

/* ---- portable --------------------------------------------------------------------------------- */

static inline uint32_t has_bit(const sieve_bits *bits, uint32_t bit)
{
    return (uint32_t)(bits->words[bit >> 6] >> (bit & 63)) & 1;
}

static inline uint32_t has_needs(uint32_t needs, const sieve_bits *bits)
{
    return has_bit(bits, needs & 255) & has_bit(bits, needs >> 8 & 255) &
           has_bit(bits, needs >> 16 & 255) & has_bit(bits, needs >> 24);
}

/* Branch-free: always writes, advances only when the row is kept. */
static uint32_t needs_from(const uint32_t *needs, uint32_t from, uint32_t count,
                           const sieve_bits *bits, uint32_t *kept, uint32_t n)
{
    for (uint32_t i = from; i < count; i++) {
        kept[n] = i;
        n += has_needs(needs[i], bits);
    }
    return n;
}

static uint32_t ranges_from(const uint32_t *needs, const sieve_range *ranges, uint32_t from,
                            uint32_t count, const sieve_bits *bits, uint32_t x, uint32_t *kept,
                            uint32_t n)
{
    for (uint32_t i = from; i < count; i++) {
        kept[n] = i;
        n += has_needs(needs[i], bits) & (uint32_t)(x - ranges[i].lo <= ranges[i].width);
    }
    return n;
}

static uint32_t needs_portable(const uint32_t *needs, uint32_t count, const sieve_bits *bits,
                               uint32_t *kept)
{
    return needs_from(needs, 0, count, bits, kept, 0);
}

static uint32_t ranges_portable(const uint32_t *needs, const sieve_range *ranges, uint32_t count,
                                const sieve_bits *bits, uint32_t x, uint32_t *kept)
{
    return ranges_from(needs, ranges, 0, count, bits, x, kept, 0);
}

/* ---- AVX-512: 64 rows a step, 16 at a time ------------------------------------------------------ */

#ifdef SIEVE_X86

/* Appends at most two rows of a mask. Few rows pass, and how many is not to be predicted: two are
 * always written, and counted if they are there. */
static inline uint32_t keep_two(uint32_t *kept, uint32_t n, uint32_t first, uint64_t mask)
{
    for (uint32_t i = 0; i < 2; i++) {
        kept[n] = first + (uint32_t)__builtin_ctzll(mask | UINT64_C(1) << 63);
        n += mask != 0;
        mask &= mask - 1;
    }
    return n;
}

/* The same for the rows whose range holds x. The ranges of other rows are not read. */
static inline uint32_t keep_two_inside(uint32_t *kept, uint32_t n, uint32_t first, uint64_t mask,
                                       const sieve_range *ranges, uint32_t x)
{
    static const sieve_range none = {0, UINT32_MAX};
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t at = (uint32_t)__builtin_ctzll(mask | UINT64_C(1) << 63);
        const sieve_range *r = mask != 0 ? ranges + at : &none;
        kept[n] = first + at;
        n += (mask != 0) & (x - r->lo <= r->width);
        mask &= mask - 1;
    }
    return n;
}

static inline uint32_t at_most_64(uint32_t rows)
{
    return rows < 64 ? rows : 64;
}

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,popcnt,bmi")))
#define AVX2 __attribute__((target("avx2,popcnt,bmi")))

/* Appends the rows of a mask. Compress in a register, then store: compressing straight to memory is
 * microcoded on Zen 4. */
AVX512 static inline uint32_t keep_avx512(uint32_t *kept, uint32_t n, uint32_t first, uint64_t mask)
{
    if (__builtin_popcountll(mask) <= 2) {
        return keep_two(kept, n, first, mask);
    }
    const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    for (uint32_t i = 0; i < 64; i += 16) {
        __mmask16 some = (__mmask16)(mask >> i);
        __m512i rows = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)(first + i)));
        _mm512_storeu_si512(kept + n, _mm512_maskz_compress_epi32(some, rows));
        n += (uint32_t)__builtin_popcount(some);
    }
    return n;
}

/* The bits as 256 bytes, all ones where set: a table that byte permutations look 64 needs up in. */
typedef struct table512 {
    __m512i quarter[4];
} table512;

AVX512 static inline table512 table_of(const sieve_bits *bits)
{
    table512 t;
    for (int i = 0; i < 4; i++) {
        t.quarter[i] = _mm512_movm_epi8(bits->words[i]);
    }
    return t;
}

AVX512 static inline __mmask16 needs16(const table512 *t, __m512i needs, __mmask16 valid)
{
    __m512i low = _mm512_permutex2var_epi8(t->quarter[0], needs, t->quarter[1]);
    __m512i high = _mm512_permutex2var_epi8(t->quarter[2], needs, t->quarter[3]);
    __m512i found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(needs), low, high);
    return _mm512_mask_cmpeq_epi32_mask(valid, found, _mm512_set1_epi32(-1));
}

AVX512 static inline __mmask16 valid16(uint32_t left)
{
    return (__mmask16)(left >= 16 ? 0xFFFFu : (1u << left) - 1);
}

/* A mask of at most 64 rows that have their needs. */
AVX512 static inline uint64_t needs64_avx512(const table512 *t, const uint32_t *needs,
                                             uint32_t rows)
{
    uint64_t mask = 0;
    if (rows == 64) {
        for (uint32_t i = 0; i < 64; i += 16) {
            mask |= (uint64_t)needs16(t, _mm512_loadu_si512(needs + i), 0xFFFF) << i;
        }
        return mask;
    }
    for (uint32_t i = 0; i < rows; i += 16) {
        __mmask16 valid = valid16(rows - i);
        mask |= (uint64_t)needs16(t, _mm512_maskz_loadu_epi32(valid, needs + i), valid) << i;
    }
    return mask;
}

AVX512 static uint32_t needs_avx512(const uint32_t *needs, uint32_t count, const sieve_bits *bits,
                                    uint32_t *kept)
{
    const table512 table = table_of(bits);
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i += 64) {
        n = keep_avx512(kept, n, i, needs64_avx512(&table, needs + i, at_most_64(count - i)));
    }
    return n;
}

/* Bit i: x lies in range i, for 8 ranges. A lane holds lo below and width above. */
AVX512 static inline __mmask8 inside8(const sieve_range *ranges, __mmask8 valid, __m512i x)
{
    __m512i r = _mm512_maskz_loadu_epi64(valid, ranges);
    __m512i d = _mm512_sub_epi32(x, r); /* the lower half of each lane */
    d = _mm512_and_si512(d, _mm512_set1_epi64(UINT32_MAX));
    return _mm512_mask_cmple_epu64_mask(valid, d, _mm512_srli_epi64(r, 32));
}

/* The rows of `mask` whose range holds x. */
AVX512 static inline uint64_t inside64_avx512(const sieve_range *ranges, uint64_t mask, __m512i x)
{
    uint64_t inside = 0;
    for (uint32_t i = 0; i < 64 && mask >> i != 0; i += 8) {
        __mmask8 valid = (__mmask8)(mask >> i);
        inside |= (uint64_t)inside8(ranges + i, valid, x) << i;
    }
    return inside;
}

AVX512 static uint32_t ranges_avx512(const uint32_t *needs, const sieve_range *ranges,
                                     uint32_t count, const sieve_bits *bits, uint32_t x,
                                     uint32_t *kept)
{
    const table512 table = table_of(bits);
    const __m512i x8 = _mm512_set1_epi64(x);
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i += 64) {
        uint64_t mask = needs64_avx512(&table, needs + i, at_most_64(count - i));
        if (__builtin_popcountll(mask) <= 2) {
            n = keep_two_inside(kept, n, i, mask, ranges + i, x);
        } else {
            n = keep_avx512(kept, n, i, inside64_avx512(ranges + i, mask, x8));
        }
    }
    return n;
}

/* ---- AVX2: 64 rows a step, 8 at a time ---------------------------------------------------------- */

AVX2 static inline uint32_t keep_avx2(uint32_t *kept, uint32_t n, uint32_t first, uint64_t mask)
{
    if (__builtin_popcountll(mask) <= 2) {
        return keep_two(kept, n, first, mask);
    }
    for (; mask != 0; mask &= mask - 1) {
        kept[n++] = first + (uint32_t)__builtin_ctzll(mask);
    }
    return n;
}

/* The 32 bytes of the bits: the first 16 in both halves of `low`, the rest in both of `high`. */
typedef struct table256 {
    __m256i low, high;
} table256;

AVX2 static inline table256 bytes_of(const sieve_bits *bits)
{
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)bits->words);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(bits->words + 2));
    table256 t = {_mm256_broadcastsi128_si256(low), _mm256_broadcastsi128_si256(high)};
    return t;
}

/* A mask of the 8 rows that have their needs. Bit b is bit b % 8 of byte b / 8: shuffles fetch the
 * byte (from the upper half where b >= 128, which is the sign of the need), and the bit in it. */
AVX2 static inline uint32_t needs8(const uint32_t *needs, const table256 *t)
{
    const __m256i powers = _mm256_set1_epi64x((long long)0x8040201008040201u);
    __m256i need = _mm256_loadu_si256((const __m256i *)(const void *)needs);
    __m256i which = _mm256_and_si256(_mm256_srli_epi16(need, 3), _mm256_set1_epi8(15));
    __m256i byte = _mm256_blendv_epi8(_mm256_shuffle_epi8(t->low, which),
                                      _mm256_shuffle_epi8(t->high, which), need);
    __m256i bit = _mm256_shuffle_epi8(powers, _mm256_and_si256(need, _mm256_set1_epi8(7)));
    __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(byte, bit), bit);
    __m256i all = _mm256_cmpeq_epi32(set, _mm256_set1_epi32(-1));
    return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(all));
}

/* The same for at most 64 rows, a multiple of 8. */
AVX2 static inline uint64_t needs64_avx2(const uint32_t *needs, uint32_t rows, const table256 *t)
{
    uint64_t mask = 0;
    for (uint32_t i = 0; i < rows; i += 8) {
        mask |= (uint64_t)needs8(needs + i, t) << i;
    }
    return mask;
}

AVX2 static uint32_t needs_avx2(const uint32_t *needs, uint32_t count, const sieve_bits *bits,
                                uint32_t *kept)
{
    const table256 table = bytes_of(bits);
    uint32_t n = 0, eights = count & ~7u;
    for (uint32_t i = 0; i < eights; i += 64) {
        n = keep_avx2(kept, n, i, needs64_avx2(needs + i, at_most_64(eights - i), &table));
    }
    return needs_from(needs, eights, count, bits, kept, n);
}

/* Bit i: x lies in range i, for 4 ranges. Halves of a lane: lo below, width above. */
AVX2 static inline uint32_t inside4(const sieve_range *ranges, __m256i x)
{
    __m256i r = _mm256_loadu_si256((const __m256i *)(const void *)ranges);
    __m256i d = _mm256_sub_epi32(x, r);
    __m256i w = _mm256_srli_epi64(r, 32);
    __m256i le = _mm256_cmpeq_epi32(_mm256_min_epu32(d, w), d); /* lower halves count */
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_slli_epi64(le, 32)));
}

/* The rows of `mask`, a multiple of 8, whose range holds x. */
AVX2 static inline uint64_t inside64_avx2(const sieve_range *ranges, uint64_t mask, __m256i x)
{
    uint64_t inside = 0;
    for (uint32_t i = 0; i < 64 && mask >> i != 0; i += 8) {
        if ((mask >> i & 0xFF) != 0) {
            uint32_t eight = inside4(ranges + i, x) | inside4(ranges + i + 4, x) << 4;
            inside |= (uint64_t)eight << i;
        }
    }
    return inside & mask;
}

AVX2 static uint32_t ranges_avx2(const uint32_t *needs, const sieve_range *ranges, uint32_t count,
                                 const sieve_bits *bits, uint32_t x, uint32_t *kept)
{
    const table256 table = bytes_of(bits);
    const __m256i x8 = _mm256_set1_epi32((int)x);
    uint32_t n = 0, eights = count & ~7u;
    for (uint32_t i = 0; i < eights; i += 64) {
        uint64_t mask = needs64_avx2(needs + i, at_most_64(eights - i), &table);
        if (__builtin_popcountll(mask) <= 2) {
            n = keep_two_inside(kept, n, i, mask, ranges + i, x);
        } else {
            n = keep_avx2(kept, n, i, inside64_avx2(ranges + i, mask, x8));
        }
    }
    return ranges_from(needs, ranges, eights, count, bits, x, kept, n);
}

#endif

/* ---- NEON: 16 rows a step, 4 at a time ---------------------------------------------------------- */

#ifdef SIEVE_NEON

static inline uint8x16x2_t bytes_of(const sieve_bits *bits)
{
    uint8x16x2_t t = {{vreinterpretq_u8_u64(vld1q_u64(bits->words)),
                       vreinterpretq_u8_u64(vld1q_u64(bits->words + 2))}};
    return t;
}

/* All ones in the lanes of the 4 rows that have their needs: one look-up fetches the byte of a bit,
 * another the bit in it. */
static inline uint32x4_t needs4(const uint32_t *needs, uint8x16x2_t bytes)
{
    const uint8x16_t powers = vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
    uint8x16_t need = vreinterpretq_u8_u32(vld1q_u32(needs));
    uint8x16_t byte = vqtbl2q_u8(bytes, vshrq_n_u8(need, 3));
    uint8x16_t bit = vqtbl1q_u8(powers, vandq_u8(need, vdupq_n_u8(7)));
    uint32x4_t set = vreinterpretq_u32_u8(vtstq_u8(byte, bit));
    return vceqq_u32(set, vdupq_n_u32(UINT32_MAX));
}

/* All ones in the lanes of the 4 rows whose range holds x. */
static inline uint32x4_t inside4(const sieve_range *ranges, uint32x4_t x)
{
    uint32x4x2_t r = vld2q_u32(&ranges->lo); /* lo apart from width */
    return vcleq_u32(vsubq_u32(x, r.val[0]), r.val[1]);
}

/* Appends the rows of four masks of 4: narrowed to 4 bits a row. */
static inline uint32_t keep16(uint32_t *kept, uint32_t n, uint32_t first, const uint32x4_t mask[4])
{
    uint16x8_t low = vcombine_u16(vmovn_u32(mask[0]), vmovn_u32(mask[1]));
    uint16x8_t high = vcombine_u16(vmovn_u32(mask[2]), vmovn_u32(mask[3]));
    uint16x8_t bytes = vreinterpretq_u16_u8(vcombine_u8(vmovn_u16(low), vmovn_u16(high)));
    uint64_t rows = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(bytes, 4)), 0);
    for (rows &= UINT64_C(0x1111111111111111); rows != 0; rows &= rows - 1) {
        kept[n++] = first + (uint32_t)__builtin_ctzll(rows) / 4;
    }
    return n;
}

static uint32_t needs_neon(const uint32_t *needs, uint32_t count, const sieve_bits *bits,
                           uint32_t *kept)
{
    const uint8x16x2_t bytes = bytes_of(bits);
    uint32_t n = 0, i = 0;
    for (; i + 16 <= count; i += 16) {
        uint32x4_t mask[4];
        for (uint32_t k = 0; k < 4; k++) {
            mask[k] = needs4(needs + i + 4 * k, bytes);
        }
        n = keep16(kept, n, i, mask);
    }
    return needs_from(needs, i, count, bits, kept, n);
}

static uint32_t ranges_neon(const uint32_t *needs, const sieve_range *ranges, uint32_t count,
                            const sieve_bits *bits, uint32_t x, uint32_t *kept)
{
    const uint8x16x2_t bytes = bytes_of(bits);
    const uint32x4_t x4 = vdupq_n_u32(x);
    uint32_t n = 0, i = 0;
    for (; i + 16 <= count; i += 16) {
        uint32x4_t mask[4];
        for (uint32_t k = 0; k < 4; k++) {
            uint32_t at = i + 4 * k;
            mask[k] = vandq_u32(inside4(ranges + at, x4), needs4(needs + at, bytes));
        }
        n = keep16(kept, n, i, mask);
    }
    return ranges_from(needs, ranges, i, count, bits, x, kept, n);
}

#endif

/* ---- the choice --------------------------------------------------------------------------------- */

typedef struct candidate {
    sieve_kernels kernels;
    bool (*usable)(void);
} candidate;

static bool always(void)
{
    return true;
}

#ifdef SIEVE_X86
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
           __builtin_cpu_supports("bmi");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi");
}
#endif

/* Best first. */
static const candidate candidates[] = {
#ifdef SIEVE_X86
    {{"avx512", needs_avx512, ranges_avx512}, has_avx512},
    {{"avx2", needs_avx2, ranges_avx2}, has_avx2},
#endif
#ifdef SIEVE_NEON
    {{"neon", needs_neon, ranges_neon}, always},
#endif
    {{"portable", needs_portable, ranges_portable}, always},
};

static const sieve_kernels *chosen;

const sieve_kernels *sieve_available(size_t i)
{
    for (size_t k = 0; k < sizeof candidates / sizeof candidates[0]; k++) {
        if (candidates[k].usable() && i-- == 0) {
            return &candidates[k].kernels;
        }
    }
    return NULL;
}

bool sieve_force(const char *name)
{
    const sieve_kernels *k;
    for (size_t i = 0; (k = sieve_available(i)) != NULL; i++) {
        if (name == NULL || name[0] == '\0' || strcmp(k->name, name) == 0) {
            chosen = k;
            return true;
        }
    }
    return false;
}

const sieve_kernels *sieve(void)
{
    if (chosen == NULL && !sieve_force(getenv("MATCHENGINE_SIMD"))) {
        sieve_force(NULL);
    }
    return chosen;
}
