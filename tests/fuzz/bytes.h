/* bytes.h - the fuzzer's bytes, read as a stream of choices.
 *
 *     06 01 80 ...      take a number below 12: 6; a coin: 1; ...
 *
 * A stream that has ended gives zeros, and every grammar is written so that zeros end it. A failed
 * REQUIRE aborts, which is what libFuzzer, the replay driver and make notice.
 */
#ifndef MATCHENGINE_FUZZ_BYTES_H
#define MATCHENGINE_FUZZ_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                  \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "%s:%d: MUST(%s) failed\n", __FILE__, __LINE__, #condition); \
            abort();                                                                     \
        }                                                                                \
    } while (0)

typedef struct stream {
    const uint8_t *at, *end;
} stream;

static inline bool stream_ended(const stream *s)
{
    return s->at == s->end;
}

static inline uint32_t take(stream *s)
{
    return s->at == s->end ? 0 : *s->at++;
}

static inline uint32_t take_below(stream *s, uint32_t bound)
{
    return take(s) % bound;
}

/* One time in `often`, and never at the end. */
static inline bool take_rarely(stream *s, uint32_t often)
{
    return take(s) % often == 1;
}

/* ---- text that grows ------------------------------------------------------------------------- */

#define TEXT_ROOM 16384u

/* Cut where the room ends: what is cut is refused, which is as good a test as any. */
typedef struct page {
    char at[TEXT_ROOM];
    size_t length;
} page;

static inline void text_put(page *t, const char *bytes, size_t length)
{
    size_t room = TEXT_ROOM - t->length;
    length = length < room ? length : room;
    memcpy(t->at + t->length, bytes, length);
    t->length += length;
}

static inline void text_say(page *t, const char *words)
{
    text_put(t, words, strlen(words));
}

/* Exactly `length` bytes in a block of their own, so that ASan sees who reads beyond. */
static inline char *exact_copy(const void *bytes, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    MUST(copy != NULL);
    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
