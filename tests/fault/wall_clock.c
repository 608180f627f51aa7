/* Gives a process another wall clock, which a test winds through a mapped file; monotonic time stays what it is.
 *
 * The file holds one number of 64 bits: nanoseconds, its lowest bit cleared, to add to the real time; or, with the
 * lowest bit set, the nanoseconds since 1970 at which the clock stands still.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000

static const volatile int64_t *wound;

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("WALL_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        abort();
    void *page = mmap(0, sizeof *wound, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        abort();
    wound = page;
    close(file);
}

static int64_t now(void) {
    struct timespec real;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
    int64_t set = wound ? *wound : 0;
    return set & 1 ? set : real.tv_sec * SECOND + real.tv_nsec + set;
}

static void split(int64_t ns, time_t *seconds, long *rest) {
    *seconds = ns / SECOND - (ns % SECOND < 0);
    *rest = ns - *seconds * SECOND;
}

int clock_gettime(clockid_t id, struct timespec *time) {
    if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
        return (int)syscall(SYS_clock_gettime, id, time);
    split(now(), &time->tv_sec, &time->tv_nsec);
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    long ns;
    split(now(), &time->tv_sec, &ns);
    time->tv_usec = ns / 1000;
    return 0;
}

time_t time(time_t *result) {
    time_t seconds;
    long ns;
    split(now(), &seconds, &ns);
    if (result)
        *result = seconds;
    return seconds;
}
