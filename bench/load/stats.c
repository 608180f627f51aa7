/* The clock and histograms: what time it is, and how late things were. */
#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
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
