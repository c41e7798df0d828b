/* matchengine.h - the whole contract of the C core.
 *
 * An engine holds subscriptions, Boolean predicates over the attributes of an event, and answers
 * which of them an event satisfies.
 *
 *     filter text --me_parse--> filter (bytes) --me_engine_add--> handle
 *     event       --me_event_*--> values of the subscribed paths --me_match--> handles
 *
 * Who owns what: a filter is a plain byte string that the caller owns. An engine and an event
 * scratch are opaque and owned by whoever made them. Strings inside an `me_value` are borrowed.
 *
 * Failure: every fallible function returns a status and, where it has one, fills an `me_error`.
 * On any status but ME_OK the engine is exactly as it was before the call. Nothing here prints,
 * reads a clock or touches a global but the SIMD dispatch table, which is set once.
 *
 * Threads: one writer, many readers. The caller brackets calls with me_engine_read_lock /
 * me_engine_write_lock (functions that need one say so); an me_event belongs to one thread at a
 * time. Matching never changes the engine.
 */
#ifndef MATCHENGINE_H
#define MATCHENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- status --------------------------------------------------------------------------------- */

/* One list: the enum, the texts and the Python exceptions follow it. */
#define ME_STATUS_LIST(X)                                     \
    X(ME_OK, "success")                                       \
    X(ME_NOMEM, "out of memory")                              \
    X(ME_SYNTAX, "the filter cannot be parsed")               \
    X(ME_TYPE, "the filter compares what cannot be compared") \
    X(ME_FILTER_LIMIT, "the filter exceeds a limit")          \
    X(ME_EVENT, "the event is not acceptable")                \
    X(ME_EVENT_LIMIT, "the event exceeds a limit")            \
    X(ME_BAD_FILTER, "the bytes are not a filter")

typedef enum me_status {
#define ME_STATUS_ENUM(name, text) name,
    ME_STATUS_LIST(ME_STATUS_ENUM)
#undef ME_STATUS_ENUM
} me_status;

const char *me_status_text(me_status status);

/* Where and why. `offset` counts bytes from the start of the text. `message` names what was
 * expected or what is wrong, without a newline. For a limit, `limit` names the field of me_limits
 * and `value` is what was found (or one more than the limit where counting stopped). */
typedef struct me_error {
    size_t offset;
    const char *limit;
    uint64_t value;
    char message[256];
} me_error;

/* Bounds on everything a stranger can send; docs/semantics.md says what each one counts. */
typedef struct me_limits {
    uint64_t filter_bytes;  /* length of a filter's text: 1 MiB */
    uint64_t filter_depth;  /* nesting of parentheses and NOT: 1,000 */
    uint64_t predicates;    /* leaves of one filter: 100,000 */
    uint64_t in_values;     /* constants of one IN: 1,000,000 */
    uint64_t event_bytes;   /* length of an event: 16 MiB */
    uint64_t event_depth;   /* nesting of objects and arrays: 512 */
    uint64_t event_values;  /* scalars in an event: 65,536 */
    uint64_t digits;        /* decimal digits of an integer: 1,000 */
    uint64_t regex_states;  /* of one regex (regex.h): 2,048; at most REGEX_STATES_MOST */
    uint64_t regex_ranges;  /* of its sets of characters: 32,768 */
    uint64_t regex_depth;   /* of its parentheses: 1,000 */
    uint64_t filter_states; /* of all regexes of one filter together: 65,536 */
    uint64_t combinations;  /* that a filter's computed predicates look at, in steps: 1,048,576 */
} me_limits;

extern const me_limits me_default_limits;

/* ---- values --------------------------------------------------------------------------------- */

typedef enum me_type {
    ME_NULL = 1,
    ME_BOOL,
    ME_INT,    /* fits int64 */
    ME_BIG,    /* any other integer: `s` is [-]digits without leading zeros */
    ME_DOUBLE, /* a number with fraction or exponent; may be an infinity or NaN */
    ME_STRING, /* valid UTF-8, may hold NUL */
} me_type;

typedef struct me_value {
    union {
        int64_t i;
        double d;
        const char *s;
    } as;
    uint32_t len; /* bytes of `s` */
    uint8_t type; /* me_type */
} me_value;

