/* scratch.h - what matching one event needs: its log, its codes and labels, and where to look.
 *
 * The table of codes and labels (test.h) has a row for every path of the engine and is all
 * zero (missing) between events: only the entries an event touched are wiped, so an event costs
 * what it holds, not what the engine holds.
 */
#ifndef MATCHENGINE_SCRATCH_H
#define MATCHENGINE_SCRATCH_H

#include "engine.h"
#include "event.h"
#include "prefetch.h"

/* One look into a cluster; for ranges, with the label of a log entry. */
typedef struct probe {
    uint32_t cluster, entry;
} probe;

/* Marks of things seen in this event: stamp[i] == epoch. When the epoch wraps, all are wiped. */
typedef struct marks {
    uint32_t *stamps;
    uint32_t cap, epoch;
} marks;

/* A set of numbers of any size, emptied by a new epoch. */
typedef struct number_set {
    uint32_t *numbers, *stamps;  /* open addressing; stamp == epoch: taken */
    uint32_t mask, count, epoch; /* mask 0: no slots yet */
} number_set;

#define SAMPLE_EVERY 64u  /* events between two samples, */
#define SAMPLE_FIRST 256u /* after the first ones, which are all sampled */
#define SAMPLE_ROOM 4096u /* entries waiting to be learned */

typedef struct sample {
    uint32_t path, constant, label; /* constant: CONSTANT_NONE when it is not one */
    bool first;                     /* of its path in its event */
} sample;

struct me_event {
    event_log log;   /* its heap pays for everything here */
    uint32_t *table; /* TABLE_ROW numbers per path; `newest` heads the chain of its log entries */
    uint32_t table_paths;
    uint32_t *codes, *labels; /* per log entry */
    uint32_t codes_cap, labels_cap;
    me_value *numbers;  /* per log entry: as arithmetic takes it; only where something computes */
    uint32_t *wheels;   /* evaluate.c: a log entry per path of a computation, */
    me_value *operands; /*             its value, its number, and the stack */
    uint32_t numbers_cap, wheels_cap, operands_cap;
    uint32_t lazy_labels; /* labels that nobody has asked for yet */
    uint32_t *touched;    /* paths of this event */
    uint32_t touched_count, touched_cap;
    bool many;       /* some path has several values */
    sieve_bits bits; /* of the paths and constants that are there */
    probe *probes;
    uint32_t probe_count, probe_cap;
    string_hits hits;
    marks patterns;          /* string patterns that some value satisfies, */
    marks tried;             /* and those of which a test has found out whether */
    marks outcomes;          /* evaluate.c: of computations; only when a path has several values */
    marks handles;           /* matched already: only when a handle can come up twice */
    number_set destinations; /* found already */
    uint32_t *result;
    uint32_t result_count, result_cap;
    me_counters counters;
    uint64_t events_seen;
    bool ranges_at_once; /* match.c: most rows of late had what they need */
    sample *samples;
    uint32_t sample_count, sample_cap, sampled_events;
};

/* encode.c: codes, labels and probes for the event in the log. False: no memory. */
bool encode_event(const me_engine *e, me_event *ev);

/* encode.c: the label of a log entry, found when it is first asked for. */
uint32_t label_of_entry(const me_engine *e, me_event *ev, uint32_t entry);

/* Asks for what label_of_entry will read. */
static inline void prefetch_label(const me_engine *e, const me_event *ev, uint32_t i)
{
    if (ev->labels[i] == LABEL_LAZY) {
        const event_entry *entry = &ev->log.entries[i];
        cuts_prefetch(cuts_for(&e->infos[entry->path], &entry->value));
    }
}

/* encode.c: wipes what the last event wrote. */
void encode_reset(me_event *ev);

/* A new set of marks over [0, count). False: no memory. */
bool marks_begin(marks *m, heap *h, uint32_t count);

static inline bool marks_has(const marks *m, uint32_t i)
{
    return m->stamps[i] == m->epoch;
}

static inline void marks_set(marks *m, uint32_t i)
{
    m->stamps[i] = m->epoch;
}

/* number_set.c. False: no memory. */
bool number_set_begin(number_set *s, heap *h);
bool number_set_add(number_set *s, heap *h, uint32_t number);
bool number_set_has(const number_set *s, uint32_t number);
void number_set_free(number_set *s, heap *h);

/* sample.c: notes the encoded event now and then. */
void sample_event(me_event *ev);

/* evaluate.c: the outcome of a computation. */
me_truth evaluate(const me_engine *e, me_event *ev, uint32_t number);

/* verify.c: does the event satisfy one test, which is no T_PROGRAM? */
bool test_holds(const me_engine *e, me_event *ev, const test *t);

/* match.c: matches the event in the log into ev->result, as me_match does, and learns nothing. Stops
 * at `most` matches (not destinations), which is at least 1. */
me_status match_event(const me_engine *e, me_event *ev, me_mode mode, uint32_t most);

/* verify.c: does the event satisfy all tests of a body? */
bool verify_body(const me_engine *e, me_event *ev, uint32_t body);

#endif
