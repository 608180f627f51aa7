/* Clocks and histograms: what time it is, who used which processor, and how late things were. */
#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
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

uint64_t now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t own_cpu_ns(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

/* User and system time of the server's processes: what /proc/<pid>/stat counts in ticks of 10 ms, to the nanosecond. */
uint64_t server_cpu_ns(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < opt.pid_count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(opt.pids[i], &clock) == 0)
            sum += read_clock(clock);
    }
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
    return (user + nice + system + irq + softirq + steal) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

static int bucket_of(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (int)ns;
    int power = 63 - __builtin_clzll(ns) - 6; /* 6 = log2 of the steps */
    int index = (power + 1) * HISTOGRAM_STEPS + (int)((ns >> power) - HISTOGRAM_STEPS);
    return index < HISTOGRAM_SIZE ? index : HISTOGRAM_SIZE - 1;
}

static uint64_t top_of(int index)
{
    if (index < HISTOGRAM_STEPS)
        return (uint64_t)index;
    int power = index / HISTOGRAM_STEPS - 1;
    return ((uint64_t)(index % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << power) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->count++;
    h->bucket[bucket_of(ns)]++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

void histogram_clear(struct histogram *h) { memset(h, 0, sizeof *h); }

void histogram_move(struct histogram *to, struct histogram *from)
{
    to->count += from->count;
    to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
    for (int i = 0; i < HISTOGRAM_SIZE; i++)
        to->bucket[i] += from->bucket[i];
    histogram_clear(from);
}

static double quantile_ms(const struct histogram *h, double share)
{
    uint64_t seen = 0, wanted = (uint64_t)(share * (double)h->count);
    for (int i = 0; i < HISTOGRAM_SIZE; i++) {
        seen += h->bucket[i];
        if (seen > wanted)
            return (double)(top_of(i) < h->max_ns ? top_of(i) : h->max_ns) / 1e6;
    }
    return (double)h->max_ns / 1e6;
}

void histogram_print(const char *name, const struct histogram *h)
{
    if (h->count == 0) {
        printf(",\"%s\":null", name);
        return;
    }
    printf(",\"%s\":{\"count\":%llu,\"p50\":%.4f,\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f}", name,
           (unsigned long long)h->count, quantile_ms(h, 0.5), quantile_ms(h, 0.99), quantile_ms(h, 0.999),
           (double)h->max_ns / 1e6);
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "load: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}
