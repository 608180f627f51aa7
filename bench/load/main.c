/* The load generator: subscribers, publishers and page readers on raw sockets; prints what it measured as one JSON line. */
#define _GNU_SOURCE
#include "load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options opt = {.rooms = 1, .subscribers = 1, .markers = 20, .payload = 120, .opening = 64, .seconds = 2};
struct counters total;
struct histogram delivery_latency, ack_latency, page_latency, poll_latency;
bool measuring;
uint64_t *acked_in_room;
struct conn *subscribers, *publishers, *readers;
int subscriber_count;

static uint64_t *target_in_room; /* storm: messages that a subscriber of the room must have to be caught up */
static int behind;               /* subscribers who are not */

enum { SECOND = 1000000000, QUIET_S = 10, TIMEOUT_S = 60 }; /* QUIET_S: machines stand still for seconds */

/* Text `~publisher.number.due_ns~` somewhere in a message of a marker. */
static void read_stamp(struct conn *c, const char *text, size_t n)
{
    const char *at = memchr(text, '~', n);
    char *next;
    if (!at)
        die("a message without a stamp: %.*s", (int)n, text);
    unsigned long publisher = strtoul(at + 1, &next, 10);
    uint64_t number = strtoull(next + 1, &next, 10), due_ns = strtoull(next + 1, NULL, 10);
    if (publisher >= (unsigned long)opt.publishers)
        die("a stamp of publisher %lu", publisher);
    if (number <= c->last_of[publisher])
        total.repeats++;
    c->last_of[publisher] = number;
    if (opt.slow)
        stamp_slow(due_ns, now_ns() - due_ns);
    else if (measuring)
        histogram_add(c->polls ? &poll_latency : &delivery_latency, now_ns() - due_ns);
}

/* One connection gets each number once and in order (docs/protocol.md): count every other step. */
static void check_sequence(struct conn *c, const char *text, size_t n)
{
    const char *field = memmem(text, n < 96 ? n : 96, "\"seq\":", 6);
    if (!field)
        return; /* a control item */
    uint64_t seq = strtoull(field + 6, NULL, 10);
    if (c->seq && seq <= c->seq)
        total.repeats++;
    else if (c->seq && seq > c->seq + 1)
        total.gaps++;
    c->seq = seq;
}

/* Control items (`caught_up`, heartbeats) are shorter than any payload the bench uses. */
void on_message(struct conn *c, const char *text, size_t n)
{
    if (opt.check_seq)
        check_sequence(c, text, n);
    if (n < (size_t)opt.payload)
        return;
    c->received++;
    if (c->uncounted) {
        total.uncounted++;
        if (c->thin)
            on_slow_message(c);
        return;
    }
    total.deliveries++;
    if (c->received == target_in_room[c->room])
        behind--;
    if (c->marker)
        read_stamp(c, text, n);
}

/* The events of a page, each from its number on; the first page only tells where a poller begins. */
static void read_polled(struct conn *c, const char *answer, size_t n)
{
    static const char number[] = "\"seq\":", head[] = "\"head_seq\":";
    const char *end = answer + n, *at = memmem(answer, n, head, sizeof head - 1), *next;
    if (c->seq == 0) {
        c->seq = at ? strtoull(at + sizeof head - 1, NULL, 10) : 0;
        return;
    }
    for (at = memmem(answer, n, number, sizeof number - 1); at; at = next) {
        next = memmem(at + 1, (size_t)(end - at) - 1, number, sizeof number - 1);
        check_sequence(c, at, (size_t)((next ? next : end) - at));
        read_stamp(c, at, (size_t)((next ? next : end) - at));
        c->received++;
        total.polled++;
    }
}

void on_answer(struct conn *c, bool accepted, const char *text, size_t n)
{
    c->busy = false;
    if (!accepted && total.refused++ == 0)
        fprintf(stderr, "load: first refusal: %.*s\n", (int)n, text);
    if (c->polls) {
        read_polled(c, text, n);
        return;
    }
    if (c->role == READER) {
        total.pages++;
        if (measuring)
            histogram_add(&page_latency, now_ns() - c->due_ns);
        return;
    }
    if (accepted) {
        total.acks++;
        acked_in_room[c->room]++;
    }
    if (measuring)
        histogram_add(&ack_latency, now_ns() - c->due_ns);
    c->room = next_room(c);
}

