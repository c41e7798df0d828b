/* engine.h - the engine's parts, for the files that compose it. See matchengine.h for the contract.
 *
 *   filter bytes --acquire--> references to paths, constants, cuts, patterns       (acquire.c)
 *                --compile--> anchors + residual tests                             (compile.c)
 *                --file-----> rows in clusters, one body                           (engine.c)
 *
 *   event log    --encode---> codes and labels, list of clusters to look into      (encode.c)
 *                --sieve, verify--> handles                                        (match.c, verify.c)
 *
 * Invariants (validate.c):
 *   E1  every live subscription has a source; its leaves hold exactly the references that the
 *       tables of paths, constants, cuts and patterns count
 *   E2  every row of every cluster belongs to a live subscription, whose place says where it is
 *   E3  every interval stored anywhere has ends that are labels (or +-1) of live cuts (validate.c
 *       looks at those of rows)
 *   E4  a cluster is never empty; what leads to it says its number, and it says what leads to it
 *   E5  notes of covering, when they are kept, are those of the filters
 */
#ifndef MATCHENGINE_ENGINE_H
#define MATCHENGINE_ENGINE_H

#include "bodies.h"
#include "clusters.h"
#include "computation.h"
#include "constants.h"
#include "cuts.h"
#include "filter.h"
#include "lock.h"
#include "matchengine.h"
#include "paths.h"
#include "pool.h"
#include "program.h"
#include "string_index.h"

#define PATH_SAMPLE 16u /* labels kept per path with ranges, to estimate how often one holds */

/* What subscriptions ask of one path. Encoding a value reads this one cache line of the path. */
typedef struct path_info {
    cuts numbers;           /* range constants that are numbers, */
    cuts *strings;          /* and that are strings; NULL when there are none */
    string_index *patterns; /* or NULL */
    uint32_t constants;     /* uses of constants; 0 skips the look-up */
    uint32_t present, wide; /* clusters */
    uint32_t classes;       /* width classes that cells may be in (bit k) */
    uint64_t marks;         /* of its constants, and of some that are gone: each a look-up more */
} path_info;

_Static_assert(sizeof(void *) != 8 || sizeof(path_info) == 64, "a path's info is a cache line");

/* What is known of a path and seldom needed. */
typedef struct path_history {
    uint32_t *sample; /* PATH_SAMPLE labels of sampled events, or NULL */
    uint32_t sampled; /* labels ever put into `sample` */
    uint32_t seen;    /* sampled events that had the path */
    uint32_t cells;   /* live cell clusters */
} path_history;

typedef struct pattern {
    uint32_t path;       /* next free number when free */
    uint32_t references; /* 0 when free */
    uint32_t cluster;
    bool everywhere; /* no literal: every string of the path may satisfy it */
} pattern;

/* Where a subscription's row is. With several rows `cluster` is PLACE_MANY and `row` the number of
 * a row_list in the pool `lists`, sorted by cluster. */
typedef struct place {
    uint32_t cluster, row;
} place;

#define PLACE_FREE UINT32_MAX /* no subscription; `row` is the next free handle */
#define PLACE_MANY (UINT32_MAX - 1)
#define PLACE_NEVER (UINT32_MAX - 2)   /* a contradiction: filed nowhere */
#define PLACE_RETIRED (UINT32_MAX - 3) /* removed, but the number is not given back yet */

typedef struct row_list {
    uint32_t count;
    uint32_t body;
    place rows[];
} row_list;

/* What covering sifts by (cover_note.h). */
typedef struct note_span {
    uint32_t path_plus_1; /* 0: none */
    int32_t low, high;
} note_span;

#define NOTE_SPANS 2u

typedef struct cover_note {
    uint64_t present, equal;
    note_span spans[NOTE_SPANS];
} cover_note;

struct compiler;

struct me_engine {
    heap heap;            /* what is counted as ME_ENGINE */
    heap parts[ME_PARTS]; /* all else */
    rwlock *lock;
    me_limits limits;
    uint64_t seed;
    paths paths;
    path_info *infos; /* per path */
    path_history *histories;
    uint32_t infos_cap, histories_cap;
    constants constants;
    clusters clusters;
    bodies bodies;
    pool programs, sets, lists, computations;
    uint32_t most_wheels, most_operands; /* that a computation needs of a scratch (evaluate.c) */
    bool lists_unsorted;                 /* only while a relabel moves rows */
    pattern *patterns;
    uint32_t pattern_count, pattern_cap, pattern_free;
    uint32_t always; /* the cluster every event looks into */
    /* per handle */
    place *places;
    uint8_t **sources; /* varint length, then the stored filter (filter.h) */
    uint32_t *destinations;
    cover_note *notes; /* kept from me_engine_keep_notes on */
    bool keeps_notes;
    uint32_t handle_count, places_cap, sources_cap, destinations_cap, notes_cap, handle_free;
    uint32_t live;
    uint32_t sampled_events; /* drained from event scratches */
    struct compiler *compiler;
};

