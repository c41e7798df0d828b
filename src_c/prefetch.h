/* prefetch.h - ask for a cache line early; nothing happens where the compiler cannot. */
#ifndef MATCHENGINE_PREFETCH_H
#define MATCHENGINE_PREFETCH_H

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

#endif
