/* sample.c - which values do events have? Gathered by readers, learned under the write lock.
 *
 * A reader may not write to the engine, so a sampled event is noted in its own scratch; whoever
 * changes the engine next takes the notes over. Counts are halved now and then, so that what
 * events look like now outweighs what they looked like long ago.
 */
#include "scratch.h"

#define AGE_EVENTS (1u << 16) /* all counts are halved after this many sampled events */

void sample_event(me_event *ev)
{
    uint64_t n = ev->events_seen++;
    if ((n >= SAMPLE_FIRST && n % SAMPLE_EVERY != 0) ||
        ev->sample_count + ev->log.count > SAMPLE_ROOM ||
        !heap_reserve(&ev->log.heap, &ev->samples, &ev->sample_cap,
                      ev->sample_count + ev->log.count, sizeof(sample))) {
        return;
    }
    ev->sampled_events++;
    for (uint32_t i = 0; i < ev->log.count; i++) {
        const event_entry *entry = &ev->log.entries[i];
        if (entry->path == PATH_NONE) {
            continue;
        }
        uint32_t code = ev->codes[i];
        uint32_t number = CONSTANT_NONE;
        if (code > CODE_STRINGS) {
            number = code - CODE_STRINGS - 1;
        } else if (code > CODE_NUMBERS && code < CODE_STRINGS) {
            number = code - CODE_NUMBERS - 1;
        }
        ev->samples[ev->sample_count++] =
            (sample){entry->path, number, ev->labels[i], entry->next == UINT32_MAX};
    }
}

static void age(me_engine *e)
{
    for (uint32_t i = 0; i < e->constants.count; i++) {
        e->constants.records[i].seen /= 2;
    }
    for (uint32_t i = 0; i < e->histories_cap; i++) {
        e->histories[i].seen /= 2;
    }
    e->sampled_events /= 2;
}

static void learn_label(me_engine *e, uint32_t path, uint32_t label)
{
    path_history *history = &e->histories[path];
    if ((e->infos[path].numbers.count == 0 && e->infos[path].strings == NULL) ||
        label < LABEL_NUMBERS || label == LABEL_LAZY) {
        return;
    }
    if (history->sample == NULL) {
        history->sample = heap_zalloc(&e->parts[ME_PATHS], PATH_SAMPLE * sizeof(uint32_t));
        if (history->sample == NULL) {
            return; /* estimates stay cold */
        }
    }
    history->sample[history->sampled++ % PATH_SAMPLE] = label;
}

/* The engine may have changed since the notes were taken: a number may be free by now or stand for
 * something else. That costs an estimate some precision, and must cost no more. */
void me_engine_learn(me_engine *e, me_event *ev)
{
    for (uint32_t i = 0; i < ev->sample_count; i++) {
        const sample *s = &ev->samples[i];
        if (s->path >= e->paths.count || e->paths.nodes[s->path].uses == 0) {
            continue;
        }
        e->histories[s->path].seen += s->first;
        learn_label(e, s->path, s->label);
        if (s->constant < e->constants.count && e->constants.records[s->constant].value.type != 0) {
            e->constants.records[s->constant].seen++;
        }
    }
    e->sampled_events += ev->sampled_events;
    ev->sample_count = ev->sampled_events = 0;
    if (e->sampled_events >= AGE_EVENTS) {
        age(e);
    }
}
