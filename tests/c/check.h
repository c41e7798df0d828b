/* check.h - the whole test harness.
 *
 *     static void test_addition(void)
 *     {
 *         CHECK(1 + 1 == 2);
 *     }
 *
 *     int main(void)
 *     {
 *         test_addition();
 *         return check_report();        prints "1 checks, 0 failed"; 1 when something failed
 *     }
 *
 * Every test program is one file, test_<module>.c, built with -DME_TESTING together with the
 * sources it tests.
 */
#ifndef MATCHENGINE_CHECK_H
#define MATCHENGINE_CHECK_H

#include <stdint.h>
#include <stdio.h>

static unsigned long check_count, check_failed;

/* Counts, and names the place of a failure; goes on, so that one run shows all of them. */
#define CHECK(condition)                                                         \
    do {                                                                         \
        check_count++;                                                           \
        if (!(condition)) {                                                      \
            check_failed++;                                                      \
            printf("%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition); \
        }                                                                        \
    } while (0)

static inline int check_report(void)
{
    printf("%lu checks, %lu failed\n", check_count, check_failed);
    return check_failed > 0;
}

/* A reproducible stream of numbers (xorshift64*). The state must not be zero. */
static inline uint64_t check_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545F4914F6CDD1D);
}

/* A number below `bound`. */
static inline uint32_t check_below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)((check_random(state) >> 32) % bound);
}

#endif