/* ---- filters -------------------------------------------------------------------------------- */

/* A filter is bytes in the format of filter.h, written by me_parse and the builder functions. */

/* ---- engine --------------------------------------------------------------------------------- */

typedef struct me_engine me_engine;
typedef struct me_event me_event;

#define ME_NO_DESTINATION UINT32_MAX

/* `seed` keys the hashes of attribute names and values; give it from a random source, so that no
 * stranger can aim at collisions. NULL when there is no memory. */
me_engine *me_engine_new(const me_limits *limits, uint64_t seed);
void me_engine_free(me_engine *engine); /* NULL is fine */

/* Locks. A reader may match; a writer may call everything. Not recursive. */
void me_engine_read_lock(me_engine *engine);
bool me_engine_try_read_lock(me_engine *engine);
void me_engine_read_unlock(me_engine *engine);
void me_engine_write_lock(me_engine *engine);
bool me_engine_try_write_lock(me_engine *engine);
void me_engine_write_unlock(me_engine *engine);
/* In the child of a fork, where the threads that held the lock are gone. No writer may have been
 * at work when it was made. */
void me_engine_reset_lock(me_engine *engine);

/* What makes a filter expensive, however many others there are. */
typedef enum me_expense {
    ME_CHEAP,
    ME_EVERY_EVENT,  /* it is looked at for every event, and is not true for every event */
    ME_EVERY_STRING, /* it is found by a pattern that is tried on every string of its path */
} me_expense;

/* Adds a subscription (write lock) and gives it a handle. `destination` is any number, or
 * ME_NO_DESTINATION. Amortised cost: microseconds, linear in the filter. ME_NOMEM. */
me_status me_engine_add(me_engine *engine, const uint8_t *filter, size_t length,
                        uint32_t destination, uint32_t *handle);

/* Gives a live handle another filter (write lock); the old one stays on failure. With `refused`,
 * an expensive filter is not taken either: then nothing changes, and it says why. */
me_status me_engine_replace(me_engine *engine, uint32_t handle, const uint8_t *filter,
                            size_t length, uint32_t destination, me_expense *refused);

/* Takes a live subscription out (write lock). It never matches again; its handle is not used again
 * until me_engine_release_handle gives the number back. Never fails. */
void me_engine_remove(me_engine *engine, uint32_t handle);
void me_engine_release_handle(me_engine *engine, uint32_t handle);

/* The number of live subscriptions; one more than the largest handle ever given (read lock). */
uint32_t me_engine_count(const me_engine *engine);
uint32_t me_engine_handle_end(const me_engine *engine);
bool me_engine_is_live(const me_engine *engine, uint32_t handle);
uint32_t me_engine_destination(const me_engine *engine, uint32_t handle);

/* The filter of a live handle, in named form (read lock): its length, and its bytes when `out` has
 * room for them. */
size_t me_engine_filter(const me_engine *engine, uint32_t handle, uint8_t *out, size_t room);

/* Of a live handle's filter (read lock). */
me_expense me_engine_expense(const me_engine *engine, uint32_t handle);

/* What me_engine_add would do with a filter, without adding it (write lock: it uses the compiler's
 * workspace, and leaves the engine as it was). */
typedef struct me_diagnosis {
    bool never;                              /* no event can match it */
    bool always;                             /* every event matches it */
    uint32_t equal, range, pattern, present; /* anchors by kind; all 0: not anchored */
    double cost;                             /* expected share of events that look at it */
    me_expense expense;
    uint32_t culprit; /* the number of the leaf because of which it is expensive, */
    bool negated;     /* or because of its NOT */
} me_diagnosis;
me_status me_engine_diagnose(me_engine *engine, const uint8_t *filter, size_t length,
                             me_diagnosis *out);

