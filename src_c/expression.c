#include "expression.h"

#include <math.h>

/* ---- reading and writing ------------------------------------------------------------------------ */

bool expression_next(expression_reader *r, expression_item *item)
{
    if (r->at == r->end) {
        return false;
    }
    *item = (expression_item){.op = (expression_op)*r->at++};
    if (item->op == EXPRESSION_VALUE) {
        r->at = filter_read_value(r->at, &item->value);
    } else if (item->op == EXPRESSION_PATH && r->named) {
        r->at = filter_read_count(r->at, &item->path_length);
        item->path = (const char *)r->at;
        r->at += item->path_length;
    } else if (item->op == EXPRESSION_PATH) {
        r->at = filter_read_count(r->at, &item->path_number);
    }
    return true;
}

void expression_write(filter_writer *w, const expression_item *item)
{
    uint8_t op = (uint8_t)item->op;
    filter_write_bytes(w, &op, 1);
    if (item->op == EXPRESSION_VALUE) {
        filter_write_value(w, &item->value);
    } else if (item->op == EXPRESSION_PATH && w->named) {
        filter_write_path(w, item->path, item->path_length);
    } else if (item->op == EXPRESSION_PATH) {
        filter_write_path_number(w, item->path_number);
    }
}

void expression_finish(filter_writer *w, uint32_t at, filter_op relation)
{
    uint8_t head[] = {OP_COMPUTE, (uint8_t)relation};
    filter_insert_count(w, at, w->length - at);
    filter_insert_bytes(w, at, head, sizeof head);
}

bool filter_next_path(path_reader *r, const char **path, uint32_t *length)
{
    expression_item item;
    filter_node node;
    for (;;) {
        while (expression_next(&r->code, &item)) {
            if (item.op == EXPRESSION_PATH) {
                *path = item.path;
                *length = item.path_length;
                return true;
            }
        }
        if (!filter_next(&r->filter, &node)) {
            return false;
        }
        if (node.op == OP_COMPUTE) {
            r->code = expression_of(&node, true);
        } else if (filter_op_is_leaf(node.op)) {
            *path = node.path;
            *length = node.path_length;
            return true;
        }
    }
}

/* ---- which code is a predicate? ----------------------------------------------------------------- */

/* Does the literal of a number begin with a minus? */
static bool has_minus(const me_value *v)
{
    return v->type == ME_INT   ? v->as.i < 0
           : v->type == ME_BIG ? v->as.s[0] == '-'
                               : signbit(v->as.d);
}

