/* Decimal literals and doubles, exactly and without the C library's locale.
 *
 * Nearly every literal has a mantissa below 2^53 and a power of ten up to 22. Both are doubles,
 * so one multiplication or division rounds once and is correct (Clinger's fast path).
 *
 * The rest is done in whole numbers. 1.1e-30 is 11 / 10^31; it is multiplied by a power of two
 * large enough that the quotient keeps more bits than a double has, and divided by 10^9 again and
 * again. What the divisions drop is only remembered as "there was more":
 *
 *     digits * 10^-e  ->  (digits << s) / 10^9 / 10^9 / ... / 10^r   and the value is that >> s
 *
 * which is exact, because floor(floor(x / a) / b) is floor(x / ab), and there is a remainder at
 * some step when and only when x / ab is not whole.
 */
#include <math.h>
#include <string.h>

#include "value.h"

/* A number half way between two doubles has at most 768 significant digits. Of a longer literal
 * it is enough to know whether any digit after these is not zero. */
#define SIGNIFICANT 800

/* (801 digits + 325 decimal places) * log2(10) + 66 bits is 3,810 bits. */
#define LIMBS 128

typedef struct big {
    uint32_t limb[LIMBS]; /* least significant first */
    int32_t count;        /* the highest limb in use is not zero */
} big;

static void big_multiply_add(big *b, uint32_t factor, uint32_t term)
{
    uint64_t carry = term;
    for (int32_t i = 0; i < b->count; i++) {
        carry += (uint64_t)b->limb[i] * factor;
        b->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        b->limb[b->count++] = (uint32_t)carry;
    }
}

/* Divides and returns the remainder. */
static uint32_t big_divide(big *b, uint32_t divisor)
{
    uint64_t rest = 0;
    for (int32_t i = b->count - 1; i >= 0; i--) {
        rest = rest << 32 | b->limb[i];
        b->limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    while (b->count > 0 && b->limb[b->count - 1] == 0) {
        b->count--;
    }
    return (uint32_t)rest;
}

static void big_shift_left(big *b, int32_t bits)
{
    int32_t limbs = bits / 32;
    memmove(b->limb + limbs, b->limb, (size_t)b->count * sizeof b->limb[0]);
    memset(b->limb, 0, (size_t)limbs * sizeof b->limb[0]);
    b->count += limbs;
    big_multiply_add(b, UINT32_C(1) << (bits % 32), 0);
}

static int32_t big_length(const big *b)
{
    int32_t bits = 32 * b->count;
    for (uint32_t top = b->limb[b->count - 1]; (top & UINT32_C(0x80000000)) == 0; top <<= 1) {
        bits--;
    }
    return bits;
}

static uint64_t big_bit(const big *b, int32_t at)
{
    return b->limb[at / 32] >> (at % 32) & 1;
}

static bool big_any_below(const big *b, int32_t at)
{
    for (int32_t i = 0; i < at / 32; i++) {
        if (b->limb[i] != 0) {
            return true;
        }
    }
    return (b->limb[at / 32] & ((UINT32_C(1) << (at % 32)) - 1)) != 0;
}

static double double_of_bits(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* The double nearest to `b` * 2^-shift, ties to even; `more` says that the true value is a little
 * larger. `b` has at least 54 bits, so there is always a bit to round by. */
static double big_round(const big *b, int32_t shift, bool more)
{
    int32_t length = big_length(b);
    int32_t exponent = length - shift; /* 2^(exponent-1) <= value < 2^exponent */
    if (exponent > 1024) {
        return INFINITY;
    }
    bool normal = exponent >= -1021;
    int32_t precision = normal ? 53 : exponent + 1074;
    if (precision < 0) {
        return 0.0;
    }
    int32_t drop = length - precision;
    uint64_t mantissa = 0;
    for (int32_t i = length - 1; i >= drop; i--) {
        mantissa = mantissa << 1 | big_bit(b, i);
    }
    if (big_bit(b, drop - 1) != 0 && (more || (mantissa & 1) != 0 || big_any_below(b, drop - 1))) {
        mantissa++; /* may carry into the exponent, up to infinity: that is the right answer */
    }
    uint64_t biased = normal ? (uint64_t)(exponent + 1021) << 52 : 0;
    return double_of_bits(biased + mantissa);
}

/* A literal taken apart: `count` significant digits from `first` on (a point may lie between
 * them), of which the last has the value 10^exponent. */
typedef struct literal {
    const char *first;
    uint64_t mantissa; /* the digits, when there are at most 19 */
    int64_t count;
    int64_t exponent;
    bool negative;
} literal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The exponent after 'e', held within bounds that no length of digits can make up for. */
static int64_t read_exponent(const char *at, const char *end)
{
    const int64_t bound = INT64_C(100000000000000000);
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) {
        at++;
    }
    int64_t exponent = 0;
    for (; at < end; at++) {
        exponent = exponent < bound ? exponent * 10 + (*at - '0') : bound;
    }
    return negative ? -exponent : exponent;
}

static literal read_literal(const char *text, size_t len)
{
    literal l = {.first = text};
    const char *at = text, *end = text + len;
    if (at < end && *at == '-') {
        l.negative = true;
        at++;
    }
    bool fraction = false;
    for (; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        l.exponent -= fraction;
        if (l.count == 0) {
            if (*at == '0') {
                continue;
            }
            l.first = at;
        }
        if (++l.count <= 19) {
            l.mantissa = l.mantissa * 10 + (uint64_t)(*at - '0');
        }
    }
    if (at < end) {
        l.exponent += read_exponent(at + 1, end);
    }
    return l;
}

/* Loads the digits; returns the power of ten of the last one loaded. */
static int64_t big_load(big *b, const literal *l)
{
    static const uint32_t power[] = {1,      10,      100,      1000,      10000,
                                     100000, 1000000, 10000000, 100000000, 1000000000};
    uint32_t chunk = 0, chunk_digits = 0;
    int64_t loaded = 0;
    const char *at = l->first;
    b->count = 0;
    for (; loaded < l->count && loaded < SIGNIFICANT; at++) {
        if (*at == '.') {
            continue;
        }
        chunk = chunk * 10 + (uint32_t)(*at - '0');
        loaded++;
        if (++chunk_digits == 9) {
            big_multiply_add(b, power[9], chunk);
            chunk = chunk_digits = 0;
        }
    }
    big_multiply_add(b, power[chunk_digits], chunk);
    int64_t rest = l->count - loaded;
    for (int64_t seen = 0; seen < rest; at++) {
        if (*at == '.') {
            continue;
        }
        seen++;
        if (*at != '0') { /* one digit stands for all that follow */
            big_multiply_add(b, 10, 1);
            return l->exponent + rest - 1;
        }
    }
    return l->exponent + rest;
}

static double slow_double(const literal *l)
{
    int64_t magnitude = l->count + l->exponent; /* 10^(magnitude-1) <= value < 10^magnitude */
    if (magnitude > 310) {
        return INFINITY;
    }
    if (magnitude < -325) {
        return 0.0;
    }
    big b;
    int32_t exponent = (int32_t)big_load(&b, l);
    if (exponent >= 0) {
        for (; exponent >= 9; exponent -= 9) {
            big_multiply_add(&b, 1000000000, 0);
        }
        for (; exponent > 0; exponent--) {
            big_multiply_add(&b, 10, 0);
        }
        return big_round(&b, 0, false);
    }
    int32_t shift = -exponent * 851 / 256 + 67 - big_length(&b); /* 851/256 > log2(10) */
    shift = shift > 0 ? shift : 0;
    big_shift_left(&b, shift);
    bool more = false;
    for (; exponent <= -9; exponent += 9) {
        more |= big_divide(&b, 1000000000) != 0;
    }
    for (; exponent < 0; exponent++) {
        more |= big_divide(&b, 10) != 0;
    }
    return big_round(&b, shift, more);
}

double number_to_double(const char *text, size_t len)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    literal l = read_literal(text, len);
    double d;
    if (l.count == 0) {
        d = 0.0;
    } else if (l.count <= 19 && l.mantissa <= UINT64_C(1) << 53 && l.exponent >= -22 &&
               l.exponent <= 22) {
        d = (double)l.mantissa;
        d = l.exponent < 0 ? d / power[-l.exponent] : d * power[l.exponent];
    } else {
        d = slow_double(&l);
    }
    return l.negative ? -d : d;
}

