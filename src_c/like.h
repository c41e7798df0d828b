/* like.h - the inside of a LIKE pattern, for those who index patterns or share scratch memory.
 *
 * `%` cuts a pattern into *cores*. Only the first and the last are tied to a place:
 *
 *     ab_%__cd%%e_f%g          head   "ab"    the text begins with it
 *                              gap 3  "cd"    at least 3 code points further on: _ before % and
 *                                             after it count towards the gap
 *                              gap 0  "e_f"   the only kind of core that needs more than a search
 *                              gap 0  "g"     tail: the text ends with it
 *
 * Each core in between is taken at its leftmost place, which never loses a match, since it leaves
 * the most text for the rest. So matching is one walk over the text, without backtracking.
 */
#ifndef MATCHENGINE_LIKE_H
#define MATCHENGINE_LIKE_H

#include <string.h>

#include "string_index.h"

/* Stands for `_` in a compiled core; not a byte of UTF-8. */
#define LIKE_ANY ((char)0xFF)

/* Where an index has to look for a literal. */
typedef enum like_place { PLACE_ANYWHERE, PLACE_START, PLACE_END } like_place;

/* Bytes that every text of the pattern holds at that place. Borrowed from the pattern; folded when
 * the pattern is. */
typedef struct like_piece {
    const char *bytes;
    uint32_t length;
    like_place place;
} like_piece;

/* How selective a piece is: one that is tied to a place counts double, for it is tried once. */
static inline uint64_t like_score(const like_piece *piece)
{
    return (uint64_t)piece->length * (piece->place == PLACE_ANYWHERE ? 1 : 2);
}

/* Writes the `room` most selective pieces, best first, and returns their number. 0: the pattern has
 * no literal at all. */
uint32_t like_pieces(const like_pattern *p, like_piece *best, uint32_t room);

/* Does the pattern say no more than that its one piece is there? */
bool like_is_one_piece(const like_pattern *p);

/* For a pattern without literals: the code points it asks for; `*open` when more will do. */
uint32_t like_points(const like_pattern *p, bool *open);

/* Words of scratch memory that like_match_with needs; 0 for all but monstrous patterns. */
uint32_t like_state_words(const like_pattern *p);

/* like_match, with the scratch memory that keeps it linear for every pattern: without it a `_`
 * between tens of thousands of characters costs quadratic time. `folded` says that the text is
 * folded already. */
bool like_match_with(const like_pattern *p, const char *text, size_t length, bool folded,
                     uint64_t *state);

/* One code point of the text, folded when asked. */
static inline uint32_t like_next(const char *text, size_t length, size_t *at, bool fold)
{
    unsigned char c = (unsigned char)text[*at];
    if (c < 0x80) {
        *at += 1;
        return fold && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
    }
    uint32_t point = utf8_next(text, length, at);
    return fold ? utf8_fold(point) : point;
}

/* Passes over one code point. */
static inline size_t like_step(const char *text, size_t length, size_t at)
{
    at++;
    while (at < length && ((unsigned char)text[at] & 0xC0) == 0x80) {
        at++;
    }
    return at;
}

#endif
