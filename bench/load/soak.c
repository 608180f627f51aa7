/* A soak: a steady mixed load with clients that come and go, told in one line of JSON per interval and one at the end. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

enum { SECOND = 1000000000, TIMEOUT_S = 60, LATENCIES = 4 };

static struct {
    const char *name;
    struct histogram *now, whole;
} latencies[LATENCIES] = {{.name = "delivery_ms", .now = &delivery_latency},
                          {.name = "ack_ms", .now = &ack_latency},
                          {.name = "page_ms", .now = &page_latency},
                          {.name = "poll_ms", .now = &poll_latency}};

static struct conn *pollers;
static uint64_t *polled_from; /* posts of each room that were acknowledged before the pollers began */
static struct conn *away;     /* the subscriber who has gone and not come back yet */
static int next_to_go;
static uint64_t goings;

/* Each learns from a page where its room ends; what comes after that is owed to it. Nobody posts meanwhile. */
static void start_pollers(void)
{
    pollers = new_connections(READER, opt.pollers);
    polled_from = calloc((size_t)opt.rooms, sizeof *polled_from);
    for (int r = 0; r < opt.rooms; r++)
        polled_from[r] = acked_in_room[r];
    for (int i = 0; i < opt.pollers; i++) {
        pollers[i].polls = true;
        pollers[i].last_of = calloc((size_t)opt.publishers + 1, sizeof(uint64_t));
    }
    open_all(pollers, opt.pollers);
    start_requesters(pollers, opt.pollers, 0);
    for (int i = 0; i < opt.pollers; i++)
        while (pollers[i].seq == 0)
            loop_turn(now_ns() + SECOND);
}

static uint64_t owed_to_poller(const struct conn *c) { return acked_in_room[c->room] - polled_from[c->room]; }

/* After the last post: everyone asks until nothing is missing. Returns the messages that never came. */
static uint64_t finish_polls(uint64_t *extra)
{
    uint64_t missing = 1, start = now_ns();
    while (missing && now_ns() - start < (uint64_t)TIMEOUT_S * SECOND) {
        missing = *extra = 0;
        for (int i = 0; i < opt.pollers; i++) {
            uint64_t owed = owed_to_poller(&pollers[i]), got = pollers[i].received;
            missing += owed > got ? owed - got : 0;
            *extra += got > owed ? got - owed : 0;
            if (owed > got && !pollers[i].busy)
                send_due(&pollers[i], now_ns());
        }
        if (missing)
            loop_turn(now_ns() + SECOND / 10);
    }
    return missing;
}

static void come_back(void)
{
    if (away)
        open_connection(away);
    away = NULL;
}

/* The one who is away comes back, and the next one goes: by turns in good order and as when a line is cut. */
static void churn(void)
{
    come_back();
    for (int tried = 0; tried < subscriber_count && !away; tried++) {
        struct conn *c = &subscribers[next_to_go++ % subscriber_count];
        if (c->transient && c->state == OPEN && (c->seq || !opt.check_seq))
            away = c;
    }
    if (away)
        (goings++ % 2 ? close_connection : drop_connection)(away);
}

static void report(struct window *w, uint64_t start_ns)
{
    window_print(w);
    histogram_print("poll_ms", &poll_latency);
    printf(",\"elapsed_s\":%.3f,\"goings\":%llu}\n", (double)(now_ns() - start_ns) / SECOND, (unsigned long long)goings);
    fflush(stdout);
    for (int i = 0; i < LATENCIES; i++)
        histogram_move(&latencies[i].whole, latencies[i].now);
    *w = window_begin();
}

static uint64_t earliest(uint64_t a, uint64_t b) { return a < b ? a : b; }

static void soak(void)
{
    uint64_t start = now_ns(), stop = start + (uint64_t)(opt.seconds * SECOND);
    uint64_t report_ns = (uint64_t)(opt.report_s * SECOND), next_report = start + report_ns;
    uint64_t churn_ns = opt.churn > 0 ? (uint64_t)(SECOND / opt.churn) : UINT64_MAX / 2, next_churn = start + churn_ns;
    struct window window = window_begin();
    for (uint64_t now = start; now < stop; now = now_ns()) {
        if (now >= next_report) {
            report(&window, start);
            next_report += report_ns;
        }
        if (now >= next_churn) {
            churn();
            next_churn += churn_ns;
        }
        loop_turn(earliest(stop, earliest(next_report, next_churn)));
    }
    report(&window, start);
}

void measure_soak(void)
{
    uint64_t missing, extra, unpolled, overpolled = 0;
    post_many(opt.publishers * opt.rooms); /* now every room is there, and every subscriber has a cursor */
    settle(&missing, &extra);
    start_pollers();
    start_requesters(publishers, opt.publishers, opt.rate);
    start_requesters(readers, opt.readers, opt.reader_rate);
    run_for(opt.warmup_s);
    measuring = true;
    struct window whole = window_begin();
    soak();
    window_print(&whole);
    measuring = false;
    for (int i = 0; i < LATENCIES; i++) {
        char name[32];
        snprintf(name, sizeof name, "whole_%s", latencies[i].name);
        histogram_print(name, &latencies[i].whole);
    }
    come_back();
    stop_requests();
    settle(&missing, &extra);
    unpolled = finish_polls(&overpolled);
    printf(",\"goings\":%llu,\"polled\":%llu", (unsigned long long)goings, (unsigned long long)total.polled);
    print_faults(missing + unpolled, extra + overpolled, total.lost_connections);
}
