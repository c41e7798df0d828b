# The C headers, line by line, and nothing else. See src_c/ for what each function promises.

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "stdbool.h":
    ctypedef unsigned char c_bool "bool"

cdef extern from "matchengine.h" nogil:
    ctypedef enum me_status:
        ME_OK
        ME_NOMEM
        ME_SYNTAX
        ME_TYPE
        ME_FILTER_LIMIT
        ME_EVENT
        ME_EVENT_LIMIT
        ME_BAD_FILTER

    const char *me_status_text(me_status status)

    ctypedef struct me_error:
        size_t offset
        const char *limit
        uint64_t value
        char message[256]

    ctypedef struct me_limits:
        uint64_t filter_bytes
        uint64_t filter_depth
        uint64_t predicates
        uint64_t in_values
        uint64_t event_bytes
        uint64_t event_depth
        uint64_t event_values
        uint64_t digits
        uint64_t regex_states
        uint64_t regex_ranges
        uint64_t regex_depth
        uint64_t filter_states
        uint64_t combinations

    const me_limits me_default_limits

    ctypedef enum me_type:
        ME_NULL
        ME_BOOL
        ME_INT
        ME_BIG
        ME_DOUBLE
        ME_STRING

    ctypedef union me_value_as "((me_value *)0)->as":
        int64_t i
        double d
        const char *s

    ctypedef struct me_value:
        me_value_as as_ "as"
        uint32_t len
        uint8_t type


cdef extern from "heap.h" nogil:
    ctypedef struct heap:
        size_t bytes

    void heap_trim()


cdef extern from "key_cache.h" nogil:
    enum:
        KEY_WAYS
        KEY_LONGEST
        KEY_WANTED
        KEY_NODE

    ctypedef struct key_cache:
        heap *heap
        uint64_t version

    void key_cache_prefetch(const key_cache *c, const void *key, uint32_t parent)
    bint key_cache_find(
        const key_cache *c, const void *key, uint32_t parent, uint32_t *node, uint32_t *length)
    bint key_cache_is_due(key_cache *c, const void *key, uint32_t parent)
    bint key_cache_keep(
        key_cache *c, const void *key, uint32_t parent, uint32_t node, uint32_t length,
        const void *dropped[], uint32_t *count)
    uint32_t key_cache_room(const key_cache *c)
    const void *key_cache_at(const key_cache *c, uint32_t i)
    void key_cache_free(key_cache *c)


cdef extern from "regex.h" nogil:
    me_status regex_check(
        heap *h, const char *pattern, size_t length, const me_limits *limits, uint64_t *states,
        me_error *error)


cdef extern from "filter.h" nogil:
    ctypedef enum filter_op:
        OP_TRUE
        OP_FALSE
        OP_EQ
        OP_NE
        OP_LT
        OP_LE
        OP_GT
        OP_GE
        OP_BETWEEN
        OP_IN
        OP_PREFIX
        OP_SUFFIX
        OP_CONTAINS
        OP_LIKE
        OP_ILIKE
        OP_EXISTS
        OP_IS_NULL
        OP_AND
        OP_OR
        OP_NOT
        OP_MATCHES
        OP_COMPUTE
        OP_COUNT

    bint filter_op_is_leaf(filter_op op)

    ctypedef struct filter_node:
        filter_op op
        const char *path
        uint32_t path_length
        uint32_t path_number
        uint32_t count
        me_value a
        me_value b
        const uint8_t *items
        filter_op relation
        const uint8_t *code

    ctypedef struct filter_reader:
        const uint8_t *at
        const uint8_t *end
        bint named

    bint filter_next(filter_reader *r, filter_node *node)
    const uint8_t *filter_read_value(const uint8_t *at, me_value *v)

    me_status filter_check(
        const uint8_t *bytes, size_t length, const me_limits *limits, me_error *error)
    const char *filter_constant_error(filter_op op, const me_value *v)
    const char *filter_between_error(const me_value *low, const me_value *high)
    bint filter_escape_is_one(const me_value *escape)
    bint filter_pattern_is_open(const me_value *pattern, const me_value *escape)

    ctypedef struct filter_writer:
        uint8_t *bytes
        uint32_t length
        bint failed

    void filter_writer_init(filter_writer *w, heap *h, bint named)
    void filter_writer_free(filter_writer *w)
    void filter_write_op(filter_writer *w, filter_op op)
    void filter_write_count(filter_writer *w, uint32_t count)
    void filter_write_path(filter_writer *w, const char *name, size_t length)
    void filter_write_value(filter_writer *w, const me_value *v)
    void filter_write_bytes(filter_writer *w, const void *bytes, size_t length)


