# The fields of Limits as the core takes them: the only place that copies them.

from matchengine cimport _c


cdef inline int bounds_of(object limits, _c.me_limits *out) except -1:
    """Fill `out` from an object with the fields of me_limits, or with the defaults for None."""
    out[0] = _c.me_default_limits
    if limits is not None:
        out.filter_bytes = limits.filter_bytes
        out.filter_depth = limits.filter_depth
        out.predicates = limits.predicates
        out.in_values = limits.in_values
        out.event_bytes = limits.event_bytes
        out.event_depth = limits.event_depth
        out.event_values = limits.event_values
        out.digits = limits.digits
        out.regex_states = limits.regex_states
        out.regex_ranges = limits.regex_ranges
        out.regex_depth = limits.regex_depth
        out.filter_states = limits.filter_states
        out.combinations = limits.combinations
    return 0
