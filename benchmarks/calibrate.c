/* What the machine can do: reading an array, and following a chain of dependent loads. */
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Sum of `n` words, read `times` times: independent sums in several registers, so that nothing but
 * the reading takes time. `n` is a multiple of 64. */
static uint64_t sum_portable(const uint64_t *words, size_t n)
{
    uint64_t sum[8] = {0};
    for (size_t i = 0; i < n; i += 8)
        for (size_t j = 0; j < 8; j++)
            sum[j] += words[i + j];
    return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static uint64_t sum_avx512(const uint64_t *words, size_t n)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (size_t i = 0; i < n; i += 64) {
        const uint64_t *at = words + i;
        a = _mm512_add_epi64(a, _mm512_loadu_si512(at));
        b = _mm512_add_epi64(b, _mm512_loadu_si512(at + 8));
        c = _mm512_add_epi64(c, _mm512_loadu_si512(at + 16));
        d = _mm512_add_epi64(d, _mm512_loadu_si512(at + 24));
        a = _mm512_add_epi64(a, _mm512_loadu_si512(at + 32));
        b = _mm512_add_epi64(b, _mm512_loadu_si512(at + 40));
        c = _mm512_add_epi64(c, _mm512_loadu_si512(at + 48));
        d = _mm512_add_epi64(d, _mm512_loadu_si512(at + 56));
    }
    return (uint64_t)_mm512_reduce_add_epi64(
        _mm512_add_epi64(_mm512_add_epi64(a, b), _mm512_add_epi64(c, d)));
}
#endif

uint64_t read_words(const uint64_t *words, uint64_t n, uint64_t times)
{
    uint64_t (*sum)(const uint64_t *, size_t) = sum_portable;
    uint64_t total = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        sum = sum_avx512;
#endif
    for (uint64_t i = 0; i < times; i++) {
        total += sum(words, n);
        __asm__ volatile("" : "+r"(words) : : "memory");
    }
    return total;
}

/* Follow next[next[...]] for `steps` loads, each of which needs the one before. */
uint64_t follow(const uint64_t *next, uint64_t steps)
{
    uint64_t at = 0;
    for (uint64_t i = 0; i < steps; i++)
        at = next[at];
    return at;
}
