/* json_scan.h - the two runs a JSON text is made of, found without looking at every byte.
 *
 * scan_text runs over the inside of a string up to the first byte that needs thought: a quote, a
 * backslash or a control character. It keeps a window of 64 bytes as a mask, one bit a byte:
 *
 *     { " t e m p " : 2 1 . 5 , " u n i t " : " C " }      the text
 *     . x . . . . x . . . . . . x . . . . x . x . x .      stop
 *             ^ at: shift the mask, count the zeros         quote two bytes ahead
 *
 * A string that ends in the same window costs a shift and a count. The masks say nothing about
 * what is a string; they are only asked from inside one. Windows follow one another from the start
 * of the text, so the processor computes the next mask before it knows where this string ends.
 *
 * scan_digits runs over digits, 16 bytes a step.
 *
 * Nothing beyond the end of the text is read. There the mask is set, so a scan stops at the end.
 */
#ifndef MATCHENGINE_JSON_SCAN_H
#define MATCHENGINE_JSON_SCAN_H

#include "hash.h"

/* The instruction sets every processor of these architectures has; no dispatch. */
#if defined(__SSE2__) || defined(_M_X64)
#define SCAN_SSE2
#include <emmintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#define SCAN_NEON
#include <arm_neon.h>
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

typedef struct scan_masks {
    uint64_t stop;      /* a bit for every quote, backslash and control character */
    uint64_t non_ascii; /* not zero when there is a byte above 0x7F */
} scan_masks;

#define SCAN_WINDOW 64

typedef struct scan_window {
    const char *text, *end;
    const char *base; /* the masks are those of the bytes from here on */
    scan_masks masks;
} scan_window;

/* ---- digits --------------------------------------------------------------------------------- */

#if defined(SCAN_SSE2)

#define DIGIT_BLOCK 16
#define DIGIT_SHIFT 0 /* log2 of the bits that a byte has in not_digits */

static inline uint64_t scan_bits(__m128i flags)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(flags);
}

static inline __m128i scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

/* Which of the bytes at `at` are no digits. */
static inline uint64_t not_digits(const char *at)
{
    __m128i digits = _mm_sub_epi8(scan_load(at), _mm_set1_epi8('0'));
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
    return scan_bits(is_digit) ^ 0xFFFF;
}

#elif defined(SCAN_NEON)

#define DIGIT_BLOCK 16
#define DIGIT_SHIFT 2

/* The same, four bits a byte: the cheapest mask of 16 bytes here. */
static inline uint64_t not_digits(const char *at)
{
    uint8x16_t digits = vsubq_u8(vld1q_u8((const uint8_t *)at), vdupq_n_u8('0'));
    uint16x8_t flags = vreinterpretq_u16_u8(vcgtq_u8(digits, vdupq_n_u8(9)));
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(flags, 4)), 0);
}

#else /* eight bytes in one register */

#define DIGIT_BLOCK 8
#define DIGIT_SHIFT 0

#define EVERY(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The top bit of every byte of `word` that is below `bound` (at most 0x80). */
static inline uint64_t bytes_below(uint64_t word, unsigned char bound)
{
    /* Adding to the low seven bits cannot carry into the next byte. */
    uint64_t at_least = (word & EVERY(0x7F)) + EVERY((unsigned char)(0x80 - bound));
    return ~(at_least | word) & EVERY(0x80);
}

/* The top bits of the eight bytes, side by side. */
static inline uint64_t scan_bits(uint64_t flags)
{
    return (flags >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline uint64_t not_digits(const char *at)
{
    uint64_t word = load64(at);
    return scan_bits(~bytes_below(word, '9' + 1) & EVERY(0x80)) | scan_bits(bytes_below(word, '0'));
}

#endif

/* The index of the lowest bit of a mask that is not zero. */
static inline size_t first_bit(uint64_t mask)
{
#if defined(_MSC_VER) && !defined(__clang__)
    unsigned long bit;
    _BitScanForward64(&bit, mask);
    return bit;
#else
    return (size_t)__builtin_ctzll(mask);
#endif
}

/* The first byte at or after `at` that is not a digit, or `end`. */
static inline const char *scan_digits(const char *at, const char *end)
{
    for (; end - at >= DIGIT_BLOCK; at += DIGIT_BLOCK) {
        uint64_t stop = not_digits(at);
        if (stop != 0) {
            return at + (first_bit(stop) >> DIGIT_SHIFT);
        }
    }
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at;
}

/* ---- the window ----------------------------------------------------------------------------- */

scan_window window_open(const char *text, const char *end);

/* Moves on by one window. */
void window_next(scan_window *w);

/* The first quote, backslash or control character at or after `at`, or the end of the text.
 * `*non_ascii` is made non-zero when a byte above 0x7F was passed, or is in the same window. `at`
 * never goes back. */
static inline const char *scan_text(scan_window *w, const char *at, uint64_t *non_ascii)
{
    for (;;) {
        while (at - w->base >= SCAN_WINDOW) {
            window_next(w);
        }
        *non_ascii |= w->masks.non_ascii;
        uint64_t stop = w->masks.stop >> (at - w->base);
        if (stop != 0) {
            return at + first_bit(stop);
        }
        at = w->base + SCAN_WINDOW;
    }
}

#endif