/* ---- engine.c ------------------------------------------------------------------------------------ */

/* The stored filter inside a source block; returns the size of the block. */
size_t source_size(const uint8_t *source, const uint8_t **filter, size_t *length);

/* ---- cover_note.c --------------------------------------------------------------------------------- */

/* The note of a stored filter. False: no memory. */
bool note_of_stored(const me_engine *e, const uint8_t *bytes, size_t length, cover_note *out);

/* ---- acquire.c: references ---------------------------------------------------------------------- */

/* Copies the named filter to `out` in stored form, taking a reference to everything its leaves
 * need. On failure everything taken is given back. */
me_status acquire_filter(me_engine *e, const uint8_t *bytes, size_t length, filter_writer *out);

/* Gives back the references of the leaves of a stored filter. Never fails. */
void release_filter(me_engine *e, const uint8_t *bytes, size_t length);

/* A path by its name, and given back; PATH_NONE: no memory. */
uint32_t acquire_path(me_engine *e, const char *name, size_t length);
void release_path(me_engine *e, uint32_t path);

/* acquire_names.c: writes the stored form of a leaf, taking its paths; `leaf` is then the stored
 * one. False: no memory, nothing taken, and garbage behind what was written. And given back. */
bool acquire_names(me_engine *e, filter_node *leaf, filter_writer *out);
void release_names(me_engine *e, const filter_node *leaf);

/* The cuts of a path that values like `v` (a number or a string) lie among, or NULL. */
static inline const cuts *cuts_for(const path_info *info, const me_value *v)
{
    return v->type == ME_STRING ? info->strings : &info->numbers;
}

/* What a leaf of a stored filter asks of the tables: a computed predicate that is as good as a plain
 * leaf (expression.h) asks what that one does. */
static inline void leaf_as_plain(filter_node *leaf)
{
    filter_node plain;
    if (leaf->op == OP_COMPUTE && expression_plain(leaf, false, &plain)) {
        *leaf = plain;
    }
}

/* The constants of a leaf, as they were given; not of OP_COMPUTE. */
void write_leaf_constants(filter_writer *out, const filter_node *leaf);

/* The intervals of labels of a range leaf (its cuts exist). */
void range_of_leaf(const me_engine *e, const filter_node *leaf, uint32_t *lo, uint32_t *width);

/* The pattern number of a string leaf. */
uint32_t pattern_of_leaf(const me_engine *e, const filter_node *leaf);

/* ---- relabel.c ----------------------------------------------------------------------------------- */

/* Spreads the labels of `path` (and of other paths that have grown much) and rewrites every stored
 * interval. False: no memory, nothing changed. */
bool relabel_path(me_engine *e, uint32_t path);

/* ---- file.c: rows -------------------------------------------------------------------------------- */

typedef struct anchor {
    uint32_t kind; /* cluster_kind; ranges are CLUSTER_WIDE */
    uint32_t key;
    uint32_t lo, width;
} anchor;

/* Finds or makes the cluster for an anchor with room for one more row; CLUSTER_NONE: no memory. */
uint32_t cluster_for(me_engine *e, const anchor *a);

/* Takes one row out, telling the row moved into its place, and drops the cluster when empty. */
void remove_row(me_engine *e, uint32_t cluster, uint32_t at);

/* Puts a list into the order that row_moved searches: by cluster. */
void sort_rows(row_list *list);

/* The variable that leads to a cluster (constant's, path's, pattern's, or `always`); NULL: cell. */
uint32_t *cluster_lead(me_engine *e, const cluster *c);

/* Points the owner of a row that was at (cluster, from) to (cluster, to). */
void row_moved(me_engine *e, uint32_t owner, uint32_t cluster, uint32_t from, uint32_t new_cluster,
               uint32_t to);

/* ---- cost.c: how often does it hold? -------------------------------------------------------------- */

double cost_present(const me_engine *e, uint32_t path);
double cost_constant(const me_engine *e, uint32_t path, uint32_t number);
double cost_range(const me_engine *e, uint32_t path, uint32_t lo, uint32_t width);
double cost_pattern(const me_engine *e, uint32_t number);

/* ---- compile.c -------------------------------------------------------------------------------------- */

typedef struct plan {
    const anchor *anchors; /* none: ALWAYS, unless `never` */
    uint32_t anchor_count;
    const test *tests; /* for the body */
    uint32_t test_count;
    uint32_t needs; /* of every row (sieve.h) */
    bool never;     /* a contradiction */
    bool always;    /* true whatever the event */
    double cost;    /* expected share of events that reach it */
} plan;

bool compiler_init(me_engine *e);
void compiler_free(me_engine *e);

/* Compiles a stored filter whose references are held. The plan lives until the next call; its
 * programs and sets are in the engine's pools and belong to the caller (compile_discard). */
me_status compile(me_engine *e, const uint8_t *bytes, size_t length, plan *out);

/* Releases the programs and sets of tests. Never fails. */
void compile_discard(me_engine *e, const test *tests, uint32_t count);

#endif
