/* sieve.h - the hot loop: which rows of a cluster can this event still satisfy?
 *
 * An event that lacks a path that a row needs, or a value that it needs there (`a = 'x'`), cannot
 * match it. Paths are folded to 128 bits, constants to 127 more; the event has a set of the bits of
 * its own (bit 255 is always in it), and a row names up to four bits it needs, one in each byte of
 * `needs` (255 where it needs fewer):
 *
 *     keep row  <=>  needs & 255, needs >> 8 & 255, needs >> 16 & 255, needs >> 24 are all in
 *
 * so a row costs 4 bytes of memory traffic, and byte shuffles look 16 rows up at once. Rows
 * anchored on a range also carry the range, and `x - lo <= width` is a second test. Survivors are
 * written as row numbers, in order, and with few branches: what was read may not be here yet, and a
 * wrong guess about it would keep the processor from reading on. Kernels for AVX-512, AVX2, NEON
 * and portable C give the same answer; the best one is chosen once at run time, and
 * MATCHENGINE_SIMD=portable | avx2 | avx512 | neon forces one (ignored when the processor lacks it).
 */
#ifndef MATCHENGINE_SIEVE_H
#define MATCHENGINE_SIEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows handed to a kernel at once at most; `kept` must have room for SIEVE_ROWS + 16. */
#define SIEVE_ROWS 1024u

#define SIEVE_PATHS 128u   /* the bits below are of paths */
#define SIEVE_NOTHING 255u /* the bit that is always set */
#define SIEVE_NO_NEEDS UINT32_MAX

typedef struct sieve_bits {
    uint64_t words[4];
} sieve_bits;

/* An interval [lo, lo + width] of labels. */
typedef struct sieve_range {
    uint32_t lo, width;
} sieve_range;

typedef struct sieve_kernels {
    const char *name;
    /* Both return how many of the `count` rows they kept; `ranges` tests the ranges, too. */
    uint32_t (*needs)(const uint32_t *needs, uint32_t count, const sieve_bits *bits,
                      uint32_t *kept);
    uint32_t (*ranges)(const uint32_t *needs, const sieve_range *ranges, uint32_t count,
                       const sieve_bits *bits, uint32_t x, uint32_t *kept);
} sieve_kernels;

/* The bit of a path: one of the lower half, */
static inline uint32_t sieve_bit(uint32_t path)
{
    return path % SIEVE_PATHS;
}

/* and of a constant, by its number (constants.h): one of the upper half. */
static inline uint32_t sieve_bit_of_constant(uint32_t number)
{
    return SIEVE_PATHS + (number * 0x9E3779B1u >> 16) % (SIEVE_NOTHING - SIEVE_PATHS);
}

static inline void sieve_set(sieve_bits *bits, uint32_t bit)
{
    bits->words[bit / 64] |= UINT64_C(1) << bit % 64;
}

static inline void sieve_unset(sieve_bits *bits, uint32_t bit)
{
    bits->words[bit / 64] &= ~(UINT64_C(1) << bit % 64);
}

/* The kernels in use. */
const sieve_kernels *sieve(void);

/* Forces the kernels called `name` ("" or NULL: the best). False when this machine or build lacks
 * them; then nothing changes. Not while another thread matches. */
bool sieve_force(const char *name);

/* The i-th kernels this machine can run, NULL after the last; for tests. */
const sieve_kernels *sieve_available(size_t i);

#endif