cdef extern from "expression.h" nogil:
    ctypedef enum expression_op:
        EXPRESSION_PATH
        EXPRESSION_VALUE
        EXPRESSION_ADD

    ctypedef struct expression_item:
        expression_op op
        const char *path
        uint32_t path_length
        me_value value

    ctypedef struct expression_reader:
        const uint8_t *at
        const uint8_t *end
        bint named

    bint expression_next(expression_reader *r, expression_item *item)
    void expression_write(filter_writer *w, const expression_item *item)
    void expression_finish(filter_writer *w, uint32_t at, filter_op relation)

    ctypedef struct path_reader:
        filter_reader filter

    bint filter_next_path(path_reader *r, const char **path, uint32_t *length)


cdef extern from "parse.h" nogil:
    ctypedef struct me_parameter:
        const char *name
        size_t length
        me_value value

    me_status parse_filter(
        const char *text, size_t length, const me_parameter *parameters, size_t parameter_count,
        const me_limits *limits, filter_writer *out, me_error *error)


cdef extern from "matchengine.h" nogil:
    ctypedef struct me_engine:
        pass

    ctypedef struct me_event:
        pass

    const uint32_t ME_NO_DESTINATION
    const uint32_t ME_ROOT
    const uint32_t ME_NO_PATH

    me_engine *me_engine_new(const me_limits *limits, uint64_t seed)
    void me_engine_free(me_engine *engine)
    void me_engine_read_lock(me_engine *engine)
    bint me_engine_try_read_lock(me_engine *engine)
    void me_engine_read_unlock(me_engine *engine)
    void me_engine_write_lock(me_engine *engine)
    bint me_engine_try_write_lock(me_engine *engine)
    void me_engine_write_unlock(me_engine *engine)
    void me_engine_reset_lock(me_engine *engine)

    ctypedef enum me_expense:
        ME_CHEAP
        ME_EVERY_EVENT
        ME_EVERY_STRING

    me_status me_engine_add(
        me_engine *engine, const uint8_t *filter, size_t length, uint32_t destination,
        uint32_t *handle)
    me_status me_engine_replace(
        me_engine *engine, uint32_t handle, const uint8_t *filter, size_t length,
        uint32_t destination, me_expense *refused)
    void me_engine_remove(me_engine *engine, uint32_t handle)
    void me_engine_release_handle(me_engine *engine, uint32_t handle)
    uint32_t me_engine_count(const me_engine *engine)
    uint32_t me_engine_handle_end(const me_engine *engine)
    bint me_engine_is_live(const me_engine *engine, uint32_t handle)
    uint32_t me_engine_destination(const me_engine *engine, uint32_t handle)
    size_t me_engine_filter(const me_engine *engine, uint32_t handle, uint8_t *out, size_t room)

    me_expense me_engine_expense(const me_engine *engine, uint32_t handle)

    ctypedef struct me_diagnosis:
        bint never
        bint always
        uint32_t equal
        uint32_t range
        uint32_t pattern
        uint32_t present
        double cost
        me_expense expense
        uint32_t culprit
        bint negated

    me_status me_engine_diagnose(
        me_engine *engine, const uint8_t *filter, size_t length, me_diagnosis *out)

    ctypedef enum me_part:
        ME_PARTS

    const char *me_part_name(me_part part)

    ctypedef struct me_stats:
        uint64_t subscriptions
        uint64_t paths
        uint64_t constants
        uint64_t cuts
        uint64_t patterns
        uint64_t clusters
        uint64_t equal
        uint64_t range
        uint64_t pattern
        uint64_t present
        uint64_t unanchored
        uint64_t never
        uint64_t bytes
        uint64_t memory[ME_PARTS]
        uint64_t source_bytes
        uint64_t sampled_events

    void me_engine_stats(const me_engine *engine, me_stats *out)
    bint me_engine_validate(const me_engine *engine, const char **why)
    const char *me_simd()
    bint me_simd_force(const char *name)

    me_event *me_event_new()
    void me_event_free(me_event *event)
    me_status me_event_json(
        const me_engine *engine, me_event *event, const char *text, size_t length,
        me_error *error)
    void me_event_start(me_event *event)
    uint32_t me_event_step(
        const me_engine *engine, uint32_t path, const char *key, size_t length)
    bint me_event_wants(const me_engine *engine, uint32_t path)
    uint64_t me_event_version(const me_engine *engine)
    bint me_event_put(
        const me_engine *engine, me_event *event, uint32_t path, const me_value *value)
    bint me_event_put_key(
        const me_engine *engine, me_event *event, uint32_t path, const char *key, size_t length,
        const me_value *value)
    char *me_event_bytes(me_event *event, size_t size)

    ctypedef enum me_mode:
        ME_ALL
        ME_ANY
        ME_DESTINATIONS

    me_status me_match(
        const me_engine *engine, me_event *event, me_mode mode, const uint32_t **result,
        uint32_t *count)

    me_status me_filter_covers(
        const uint8_t *f, size_t f_length, const uint8_t *g, size_t g_length, c_bool *covers)

    ctypedef enum me_values:
        ME_VALUES_MANY
        ME_VALUES_ONE
        ME_VALUES_ONE_SHARED

    me_status me_filter_overlaps(
        const uint8_t *f, size_t f_length, const uint8_t *g, size_t g_length, me_values values,
        c_bool *overlaps)

    ctypedef enum me_relation:
        ME_COVERING
        ME_COVERED
        ME_OVERLAPPING

    me_status me_engine_related(
        const me_engine *engine, me_event *event, me_relation relation, me_values values,
        uint32_t limit, const uint8_t *filter, size_t length, uint32_t *next,
        const uint32_t **result, uint32_t *count)
    me_status me_engine_keep_notes(me_engine *engine)
    bint me_engine_keeps_notes(const me_engine *engine)

    ctypedef enum me_truth:
        ME_FALSE
        ME_TRUE
        ME_UNKNOWN

    ctypedef enum me_anchor_kind:
        ME_ANCHOR_NONE
        ME_ANCHOR_EQUAL
        ME_ANCHOR_RANGE
        ME_ANCHOR_PATTERN
        ME_ANCHOR_PRESENT

    ctypedef enum me_stage:
        ME_AT_ANCHOR
        ME_AT_NEEDS
        ME_AT_RESIDUAL
        ME_MATCHED

    ctypedef struct me_leaf_report:
        me_truth truth
        uint32_t path_count
        const uint32_t *paths

    ctypedef struct me_row_report:
        me_anchor_kind kind
        uint32_t path
        me_stage stage

    ctypedef struct me_value_report:
        uint32_t path
        me_value value

    ctypedef struct me_explanation:
        bint matched
        uint32_t leaf_count
        uint32_t row_count
        uint32_t value_count
        const me_leaf_report *leaves
        const me_row_report *rows
        const me_value_report *values

    me_status me_engine_explain(
        me_engine *engine, me_event *event, uint32_t handle, me_explanation *out)

    ctypedef struct me_counters:
        uint64_t events
        uint64_t candidates
        uint64_t survivors
        uint64_t matches

    void me_event_take_counters(me_event *event, me_counters *add_to)
    void me_engine_learn(me_engine *engine, me_event *event)


cdef extern from "heap.h" nogil:
    void heap_fail_after(size_t successes)
