#include "lex.h"

/* What a byte can begin or continue. Classes up to DIGIT continue a name. */
typedef enum byte_class {
    LETTER, /* A-Z a-z _ $ and every byte of a code point from U+0080 */
    DIGIT,
    SPACE,
    QUOTE, /* ' and " */
    COLON,
    SYMBOL, /* alone, or the first of two */
    OTHER,
} byte_class;

#define L LETTER
#define D DIGIT
#define W SPACE
#define Q QUOTE
#define C COLON
#define S SYMBOL
#define x OTHER
static const uint8_t classes[256] = {
    x, x, x, x, x, x, x, x, x, W, W, W, W, W, x, x, /* \t \n \v \f \r */
    x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, /**/
    W, S, Q, x, L, x, x, Q, S, S, S, S, S, S, x, S, /*   ! " # $ % & ' ( ) * + , - . / */
    D, D, D, D, D, D, D, D, D, D, C, x, S, S, S, x, /* 0-9 : ; < = > ? */
    x, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* @ A-O */
    L, L, L, L, L, L, L, L, L, L, L, x, x, x, x, L, /* P-Z [ \ ] ^ _ */
    x, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* ` a-o */
    L, L, L, L, L, L, L, L, L, L, L, x, x, x, x, x, /* p-z { | } ~ */
    L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
    L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
};
#undef L
#undef D
#undef W
#undef Q
#undef C
#undef S
#undef x

static inline byte_class class_of(const char *at)
{
    return (byte_class)classes[(unsigned char)*at];
}

/* A blank beyond ASCII: what Unicode calls white space, and the invisible U+200B and U+FEFF. Pasted
 * text has them where it seems to have spaces, so no name holds one unless it is quoted. */
static bool is_blank(const char *at, const char *end)
{
    const unsigned char *s = (const unsigned char *)at;
    uint32_t two = end - at > 1 ? (uint32_t)s[0] << 8 | s[1] : 0;
    if (two == 0xC285 || two == 0xC2A0) {
        return true;
    }
    uint32_t three = end - at > 2 ? two << 8 | s[2] : 0;
    return (three >= 0xE28080 && three <= 0xE2808B) || three == 0xE280A8 || three == 0xE280A9 ||
           three == 0xE280AF || three == 0xE2819F || three == 0xE19A80 || three == 0xE38080 ||
           three == 0xEFBBBF;
}

static inline bool continues_name(const char *at, const char *end)
{
    return at < end && class_of(at) <= DIGIT && ((unsigned char)*at < 0xC2 || !is_blank(at, end));
}

static inline bool is_digit(const char *at, const char *end)
{
    return at < end && class_of(at) == DIGIT;
}

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && class_of(at) == SPACE) {
        at++;
    }
    return at;
}

static void bad(lexer *lex, token *out, const char *at, const char *message)
{
    out->kind = LEX_BAD;
    lex->bad_offset = (size_t)(at - lex->text);
    lex->bad_message = message;
}

/* The kind of a name with this many letters, packed as they are scanned: lower case, the first
 * one in the highest byte. Setting bit 5 folds the case of ASCII letters, and of the other bytes
 * that a name may hold none becomes a letter by it. */
static token_kind classify(uint64_t letters, size_t length)
{
#define WORD2(a, b) ((uint64_t)(a) << 8 | (uint64_t)(b))
#define WORD4(a, b, c, d) (WORD2(a, b) << 16 | WORD2(c, d))
    if (length < 2 || length > 7) {
        return LEX_NAME;
    }
    switch (letters) {
    case WORD2('o', 'r'):
        return LEX_OR;
    case WORD2('i', 'n'):
        return LEX_IN;
    case WORD2('i', 's'):
        return LEX_IS;
    case WORD4(0, 'a', 'n', 'd'):
        return LEX_AND;
    case WORD4(0, 'n', 'o', 't'):
        return LEX_NOT;
    case WORD4('t', 'r', 'u', 'e'):
        return LEX_TRUE;
    case WORD4('n', 'u', 'l', 'l'):
        return LEX_NULL;
    case WORD4('l', 'i', 'k', 'e'):
        return LEX_LIKE;
    case WORD4(0, 0, 0, 'f') << 32 | WORD4('a', 'l', 's', 'e'):
        return LEX_FALSE;
    case WORD4(0, 0, 0, 'i') << 32 | WORD4('l', 'i', 'k', 'e'):
        return LEX_ILIKE;
    case WORD4(0, 0, 'e', 's') << 32 | WORD4('c', 'a', 'p', 'e'):
        return LEX_ESCAPE;
    case WORD4(0, 'b', 'e', 't') << 32 | WORD4('w', 'e', 'e', 'n'):
        return LEX_BETWEEN;
    default:
        return LEX_NAME;
    }
#undef WORD2
#undef WORD4
}

/* A name is one or more segments with dots between. Only a whole name can be a keyword, and none
 * holds a dot: a dot, too, is packed and makes another word. */
static void read_name(lexer *lex, token *out)
{
    const char *at = lex->at;
    uint64_t letters = 0;
    for (;;) {
        while (continues_name(at, lex->end)) {
            letters = letters << 8 | ((unsigned char)*at | 0x20u);
            at++;
        }
        if (at == lex->end || *at != '.') {
            break;
        }
        letters = letters << 8 | '.';
        at++;
        if (!continues_name(at, lex->end)) {
            bad(lex, out, at, "expected a name after the dot");
            return;
        }
    }
    out->length = (uint32_t)(at - out->start);
    out->kind = classify(letters, out->length);
    lex->at = at;
}

static void read_number(lexer *lex, token *out)
{
    const char *at = lex->at, *end = lex->end;
    while (is_digit(at, end)) {
        at++;
    }
    const char *digits_end = at;
    if (at < end && *at == '.' && is_digit(at + 1, end)) {
        for (at += 2; is_digit(at, end); at++) {
        }
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *exponent = at + 1;
        exponent += exponent < end && (*exponent == '+' || *exponent == '-');
        if (is_digit(exponent, end)) {
            for (at = exponent; is_digit(at, end); at++) {
            }
        }
    }
    if (continues_name(at, end) || (at < end && *at == '.')) {
        bad(lex, out, out->start, "malformed number");
        return;
    }
    out->kind = LEX_NUMBER;
    out->integer = at == digits_end;
    if (out->integer) {
        while (out->start + 1 < at && *out->start == '0') {
            out->start++;
        }
    }
    out->length = (uint32_t)(at - out->start);
    lex->at = at;
}

/* A string or a quoted name. UTF-8 needs no decoding: no byte of a longer sequence is a quote. */
static void read_quoted(lexer *lex, token *out)
{
    char quote = *lex->at;
    const char *at = lex->at + 1;
    out->start = at;
    out->doubled = false;
    for (;; at++) {
        if (at == lex->end) {
            bad(lex, out, lex->at, quote == '"' ? "no closing \"" : "no closing '");
            return;
        }
        if (*at == quote) {
            if (at + 1 == lex->end || at[1] != quote) {
                break;
            }
            out->doubled = true;
            at++;
        }
    }
    out->length = (uint32_t)(at - out->start);
    out->kind = quote == '"' ? LEX_QUOTED : LEX_STRING;
    lex->at = at + 1;
}

static void read_parameter(lexer *lex, token *out)
{
    const char *at = lex->at + 1;
    out->start = at;
    if (!continues_name(at, lex->end) || class_of(at) != LETTER) {
        bad(lex, out, lex->at, "expected a parameter name after the colon");
        return;
    }
    while (continues_name(at, lex->end)) {
        at++;
    }
    out->kind = LEX_PARAMETER;
    out->length = (uint32_t)(at - out->start);
    lex->at = at;
}

static token_kind symbol_kind(char first, char second)
{
    switch (first) {
    case '=':
        return LEX_EQ;
    case '<':
        return second == '=' ? LEX_LE : second == '>' ? LEX_NE : LEX_LT;
    case '>':
        return second == '=' ? LEX_GE : LEX_GT;
    case '!':
        return second == '=' ? LEX_NE : LEX_BAD;
    case '(':
        return LEX_OPEN;
    case ')':
        return LEX_CLOSE;
    case ',':
        return LEX_COMMA;
    case '+':
        return LEX_PLUS;
    case '-':
        return LEX_MINUS;
    case '*':
        return LEX_TIMES;
    default:
        return LEX_DIVIDE;
    }
}

static void read_symbol(lexer *lex, token *out)
{
    char second = lex->end - lex->at > 1 ? lex->at[1] : '\0';
    out->kind = symbol_kind(*lex->at, second);
    if (out->kind == LEX_BAD) {
        bad(lex, out, lex->at, "expected = after !");
        return;
    }
    bool two = out->kind == LEX_NE || out->kind == LEX_LE || out->kind == LEX_GE;
    out->length = two ? 2 : 1;
    lex->at += out->length;
}

void lexer_init(lexer *lex, const char *text, size_t length)
{
    *lex = (lexer){.text = text, .at = text, .end = length > 0 ? text + length : text};
}

void lexer_next(lexer *lex, token *out)
{
    lex->at = skip_space(lex->at, lex->end);
    out->start = lex->at;
    out->offset = (uint32_t)(lex->at - lex->text);
    if (lex->at == lex->end) {
        out->kind = LEX_END;
        return;
    }
    switch (class_of(lex->at)) {
    case LETTER:
        if (continues_name(lex->at, lex->end)) {
            read_name(lex, out);
        } else {
            bad(lex, out, lex->at, "a blank that is no space: replace it, or quote its name");
        }
        return;
    case DIGIT:
        read_number(lex, out);
        return;
    case QUOTE:
        read_quoted(lex, out);
        return;
    case COLON:
        read_parameter(lex, out);
        return;
    case SYMBOL:
        read_symbol(lex, out);
        return;
    default:
        bad(lex, out, lex->at, "this character has no meaning here");
    }
}

bool lexer_at_parenthesis(const lexer *lex)
{
    const char *at = skip_space(lex->at, lex->end);
    return at < lex->end && *at == '(';
}
