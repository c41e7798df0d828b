#include "json_scan.h"

#if defined(SCAN_SSE2)

/* The masks of the 64 bytes at `at`. */
static scan_masks masks_of(const char *at)
{
    scan_masks m = {0, 0};
    __m128i control = _mm_set1_epi8(0x1F), all = _mm_setzero_si128();
    for (int i = 0; i < SCAN_WINDOW; i += 16) {
        __m128i bytes = scan_load(at + i);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_max_epu8(bytes, control), control));
        m.stop |= scan_bits(stop) << i;
        all = _mm_or_si128(all, bytes);
    }
    m.non_ascii = scan_bits(all);
    return m;
}

#elif defined(SCAN_NEON)

/* One bit a byte from four vectors of flags: keep a bit of its own in every byte of a group of
 * eight, then add neighbours three times. */
static uint64_t mask_bits(const uint8x16_t flags[4])
{
    static const uint8_t own[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bit = vld1q_u8(own);
    uint8x16_t low = vpaddq_u8(vandq_u8(flags[0], bit), vandq_u8(flags[1], bit));
    uint8x16_t high = vpaddq_u8(vandq_u8(flags[2], bit), vandq_u8(flags[3], bit));
    uint8x16_t sum = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
}

/* The masks of the 64 bytes at `at`. */
static scan_masks masks_of(const char *at)
{
    uint8x16_t stop[4], all = vdupq_n_u8(0);
    for (int i = 0; i < 4; i++) {
        uint8x16_t bytes = vld1q_u8((const uint8_t *)at + 16 * i);
        stop[i] = vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')), vceqq_u8(bytes, vdupq_n_u8('\\')));
        stop[i] = vorrq_u8(stop[i], vcltq_u8(bytes, vdupq_n_u8(0x20)));
        all = vorrq_u8(all, bytes);
    }
    return (scan_masks){mask_bits(stop), vmaxvq_u8(all) & 0x80};
}

#else

/* The masks of the 64 bytes at `at`. */
static scan_masks masks_of(const char *at)
{
    scan_masks m = {0, 0};
    for (int i = 0; i < SCAN_WINDOW; i += 8) {
        uint64_t word = load64(at + i);
        uint64_t quote = bytes_below(word ^ EVERY('"'), 1);
        uint64_t backslash = bytes_below(word ^ EVERY('\\'), 1);
        m.stop |= scan_bits(quote | backslash | bytes_below(word, 0x20)) << i;
        m.non_ascii |= word & EVERY(0x80);
    }
    return m;
}

#endif

/* The masks of the last, incomplete window: those of the 64 bytes before the end, moved down, and
 * set beyond it. */
static scan_masks masks_of_tail(const scan_window *w)
{
    char padded[SCAN_WINDOW] = {0};
    size_t left = (size_t)(w->end - w->base), length = (size_t)(w->end - w->text);
    scan_masks m = {0, 0};
    if (left == 0) {
        m.stop = UINT64_MAX;
    } else if (length >= SCAN_WINDOW) {
        m = masks_of(w->end - SCAN_WINDOW);
        m.stop = m.stop >> (SCAN_WINDOW - left) | UINT64_MAX << left;
    } else {
        memcpy(padded, w->base, left);
        m = masks_of(padded); /* NUL is a control character */
    }
    return m;
}

static void window_load(scan_window *w)
{
    w->masks = w->end - w->base >= SCAN_WINDOW ? masks_of(w->base) : masks_of_tail(w);
}

scan_window window_open(const char *text, const char *end)
{
    scan_window w = {.text = text, .end = end, .base = text};
    window_load(&w);
    return w;
}

void window_next(scan_window *w)
{
    w->base += SCAN_WINDOW;
    window_load(w);
}
