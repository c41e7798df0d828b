/* Every kernel of this machine against the obvious loop: each length up to a few vectors, each
 * alignment, and columns as long as a kernel ever sees. */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "heap.h"
#include "sieve.h"

enum { LENGTHS = 71, ALIGNMENTS = 16, ROWS = SIEVE_ROWS + ALIGNMENTS };

typedef struct table {
    uint32_t needs[ROWS];
    sieve_range ranges[ROWS];
} table;

static bool has_all(uint32_t needs, const sieve_bits *bits)
{
    for (int byte = 0; byte < 4; byte++) {
        uint32_t bit = needs >> 8 * byte & 0xFF;
        if ((bits->words[bit / 64] >> bit % 64 & 1) == 0) {
            return false;
        }
    }
    return true;
}

static uint32_t plain(const table *t, uint32_t from, uint32_t count, const sieve_bits *bits,
                      bool ranges, uint32_t x, uint32_t *kept)
{
    uint32_t n = 0;
    for (uint32_t i = from; i < from + count; i++) {
        uint64_t lo = t->ranges[i].lo, hi = lo + t->ranges[i].width;
        if (has_all(t->needs[i], bits) && (!ranges || (x >= lo && x <= hi))) {
            kept[n++] = i - from;
        }
    }
    return n;
}

/* Rows with up to four needs; every bit is needed by some. */
static void fill(table *t, uint64_t *random, uint32_t needs)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        t->needs[i] = SIEVE_NO_NEEDS;
        for (uint32_t byte = 0; byte < needs; byte++) {
            t->needs[i] &= ~(0xFFu << 8 * byte);
            t->needs[i] |= check_below(random, 256) << 8 * byte;
        }
        switch (check_below(random, 5)) {
        case 0: /* every number */
            t->ranges[i].lo = 0x10;
            t->ranges[i].width = 0x7FFFFFEF;
            break;
        case 1: /* every string */
            t->ranges[i].lo = 0x80000000u;
            t->ranges[i].width = 0x7FFFFFF0;
            break;
        case 2: /* one label only */
            t->ranges[i].lo = 1000 + check_below(random, 8);
            t->ranges[i].width = 0;
            break;
        case 3: /* no label at all */
            t->ranges[i].lo = 0xFFFFFFF8u;
            t->ranges[i].width = 0;
            break;
        default:
            t->ranges[i].lo = 900 + check_below(random, 200);
            t->ranges[i].width = check_below(random, 200);
        }
    }
}

static void compare(const sieve_kernels *k, const table *t, uint32_t from, uint32_t count,
                    sieve_bits bits, uint32_t x)
{
    static uint32_t wanted[SIEVE_ROWS], got[SIEVE_ROWS + 17];
    sieve_set(&bits, SIEVE_NOTHING);
    got[count + 16] = 0xABCDEF01u; /* a kernel may write 16 numbers too many, no more */
    uint32_t n = plain(t, from, count, &bits, false, 0, wanted);
    CHECK(k->needs(t->needs + from, count, &bits, got) == n);
    CHECK(memcmp(wanted, got, n * sizeof(uint32_t)) == 0);
    n = plain(t, from, count, &bits, true, x, wanted);
    CHECK(k->ranges(t->needs + from, t->ranges + from, count, &bits, x, got) == n);
    CHECK(memcmp(wanted, got, n * sizeof(uint32_t)) == 0);
    CHECK(got[count + 16] == 0xABCDEF01u);
}

static const sieve_bits none = {{0}};
static const sieve_bits all = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

/* Three of four bits. */
static sieve_bits most(uint64_t *random)
{
    sieve_bits bits;
    for (int i = 0; i < 4; i++) {
        bits.words[i] = check_random(random) | check_random(random);
    }
    return bits;
}

static void test_kernel(const sieve_kernels *k)
{
    static const uint32_t xs[] = {0x10,       999,         1000,        1003,        1100,
                                  0x7FFFFFFF, 0x80000000u, 0xFFFFFFEFu, 0xFFFFFFF0u, 0};
    static table t;
    uint64_t random = 7;
    for (uint32_t needs = 0; needs <= 4; needs++) {
        fill(&t, &random, needs);
        for (uint32_t count = 0; count < LENGTHS; count++) {
            for (uint32_t from = 0; from < ALIGNMENTS; from++) {
                sieve_bits bits = most(&random);
                compare(k, &t, from, count, bits, xs[(count + from) % 10]);
                compare(k, &t, from, count, none, xs[(count + from + 3) % 10]);
                compare(k, &t, from, count, all, 1003);
            }
        }
        for (uint32_t from = 0; from < ALIGNMENTS; from++) {
            sieve_bits bits = most(&random);
            compare(k, &t, from, SIEVE_ROWS, bits, 1000);
            compare(k, &t, from, SIEVE_ROWS - from, all, 1000);
        }
    }
    for (uint32_t bit = 0; bit < SIEVE_NOTHING; bit++) { /* each bit alone decides, in each byte */
        for (uint32_t byte = 0; byte < 4; byte++) {
            sieve_bits one = none, others = all;
            sieve_set(&one, bit);
            sieve_unset(&others, bit);
            t.needs[0] = (SIEVE_NO_NEEDS & ~(0xFFu << 8 * byte)) | bit << 8 * byte;
            compare(k, &t, 0, 1, one, 1000);
            compare(k, &t, 0, 1, others, 1000);
        }
    }
}

/* A column that ends where its memory ends: the sanitizer sees a kernel that reads on. */
static void test_reads_no_further(const sieve_kernels *k)
{
    heap h = {0};
    for (uint32_t count = 1; count < LENGTHS; count++) {
        uint32_t kept[LENGTHS + 16];
        uint32_t *needs = heap_zalloc(&h, count * sizeof(uint32_t));
        sieve_range *ranges = heap_zalloc(&h, count * sizeof(sieve_range));
        CHECK(k->needs(needs, count, &all, kept) == count);
        CHECK(k->ranges(needs, ranges, count, &all, 0, kept) == count);
        heap_free(&h, needs, count * sizeof(uint32_t));
        heap_free(&h, ranges, count * sizeof(sieve_range));
    }
    CHECK(h.bytes == 0);
}

static void test_choice(void)
{
    size_t count = 0;
    for (; sieve_available(count) != NULL; count++) {
        const char *name = sieve_available(count)->name;
        CHECK(sieve_force(name) && strcmp(sieve()->name, name) == 0);
    }
    CHECK(count >= 1 && sieve_force("portable"));
    CHECK(!sieve_force("no such kernel") && strcmp(sieve()->name, "portable") == 0);
    CHECK(sieve_force(""));
#if defined(__aarch64__)
    CHECK(sieve_force("neon"));
#endif
    CHECK(sieve_force(NULL));
}

int main(void)
{
    test_choice();
    for (size_t i = 0; sieve_available(i) != NULL; i++) {
        printf("%s\n", sieve_available(i)->name);
        test_kernel(sieve_available(i));
        test_reads_no_further(sieve_available(i));
    }
    return check_report();
}