size_t number_digits(double d, char out[NUMBER_DIGITS])
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    big b = {.limb = {(uint32_t)mantissa, (uint32_t)(mantissa >> 32)}, .count = 2};
    big_shift_left(&b, (int32_t)(bits >> 52 & 0x7ff) - 1075);
    char reversed[NUMBER_DIGITS];
    size_t count = 0;
    while (b.count > 0) {
        uint32_t chunk = big_divide(&b, 1000000000);
        for (int i = 0; i < 9; i++, chunk /= 10) {
            reversed[count++] = (char)('0' + chunk % 10);
        }
    }
    while (reversed[count - 1] == '0') {
        count--;
    }
    size_t written = 0;
    if (d < 0) {
        out[written++] = '-';
    }
    while (count > 0) {
        out[written++] = reversed[--count];
    }
    return written;
}

bool number_to_int(const char *text, size_t len, int64_t *out)
{
    size_t at = len > 0 && text[0] == '-';
    bool negative = at == 1;
    const uint64_t bound = (uint64_t)INT64_MAX + negative;
    uint64_t magnitude = 0;
    const size_t safe = len - at > 18 ? at + 18 : len; /* 18 digits always fit */
    for (; at < safe; at++) {
        magnitude = magnitude * 10 + (uint64_t)(text[at] - '0');
    }
    for (; at < len; at++) {
        uint64_t digit = (uint64_t)(text[at] - '0');
        if (magnitude > (bound - digit) / 10) {
            return false;
        }
        magnitude = magnitude * 10 + digit;
    }
    *out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

me_value number_parse(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' || text[i] == 'e' || text[i] == 'E') {
            return value_of_double(number_to_double(text, len));
        }
    }
    me_value v = {.type = ME_INT};
    if (!number_to_int(text, len, &v.as.i)) {
        v.type = ME_BIG;
        v.as.s = text;
        v.len = (uint32_t)len;
    }
    return v;
}
