#include "parse.h"

#include "parser.h"
#include "value.h"

/* A filter that has been read and, but for a connective at its top, written. AND and OR wait until
 * it is known whether what contains them is the same connective; anything else is a LEAF. */
#define LEAF OP_TRUE

typedef struct operand {
    filter_op op;
    uint32_t count; /* operands of AND and OR */
} operand;

bool parser_open_level(parser *p)
{
    return ++p->depth <= p->limits->filter_depth ||
           parser_limit(p, "filter_depth", p->depth, p->limits->filter_depth);
}

static bool open_group(parser *p)
{
    if (!parser_open_level(p)) {
        return false;
    }
    if (!heap_reserve(p->out->heap, &p->outer, &p->outer_cap, p->outer_count + 1, sizeof(group))) {
        p->status = ME_NOMEM;
        return false;
    }
    p->outer[p->outer_count++] = p->group;
    p->group = (group){0};
    advance(p);
    return true;
}

/* How many operands `o` brings to `op`: its own when it is the same connective, else one. */
static uint32_t join(parser *p, operand o, filter_op op)
{
    if (o.op == op) {
        return o.count;
    }
    if (o.op != LEAF) {
        filter_write_op(p->out, o.op);
        filter_write_count(p->out, o.count);
    }
    return 1;
}

/* The NOTs of the group stand in front of `o`. */
static operand close_nots(parser *p, operand o)
{
    if (p->group.nots == 0) {
        return o;
    }
    join(p, o, OP_NOT);
    p->depth -= p->group.nots;
    for (; p->group.nots > 0; p->group.nots--) {
        filter_write_op(p->out, OP_NOT);
    }
    return (operand){LEAF, 0};
}

/* `o` ends the AND of the group, if there is one. */
static operand close_and(parser *p, operand o)
{
    if (p->group.ands == 0) {
        return o;
    }
    operand all = {OP_AND, p->group.ands + join(p, o, OP_AND)};
    p->group.ands = 0;
    return all;
}

/* `o` ends the group. */
static operand close_or(parser *p, operand o)
{
    o = close_and(p, o);
    if (p->group.ors == 0) {
        return o;
    }
    return (operand){OP_OR, p->group.ors + join(p, o, OP_OR)};
}

static operand close_group(parser *p, operand o)
{
    o = close_or(p, o);
    p->group = p->outer[--p->outer_count];
    p->depth--;
    advance(p);
    return close_nots(p, o);
}

/* NOT and ( in front of a leaf. */
static bool parse_prefixes(parser *p)
{
    for (;;) {
        switch (p->now.kind) {
        case LEX_NOT:
            if (!parser_open_level(p)) {
                return false;
            }
            p->group.nots++;
            advance(p);
            break;
        case LEX_OPEN:
            if (!open_group(p)) {
                return false;
            }
            break;
        default:
            return true;
        }
    }
}

static bool parse_conditions(parser *p)
{
    for (;;) {
        if (!parse_prefixes(p) || !parse_leaf(p)) {
            return false;
        }
        operand o = close_nots(p, (operand){LEAF, 0});
        while (p->now.kind == LEX_CLOSE && p->outer_count > 0) {
            o = close_group(p, o);
        }
        if (p->now.kind == LEX_AND) {
            p->group.ands += join(p, o, OP_AND);
        } else if (p->now.kind == LEX_OR) {
            p->group.ors += join(p, close_and(p, o), OP_OR);
        } else if (p->outer_count > 0) {
            return parser_unexpected(p, "AND, OR or )");
        } else if (p->now.kind != LEX_END) {
            return parser_unexpected(p, "AND, OR or the end");
        } else {
            join(p, close_or(p, o), OP_NOT); /* nothing above: written in any case */
            return true;
        }
        advance(p);
    }
}

static void parse_text(parser *p)
{
    advance(p);
    if (p->now.kind == LEX_END) {
        filter_write_op(p->out, OP_TRUE);
    } else if (!parse_conditions(p)) {
        return;
    }
    const me_parameter *unused = bindings_unused(&p->bindings);
    if (unused != NULL) {
        int length = unused->length < 100 ? (int)unused->length : 0;
        parser_fail(p, ME_TYPE, 0, "the filter does not use the parameter :%.*s", length,
                    unused->name);
    } else if (p->out->failed) {
        p->status = ME_NOMEM;
    }
}

/* Checks that need no parsing. */
static bool accept_text(parser *p, const char *text, size_t length)
{
    if (length > p->limits->filter_bytes || length >= UINT32_MAX) {
        return parser_limit(p, "filter_bytes", length, p->limits->filter_bytes);
    }
    size_t valid = length == 0 ? 0 : utf8_valid_prefix(text, length);
    return valid == length || parser_fail(p, ME_SYNTAX, valid, "the text is not valid UTF-8");
}

me_status parse_filter(const char *text, size_t length, const me_parameter *parameters,
                       size_t parameter_count, const me_limits *limits, filter_writer *out,
                       me_error *error)
{
    parser p = {
        .out = out, .limits = limits, .error = error, .status = ME_OK, .scratch_size = length};
    if (!accept_text(&p, text, length)) {
        return p.status;
    }
    lexer_init(&p.lex, text, length);
    filter_writer_reserve(out, length + 16); /* the bytes are seldom longer than the text */
    if (out->failed || !bindings_init(&p.bindings, out->heap, parameters, parameter_count)) {
        return ME_NOMEM;
    }
    parse_text(&p);
    bindings_free(&p.bindings, out->heap);
    heap_free(out->heap, p.outer, p.outer_cap * sizeof(group));
    heap_free(out->heap, p.scratch, p.scratch_size);
    heap_free(out->heap, p.yard, p.yard_cap);
    return p.status;
}
