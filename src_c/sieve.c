#include "sieve.h"

#include <stdbool.h>
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

/* Branch-free: always writes, advances only when the row is kept. */
static uint32_t signatures_portable(const uint64_t *signature, uint32_t count, uint64_t absent,
                                    uint32_t *kept)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        kept[n] = i;
        n += (signature[i] & absent) == 0;
    }
    return n;
}

static uint32_t ranges_from(const uint64_t *signature, const uint32_t *lo, const uint32_t *width,
                            uint32_t from, uint32_t count, uint64_t absent, uint32_t x,
                            uint32_t *kept, uint32_t n)
{
    for (uint32_t i = from; i < count; i++) {
        kept[n] = i;
        n += (unsigned)((signature[i] & absent) == 0) & (unsigned)(x - lo[i] <= width[i]);
    }
    return n;
}

static uint32_t ranges_portable(const uint64_t *signature, const uint32_t *lo,
                                const uint32_t *width, uint32_t count, uint64_t absent, uint32_t x,
                                uint32_t *kept)
{
    return ranges_from(signature, lo, width, 0, count, absent, x, kept, 0);
}

/* ---- AVX-512: 8 signatures, 16 ranges a step --------------------------------------------------- */

#ifdef SIEVE_X86

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,popcnt,bmi,bmi2")))
#define AVX2 __attribute__((target("avx2,popcnt,bmi")))

/* Compress in a register, then store: compressing straight to memory is microcoded on Zen 4. */
AVX512 static inline uint32_t keep16(uint32_t *kept, uint32_t n, uint32_t first, __mmask16 mask)
{
    const __m512i lanes =
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i rows = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)first));
    _mm512_storeu_si512(kept + n, _mm512_maskz_compress_epi32(mask, rows));
    return n + (uint32_t)__builtin_popcount(mask);
}

AVX512 static uint32_t signatures_avx512(const uint64_t *signature, uint32_t count,
                                         uint64_t absent, uint32_t *kept)
{
    const __m512i absent8 = _mm512_set1_epi64((long long)absent);
    uint32_t n = 0, i = 0;
    for (; i + 16 <= count; i += 16) {
        __mmask8 a = _mm512_testn_epi64_mask(_mm512_loadu_si512(signature + i), absent8);
        __mmask8 b = _mm512_testn_epi64_mask(_mm512_loadu_si512(signature + i + 8), absent8);
        uint32_t mask = (uint32_t)a | (uint32_t)b << 8;
        if (mask != 0) {
            n = keep16(kept, n, i, (__mmask16)mask);
        }
    }
    for (; i < count; i += 8) {
        uint32_t left = count - i < 8 ? count - i : 8;
        __mmask8 valid = (__mmask8)((1u << left) - 1);
        __m512i s = _mm512_maskz_loadu_epi64(valid, signature + i);
        __mmask8 mask = _mm512_mask_testn_epi64_mask(valid, s, absent8);
        if (mask != 0) {
            n = keep16(kept, n, i, mask);
        }
    }
    return n;
}

AVX512 static uint32_t ranges_avx512(const uint64_t *signature, const uint32_t *lo,
                                     const uint32_t *width, uint32_t count, uint64_t absent,
                                     uint32_t x, uint32_t *kept)
{
    const __m512i absent8 = _mm512_set1_epi64((long long)absent);
    const __m512i x16 = _mm512_set1_epi32((int)x);
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i += 16) {
        uint32_t left = count - i < 16 ? count - i : 16;
        __mmask16 valid = (__mmask16)((1u << left) - 1);
        __mmask8 low = (__mmask8)valid, high = (__mmask8)(valid >> 8);
        __m512i s0 = _mm512_maskz_loadu_epi64(low, signature + i);
        __m512i s1 = _mm512_maskz_loadu_epi64(high, signature + i + 8);
        __mmask8 a = _mm512_mask_testn_epi64_mask(low, s0, absent8);
        __mmask8 b = _mm512_mask_testn_epi64_mask(high, s1, absent8);
        __mmask16 mask = (__mmask16)((uint32_t)a | (uint32_t)b << 8);
        if (mask != 0) {
            __m512i d = _mm512_sub_epi32(x16, _mm512_maskz_loadu_epi32(valid, lo + i));
            mask = _mm512_mask_cmple_epu32_mask(mask, d, _mm512_maskz_loadu_epi32(valid, width + i));
            n = keep16(kept, n, i, mask);
        }
    }
    return n;
}

/* ---- AVX2: 8 rows a step ----------------------------------------------------------------------- */

AVX2 static inline uint32_t keep_bits(uint32_t *kept, uint32_t n, uint32_t first, uint32_t mask)
{
    while (mask != 0) {
        kept[n++] = first + (uint32_t)__builtin_ctz(mask);
        mask &= mask - 1;
    }
    return n;
}

/* Bit i: signature[i] & absent == 0, for 8 rows. */
AVX2 static inline uint32_t sign8(const uint64_t *signature, __m256i absent4)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)signature);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(signature + 4));
    a = _mm256_cmpeq_epi64(_mm256_and_si256(a, absent4), zero);
    b = _mm256_cmpeq_epi64(_mm256_and_si256(b, absent4), zero);
    return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(a)) |
           (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(b)) << 4;
}

