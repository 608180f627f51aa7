/* Offers a server far more messages than it takes, at little cost of its own, and writes down what became of each.
 *
 * torrent PORT ROOM TAG POSTERS WEBSOCKETS WINDOW RATE SECONDS BYTES RECORDS
 *
 * POSTERS connections post one message after the other; WEBSOCKETS have up to WINDOW under way each. RATE messages are
 * wanted per second, of whoever may (0: as many as the windows allow); what full windows hold back is made up for later,
 * so that never less is offered than could be. Every text is BYTES times x, every key `TAGccccc-nnnnnnn`: the
 * connection and its message. After SECONDS nothing new is sent; all that is under way is waited for.
 *
 * The file RECORDS then has, for every connection in turn, one number of 64 bits: how many records follow; and of every
 * message a `struct record`. Standard output has how many messages were
 * wanted and, before SECONDS were over, answered and accepted.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { UNKNOWN, ACKNOWLEDGED, OVERLOADED, RATE_LIMITED, WRONG }; /* WRONG: a refusal that says not all it should */
enum { IN_SIZE = 1 << 18, OUT_SIZE = 1 << 18, HEAD_MAX = 512, TIMEOUT_S = 60 };

struct record {
    uint32_t seq;
    uint16_t took_ms;
    uint8_t outcome, pad;
};

struct conn {
    int fd, number;
    bool is_websocket, is_open;
    uint32_t sent, answered, room;
    struct record *records;
    uint64_t *sent_at; /* a ring of a power of two, of at least two windows: acks may come late */
    uint32_t ring;
    size_t in, out_from, out_to;
    char *inbox, *outbox;
};

static int port, conns_count, epoll_fd;
static uint32_t window, bytes;
static const char *room, *tag;
static char *text;
static struct conn *conns;
static bool is_over;
static uint64_t due, sent, answered, accepted; /* the last two: until the end of the flood */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "torrent: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void watch(struct conn *c, int operation)
{
    uint32_t wanted = EPOLLIN | (c->out_to > c->out_from ? EPOLLOUT : 0);
    struct epoll_event event = {.events = wanted, .data.ptr = c};
    if (epoll_ctl(epoll_fd, operation, c->fd, &event) < 0)
        die("epoll_ctl");
}

