#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* the writer-first kind of rwlock */
#endif
#include "lock.h"

#ifdef _WIN32
#include <windows.h>

struct rwlock {
    SRWLOCK system;
};

static bool start(rwlock *lock)
{
    InitializeSRWLock(&lock->system);
    return true;
}

static void stop(rwlock *lock)
{
    (void)lock;
}

void rwlock_read(rwlock *lock)
{
    AcquireSRWLockShared(&lock->system);
}

bool rwlock_try_read(rwlock *lock)
{
    return TryAcquireSRWLockShared(&lock->system) != 0;
}

void rwlock_read_done(rwlock *lock)
{
    ReleaseSRWLockShared(&lock->system);
}

void rwlock_write(rwlock *lock)
{
    AcquireSRWLockExclusive(&lock->system);
}

bool rwlock_try_write(rwlock *lock)
{
    return TryAcquireSRWLockExclusive(&lock->system) != 0;
}

void rwlock_write_done(rwlock *lock)
{
    ReleaseSRWLockExclusive(&lock->system);
}

#else
#include <pthread.h>

struct rwlock {
    pthread_rwlock_t system;
};

static bool start(rwlock *lock)
{
#ifdef __GLIBC__
    /* Without this a stream of overlapping readers would keep a writer out for ever. */
    pthread_rwlockattr_t attributes;
    if (pthread_rwlockattr_init(&attributes) != 0) {
        return false;
    }
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int failed = pthread_rwlock_init(&lock->system, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return failed == 0;
#else
    return pthread_rwlock_init(&lock->system, NULL) == 0;
#endif
}

static void stop(rwlock *lock)
{
    pthread_rwlock_destroy(&lock->system);
}

void rwlock_read(rwlock *lock)
{
    pthread_rwlock_rdlock(&lock->system);
}

bool rwlock_try_read(rwlock *lock)
{
    return pthread_rwlock_tryrdlock(&lock->system) == 0;
}

void rwlock_read_done(rwlock *lock)
{
    pthread_rwlock_unlock(&lock->system);
}

void rwlock_write(rwlock *lock)
{
    pthread_rwlock_wrlock(&lock->system);
}

bool rwlock_try_write(rwlock *lock)
{
    return pthread_rwlock_trywrlock(&lock->system) == 0;
}

void rwlock_write_done(rwlock *lock)
{
    pthread_rwlock_unlock(&lock->system);
}

#endif

rwlock *rwlock_new(heap *h)
{
    rwlock *lock = heap_alloc(h, sizeof(rwlock));
    if (lock != NULL && !start(lock)) {
        heap_free(h, lock, sizeof(rwlock));
        lock = NULL;
    }
    return lock;
}

void rwlock_free(heap *h, rwlock *lock)
{
    if (lock != NULL) {
        stop(lock);
        heap_free(h, lock, sizeof(rwlock));
    }
}

void rwlock_reset(rwlock *lock)
{
    (void)start(lock); /* in place: there is nothing to give back */
}
