#include "fold_table.h"
#include "hash.h"
#include "value.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

static bool is_continuation(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* The length of the valid sequence that begins with the non-ASCII byte at `s`, else 0. The second
 * byte decides what the first leaves open: E0 and F0 must not be overlong, ED must not begin a
 * surrogate, F4 must not pass U+10FFFF. */
static size_t sequence_length(const unsigned char *s, size_t left)
{
    unsigned char lead = s[0];
    if (lead < 0xC2 || lead > 0xF4 || left < 2 || !is_continuation(s[1])) {
        return 0;
    }
    if (lead < 0xE0) {
        return 2;
    }
    if (left < 3 || !is_continuation(s[2])) {
        return 0;
    }
    if (lead < 0xF0) {
        bool overlong = lead == 0xE0 && s[1] < 0xA0;
        bool surrogate = lead == 0xED && s[1] >= 0xA0;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !is_continuation(s[3])) {
        return 0;
    }
    bool overlong = lead == 0xF0 && s[1] < 0x90;
    bool too_large = lead == 0xF4 && s[1] >= 0x90;
    return overlong || too_large ? 0 : 4;
}

size_t utf8_valid_prefix(const char *s, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)s;
    size_t at = 0;
    for (;;) {
        while (len - at >= 16 && ((load64(s + at) | load64(s + at + 8)) & HIGH_BITS) == 0) {
            at += 16;
        }
        while (at < len && bytes[at] < 0x80) {
            at++;
        }
        while (at < len && bytes[at] >= 0x80) { /* scripts come in runs */
            size_t sequence = sequence_length(bytes + at, len - at);
            if (sequence == 0) {
                return at;
            }
            at += sequence;
        }
        if (at == len) {
            return len;
        }
    }
}

uint32_t utf8_next(const char *s, size_t len, size_t *at)
{
    (void)len; /* valid UTF-8 does not end inside a sequence */
    const unsigned char *bytes = (const unsigned char *)s + *at;
    uint32_t lead = bytes[0];
    if (lead < 0x80) {
        *at += 1;
        return lead;
    }
    if (lead < 0xE0) {
        *at += 2;
        return (lead & 0x1F) << 6 | (bytes[1] & 0x3Fu);
    }
    if (lead < 0xF0) {
        *at += 3;
        return (lead & 0x0F) << 12 | (bytes[1] & 0x3Fu) << 6 | (bytes[2] & 0x3Fu);
    }
    *at += 4;
    return (lead & 0x07) << 18 | (bytes[1] & 0x3Fu) << 12 | (bytes[2] & 0x3Fu) << 6 |
           (bytes[3] & 0x3Fu);
}

size_t utf8_put(char *out, uint32_t code_point)
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

uint32_t utf8_fold(uint32_t code_point)
{
    if (code_point < 0x80) {
        return code_point - 'A' < 26 ? code_point + ('a' - 'A') : code_point;
    }
    size_t low = 0, high = sizeof fold_table / sizeof fold_table[0];
    while (low < high) { /* the first range that ends at or after the code point */
        size_t middle = (low + high) / 2;
        if (fold_table[middle].last < code_point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == sizeof fold_table / sizeof fold_table[0]) {
        return code_point;
    }
    const fold_range *range = &fold_table[low];
    if (code_point < range->first || (code_point - range->first) % range->stride != 0) {
        return code_point;
    }
    return (uint32_t)((int32_t)code_point + range->delta);
}
