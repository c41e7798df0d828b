/* string_parts.h - the inside of a string_index.
 *
 * Every pattern is filed under one *needle*, bytes that each of its texts must hold: the pattern
 * itself for SUFFIX and CONTAINS, the most selective literal of a LIKE or a regex. What the needle
 * is tied to decides where:
 *
 *     ENDS_WITH 'ing'    LIKE '%ing'     ends       a trie of reversed needles: one walk
 *     LIKE 'vol%ing'                     starts     a trie: one walk (or in ends, as 'ing')
 *     CONTAINS 'cano'    LIKE '%cano%'   grams[4]   by 4 bytes, wherever the text has them
 *     CONTAINS 'volcanic'                grams[8]   by 8 bytes
 *     LIKE '%'  LIKE '__%'  CONTAINS ''  anything   a list: the number of code points decides
 *     MATCHES '[a-z]+'                   each       an array: matched against every text with
 *                                                   ends that fit, or when somebody asks
 *
 * A needle of n bytes goes to the widest class of grams that is not wider than n. ILIKE patterns
 * are folded and have tables of their own, searched with the folded text.
 *
 * Which gram. The first one, unless it is taken and one of the next few is free: so most grams
 * have one needle, and those that must be shared are shared by their beginnings, which a trie
 * tells apart. Only a needle that was alone may sit there by a later gram; its bytes before the
 * gram are compared when the rest agrees.
 *
 * Cost of a search, for a text of n bytes (2.6 GHz x86-64, -O3):
 *   - about 1.5 ns per byte and class in use, where nothing is found;
 *   - per position that begins a gram, one lookup and one walk (needles.h: logarithmic for needles
 *     that differ early, at worst the number of needles nested in each other there);
 *   - per pattern found, constant, but for LIKE patterns that say more than their needle, and for
 *     regexes: those are matched against the text, once;
 *   - per regex without a literal, 3 ns, and where first and last byte fit one match (regex.h),
 *     which ends where nothing can match any more.
 *
 * What an enemy can do, on a text of 10,000 bytes:
 *     1,000 needles a, aa, aaa, ... on a^n             0.5 to 0.8 us per byte (5 without hops)
 *     131,072 needles, all {a,b}^17, on random {a,b}   1 us per byte
 *     100,000 needles a^i b a^j on a^n                 0.5 us per byte
 * Patterns that differ only outside their literals ('%abc%_', '%abc%__', ...) share a needle, so a
 * text that has it is matched against all of them.
 */
#ifndef MATCHENGINE_STRING_PARTS_H
#define MATCHENGINE_STRING_PARTS_H

#include "grams.h"
#include "like.h"
#include "regex.h"

#define GRAM_CLASSES 6u
extern const uint8_t string_gram_widths[GRAM_CLASSES]; /* ascending, from 1 */

/* Where a pattern is filed. */
typedef enum string_place {
    FILED_GRAM,
    FILED_START,
    FILED_END,
    FILED_ANYTHING,
    FILED_EACH
} string_place;

typedef struct string_pattern {
    needle needle;   /* first: the tries hand it back; FILED_ANYTHING uses its links only */
    uint32_t number; /* the caller's */
    uint32_t slot;   /* its place in `all` */
    uint32_t hash;   /* of kind, text and escape */
    uint32_t length; /* of the text */
    uint32_t points; /* FILED_ANYTHING: code points that it asks for; FILED_EACH: its place */
    bool open;       /* ... at least, or exactly */
    bool decided;    /* the needle at its place is all that it asks for */
    uint8_t kind;    /* string_kind */
    uint8_t place;   /* string_place */
    uint8_t class;   /* FILED_GRAM: which table */
    uint8_t escape_length;
    union {
        like_pattern *like; /* NULL when `decided` or FILED_ANYTHING */
        regex *regex;       /* of STRING_MATCHES, always */
    };
    char text[]; /* the pattern, then its escape */
} string_pattern;

/* A regex without a literal. What a string must begin and end with is kept here, side by side for
 * all of them, because most of those that a string does not match end at its first byte: they are
 * passed over without being touched. */
typedef struct string_each {
    string_pattern *pattern;
    regex_ends ends;
} string_each;

/* The patterns that are searched with the text as it is, or with its fold. */
typedef struct string_side {
    gram_table grams[GRAM_CLASSES];
    needle_set starts, ends;
    uint32_t count;
} string_side;

/* Invariants, checked by string_index_validate:
 *   I1  all[0 .. count) are the patterns, each at its own slot
 *   I2  by_text and by_number hold slot + 1 of each pattern once, reachable from its home
 *   I3  each pattern is in the place that its fields name, and nothing else is there
 *   I4  `each_words` are enough for any regex without a literal */
struct string_index {
    heap *heap;
    uint64_t seed;
    string_pattern **all;
    uint32_t count, cap;
    uint32_t log_slots;   /* of by_text and of by_number */
    uint32_t *by_text;    /* open addressing, 0 for empty; NULL while there is no pattern */
    uint32_t *by_number;  /* behind by_text, in the same block */
    string_side sides[2]; /* [0] plain, [1] folded */
    needle *anything;     /* patterns without a literal, of either side */
    string_each *each;    /* regexes without a literal; the entry behind them is for the next */
    uint32_t each_asked;  /* those of them that a search tries come first */
    uint32_t each_count, each_cap;
    uint32_t each_words; /* of scratch memory, for any of them that ever was */
};

static inline string_side *string_side_of(string_index *ix, const string_pattern *p)
{
    return &ix->sides[p->kind == STRING_ILIKE];
}

/* The pattern of a number that is in the index (string_index.c). */
string_pattern *string_pattern_of(const string_index *ix, uint32_t number);

/* ---- string_place.c ----------------------------------------------------------------------------- */

/* Chooses needle and place of a new pattern, and compiles it where needed. False: no memory. */
bool string_place_pattern(string_index *ix, string_pattern *p);

/* The root of the set where the pattern is, or belongs; NULL when it belongs under a new gram. */
needle_set *string_set_of(string_index *ix, const string_pattern *p);

#endif