AVX2 static uint32_t signatures_avx2(const uint64_t *signature, uint32_t count, uint64_t absent,
                                     uint32_t *kept)
{
    const __m256i absent4 = _mm256_set1_epi64x((long long)absent);
    uint32_t n = 0, i = 0;
    for (; i + 8 <= count; i += 8) {
        n = keep_bits(kept, n, i, sign8(signature + i, absent4));
    }
    for (; i < count; i++) {
        kept[n] = i;
        n += (signature[i] & absent) == 0;
    }
    return n;
}

AVX2 static uint32_t ranges_avx2(const uint64_t *signature, const uint32_t *lo,
                                 const uint32_t *width, uint32_t count, uint64_t absent,
                                 uint32_t x, uint32_t *kept)
{
    const __m256i absent4 = _mm256_set1_epi64x((long long)absent);
    const __m256i x8 = _mm256_set1_epi32((int)x);
    uint32_t n = 0, i = 0;
    for (; i + 8 <= count; i += 8) {
        uint32_t mask = sign8(signature + i, absent4);
        if (mask != 0) {
            __m256i w = _mm256_loadu_si256((const __m256i *)(const void *)(width + i));
            __m256i l = _mm256_loadu_si256((const __m256i *)(const void *)(lo + i));
            __m256i d = _mm256_sub_epi32(x8, l);
            __m256i le = _mm256_cmpeq_epi32(_mm256_min_epu32(d, w), d);
            mask &= (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(le));
            n = keep_bits(kept, n, i, mask);
        }
    }
    return ranges_from(signature, lo, width, i, count, absent, x, kept, n);
}

#endif

/* ---- NEON: 4 rows a step ------------------------------------------------------------------------ */

#ifdef SIEVE_NEON

/* All ones in the 32-bit lanes of the 4 rows whose signature fits. */
static inline uint32x4_t sign4(const uint64_t *signature, uint64x2_t absent2)
{
    uint64x2_t a = vceqzq_u64(vandq_u64(vld1q_u64(signature), absent2));
    uint64x2_t b = vceqzq_u64(vandq_u64(vld1q_u64(signature + 2), absent2));
    return vcombine_u32(vmovn_u64(a), vmovn_u64(b));
}

static inline uint32_t keep4(uint32_t *kept, uint32_t n, uint32_t first, uint32x4_t mask)
{
    uint64_t lanes = vget_lane_u64(vreinterpret_u64_u16(vmovn_u32(mask)), 0);
    while (lanes != 0) {
        uint32_t lane = (uint32_t)__builtin_ctzll(lanes) / 16;
        kept[n++] = first + lane;
        lanes &= ~(UINT64_C(0xFFFF) << (16 * lane));
    }
    return n;
}

static uint32_t signatures_neon(const uint64_t *signature, uint32_t count, uint64_t absent,
                                uint32_t *kept)
{
    const uint64x2_t absent2 = vdupq_n_u64(absent);
    uint32_t n = 0, i = 0;
    for (; i + 4 <= count; i += 4) {
        n = keep4(kept, n, i, sign4(signature + i, absent2));
    }
    for (; i < count; i++) {
        kept[n] = i;
        n += (signature[i] & absent) == 0;
    }
    return n;
}

static uint32_t ranges_neon(const uint64_t *signature, const uint32_t *lo, const uint32_t *width,
                            uint32_t count, uint64_t absent, uint32_t x, uint32_t *kept)
{
    const uint64x2_t absent2 = vdupq_n_u64(absent);
    const uint32x4_t x4 = vdupq_n_u32(x);
    uint32_t n = 0, i = 0;
    for (; i + 4 <= count; i += 4) {
        uint32x4_t inside = vcleq_u32(vsubq_u32(x4, vld1q_u32(lo + i)), vld1q_u32(width + i));
        n = keep4(kept, n, i, vandq_u32(inside, sign4(signature + i, absent2)));
    }
    return ranges_from(signature, lo, width, i, count, absent, x, kept, n);
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
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("bmi2");
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#endif

/* Best first. */
static const candidate candidates[] = {
#ifdef SIEVE_X86
    {{"avx512", signatures_avx512, ranges_avx512}, has_avx512},
    {{"avx2", signatures_avx2, ranges_avx2}, has_avx2},
#endif
#ifdef SIEVE_NEON
    {{"neon", signatures_neon, ranges_neon}, always},
#endif
    {{"portable", signatures_portable, ranges_portable}, always},
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

int sieve_force(const char *name)
{
    const sieve_kernels *k;
    for (size_t i = 0; (k = sieve_available(i)) != NULL; i++) {
        if (name == NULL || name[0] == '\0' || strcmp(k->name, name) == 0) {
            chosen = k;
            return 1;
        }
    }
    return 0;
}

const sieve_kernels *sieve(void)
{
    if (chosen == NULL && !sieve_force(getenv("MATCHENGINE_SIMD"))) {
        sieve_force(NULL);
    }
    return chosen;
}
