/* lock.h - many readers or one writer; a waiting writer goes before new
 * readers where the system can do that (glibc). */
#ifndef MATCHENGINE_LOCK_H
#define MATCHENGINE_LOCK_H

#include "heap.h"

typedef struct rwlock rwlock;

/* NULL when there is no memory. */
rwlock *rwlock_new(heap *h);
void rwlock_free(heap *h, rwlock *lock);

/* Makes the lock free whoever holds it: in the child of a fork. */
void rwlock_reset(rwlock *lock);

void rwlock_read(rwlock *lock);
bool rwlock_try_read(rwlock *lock);
void rwlock_read_done(rwlock *lock);
void rwlock_write(rwlock *lock);
bool rwlock_try_write(rwlock *lock);
void rwlock_write_done(rwlock *lock);

#endif
