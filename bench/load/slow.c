/* Slow readers: some subscribers stop reading for a while; what the others notice, and what becomes of the slow. */
#include "load.h"

#include <stdio.h>

enum { SECOND = 1000000000, QUIET_S = 10, TIMEOUT_S = 60, BEFORE = 0, DURING, AFTER, PHASES };

/* A message counts for the phase in which it was to be sent, however late it comes. */
static struct phase {
    uint64_t from_ns, to_ns;
    struct histogram latency;
} phases[PHASES];

static struct conn *slow;
static uint64_t joined_after; /* posts acknowledged before the slow ones joined */
static uint64_t target;       /* messages that a slow one has when it has caught up with the end of the stall */
static int behind;            /* slow ones that have fewer */
static int closed;            /* connections of slow ones that the server ended */
static uint64_t pss_kib;      /* most that the server held during the stall, of two looks */
static uint64_t resumed_ns, caught_up_ns;

void stamp_slow(uint64_t due_ns, uint64_t late_ns)
{
    for (struct phase *p = phases; p < phases + PHASES; p++)
        if (p->from_ns <= due_ns && due_ns < p->to_ns)
            histogram_add(&p->latency, late_ns);
}

void on_slow_message(struct conn *c)
{
    if (target && c->received == target && --behind == 0)
        caught_up_ns = now_ns();
}

static void begin(int phase)
{
    phases[phase].from_ns = now_ns();
    phases[phase].to_ns = UINT64_MAX;
}

static void end(int phase) { phases[phase].to_ns = now_ns(); }

static uint64_t owed_to_slow(void) { return acked_in_room[0] - joined_after; }

static uint64_t missed_by_slow(void)
{
    uint64_t owed = owed_to_slow(), sum = 0;
    for (int i = 0; i < opt.slow; i++)
        sum += slow[i].received < owed ? owed - slow[i].received : 0;
    return sum;
}

static void await_slow(void)
{
    uint64_t now = now_ns(), start = now, quiet = now, seen = total.uncounted;
    while (missed_by_slow() && now - quiet < (uint64_t)QUIET_S * SECOND && now - start < (uint64_t)TIMEOUT_S * SECOND) {
        loop_turn(now + SECOND / 100);
        now = now_ns();
        if (total.uncounted != seen)
            quiet = now;
        seen = total.uncounted;
    }
}

/* They come on thin lines while nobody posts, and read the first messages: now each of them has a cursor. */
static void join(void)
{
    slow = new_connections(SUBSCRIBER, opt.slow);
    for (int i = 0; i < opt.slow; i++)
        slow[i].thin = slow[i].uncounted = true;
    joined_after = acked_in_room[0];
    open_all(slow, opt.slow);
    post_many(opt.publishers);
    await_slow();
    for (int i = 0; i < opt.slow; i++)
        if (slow[i].state == OPEN)
            stop_reading(&slow[i]);
}

static void look_at_memory(void)
{
    uint64_t now_kib = server_pss_kib();
    pss_kib = now_kib > pss_kib ? now_kib : pss_kib;
}

/* With a rate each of them makes one small read a second; one second's turns are spread evenly. Ends early when the
 * server has let go of them all. */
static void stall(void)
{
    uint64_t start = now_ns(), stop = start + (uint64_t)(opt.stall_s * SECOND), half = start + (stop - start) / 2;
    uint64_t reads = 0, lost = total.lost_connections;
    for (uint64_t now = start; now < stop && total.lost_connections - lost < (uint64_t)opt.slow; now = now_ns()) {
        if (now >= half && pss_kib == 0)
            look_at_memory();
        uint64_t next = opt.slow_rate > 0 ? start + reads * SECOND / (uint64_t)opt.slow : stop;
        if (next > now) {
            loop_turn(next < stop ? next : now < half ? half : stop);
            continue;
        }
        struct conn *c = &slow[reads++ % (uint64_t)opt.slow];
        if (c->state == OPEN)
            read_connection(c, (size_t)opt.slow_rate);
    }
    look_at_memory();
}

/* Whoever was let go comes back with its cursor, where the server knows what that is. */
static void reopen(void)
{
    for (int i = 0; i < opt.slow; i++) {
        if (slow[i].state == CLOSED && opt.check_seq) {
            closed++;
            open_connection(&slow[i]);
        }
    }
}

static void resume(void)
{
    resumed_ns = now_ns();
    target = owed_to_slow();
    for (int i = 0; i < opt.slow; i++) {
        behind += slow[i].received < target;
        if (slow[i].state == OPEN)
            read_again(&slow[i]);
    }
}

static void read_on(double seconds)
{
    uint64_t stop = now_ns() + (uint64_t)(seconds * SECOND);
    while (now_ns() < stop) {
        reopen();
        loop_turn(now_ns() + SECOND / 100);
    }
}

static void print_slow(void)
{
    uint64_t owed = owed_to_slow();
    int complete = 0;
    for (int i = 0; i < opt.slow; i++) {
        closed += slow[i].state == CLOSED;
        complete += slow[i].received == owed;
    }
    printf(",\"slow_closed\":%d,\"slow_complete\":%d,\"slow_missed\":%llu", closed, complete,
           (unsigned long long)missed_by_slow());
    if (behind == 0)
        printf(",\"slow_caught_up_s\":%.3f", caught_up_ns ? (double)(caught_up_ns - resumed_ns) / SECOND : 0);
    histogram_print("before_ms", &phases[BEFORE].latency);
    histogram_print("during_ms", &phases[DURING].latency);
    histogram_print("after_ms", &phases[AFTER].latency);
}

/* Before: the healthy alone. During: the slow have joined and do not read. After: they read what they can get. */
void measure_slow(void)
{
    uint64_t missing, extra;
    if (opt.rooms != 1)
        die("slow readers are measured in one room");
    start_requesters(publishers, opt.publishers, opt.rate);
    run_for(opt.warmup_s);
    struct window before = window_begin();
    begin(BEFORE);
    run_for(opt.seconds);
    end(BEFORE);
    double before_us = (double)(server_cpu_ns() - before.server_ns) / 1000;
    uint64_t before_deliveries = total.deliveries - before.from.deliveries;
    stop_requests();
    settle(&missing, &extra);
    uint64_t pss_before = server_pss_kib();
    join();
    start_requesters(publishers, opt.publishers, opt.rate);
    struct window during = window_begin();
    begin(DURING);
    stall();
    end(DURING);
    window_print(&during);
    printf(",\"before_cpu_us_per_delivery\":%.3f,\"pss_before_kib\":%llu,\"pss_during_kib\":%llu",
           before_deliveries ? before_us / (double)before_deliveries : 0, (unsigned long long)pss_before,
           (unsigned long long)pss_kib);
    begin(AFTER);
    resume();
    read_on(opt.seconds);
    stop_requests();
    end(AFTER);
    settle(&missing, &extra);
    await_slow();
    print_slow();
    int lost = closed > (int)total.lost_connections ? 0 : (int)total.lost_connections - closed;
    print_faults(missing, extra, (uint64_t)lost);
}
