/* Processes: who used which processor, and how much memory. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        return 0; /* a process that has ended */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t own_cpu_ns(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

/* User and system time of a process: what /proc/<pid>/stat counts in ticks of 10 ms, to the nanosecond. */
static uint64_t process_cpu_ns(int pid)
{
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? read_clock(clock) : 0;
}

static uint64_t tick_ns(void) { return 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK); }

/* What the children of a process have used that have ended and that it has waited for (proc_pid_stat(5)). */
static uint64_t ended_children_ns(int pid)
{
    char path[64], line[1024];
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    char *rest = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL; /* a name may hold spaces */
    fclose(f);
    if (rest)
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu %llu", &user, &system);
    return (user + system) * tick_ns();
}

/* A process with its children and theirs. Those that come and go meanwhile, such as sessions of a database, count. */
static uint64_t tree_cpu_ns(int pid)
{
    char path[64];
    int child;
    uint64_t sum = process_cpu_ns(pid) + ended_children_ns(pid);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return sum;
    while (fscanf(f, "%d", &child) == 1)
        sum += tree_cpu_ns(child);
    fclose(f);
    return sum;
}

uint64_t family_cpu_ns(const struct family *f)
{
    uint64_t sum = 0;
    for (int i = 0; i < f->count; i++)
        sum += tree_cpu_ns(f->pids[i]);
    return sum;
}

void add_family(const char *name_and_pid)
{
    const char *colon = strchr(name_and_pid, ':');
    size_t length = colon ? (size_t)(colon - name_and_pid) : 0;
    struct family *f = opt.families;
    while (f < opt.families + opt.family_count && (strlen(f->name) != length || memcmp(f->name, name_and_pid, length)))
        f++;
    if (length == 0 || length >= sizeof f->name || f == opt.families + FAMILIES)
        die("no family: %s", name_and_pid);
    if (f->count == (int)(sizeof f->pids / sizeof *f->pids))
        die("too many processes");
    opt.family_count += f == opt.families + opt.family_count;
    memcpy(f->name, name_and_pid, length);
    f->pids[f->count++] = atoi(colon + 1);
}

uint64_t server_cpu_ns(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < opt.pid_count; i++)
        sum += process_cpu_ns(opt.pids[i]);
    for (int i = 0; i < opt.family_count; i++)
        sum += family_cpu_ns(&opt.families[i]);
    return sum;
}

/* What the server's processes hold; a page that several share is counted once in all. */
uint64_t server_pss_kib(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < opt.pid_count; i++) {
        char line[128];
        unsigned long long kib;
        snprintf(line, sizeof line, "/proc/%d/smaps_rollup", opt.pids[i]);
        FILE *f = fopen(line, "r");
        if (!f)
            die("cannot read the memory of process %d", opt.pids[i]);
        while (fgets(line, sizeof line, f))
            if (sscanf(line, "Pss: %llu", &kib) == 1)
                sum += kib;
        fclose(f);
    }
    return sum;
}

/* Time that all processors of the machine were not idle, including what the host took away. */
uint64_t machine_busy_ns(void)
{
    unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
    FILE *f = fopen("/proc/stat", "r");
    if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq,
                     &softirq, &steal) != 8)
        die("cannot read /proc/stat");
    fclose(f);
    return (user + nice + system + irq + softirq + steal) * tick_ns();
}