/* What the memory of an engine is for; one list, as above. */
#define ME_PART_LIST(X)                                                               \
    X(ME_SOURCES, "sources")     /* the stored filters */                             \
    X(ME_PATHS, "paths")         /* names of attributes, and what is known of them */ \
    X(ME_CONSTANTS, "constants") /* values compared with = , <> and IN */             \
    X(ME_CUTS, "cuts")           /* values that ranges compare with */                \
    X(ME_PATTERNS, "patterns")   /* indexes of strings */                             \
    X(ME_CLUSTERS, "clusters")   /* rows under their anchors */                       \
    X(ME_BODIES, "bodies")       /* residual tests, */                                \
    X(ME_PROGRAMS, "programs")   /* those that are formulas, */                       \
    X(ME_SETS, "sets")           /* and those of IN */                                \
    X(ME_LISTS, "lists")         /* where the rows of those with several are */       \
    X(ME_HANDLES, "handles")     /* where the row is, and the destination */          \
    X(ME_ENGINE, "engine")       /* the rest: the compiler's workspace */

typedef enum me_part {
#define ME_PART_ENUM(name, text) name,
    ME_PART_LIST(ME_PART_ENUM)
#undef ME_PART_ENUM
        ME_PARTS
} me_part;

const char *me_part_name(me_part part);

typedef struct me_stats {
    uint64_t subscriptions, paths, constants, cuts, patterns, clusters;
    uint64_t equal, range, pattern, present; /* rows by kind of anchor */
    uint64_t unanchored;                     /* rows looked at for every event */
    uint64_t never;                          /* contradictions, filed nowhere */
    uint64_t bytes;                          /* all memory of the engine, */
    uint64_t memory[ME_PARTS];               /* by part, */
    uint64_t source_bytes;                   /* of which stored filters */
    uint64_t sampled_events;
} me_stats;
void me_engine_stats(const me_engine *engine, me_stats *out); /* read lock; walks the clusters */

/* Checks every invariant (read lock). On failure `*why` says which one is broken. */
bool me_engine_validate(const me_engine *engine, const char **why);

/* The SIMD kernels in use ("avx512", "avx2", "neon", "portable"), and a way to force some (false:
 * not available here). MATCHENGINE_SIMD in the environment does the same at the first match. */
const char *me_simd(void);
bool me_simd_force(const char *name);

/* ---- events --------------------------------------------------------------------------------- */

/* Scratch memory for one event at a time, used again and again. NULL when there is no memory. */
me_event *me_event_new(void);
void me_event_free(me_event *event);

/* Reads a JSON object (read lock, held until the match is done; `text` must live as long). */
me_status me_event_json(const me_engine *engine, me_event *event, const char *text, size_t length,
                        me_error *error);

/* Or, value by value (same lock): start, then put every scalar on a subscribed path. */
#define ME_ROOT 0u
#define ME_NO_PATH UINT32_MAX
void me_event_start(me_event *event);
uint32_t me_event_step(const me_engine *engine, uint32_t path, const char *key, size_t length);
bool me_event_wants(const me_engine *engine, uint32_t path);
/* What steps and wants answer is true while this is the same (1 at first, never the same again). */
uint64_t me_event_version(const me_engine *engine);
/* False: no memory. */
bool me_event_put(const me_engine *engine, me_event *event, uint32_t path, const me_value *value);
/* The same for the value of a key below `path`: cheaper than a step and a put. The key must live
 * until the match is done. */
bool me_event_put_key(const me_engine *engine, me_event *event, uint32_t path, const char *key,
                      size_t length, const me_value *value);
char *me_event_bytes(me_event *event, size_t size); /* lives until the next start */

typedef enum me_mode {
    ME_ALL,          /* every handle, each once, in no order */
    ME_ANY,          /* stop at the first */
    ME_DESTINATIONS, /* every destination number, each once */
} me_mode;

/* Matches the event that was read (read lock). The result belongs to `event` until its next use.
 * ME_NOMEM. */
me_status me_match(const me_engine *engine, me_event *event, me_mode mode, const uint32_t **result,
                   uint32_t *count);

/* ---- covering (cover.h) ----------------------------------------------------------------------- */

/* Does `f` cover `g`, both in named form: is f true for every event that g is true for? Never true
 * wrongly; exact where both are ANDs of =, IN, ranges, STARTS_WITH and EXISTS on distinct paths.
 * ME_NOMEM. */
