/* hash.h - seeded hashing by folded multiplication, inline for short keys.
 *
 *     fold(a, b) = low half ^ high half of the 128-bit product a * b
 *
 * One multiplication mixes 16 bytes. Both factors are masked with words derived from a secret
 * seed, so that nobody outside can choose a factor of zero, or strings that collide.
 *
 * A string of at most 16 bytes is read as two words without a loop: the first and the last 8 (or
 * 4) bytes, which may overlap; together with the length they determine the string.
 *
 *     "temperature"  (11)   first = "temperat"   last = "perature"
 *     "city"          (4)   first = "city"       last = "city"
 */
#ifndef MATCHENGINE_HASH_H
#define MATCHENGINE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_SHORT 16 /* longest string that hash_words can read */

/* Digits of pi; any odd constants without pattern would do. */
#define HASH_K1 UINT64_C(0x243f6a8885a308d3)
#define HASH_K2 UINT64_C(0x13198a2e03707345)

typedef struct hash_pair {
    uint64_t first, last;
} hash_pair;

static inline uint64_t load64(const void *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint32_t load32(const void *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t low = a0 * b0, cross = a1 * b0 + (low >> 32);
    uint64_t other = a0 * b1 + (uint32_t)cross;
    uint64_t high = a1 * b1 + (cross >> 32) + (other >> 32);
    return ((other << 32) | (uint32_t)low) ^ high;
#endif
}

/* At most HASH_SHORT bytes as two words. Reads nothing outside the string. */
static inline hash_pair hash_words(const char *s, size_t len)
{
    hash_pair w = {0, 0};
    if (len >= 8) {
        w.first = load64(s);
        w.last = load64(s + len - 8);
    } else if (len >= 4) {
        w.first = load32(s);
        w.last = load32(s + len - 4);
    } else if (len > 0) {
        w.first = (uint64_t)(unsigned char)s[0] | (uint64_t)(unsigned char)s[len / 2] << 8 |
                  (uint64_t)(unsigned char)s[len - 1] << 16;
    }
    return w;
}

/* The string back from its words. */
static inline void hash_unwords(hash_pair w, char *out, size_t len)
{
    if (len >= 8) {
        memcpy(out, &w.first, 8);
        memcpy(out + len - 8, &w.last, 8);
    } else if (len >= 4) {
        memcpy(out, &w.first, 4);
        memcpy(out + len - 4, &w.last, 4);
    } else if (len > 0) {
        out[0] = (char)w.first;
        out[len / 2] = (char)(w.first >> 8);
        out[len - 1] = (char)(w.first >> 16);
    }
}

static inline uint64_t hash_short(hash_pair w, size_t len, uint64_t seed)
{
    return hash_fold(w.first ^ seed ^ HASH_K1, w.last ^ (seed << 32 | seed >> 32) ^ len * HASH_K2);
}

/* Does any of the eight bytes equal `byte`? */
static inline bool hash_has_byte(uint64_t word, unsigned char byte)
{
    uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t zero_where_equal = word ^ (ones * byte);
    return ((zero_where_equal - ones) & ~zero_where_equal & (ones << 7)) != 0;
}

#endif