static uint32_t deeper(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static bool fits_arithmetic(const expression_operand *o)
{
    return o->op != EXPRESSION_VALUE || value_is_number(&o->value);
}

/* The operands of `op` become one. */
static const char *combine(expression_shape *s, expression_op op)
{
    uint32_t wanted = op == EXPRESSION_NEGATE ? 1 : 2;
    if (s->height < wanted) {
        return "an operator has not its operands";
    }
    s->height -= wanted;
    expression_operand *a = &s->stack[s->height], *b = a + wanted - 1;
    if (!fits_arithmetic(a) || !fits_arithmetic(b)) {
        return "arithmetic needs numbers";
    }
    if (op == EXPRESSION_NEGATE) {
        bool grouped = expression_precedence(a->op) < expression_precedence(op) ||
                       (a->op == EXPRESSION_VALUE && !has_minus(&a->value));
        a->depth += 1 + grouped;
    } else {
        a->depth = deeper(a->depth + (expression_precedence(a->op) < expression_precedence(op)),
                          b->depth + (expression_precedence(b->op) <= expression_precedence(op)));
    }
    a->op = op;
    a->fixed = a->fixed && b->fixed;
    s->height++;
    return NULL;
}

expression_verdict expression_add(expression_shape *s, const expression_item *item,
                                  const char **why)
{
    if (item->op >= EXPRESSION_ADD) {
        *why = combine(s, item->op);
        return *why == NULL ? EXPRESSION_GOOD : EXPRESSION_BAD;
    }
    bool fixed = item->op == EXPRESSION_VALUE;
    *why = fixed ? filter_constant_error(OP_EQ, &item->value) : NULL;
    if (*why != NULL) {
        return EXPRESSION_BAD;
    }
    if (!heap_reserve(s->heap, &s->stack, &s->cap, s->height + 1, sizeof *s->stack)) {
        return EXPRESSION_NOMEM;
    }
    s->stack[s->height++] =
        (expression_operand){.op = item->op, .fixed = fixed, .value = item->value};
    s->highest = deeper(s->highest, s->height);
    return EXPRESSION_GOOD;
}

/* A path against constants is a plain leaf. */
static bool is_plain(const expression_operand *o, filter_op relation)
{
    if (relation == OP_BETWEEN) {
        return o[0].op == EXPRESSION_PATH && o[1].op == EXPRESSION_VALUE &&
               o[2].op == EXPRESSION_VALUE;
    }
    return (o[0].op == EXPRESSION_PATH && o[1].op == EXPRESSION_VALUE) ||
           (o[0].op == EXPRESSION_VALUE && o[1].op == EXPRESSION_PATH);
}

static const char *operands_error(const expression_operand *o, uint32_t count, filter_op relation)
{
    bool fixed = true;
    for (uint32_t i = 0; i < count; i++) {
        fixed = fixed && o[i].fixed;
        const char *why =
            o[i].op == EXPRESSION_VALUE ? filter_constant_error(relation, &o[i].value) : NULL;
        if (why != NULL) {
            return why;
        }
    }
    if (fixed) {
        return "a comparison without an attribute";
    }
    if (count == 3 && o[1].op == EXPRESSION_VALUE && o[2].op == EXPRESSION_VALUE) {
        const char *why = filter_between_error(&o[1].value, &o[2].value);
        if (why != NULL) {
            return why;
        }
    }
    return is_plain(o, relation) ? "a plain comparison is not written as an expression" : NULL;
}

expression_verdict expression_close(expression_shape *s, filter_op relation, uint32_t *depth,
                                    const char **why)
{
    uint32_t count = expression_operands(relation);
    *why = s->height != count ? "a comparison has not its operands"
                              : operands_error(s->stack, count, relation);
    *depth = 0;
    for (uint32_t i = 0; *why == NULL && i < count; i++) {
        *depth = deeper(*depth, s->stack[i].depth);
    }
    return *why == NULL ? EXPRESSION_GOOD : EXPRESSION_BAD;
}

void expression_shape_free(expression_shape *s)
{
    heap_free(s->heap, s->stack, s->cap * sizeof *s->stack);
}

/* ---- constants folded ---------------------------------------------------------------------------- */

/* At each of the 1,000 parentheses that filter_depth allows two operands wait, at most. */
#define FOLD_STACK 2048u

/* Runs the code on constants. The path stays where it stands, as an operand of type 0 that no
 * arithmetic may touch. False: there is more to it than one path and constants. */
static bool fold(expression_reader code, me_value *stack, uint32_t *height, expression_item *path)
{
    expression_item item;
    uint32_t n = 0, paths = 0;
    while (expression_next(&code, &item)) {
        if (item.op >= EXPRESSION_ADD) {
            uint32_t wanted = item.op == EXPRESSION_NEGATE ? 1 : 2;
            me_value *a = &stack[n - wanted], *b = &stack[n - 1];
            if (a->type == 0 || b->type == 0) {
                return false;
            }
            *a = arithmetic_operand(*a);
            *b = arithmetic_operand(*b);
            if (!arithmetic(expression_arithmetic(item.op), a, b, a)) {
                return false;
            }
            n -= wanted - 1;
            continue;
        }
        bool is_path = item.op == EXPRESSION_PATH;
        if (n == FOLD_STACK || (is_path && paths++ > 0)) {
            return false;
        }
        *path = is_path ? item : *path;
        stack[n++] = item.value; /* of a path: type 0 */
    }
    *height = n;
    return true;
}

bool expression_plain(const filter_node *leaf, bool named, filter_node *plain)
{
    static const filter_op mirrored[] = {OP_EQ, OP_NE, OP_GT, OP_GE, OP_LT, OP_LE};
    me_value stack[FOLD_STACK];
    uint32_t height;
    expression_item path = {0};
    if (!fold(expression_of(leaf, named), stack, &height, &path)) {
        return false;
    }
    filter_op op = leaf->relation;
    const me_value *a = &stack[1], *b = &stack[2];
    if (stack[0].type != 0) {
        if (op == OP_BETWEEN) {
            return false;
        }
        op = mirrored[op - OP_EQ];
        a = &stack[0];
    }
    if (filter_constant_error(op, a) != NULL ||
        (op == OP_BETWEEN &&
         (filter_constant_error(op, b) != NULL || filter_between_error(a, b) != NULL))) {
        return false;
    }
    *plain = (filter_node){.op = op, .path_number = path.path_number, .a = *a};
    plain->path = path.path;
    plain->path_length = path.path_length;
    if (op == OP_BETWEEN) {
        plain->b = *b;
    }
    return true;
}
