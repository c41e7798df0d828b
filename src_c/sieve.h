/* sieve.h - the hot loop: which rows of a cluster can this event still satisfy?
 *
 * Every row carries a 64-bit signature with one bit for each path it needs (path number modulo
 * 64). An event that lacks a needed path cannot match, and that is one AND over a column:
 *
 *     keep row  <=>  signature & absent == 0              absent: bits of no path of the event
 *
 * Rows anchored on a range also carry the range, and `x - lo <= width` is a second column test.
 * Survivors are written as row numbers, in order. Kernels for AVX-512, AVX2, NEON and portable C
 * give the same answer; the best one is chosen once at run time, and MATCHENGINE_SIMD=portable |
 * avx2 | avx512 | neon forces one (ignored when the processor lacks it).
 */
#ifndef MATCHENGINE_SIEVE_H
#define MATCHENGINE_SIEVE_H

#include <stddef.h>
#include <stdint.h>

/* Rows handed to a kernel at once at most; `kept` must have room for SIEVE_ROWS + 16. */
#define SIEVE_ROWS 1024u

typedef struct sieve_kernels {
    const char *name;
    /* Returns how many of the `count` rows it kept. */
    uint32_t (*signatures)(const uint64_t *signature, uint32_t count, uint64_t absent,
                           uint32_t *kept);
    uint32_t (*ranges)(const uint64_t *signature, const uint32_t *lo, const uint32_t *width,
                       uint32_t count, uint64_t absent, uint32_t x, uint32_t *kept);
} sieve_kernels;

/* The kernels in use. */
const sieve_kernels *sieve(void);

/* Forces the kernels called `name` ("" or NULL: the best). False when this machine or build lacks
 * them; then nothing changes. Not while another thread matches. */
int sieve_force(const char *name);

/* The i-th kernels this machine can run, NULL after the last; for tests. */
const sieve_kernels *sieve_available(size_t i);

#endif
