/* parse_operand.c - one side of a comparison: a name, a constant, or arithmetic on them.
 *
 * Nearly always it is a name or a constant alone, and then nothing is written: the leaf decides
 * what becomes of it. With arithmetic its code is written as it is read, operators waiting in the
 * yard (Dijkstra's shunting yard) until one that binds no tighter comes:
 *
 *     (a + b) * -c >          yard  ( +        written  a b
 *                             yard  * -        written  a b +        after ) and * -
 *                             yard             written  a b + c - *  at >
 *
 * At the start of a leaf, the parser has taken a parenthesis for one around a condition. When it
 * closes on an operand, and nothing but it stands there, it was one around an operand, and the
 * group that was opened for it is gone again.
 */
#include "expression.h"
#include "parser.h"

#define YARD_OPEN 0 /* a parenthesis; everything else in the yard is an expression_op */

static bool at_arithmetic(const parser *p)
{
    return p->now.kind >= LEX_PLUS && p->now.kind <= LEX_DIVIDE;
}

/* ---- writing ------------------------------------------------------------------------------------ */

bool parser_count_predicate(parser *p)
{
    return ++p->predicates <= p->limits->predicates ||
           parser_limit(p, "predicates", p->predicates, p->limits->predicates);
}

static bool write_term(parser *p, const term *o)
{
    expression_item item = {.op = EXPRESSION_PATH, .path = o->value.as.s};
    item.path_length = o->value.len;
    if (o->kind == TERM_VALUE) {
        item = (expression_item){.op = EXPRESSION_VALUE, .value = o->value};
    }
    if (!parser_count_predicate(p)) {
        return false;
    }
    expression_write(p->out, &item);
    return true;
}

bool parser_write_terms(parser *p, predicate *q)
{
    for (; q->written < q->count; q->written++) {
        const term *o = &q->terms[q->written];
        if (o->kind != TERM_CODE && !write_term(p, o)) {
            return false;
        }
    }
    return true;
}

/* The operand being read is part of arithmetic: it is written, and what stands before it. */
static bool write_held(parser *p, predicate *q, term *o)
{
    if (!q->held) {
        return true;
    }
    q->held = false;
    return parser_write_terms(p, q) && write_term(p, o);
}

/* ---- the yard ------------------------------------------------------------------------------------ */

static bool push(parser *p, predicate *q, int op)
{
    if (!heap_reserve(p->out->heap, &p->yard, &p->yard_cap, p->yard_count + 1, 1)) {
        p->status = ME_NOMEM;
        return false;
    }
    p->yard[p->yard_count++] = (uint8_t)op;
    q->open += op == YARD_OPEN;
    return true;
}

/* How tightly binds what is on top of the yard? Nothing reaches through a parenthesis. */
static int precedence(const parser *p)
{
    uint8_t op = p->yard[p->yard_count - 1];
    return op == YARD_OPEN ? 0 : expression_precedence((expression_op)op);
}

/* Writes the operators on top of the yard that bind at least as tightly. */
static bool reduce(parser *p, predicate *q, term *o, int least)
{
    while (p->yard_count > 0 && precedence(p) >= least) {
        expression_item item = {.op = (expression_op)p->yard[--p->yard_count]};
        if (!write_held(p, q, o)) {
            return false;
        }
        expression_write(p->out, &item);
        o->kind = TERM_CODE;
        p->depth -= item.op == EXPRESSION_NEGATE;
    }
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static bool needs_number(parser *p, const term *o)
{
    if (o->kind != TERM_VALUE || value_is_number(&o->value)) {
        return true;
    }
    return parser_fail(p, ME_TYPE, o->offset, "arithmetic needs numbers");
}

/* A name or a constant, and the minuses and parentheses in front of it. */
static bool read_operand(parser *p, predicate *q, term *o)
{
    while (!at_name(p)) {
        o->offset = p->now.offset;
        if (p->now.kind == LEX_MINUS) {
            advance(p);
            if (p->now.kind == LEX_NUMBER) {
                o->kind = TERM_VALUE;
                return parser_negative_number(p, &o->value);
            }
            if (!parser_open_level(p) || !push(p, q, EXPRESSION_NEGATE)) {
                return false;
            }
        } else if (p->now.kind == LEX_OPEN) {
            if (!parser_open_level(p) || !push(p, q, YARD_OPEN)) {
                return false;
            }
            advance(p);
        } else {
            break;
        }
    }
    if (at_name(p)) {
        o->offset = p->now.offset;
        o->kind = TERM_PATH;
        q->paths++;
        return parser_name(p, &o->value);
    }
    const char *expected = q->count > 0 || p->yard_count > 0 ? "a name, a constant or ("
                                                             : "a name, a constant, NOT or (";
    o->kind = TERM_VALUE;
    return parser_constant(p, expected, &o->value);
}

static bool read_next(parser *p, predicate *q, term *o)
{
    if (!read_operand(p, q, o)) {
        return false;
    }
    q->held = true;
    return p->yard_count == q->open || needs_number(p, o);
}

/* A parenthesis of a condition turns out to be one of an operand. */
static bool is_around_operand(const parser *p, const predicate *q)
{
    return q->count == 0 && p->outer_count > 0 && p->group.ors == 0 && p->group.ands == 0 &&
           p->group.nots == 0;
}

/* Steps over a parenthesis that closes within the operand, or around it; `*done` when the one that
 * is there does neither. */
static bool close(parser *p, predicate *q, term *o, bool *done)
{
    if (q->open == 0 && !is_around_operand(p, q)) {
        *done = true;
        return true;
    }
    if (!reduce(p, q, o, 1)) {
        return false;
    }
    if (q->open > 0) {
        q->open--;
        p->yard_count--;
    } else {
        p->group = p->outer[--p->outer_count];
    }
    p->depth--;
    advance(p);
    return true;
}

/* An operand has been read, and something follows that may belong to it. */
static bool read_rest(parser *p, predicate *q, term *o)
{
    for (bool done = false; !done;) {
        if (!reduce(p, q, o, expression_precedence(EXPRESSION_NEGATE))) {
            return false;
        }
        if (at_arithmetic(p)) {
            expression_op op =
                (expression_op)((int)EXPRESSION_ADD + ((int)p->now.kind - (int)LEX_PLUS));
            if (!needs_number(p, o) || !write_held(p, q, o) ||
                !reduce(p, q, o, expression_precedence(op)) || !push(p, q, (int)op)) {
                return false;
            }
            advance(p);
            if (!read_next(p, q, o)) {
                return false;
            }
        } else if (p->now.kind == LEX_CLOSE) {
            if (!close(p, q, o, &done)) {
                return false;
            }
        } else if (q->open > 0) {
            return parser_unexpected(p, "an operator or )");
        } else {
            done = true;
        }
    }
    return reduce(p, q, o, 1);
}

bool parse_operand(parser *p, predicate *q)
{
    term *o = &q->terms[q->count];
    size_t start = p->now.offset;
    if (!read_next(p, q, o)) {
        return false;
    }
    bool alone =
        p->yard_count == 0 && !at_arithmetic(p) && (p->now.kind != LEX_CLOSE || q->count > 0);
    if (!alone && !read_rest(p, q, o)) {
        return false;
    }
    q->count++;
    if (o->kind == TERM_CODE) {
        o->offset = start;
        q->written = q->count;
    }
    return true;
}
