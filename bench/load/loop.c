/* The sockets: connecting, reading into one shared buffer, and sending each request when it is due. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 20, EVENTS = 512, THIN_BUFFER = 16384, THIN_SEGMENT = 1448, IDLE_TURN_NS = 50000 };

bool sending;
int waiting;
uint64_t idle_ns;
static int epoll_fd;
static char buffer[BUFFER_SIZE];
static bool stdin_ended;

/* Open-loop requesters, and the earliest time at which an idle one of them has something to send. */
static struct pace {
    struct conn *conns;
    int count;
    uint64_t step_ns; /* between two requests of one connection */
} paces[4];
static int pace_count;
static uint64_t next_due_ns = UINT64_MAX;

void loop_init(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
}

void watch_stdin(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    stdin_ended = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0; /* a file is at its end for us */
}

static void send_all(struct conn *c, const char *bytes, size_t n)
{
    ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
        return; /* the read side will notice */
    if (sent != (ssize_t)n)
        die("a request of %zu bytes did not fit into an idle socket: %s", n, strerror(errno));
}

void say(struct conn *c, const char *bytes, size_t n)
{
    char frame[16384 + 8];
    if (c->framed) {
        n = write_frame(frame, sizeof frame, dialect->read ? BINARY_FRAME : TEXT_FRAME, bytes, n);
        bytes = frame;
    }
    send_all(c, bytes, n);
}

static bool speaks_http(const struct conn *c)
{
    return c->role == READER || (c->role == PUBLISHER && !dialect->post);
}

void on_open(struct conn *c)
{
    c->state = OPEN;
    waiting--;
}

static void greet(struct conn *c)
{
    char words[1024];
    if (speaks_http(c) || !dialect->greet) {
        on_open(c);
        return;
    }
    c->state = GREETING;
    say(c, words, dialect->greet(words, sizeof words, c));
}

static void watch(struct conn *c, int change, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, change, c->fd, &event);
}

/* Segments as on Ethernet: with those of loopback (64 KiB) the kernel takes megabytes for one who does not read. */
static void make_thin(int fd)
{
    int buffer_size = THIN_BUFFER, segment = THIN_SEGMENT;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_size, sizeof buffer_size);
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
}

/* The kernel completes a loopback connect while the backlog has room, so a blocking one costs no waiting. */
void open_connection(struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port_of(c))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->thin)
        make_thin(c->fd);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("cannot connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
    c->tail_len = c->raw_len = 0;
    c->frame_left = 0;
    c->framed = !speaks_http(c) && dialect->target && !c->sse;
    waiting++;
    if (speaks_http(c) || !dialect->target) {
        greet(c);
        return;
    }
    char request[512];
    c->state = WAITING_FOR_HEAD;
    send_all(c, request, write_handshake(request, sizeof request, c));
}

void drop_connection(struct conn *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close_connection(c);
}

void close_connection(struct conn *c)
{
    close(c->fd);
    c->state = CLOSED;
}

void stop_reading(struct conn *c) { watch(c, EPOLL_CTL_MOD, 0); } /* a reset is seen all the same (epoll_ctl(2)) */

void read_again(struct conn *c) { watch(c, EPOLL_CTL_MOD, EPOLLIN); }

/* RFC 6455 §5.5.3: the same payload back. */
void on_ping(struct conn *c, const char *payload, size_t n)
{
    char pong[8 + 125];
    send_all(c, pong, write_frame(pong, sizeof pong, PONG_FRAME, payload, n));
}

void send_due(struct conn *c, uint64_t due_ns)
{
    char request[16384];
    if (opt.turnover && speaks_http(c) && c->sent && c->sent % (uint64_t)opt.turnover == 0) {
        close_connection(c);
        open_connection(c);
    }
    c->due_ns = due_ns;
    c->sent++;
    c->busy = true;
    if (speaks_http(c))
        send_all(c, request, write_request(request, sizeof request, c));
    else
        say(c, request, dialect->post(request, sizeof request, c));
}

/* Closed loop: everyone sends now. Open loop: request i of all is due at start + i / rate, whoever is late. */
void start_requesters(struct conn *conns, int count, double rate)
{
    uint64_t start = now_ns();
    sending = true;
    if (count == 0)
        return;
    for (int p = 0; p < pace_count; p++)
        if (paces[p].conns == conns)
            paces[p] = paces[--pace_count]; /* they had another schedule before */
    if (rate <= 0) {
        for (int i = 0; i < count; i++)
            send_due(&conns[i], start);
        return;
    }
    struct pace *pace = &paces[pace_count++];
    *pace = (struct pace){conns, count, (uint64_t)(1e9 * count / rate)};
    for (int i = 0; i < count; i++)
        conns[i].due_ns = start + (uint64_t)(1e9 * i / rate);
    next_due_ns = start;
}

