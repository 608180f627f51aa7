/* Gives a process a disk whose every sync takes SLOW_DISK_MS milliseconds longer. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int late(long call, int file) {
    const char *wanted = getenv("SLOW_DISK_MS");
    long ms = wanted ? atol(wanted) : 0;
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, 0);
    return (int)syscall(call, file);
}

int fsync(int file) { return late(SYS_fsync, file); }

int fdatasync(int file) { return late(SYS_fdatasync, file); }