struct conn *new_connections(enum role role, int count)
{
    struct conn *conns = calloc((size_t)count + 1, sizeof *conns);
    for (int i = 0; i < count; i++) {
        conns[i].role = role;
        conns[i].index = (uint32_t)i;
        conns[i].room = role == PUBLISHER ? next_room(&conns[i]) : (uint32_t)(i % opt.rooms);
        conns[i].sse = opt.sse || (opt.mixed && i / opt.rooms % 2 == 1);
    }
    return conns;
}

static void await_handshakes(int at_most)
{
    uint64_t start = now_ns();
    while (waiting > at_most) {
        if (now_ns() - start > (uint64_t)TIMEOUT_S * SECOND)
            die("%d handshakes were not answered", waiting);
        loop_turn(now_ns() + SECOND);
    }
}

void open_all(struct conn *conns, int count)
{
    for (int i = 0; i < count; i++) {
        open_connection(&conns[i]);
        await_handshakes(opt.opening - 1);
    }
    await_handshakes(0);
}

void run_for(double seconds)
{
    uint64_t end = now_ns() + (uint64_t)(seconds * SECOND);
    while (now_ns() < end)
        loop_turn(end);
}

static bool any_busy(const struct conn *conns, int count)
{
    for (int i = 0; i < count; i++)
        if (conns[i].busy)
            return true;
    return false;
}

void stop_requests(void)
{
    uint64_t start = now_ns();
    sending = false;
    while (any_busy(publishers, opt.publishers) || any_busy(readers, opt.readers)) {
        if (now_ns() - start > (uint64_t)TIMEOUT_S * SECOND)
            die("the last requests were not answered");
        loop_turn(now_ns() + SECOND);
    }
}

void post_many(int count)
{
    uint64_t enough = total.acks + (uint64_t)count;
    start_requesters(publishers, opt.publishers, 0);
    while (total.acks < enough)
        loop_turn(now_ns() + SECOND);
    stop_requests();
}

/* Deliveries owed for the acknowledged posts and not (or not only) made, once no more come or patience ends. */
void settle(uint64_t *missing, uint64_t *extra)
{
    uint64_t expected = 0, seen = 0, now = now_ns(), quiet = now, start = now;
    for (int i = 0; i < subscriber_count; i++)
        expected += subscribers[i].uncounted ? 0 : acked_in_room[subscribers[i].room];
    while (total.deliveries < expected && now - quiet < (uint64_t)QUIET_S * SECOND &&
           now - start < (uint64_t)TIMEOUT_S * SECOND) {
        loop_turn(now + SECOND / 10);
        now = now_ns();
        if (total.deliveries != seen)
            quiet = now;
        seen = total.deliveries;
    }
    *missing = *extra = 0;
    for (int i = 0; i < subscriber_count; i++) {
        uint64_t owed = acked_in_room[subscribers[i].room], got = subscribers[i].received;
        if (subscribers[i].uncounted)
            continue;
        *missing += owed > got ? owed - got : 0;
        *extra += got > owed ? got - owed : 0;
    }
}

/* Everyone loses the line, misses `opt.storm` messages, and comes back at once while posts go on. */
static double storm(void)
{
    uint64_t missing, extra;
    post_many(opt.publishers * opt.rooms);
    settle(&missing, &extra);
    for (int i = 0; i < subscriber_count; i++)
        drop_connection(&subscribers[i]);
    post_many(opt.storm * opt.rooms);
    memcpy(target_in_room, acked_in_room, (size_t)opt.rooms * sizeof *target_in_room);
    behind = subscriber_count;
    uint64_t start = now_ns();
    measuring = true;
    start_requesters(publishers, opt.publishers, opt.rate);
    open_all(subscribers, subscriber_count);
    while (behind > 0 && now_ns() - start < (uint64_t)TIMEOUT_S * SECOND)
        loop_turn(now_ns() + SECOND / 1000);
    return (double)(now_ns() - start) / SECOND;
}

struct window window_begin(void)
{
    struct window w = {total, now_ns(), own_cpu_ns(), server_cpu_ns(), machine_busy_ns(), idle_ns, {0}};
    for (int i = 0; i < opt.family_count; i++)
        w.family_ns[i] = family_cpu_ns(&opt.families[i]);
    return w;
}

static void print_families(const struct window *w, uint64_t elapsed_ns)
{
    for (int i = 0; i < opt.family_count; i++) {
        const struct family *f = &opt.families[i];
        uint64_t used = family_cpu_ns(f), before = w->family_ns[i];
        printf(",\"%s\":{\"cpu_us\":%.0f,\"share\":%.3f}", f->name,
               used > before ? (double)(used - before) / 1000 : 0,
               used > before ? (double)(used - before) / (double)elapsed_ns : 0);
    }
}

