/* value.h - one scalar of an event or a filter, and the total order of scalars.
 *
 * Numbers compare exactly, whatever they are written as. An integer that fits int64 is ME_INT; a
 * larger one keeps its decimal digits (ME_BIG); anything with a fraction or an exponent is the
 * nearest double. `value_canonical` gives equal numbers one representation:
 *
 *     5.0  -> ME_INT 5        -0.0 -> ME_INT 0        1e30 (double) stays ME_DOUBLE
 *     2^64 written as digits  -> ME_DOUBLE (a double is exactly that)
 *     10^30 written as digits -> ME_BIG    (no double is exactly that)
 *
 * so equality of canonical values is equality of bytes, and hashing is safe.
 * Order between types: null < false < true < NaN < numbers < strings. Strings compare as UTF-8
 * bytes, which is code point order.
 */
#ifndef MATCHENGINE_VALUE_H
#define MATCHENGINE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "heap.h"
#include "matchengine.h"

/* me_value and me_type are public: matchengine.h. A value borrows the bytes of its string. */

/* A copy that owns its bytes, until value_drop. False: no memory. */
bool value_keep(heap *h, const me_value *value, me_value *kept);
void value_drop(const me_value *kept, heap *h);

/* Rewrites a number into its canonical form (see above); other values stay. A BIG's digits must
 * be [-]digits without leading zeros. */
me_value value_canonical(me_value v);

/* Both canonical. Exact; never allocates. */
int value_compare(const me_value *a, const me_value *b);
bool value_equal(const me_value *a, const me_value *b);

/* Seeded hash of a canonical value. */
uint64_t value_hash(const me_value *v, uint64_t seed);

/* Seeded hash of bytes (fold-multiply, 8 bytes a step). */
uint64_t hash_bytes(const char *bytes, size_t len, uint64_t seed);

static inline me_value value_of_string(const char *s, size_t len)
{
    me_value v = {.type = ME_STRING, .len = (uint32_t)len};
    v.as.s = s;
    return v;
}

static inline me_value value_of_int(int64_t i)
{
    me_value v = {.type = ME_INT};
    v.as.i = i;
    return v;
}

static inline me_value value_of_double(double d)
{
    me_value v = {.type = ME_DOUBLE};
    v.as.d = d;
    return v;
}

static inline me_value value_of_bool(bool b)
{
    me_value v = {.type = ME_BOOL};
    v.as.i = b;
    return v;
}

static inline me_value value_of_null(void)
{
    me_value v = {.type = ME_NULL};
    return v;
}

static inline bool value_is_number(const me_value *v)
{
    return v->type == ME_INT || v->type == ME_BIG || v->type == ME_DOUBLE;
}

/* ---- numbers as text (number.c) ------------------------------------------------------------ */

/* Reads the nearest double of a decimal literal `[-]digits[.digits][e[+-]digits]`, whatever the
 * process's locale; overflow gives an infinity. The literal must be well formed. */
double number_to_double(const char *text, size_t len);

/* Turns a well-formed literal into a value by the rule of docs/semantics.md: no fraction and no
 * exponent makes an integer (ME_INT, else ME_BIG borrowing `text`; "-0" is ME_INT 0), anything
 * else the nearest double. */
me_value number_parse(const char *text, size_t len);

/* Reads `[-]digits`; false, and `*out` as it was, when the number does not fit. */
bool number_to_int(const char *text, size_t len, int64_t *out);

#define NUMBER_DIGITS 320 /* room for the digits of any finite double without a fraction */

/* Writes every decimal digit of `d`, finite and at least 2^53 in magnitude (so it has no
 * fraction), with its sign and without a NUL; returns the length. */
size_t number_digits(double d, char out[NUMBER_DIGITS]);

/* ---- UTF-8 (utf8.c) ------------------------------------------------------------------------- */

/* The number of leading bytes of `s` that are valid UTF-8 (no surrogates, no overlong forms, at
 * most U+10FFFF); `len` when all are. */
size_t utf8_valid_prefix(const char *s, size_t len);

/* Decodes one code point of valid UTF-8 and advances `*at`. */
uint32_t utf8_next(const char *s, size_t len, size_t *at);

/* Writes a code point (at most 4 bytes); returns the number of bytes. */
size_t utf8_put(char *out, uint32_t code_point);

/* The simple case folding (Unicode CaseFolding C and S) of a code point. */
uint32_t utf8_fold(uint32_t code_point);

#endif
