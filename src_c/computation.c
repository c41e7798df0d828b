#include "computation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ------------------------------------------------------------------------------------- */

typedef struct sizes {
    uint32_t mentions, steps, values;
    size_t bytes; /* of constants that are strings or long integers */
} sizes;

static bool has_bytes(const me_value *v)
{
    return v->type == ME_STRING || v->type == ME_BIG;
}

static sizes measure(expression_reader code)
{
    sizes s = {0};
    expression_item item;
    while (expression_next(&code, &item)) {
        s.steps++;
        s.mentions += item.op == EXPRESSION_PATH;
        s.values += item.op == EXPRESSION_VALUE;
        s.bytes += has_bytes(&item.value) ? item.value.len : 0;
    }
    return s;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static void collect_paths(computation *c, expression_reader code)
{
    expression_item item;
    uint32_t mentions = 0;
    while (expression_next(&code, &item)) {
        if (item.op == EXPRESSION_PATH) {
            c->paths[mentions++] = item.path_number;
        }
    }
    qsort(c->paths, mentions, sizeof(uint32_t), by_number);
    for (uint32_t i = 0; i < mentions; i++) {
        if (i == 0 || c->paths[i] != c->paths[i - 1]) {
            c->paths[c->path_count++] = c->paths[i];
        }
    }
}

static uint32_t index_of(const computation *c, uint32_t path)
{
    const uint32_t *found = bsearch(&path, c->paths, c->path_count, sizeof(uint32_t), by_number);
    return (uint32_t)(found - c->paths);
}

/* The step that pushed an operand of arithmetic: a value that it takes as a number. */
static void take_number(computation *c, step *s)
{
    if (s->op == STEP_PATH) {
        s->op = STEP_NUMBER;
    } else if (s->op == STEP_VALUE) {
        c->values[s->index] = arithmetic_operand(c->values[s->index]);
    }
}

/* `operands` is a stack of steps, those that push what would be on the stack of values. */
static void write_steps(computation *c, expression_reader code, char *bytes, uint32_t *operands)
{
    expression_item item;
    uint32_t height = 0;
    while (expression_next(&code, &item)) {
        step *s = &c->steps[c->step_count];
        if (item.op >= EXPRESSION_ADD) {
            *s = (step){STEP_ARITHMETIC, (uint32_t)expression_arithmetic(item.op)};
            for (uint32_t left = item.op == EXPRESSION_NEGATE ? 1 : 2; left > 0; left--) {
                take_number(c, &c->steps[operands[--height]]);
            }
        } else if (item.op == EXPRESSION_PATH) {
            *s = (step){STEP_PATH, index_of(c, item.path_number)};
        } else {
            me_value v = item.value;
            if (has_bytes(&v)) {
                memcpy(bytes, v.as.s, v.len);
                v.as.s = bytes;
                bytes += v.len;
            }
            *s = (step){STEP_VALUE, c->value_count};
            c->values[c->value_count++] = v;
        }
        operands[height++] = c->step_count++;
        c->height = height > c->height ? height : c->height;
    }
    /* What is left is compared: constants in their one form. */
    while (height-- > 0) {
        const step *s = &c->steps[operands[height]];
        if (s->op == STEP_VALUE) {
            c->values[s->index] = value_canonical(c->values[s->index]);
        }
    }
}

uint32_t computation_new(pool *p, const filter_node *leaf)
{
    expression_reader code = expression_of(leaf, false);
    sizes s = measure(code);
    size_t operands_size = s.steps * sizeof(uint32_t);
    uint32_t *operands = heap_alloc(p->heap, operands_size);
    if (operands == NULL) {
        return POOL_NONE;
    }
    size_t values = s.values * sizeof(me_value), steps = s.steps * sizeof(step);
    size_t paths = s.mentions * sizeof(uint32_t);
    uint32_t number = pool_new(p, sizeof(computation) + values + steps + paths + s.bytes);
    if (number != POOL_NONE) {
        computation *c = pool_block(p, number);
        *c = (computation){.relation = (uint32_t)leaf->relation};
        c->steps = (step *)(void *)((char *)(c + 1) + values);
        c->paths = (uint32_t *)(void *)((char *)c->steps + steps);
        collect_paths(c, code);
        write_steps(c, code, (char *)c->paths + paths, operands);
    }
    heap_free(p->heap, operands, operands_size);
    return number;
}

/* ---- running ------------------------------------------------------------------------------------ */

static bool is_nan(const me_value *v)
{
    return v->type == ME_DOUBLE && isnan(v->as.d);
}

/* Do two values that are not null compare, by this relation? */
static bool compares(filter_op relation, const me_value *a, const me_value *b)
{
    if (value_is_number(a)) {
        return value_is_number(b);
    }
    return a->type == b->type && (a->type == ME_STRING || relation == OP_EQ || relation == OP_NE);
}

/* The result of arithmetic may still be a double that is whole. A BIG that is compared came from a
 * constant or the event, and is canonical. */
static int order(const me_value *a, const me_value *b)
{
    me_value x = a->type == ME_DOUBLE ? value_canonical(*a) : *a;
    me_value y = b->type == ME_DOUBLE ? value_canonical(*b) : *b;
    return value_compare(&x, &y);
}

static bool holds(filter_op relation, const me_value *v)
{
    if (is_nan(&v[0]) || is_nan(&v[1]) || (relation == OP_BETWEEN && is_nan(&v[2]))) {
        return false;
    }
    int found = order(&v[0], &v[1]);
    switch (relation) {
    case OP_EQ:
        return found == 0;
    case OP_NE:
        return found != 0;
    case OP_LT:
        return found < 0;
    case OP_LE:
        return found <= 0;
    case OP_GT:
        return found > 0;
    case OP_GE:
        return found >= 0;
    default: /* BETWEEN */
        return found >= 0 && order(&v[0], &v[2]) <= 0;
    }
}

/* The operands on top become the result. False: one is no number. A division by zero leaves a
 * number, for the types of what is left to do. */
static bool calculate(arithmetic_op op, me_value *top, bool *by_zero)
{
    me_value *a = op == ARITHMETIC_NEGATE ? top - 1 : top - 2, *b = top - 1;
    if ((a->type != ME_INT && a->type != ME_DOUBLE) ||
        (b->type != ME_INT && b->type != ME_DOUBLE)) {
        return false;
    }
    if (!arithmetic(op, a, b, a)) {
        *by_zero = true;
        *a = value_of_int(1);
    }
    return true;
}

me_truth computation_run(const computation *c, const me_value *plain, const me_value *numbers,
                         me_value *stack)
{
    me_value *top = stack;
    bool by_zero = false;
    for (uint32_t i = 0; i < c->path_count; i++) {
        if (plain[i].type == ME_NULL) {
            return ME_UNKNOWN;
        }
    }
    for (uint32_t i = 0; i < c->step_count; i++) {
        const step *s = &c->steps[i];
        switch ((step_op)s->op) {
        case STEP_PATH:
            *top++ = plain[s->index];
            break;
        case STEP_NUMBER:
            *top++ = numbers[s->index];
            break;
        case STEP_VALUE:
            *top++ = c->values[s->index];
            break;
        case STEP_ARITHMETIC:
            if (!calculate((arithmetic_op)s->index, top, &by_zero)) {
                return ME_FALSE;
            }
            top -= s->index != ARITHMETIC_NEGATE;
        }
    }
    filter_op relation = (filter_op)c->relation;
    if (!compares(relation, &stack[0], &stack[1]) ||
        (relation == OP_BETWEEN && !compares(relation, &stack[0], &stack[2]))) {
        return ME_FALSE;
    }
    return by_zero ? ME_UNKNOWN : holds(relation, stack) ? ME_TRUE : ME_FALSE;
}