me_status me_filter_covers(const uint8_t *f, size_t f_length, const uint8_t *g, size_t g_length,
                           bool *covers);

/* Where may the events of which overlap speaks hold several values (arrays)? */
typedef enum me_values {
    ME_VALUES_MANY,      /* at any path */
    ME_VALUES_ONE,       /* at none */
    ME_VALUES_ONE_SHARED /* at any path but those of both filters */
} me_values;

/* May such an event satisfy both? Never false wrongly. ME_NOMEM. */
me_status me_filter_overlaps(const uint8_t *f, size_t f_length, const uint8_t *g, size_t g_length,
                             me_values values, bool *overlaps);

typedef enum me_relation {
    ME_COVERING,   /* subscriptions that cover the filter; equal ones, too */
    ME_COVERED,    /* subscriptions that the filter covers; equal ones, too */
    ME_OVERLAPPING /* subscriptions that some event, with such `values`, satisfies with the filter */
} me_relation;

/* Which subscriptions stand in a relation to a filter in named form (read lock): all, or the first
 * `limit` that are found. `*next` is 0 at first; the work is done in slices of some 50 ms, and the
 * caller may let go of the lock and ask on until it is UINT32_MAX. For all but
 * ME_COVERING, me_engine_keep_notes must have been called. The result belongs to `event` until its
 * next use. ME_NOMEM. */
me_status me_engine_related(const me_engine *engine, me_event *event, me_relation relation,
                            me_values values, uint32_t limit, const uint8_t *filter, size_t length,
                            uint32_t *next, const uint32_t **result, uint32_t *count);

/* From now on the engine notes of each subscription what ME_COVERED and ME_OVERLAPPING sift by,
 * 40 bytes each (write lock). Linear in the subscriptions at the first call. ME_NOMEM. */
me_status me_engine_keep_notes(me_engine *engine);
bool me_engine_keeps_notes(const me_engine *engine);

/* ---- explaining ------------------------------------------------------------------------------- */

typedef enum me_truth { ME_FALSE, ME_TRUE, ME_UNKNOWN } me_truth;

typedef enum me_anchor_kind {
    ME_ANCHOR_NONE, /* every event looks at it */
    ME_ANCHOR_EQUAL,
    ME_ANCHOR_RANGE,
    ME_ANCHOR_PATTERN,
    ME_ANCHOR_PRESENT,
} me_anchor_kind;

/* How far an event came with one row of a subscription. */
typedef enum me_stage { ME_AT_ANCHOR, ME_AT_NEEDS, ME_AT_RESIDUAL, ME_MATCHED } me_stage;

typedef struct me_leaf_report {
    me_truth truth;
    uint32_t path_count;   /* several in a computed predicate, each once, */
    const uint32_t *paths; /* in the order of the filter */
} me_leaf_report;

typedef struct me_row_report {
    me_anchor_kind kind;
    uint32_t path; /* of the anchor; ME_NO_PATH for none */
    me_stage stage;
} me_row_report;

typedef struct me_value_report {
    uint32_t path; /* ME_NO_PATH: nobody asks for it */
    me_value value;
} me_value_report;

typedef struct me_explanation {
    bool matched;
    uint32_t leaf_count, row_count, value_count;
    const me_leaf_report *leaves; /* in the order of the filter */
    const me_row_report *rows;
    const me_value_report *values; /* of the event, in its order */
} me_explanation;

/* Why the event that was read matches a live handle, or why not (write lock: it uses the compiler's
 * workspace, and leaves the engine as it was). What it points to lives as long as the event does.
 * Linear in the filter and the event. ME_NOMEM. */
me_status me_engine_explain(me_engine *engine, me_event *event, uint32_t handle,
                            me_explanation *out);

/* What matching has cost so far in this scratch: events, rows sieved, rows verified, matches. */
typedef struct me_counters {
    uint64_t events, candidates, survivors, matches;
} me_counters;
void me_event_take_counters(me_event *event, me_counters *add_to);

/* Gives the statistics that `event` has sampled to the engine (write lock). Never fails. */
void me_engine_learn(me_engine *engine, me_event *event);

#endif
