/* require.h - one invariant inside a validate function that has a `const char **why`. */
#ifndef MATCHENGINE_REQUIRE_H
#define MATCHENGINE_REQUIRE_H

#define REQUIRE(condition)     \
    do {                       \
        if (!(condition)) {    \
            *why = #condition; \
            return false;      \
        }                      \
    } while (0)

#endif