void window_print(const struct window *w)
{
    const struct counters *from = &w->from;
    uint64_t elapsed_ns = now_ns() - w->start_ns, own = own_cpu_ns() - w->own_ns, server = server_cpu_ns() - w->server_ns;
    uint64_t busy = machine_busy_ns() - w->busy_ns;
    double seconds = (double)elapsed_ns / SECOND;
    uint64_t deliveries = total.deliveries - from->deliveries, acks = total.acks - from->acks;
    uint64_t reads = total.reads - from->reads;
    double others = (double)busy - (double)own - (double)server;
    printf("{\"rate\":%g,\"seconds\":%.3f,\"deliveries\":%llu,\"deliveries_per_s\":%.0f", opt.rate, seconds,
           (unsigned long long)deliveries, (double)deliveries / seconds);
    printf(",\"acks\":%llu,\"acks_per_s\":%.1f", (unsigned long long)acks, (double)acks / seconds);
    printf(",\"pages_per_s\":%.1f,\"messages_per_read\":%.2f,\"bytes_per_s\":%.0f",
           (double)(total.pages - from->pages) / seconds, reads ? (double)deliveries / (double)reads : 0,
           (double)(total.bytes - from->bytes) / seconds);
    printf(",\"generator_share\":%.3f,\"server_share\":%.3f,\"others_share\":%.3f,\"server_cpu_us\":%.0f",
           ((double)own - (double)(idle_ns - w->idle_ns)) / (double)elapsed_ns, (double)server / (double)elapsed_ns,
           others / (double)elapsed_ns,
           (double)server / 1000);
    print_families(w, elapsed_ns);
    histogram_print("delivery_ms", &delivery_latency);
    histogram_print("ack_ms", &ack_latency);
    histogram_print("page_ms", &page_latency);
}

void print_faults(uint64_t missing, uint64_t extra, uint64_t lost_connections)
{
    printf(",\"missing\":%llu,\"extra\":%llu,\"repeats\":%llu,\"gaps\":%llu,\"refused\":%llu,\"lost_connections\":%llu}\n",
           (unsigned long long)missing, (unsigned long long)extra, (unsigned long long)total.repeats,
           (unsigned long long)total.gaps, (unsigned long long)total.refused,
           (unsigned long long)lost_connections);
}

static bool is_measuring_nothing(void)
{
    return opt.publishers && opt.markers && subscriber_count && !delivery_latency.count && !poll_latency.count;
}

static void measure(void)
{
    uint64_t missing, extra;
    double storm_s = opt.storm ? storm() : 0;
    if (!opt.storm) {
        start_requesters(publishers, opt.publishers, opt.rate);
        start_requesters(readers, opt.readers, opt.reader_rate);
        run_for(opt.warmup_s);
    }
    struct window window = window_begin();
    measuring = true;
    run_for(opt.seconds);
    /* On a busy machine a short window may see no message from its post to its delivery: it lasts until one has come. */
    for (int i = 0; i < 100 && is_measuring_nothing(); i++)
        run_for(0.1);
    measuring = false;
    window_print(&window);
    if (opt.storm)
        printf(",\"storm_s\":%.3f,\"still_behind\":%d,\"replayed_per_s\":%.0f", storm_s, behind,
               (double)subscriber_count * opt.storm / storm_s);
    stop_requests();
    settle(&missing, &extra);
    rooms_print();
    print_faults(missing, extra, total.lost_connections);
}