static void send_scheduled(uint64_t now)
{
    next_due_ns = UINT64_MAX;
    for (int p = 0; p < pace_count; p++) {
        for (int i = 0; i < paces[p].count; i++) {
            struct conn *c = &paces[p].conns[i];
            if (c->busy)
                continue;
            if (c->due_ns <= now)
                send_due(c, c->due_ns);
            else if (c->due_ns < next_due_ns)
                next_due_ns = c->due_ns;
        }
    }
}

/* After an answer: the next request at once, or when its time comes; that time may have passed long ago. */
static void go_on(struct conn *c)
{
    for (int p = 0; p < pace_count; p++) {
        if (c >= paces[p].conns && c < paces[p].conns + paces[p].count) {
            c->due_ns += paces[p].step_ns;
            if (c->due_ns < next_due_ns)
                next_due_ns = c->due_ns;
            return;
        }
    }
    send_due(c, now_ns());
}

static size_t parse(struct conn *c, const char *bytes, size_t n)
{
    if (speaks_http(c))
        return parse_answers(c, bytes, n);
    if (c->sse)
        return parse_lines(c, bytes, n);
    return (dialect->read ? dialect->read : parse_frames)(c, bytes, n);
}

/* Bytes in, bytes left over at the end of the buffer out. `raw` of them, the last ones, are new or still in frames. */
static size_t take(struct conn *c, size_t n, size_t raw)
{
    size_t used = 0;
    bool asked = c->busy;
    if (c->state == WAITING_FOR_HEAD) {
        if ((used = parse_head(c, buffer, n)) == 0)
            return n;
        raw = n - used;
        greet(c);
    }
    if (c->framed && dialect->read)
        n = unframe(c, buffer, n - raw, n);
    used += parse(c, buffer + used, n - used - c->raw_len);
    if (asked && sending && !c->busy)
        go_on(c);
    memmove(buffer, buffer + used, n - used);
    return n - used;
}

/* What an earlier read left unfinished goes in front of what is read now; what this one leaves is kept aside. */
void read_connection(struct conn *c, size_t most)
{
    size_t room = BUFFER_SIZE - c->tail_len;
    memcpy(buffer, c->tail, c->tail_len);
    ssize_t got = recv(c->fd, buffer + c->tail_len, most < room ? most : room, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        if (c->role != SUBSCRIBER || c->state != OPEN)
            die("the server closed a connection that it should have answered");
        total.lost_connections++;
        drop_connection(c);
        return;
    }
    total.reads += c->role == SUBSCRIBER;
    total.bytes += c->role == SUBSCRIBER ? (uint64_t)got : 0;
    c->tail_len = (uint32_t)take(c, c->tail_len + (size_t)got, c->raw_len + (size_t)got);
    if (c->tail_len == BUFFER_SIZE)
        die("a message longer than the buffer");
    if (c->tail_len > 0) {
        c->tail = realloc(c->tail, c->tail_len);
        memcpy(c->tail, buffer, c->tail_len);
    }
}

bool loop_turn(uint64_t until_ns)
{
    static struct epoll_event events[EVENTS];
    uint64_t now = now_ns(), wake = sending && next_due_ns < until_ns ? next_due_ns : until_ns;
    uint64_t wait = wake > now ? wake - now : 0;
    if (opt.awake)
        wait = 0;
    struct timespec timeout = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    int n = epoll_pwait2(epoll_fd, events, EVENTS, &timeout, NULL);
    if (n < 0 && errno != EINTR)
        die("epoll: %s", strerror(errno));
    uint64_t took = now_ns() - now;
    if (n == 0 && opt.awake && took < IDLE_TURN_NS) /* in a longer one somebody else had the core: no time of ours */
        idle_ns += took;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr)
            read_connection(events[i].data.ptr, BUFFER_SIZE);
        else
            stdin_ended = stdin_ended || read(STDIN_FILENO, buffer, BUFFER_SIZE) <= 0;
    }
    if (sending && next_due_ns <= (now = now_ns()))
        send_scheduled(now);
    return !stdin_ended;
}