static void flush(struct conn *c)
{
    bool was_blocked = c->out_from > 0;
    while (c->out_to > c->out_from) {
        ssize_t n = send(c->fd, c->outbox + c->out_from, c->out_to - c->out_from, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("send");
        c->out_from += (size_t)n;
    }
    if (c->out_from == c->out_to)
        c->out_from = c->out_to = 0;
    if (was_blocked || c->out_to > 0)
        watch(c, EPOLL_CTL_MOD);
}

static void connect_one(struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    c->in = c->out_from = c->out_to = 0;
    c->is_open = !c->is_websocket;
    watch(c, EPOLL_CTL_ADD);
    if (c->is_websocket) {
        c->out_to = (size_t)sprintf(c->outbox,
            "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        flush(c);
    }
}

static size_t write_message(struct conn *c, char *out)
{
    char body[256];
    if (!c->is_websocket) {
        int n = sprintf(body, "{\"name\":\"%s%05d\",\"key\":\"%s%05d-%07u\",\"text\":\"", tag, c->number, tag, c->number, c->sent);
        char *at = out + sprintf(out,
            "POST /%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
            "Content-Length: %u\r\n\r\n%s", room, (uint32_t)n + bytes + 2, body);
        memcpy(at, text, bytes);
        memcpy(at + bytes, "\"}", 2);
        return (size_t)(at - out) + bytes + 2;
    }
    int n = sprintf(body, "{\"op\":\"send\",\"room\":\"%s\",\"name\":\"%s%05d\",\"key\":\"%s%05d-%07u\",\"text\":\"", room, tag,
        c->number, tag, c->number, c->sent);
    uint32_t size = (uint32_t)n + bytes + 2;
    memcpy(out, (uint8_t[]){0x81, 0x80 | 126, (uint8_t)(size >> 8), (uint8_t)size, 0, 0, 0, 0}, 8); /* masked with 0 */
    memcpy(out + 8, body, (size_t)n);
    memcpy(out + 8 + n, text, bytes);
    memcpy(out + 8 + n + bytes, "\"}", 2);
    return 8 + size;
}

/* Send what is due and fits. */
static void fill(struct conn *c, uint64_t now)
{
    uint32_t most = c->is_websocket ? window : 1;
    bool has_more = false;
    while (!is_over && c->is_open && c->sent - c->answered < most && sent < due &&
           OUT_SIZE - c->out_to > HEAD_MAX + bytes) {
        if (c->sent == c->room) {
            c->room = c->room ? 2 * c->room : 1024;
            c->records = realloc(c->records, c->room * sizeof *c->records);
            if (!c->records)
                die("memory");
        }
        c->records[c->sent] = (struct record){0};
        c->sent_at[c->sent % c->ring] = now;
        c->out_to += write_message(c, c->outbox + c->out_to);
        c->sent++;
        sent++;
        has_more = true;
    }
    if (has_more)
        flush(c);
}

static bool has(const char *from, size_t n, const char *what) { return memmem(from, n, what, strlen(what)); }

/* What an answer says of the message `number`. */
static void note(struct conn *c, uint32_t number, const char *answer, size_t n, bool is_ack, bool is_told)
{
    struct record *record = &c->records[number];
    uint64_t took_ms = (now_us() - c->sent_at[number % c->ring]) / 1000;
    if (number >= c->sent || record->outcome != UNKNOWN)
        die("an answer to nothing");
    record->took_ms = took_ms > UINT16_MAX ? UINT16_MAX : (uint16_t)took_ms;
    const char *seq = memmem(answer, n, "\"seq\":", 6);
    if (is_ack && seq) {
        record->outcome = ACKNOWLEDGED;
        record->seq = (uint32_t)strtoul(seq + 6, NULL, 10);
    } else if (!is_ack && is_told && has(answer, n, "\"overloaded\""))
        record->outcome = OVERLOADED;
    else if (!is_ack && is_told && has(answer, n, "\"rate_limited\""))
        record->outcome = RATE_LIMITED;
    else
        record->outcome = WRONG;
    c->answered++;
    answered += !is_over;
    accepted += !is_over && record->outcome == ACKNOWLEDGED;
}

/* Both give the bytes they have used. */
static size_t take_answer(struct conn *c, char *from, size_t n)
{
    char *end = memmem(from, n, "\r\n\r\n", 4);
    char *length = end ? strcasestr(from, "\r\ncontent-length: ") : NULL;
    if (!length)
        return 0;
    size_t head = (size_t)(end - from) + 4, body = strtoul(length + 18, NULL, 10);
    if (n < head + body)
        return 0;
    bool is_ack = memcmp(from + 9, "201", 3) == 0;
    *end = 0;
    bool is_told = strcasestr(from, "\r\nretry-after: ") && has(from + head, body, "\"stored\":false");
    note(c, c->answered, from + head, body, is_ack, is_told);
    if (strcasestr(from, "\r\nconnection: close")) {
        close(c->fd);
        connect_one(c);
        return n;
    }
    return head + body;
}

static size_t take_frames(struct conn *c, char *from, size_t n)
{
    size_t used = 0;
    if (!c->is_open) {
        char *end = memmem(from, n, "\r\n\r\n", 4);
        if (!end)
            return 0;
        c->is_open = true;
        used = (size_t)(end - from) + 4;
    }
    while (n - used >= 2) {
        uint8_t *frame = (uint8_t *)from + used;
        size_t head = frame[1] < 126 ? 2 : frame[1] == 126 ? 4 : 10, size = frame[1];
        if (n - used < head)
            break;
        if (head > 2)
            for (size_t i = size = 0; i < head - 2; i++)
                size = size << 8 | frame[2 + i];
        if (n - used < head + size)
            break;
        char *item = (char *)frame + head, *key = memmem(item, size, "\"key\":\"", 7);
        if (frame[0] == 0x88)
            die("the server closed a WebSocket");
        if (frame[0] == 0x81 && key) {
            uint32_t number = (uint32_t)strtoul(key + 7 + strlen(tag) + 6, NULL, 10);
            note(c, number, item, size, has(item, size, "\"type\":\"ack\""), has(item, size, "\"retry_after_ms\":"));
        }
        used += head + size;
    }
    return used;
}

static void take(struct conn *c)
{
    ssize_t n = recv(c->fd, c->inbox + c->in, IN_SIZE - 1 - c->in, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 && !c->is_websocket && c->sent == c->answered) { /* it was idle for too long */
        close(c->fd);
        connect_one(c);
        return;
    }
    if (n <= 0)
        die("the server ended a connection");
    c->in += (size_t)n;
    c->inbox[c->in] = 0;
    size_t used = (c->is_websocket ? take_frames : take_answer)(c, c->inbox, c->in);
    c->in -= c->in < used ? c->in : used;
    memmove(c->inbox, c->inbox + used, c->in);
}

static void write_records(const char *path)
{
    FILE *file = fopen(path, "wb");
    for (int i = 0; file && i < conns_count; i++) {
        uint64_t count = conns[i].sent;
        fwrite(&count, sizeof count, 1, file);
        fwrite(conns[i].records, sizeof *conns[i].records, count, file);
    }
    if (!file || fclose(file) != 0)
        die("the records");
}

int main(int count, char **words)
{
    if (count != 11)
        die("wrong arguments");
    port = atoi(words[1]), room = words[2], tag = words[3];
    int posters = atoi(words[4]);
    conns_count = posters + atoi(words[5]), window = (uint32_t)atoi(words[6]);
    double rate = atof(words[7]), seconds = atof(words[8]);
    bytes = (uint32_t)atoi(words[9]);
    text = memset(malloc(bytes), 'x', bytes);
    conns = calloc((size_t)conns_count, sizeof *conns);
    epoll_fd = epoll_create1(0);
    uint32_t ring = 2;
    while (ring < window)
        ring *= 2;
    for (int i = 0; i < conns_count; i++) {
        struct conn *c = &conns[i];
        *c = (struct conn){.number = i, .is_websocket = i >= posters, .ring = 64 * ring};
        c->inbox = malloc(IN_SIZE), c->outbox = malloc(OUT_SIZE), c->sent_at = calloc(c->ring, sizeof *c->sent_at);
        connect_one(c);
    }
    uint64_t begun = now_us(), until = begun + (uint64_t)(seconds * 1e6), now;
    uint64_t looked = 0, under_way = 1;
    int first = 0;
    while ((now = now_us()) < until || (under_way > 0 && now < until + TIMEOUT_S * 1000000u)) {
        static struct epoll_event events[64];
        is_over = now >= until;
        due = rate > 0 ? (uint64_t)(rate * (double)(now - begun) / 1e6) : UINT64_MAX;
        int n = epoll_wait(epoll_fd, events, 64, 1);
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                flush(c);
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                take(c);
            fill(c, now_us());
        }
        if (now - looked >= 1000) { /* whoever has nothing under way is woken by nothing */
            looked = now, under_way = 0;
            first = (first + 1) % conns_count; /* or the last ones would never have a turn where little is wanted */
            for (int i = 0; i < conns_count; i++) {
                struct conn *c = &conns[(first + i) % conns_count];
                fill(c, now_us());
                under_way += c->sent - c->answered;
            }
        }
    }
    write_records(words[10]);
    printf("%.0f %llu %llu\n", rate > 0 ? rate * seconds : (double)sent, (unsigned long long)answered,
        (unsigned long long)accepted);
    return 0;
}