static void hold(double opening_s)
{
    printf("{\"connected\":%d,\"handshakes_per_s\":%.0f}\n", subscriber_count, subscriber_count / opening_s);
    fflush(stdout);
    watch_stdin();
    while (loop_turn(now_ns() + SECOND))
        ;
    printf("{\"lost_connections\":%llu}\n", (unsigned long long)total.lost_connections);
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"dialect", 1, 0, 'd'}, {"sse", 0, 0, 's'}, {"check-seq", 0, 0, 'q'}, {"rooms", 1, 0, 'r'},
        {"subscribers", 1, 0, 'n'}, {"publishers", 1, 0, 'P'}, {"readers", 1, 0, 'R'}, {"markers", 1, 0, 'm'},
        {"payload", 1, 0, 'b'}, {"opening", 1, 0, 'o'}, {"rate", 1, 0, 'x'}, {"reader-rate", 1, 0, 'y'},
        {"warm-up", 1, 0, 'w'}, {"seconds", 1, 0, 't'}, {"preload", 1, 0, 'l'}, {"hold", 0, 0, 'h'},
        {"awake", 0, 0, 'a'},
        {"storm", 1, 0, 'S'}, {"pid", 1, 0, 'c'}, {"slow", 1, 0, 'z'}, {"slow-rate", 1, 0, 'Z'},
        {"stall", 1, 0, 'T'}, {"report", 1, 0, 'e'}, {"churn", 1, 0, 'C'}, {"pollers", 1, 0, 'L'},
        {"turnover", 1, 0, 'u'}, {"mixed", 0, 0, 'M'}, {"zipf", 0, 0, 'k'}, {"posting", 1, 0, 'O'},
        {"elsewhere", 0, 0, 'E'}, {"family", 1, 0, 'f'}, {0}};
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (o) {
        case 'p':
            if (opt.port_count == NODES)
                die("too many nodes");
            opt.ports[opt.port_count++] = atoi(optarg);
            break;
        case 'O': opt.posting = atoi(optarg); break;
        case 'E': opt.elsewhere = true; break;
        case 'f': add_family(optarg); break;
        case 'd': choose_dialect(optarg); break;
        case 's': opt.sse = true; break;
        case 'q': opt.check_seq = true; break;
        case 'r': opt.rooms = atoi(optarg); break;
        case 'n': opt.subscribers = atoi(optarg); break;
        case 'P': opt.publishers = atoi(optarg); break;
        case 'R': opt.readers = atoi(optarg); break;
        case 'm': opt.markers = atoi(optarg); break;
        case 'b': opt.payload = atoi(optarg); break;
        case 'o': opt.opening = atoi(optarg); break;
        case 'x': opt.rate = atof(optarg); break;
        case 'y': opt.reader_rate = atof(optarg); break;
        case 'w': opt.warmup_s = atof(optarg); break;
        case 't': opt.seconds = atof(optarg); break;
        case 'l': opt.preload = atoi(optarg); break;
        case 'h': opt.hold = true; break;
        case 'a': opt.awake = true; break;
        case 'S': opt.storm = atoi(optarg); break;
        case 'z': opt.slow = atoi(optarg); break;
        case 'Z': opt.slow_rate = atof(optarg); break;
        case 'T': opt.stall_s = atof(optarg); break;
        case 'e': opt.report_s = atof(optarg); break;
        case 'C': opt.churn = atof(optarg); break;
        case 'L': opt.pollers = atoi(optarg); break;
        case 'u': opt.turnover = atoi(optarg); break;
        case 'M': opt.mixed = true; break;
        case 'k': opt.zipf = true; break;
        case 'c':
            if (opt.pid_count == 64)
                die("too many processes");
            opt.pids[opt.pid_count++] = atoi(optarg);
            break;
        default: exit(2);
        }
    }
    if (opt.port_count == 0 || opt.rooms < 1)
        die("--port and at least one room are needed");
}

/* Markers are spread over the order of joining, which is the order in which most servers write. */
static void choose_markers(void)
{
    int every = opt.markers > 0 && subscriber_count > opt.markers ? subscriber_count / opt.markers : 1;
    for (int i = every - 1; opt.markers > 0 && i < subscriber_count; i += every) {
        if (subscribers[i].transient)
            continue;
        subscribers[i].marker = true;
        subscribers[i].last_of = calloc((size_t)opt.publishers + 1, sizeof(uint64_t));
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    loop_init();
    acked_in_room = calloc((size_t)opt.rooms, sizeof *acked_in_room);
    target_in_room = calloc((size_t)opt.rooms, sizeof *target_in_room);
    subscriber_count = opt.rooms * opt.subscribers;
    subscribers = new_connections(SUBSCRIBER, subscriber_count);
    publishers = new_connections(PUBLISHER, opt.publishers);
    readers = new_connections(READER, opt.readers);
    for (int i = 0; opt.churn > 0 && i < subscriber_count; i++) {
        subscribers[i].transient = i / opt.rooms % 4 >= 2; /* half of either transport */
        subscribers[i].uncounted = subscribers[i].transient && !opt.check_seq; /* nothing to come back with */
    }
    choose_markers();
    uint64_t start = now_ns();
    open_all(subscribers, subscriber_count);
    if (opt.hold) {
        hold((double)(now_ns() - start + 1) / SECOND);
        return 0;
    }
    open_all(publishers, opt.publishers); /* late: a server may close who connects and asks for nothing */
    if (opt.preload)
        post_many(opt.preload);
    open_all(readers, opt.readers);
    if (opt.slow)
        measure_slow();
    else if (opt.report_s > 0)
        measure_soak();
    else
        measure();
    return 0;
}
