/* The floor of naive fan-out: a C epoll loop that makes one send() per subscriber per message and does nothing else.
 *
 * It speaks just enough of the two protocols for the load generator (POST /<room>, WebSocket GET /<room> with the sample
 * key of RFC 6455 §1.3) and stores, checks and coalesces nothing: what it needs, no server that writes once per message
 * and subscriber can undercut. Not a server for anything else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_FDS = 1 << 16, MAX_ROOMS = 8192, BUFFER_SIZE = 1 << 16, EVENTS = 256 };

static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzhZRbK+xOo=\r\n\r\n";
static const char created[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

static struct room {
    char name[64];
    int *fds, count, capacity;
} rooms[MAX_ROOMS];
static int room_count;

static struct pending { /* a request that has not wholly arrived */
    char *bytes;
    size_t n;
} pending[MAX_FDS];

static struct room *room_named(const char *name, size_t n)
{
    uint32_t slot = 2166136261u;
    for (size_t i = 0; i < n; i++)
        slot = (slot ^ (uint8_t)name[i]) * 16777619u;
    for (slot %= MAX_ROOMS;; slot = (slot + 1) % MAX_ROOMS) {
        struct room *room = &rooms[slot];
        if (room->name[0] == 0) {
            if (n >= sizeof room->name || ++room_count == MAX_ROOMS)
                exit(1);
            memcpy(room->name, name, n);
        }
        if (strncmp(room->name, name, n) == 0 && room->name[n] == 0)
            return room;
    }
}

static void subscribe(struct room *room, int fd)
{
    if (room->count == room->capacity) {
        room->capacity = room->capacity ? room->capacity * 2 : 16;
        room->fds = realloc(room->fds, (size_t)room->capacity * sizeof *room->fds);
    }
    room->fds[room->count++] = fd;
}

/* The floor holds no queue: a full socket is waited for. */
static void send_whole(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN)
            return; /* gone; the read side will notice */
        if (sent < 0)
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000);
        else
            bytes += sent, n -= (size_t)sent;
    }
}

static void publish(struct room *room, const char *body, size_t n)
{
    static char frame[BUFFER_SIZE + 4];
    size_t head = 2;
    frame[0] = (char)0x81;
    frame[1] = (char)n;
    if (n > 125) {
        frame[1] = 126, frame[2] = (char)(n >> 8), frame[3] = (char)n;
        head = 4;
    }
    memcpy(frame + head, body, n);
    for (int i = 0; i < room->count; i++)
        send_whole(room->fds[i], frame, head + n);
}

/* Returns the bytes of one whole request, or 0. `GET /room ` subscribes, `POST /room ` publishes. */
static size_t serve(int fd, const char *bytes, size_t n)
{
    const char *end = memmem(bytes, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - bytes) + 4;
    const char *name = memchr(bytes, '/', head) + 1;
    struct room *room = room_named(name, strcspn(name, " ?"));
    if (bytes[0] == 'G') {
        send_whole(fd, upgraded, sizeof upgraded - 1);
        subscribe(room, fd);
        return head;
    }
    const char *field = memmem(bytes, head, "Content-Length:", 15);
    size_t length = field ? strtoul(field + 15, NULL, 10) : 0;
    if (head + length > n)
        return 0;
    send_whole(fd, created, sizeof created - 1);
    publish(room, bytes + head, length);
    return head + length;
}

static void forget(int fd)
{
    for (int r = 0; r < MAX_ROOMS; r++)
        for (int i = 0; i < rooms[r].count; i++)
            if (rooms[r].fds[i] == fd)
                rooms[r].fds[i] = rooms[r].fds[--rooms[r].count];
    pending[fd].n = 0;
    close(fd);
}

static void read_from(int fd)
{
    static char buffer[BUFFER_SIZE];
    struct pending *rest = &pending[fd];
    memcpy(buffer, rest->bytes, rest->n);
    ssize_t got = recv(fd, buffer + rest->n, BUFFER_SIZE - rest->n - 1, 0);
    if (got <= 0) {
        forget(fd);
        return;
    }
    size_t n = rest->n + (size_t)got, at = 0, used;
    buffer[n] = 0; /* the searches of serve() stop here */
    while (at < n && (used = serve(fd, buffer + at, n - at)) > 0)
        at += used;
    if ((rest->n = n - at) > 0) {
        rest->bytes = realloc(rest->bytes, rest->n);
        memcpy(rest->bytes, buffer + at, rest->n);
    }
}

int main(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 4096) != 0)
        return perror("floor"), 1;
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("Listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(set, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                read_from(fd);
                continue;
            }
            fd = accept(listener, NULL, NULL);
            if (fd < 0 || fd >= MAX_FDS)
                return perror("floor: accept"), 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            epoll_ctl(set, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
        }
    }
}
