/* evaluate.c - a computed predicate on one event: every combination of its paths' values.
 *
 * The wheels of an odometer, one for each path, go through the chains of log entries:
 *
 *     a: [1, 2]  b: [5, 6, 7]        (1 5) (2 5) (1 6) (2 6) (1 7) (2 7)
 *
 * and the outcome is the Kleene OR over all of them, so the first that is true ends it. Paths are
 * on one wheel however often they are mentioned. Nothing is allocated: encoding has made room for
 * the largest computation of the engine.
 */
#include "scratch.h"

/* The values of a predicate with several paths are no more than the limit together? */
static bool is_bounded(const me_engine *e, const me_event *ev, const computation *c)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < c->path_count; i++) {
        uint64_t count = 0;
        for (uint32_t at = ev->table[slot_newest(c->paths[i])]; at != UINT32_MAX;
             at = ev->log.entries[at].next) {
            count++;
        }
        product *= count;
        if (product > e->limits.combinations) {
            return false;
        }
    }
    return true;
}

static void turn_to(me_event *ev, const computation *c, uint32_t wheel, uint32_t entry)
{
    ev->wheels[wheel] = entry;
    ev->operands[wheel] = ev->log.entries[entry].value;
    ev->operands[c->path_count + wheel] = ev->numbers[entry];
}

/* The next combination; false after the last one. */
static bool turn(me_event *ev, const computation *c)
{
    for (uint32_t i = 0; i < c->path_count; i++) {
        uint32_t next = ev->log.entries[ev->wheels[i]].next;
        if (next != UINT32_MAX) {
            turn_to(ev, c, i, next);
            return true;
        }
        turn_to(ev, c, i, ev->table[slot_newest(c->paths[i])]);
    }
    return false;
}

me_truth evaluate(const me_engine *e, me_event *ev, uint32_t number)
{
    const computation *c = pool_block(&e->computations, number);
    bool many = false, unknown = false;
    for (uint32_t i = 0; i < c->path_count; i++) {
        uint32_t code = ev->table[slot_code(c->paths[i])];
        if (code == CODE_MISSING) {
            return ME_UNKNOWN;
        }
        many |= code == CODE_MANY;
        turn_to(ev, c, i, ev->table[slot_newest(c->paths[i])]);
    }
    if (many && c->path_count > 1 && !is_bounded(e, ev, c)) {
        return ME_UNKNOWN;
    }
    const me_value *plain = ev->operands, *numbers = plain + c->path_count;
    do {
        me_truth truth = computation_run(c, plain, numbers, ev->operands + 2 * c->path_count);
        if (truth == ME_TRUE) {
            return ME_TRUE;
        }
        unknown |= truth == ME_UNKNOWN;
    } while (many && turn(ev, c));
    return unknown ? ME_UNKNOWN : ME_FALSE;
}
