/* The bytes of both directions: the two requests every server of the bench understands, and its three kinds of answer. */
#define _GNU_SOURCE
#include "load.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 6455 §1.3's sample key: a fixed key has a fixed answer, so the C floor needs no SHA-1. */
#define SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ=="

size_t write_handshake(char *out, size_t size, const struct conn *c)
{
    char since[40] = "";
    if (c->seq)
        snprintf(since, sizeof since, "?since=%llu", (unsigned long long)c->seq);
    if (opt.sse)
        return (size_t)snprintf(out, size,
                                "GET /bench%u%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n",
                                c->room, since, opt.port);
    return (size_t)snprintf(out, size,
                            "GET /bench%u%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Key: " SAMPLE_KEY
                            "\r\nSec-WebSocket-Version: 13\r\n\r\n",
                            c->room, since, opt.port);
}

/* A post's text is `@publisher.number.due_ns@` and padding: who sent it, which one it is, when it was to be sent. */
size_t write_request(char *out, size_t size, const struct conn *c)
{
    if (c->role == READER)
        return (size_t)snprintf(
            out, size, "GET /bench%u?format=json HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: application/json\r\n\r\n",
            c->room, opt.port);
    int head = snprintf(out, size,
                        "POST /bench%u HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: text/plain\r\n"
                        "Content-Length: %d\r\n\r\n",
                        c->room, opt.port, opt.payload);
    char *text = out + head;
    int used = snprintf(text, size - (size_t)head, "@%u.%llu.%llu@", c->index, (unsigned long long)c->sent,
                        (unsigned long long)c->due_ns);
    if (used > opt.payload || (size_t)(head + opt.payload) > size)
        die("a payload of %d bytes cannot hold the stamp", opt.payload);
    memset(text + used, 'x', (size_t)(opt.payload - used));
    return (size_t)(head + opt.payload);
}

/* Value of a header in a head, or NULL; the name is given in lower case with its colon. */
static const char *header(const char *head, size_t n, const char *name)
{
    size_t length = strlen(name);
    const char *end = head + n;
    for (const char *line = head; line && line + length < end;
         line = memchr(line, '\n', (size_t)(end - line)), line = line ? line + 1 : NULL) {
        if (strncasecmp(line, name, length) == 0) {
            for (line += length; *line == ' ';)
                line++;
            return line;
        }
    }
    return NULL;
}

static size_t head_length(const char *bytes, size_t n)
{
    const char *end = memmem(bytes, n, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

size_t parse_head(struct conn *c, const char *bytes, size_t n)
{
    size_t length = head_length(bytes, n);
    if (length == 0)
        return 0;
    if (atoi(bytes + 9) != (opt.sse ? 200 : 101))
        die("a subscriber was refused: %.*s", (int)n, bytes);
    c->state = OPEN;
    return length;
}

/* Length of a whole chunked body (RFC 9112 §7.1), or 0 while it is incomplete. */
static size_t chunked_length(const char *bytes, size_t n)
{
    size_t at = 0;
    for (;;) {
        const char *line = memmem(bytes + at, n - at, "\r\n", 2);
        if (!line)
            return 0;
        size_t size = strtoul(bytes + at, NULL, 16);
        at = (size_t)(line - bytes) + 2 + size + 2;
        if (at > n)
            return 0;
        if (size == 0)
            return at;
    }
}

/* Length of a whole answer (RFC 9112 §6.3: by length, chunked, or without a body), or 0 while it is incomplete. */
static size_t answer_length(const char *bytes, size_t n)
{
    size_t head = head_length(bytes, n);
    if (head == 0)
        return 0;
    const char *value = header(bytes, head, "content-length:");
    if (value) {
        size_t whole = head + strtoul(value, NULL, 10);
        return whole <= n ? whole : 0;
    }
    if (header(bytes, head, "transfer-encoding:")) {
        size_t body = chunked_length(bytes + head, n - head);
        return body ? head + body : 0;
    }
    return head;
}

size_t parse_answers(struct conn *c, const char *bytes, size_t n)
{
    size_t at = 0, whole;
    while (at < n && (whole = answer_length(bytes + at, n - at)) > 0) {
        int status = atoi(bytes + at + 9);
        if (status >= 300 && total.refused++ == 0)
            fprintf(stderr, "load: first refusal: %.*s\n", (int)whole, bytes + at);
        at += whole;
        on_answer(c, status);
    }
    return at;
}

/* Server frames are not masked and the bench never makes one longer than its buffers (RFC 6455 §5.2). */
size_t parse_frames(struct conn *c, const char *bytes, size_t n)
{
    size_t at = 0;
    while (n - at >= 2) {
        const uint8_t *p = (const uint8_t *)bytes + at;
        size_t length = p[1] & 127, head = 2;
        if (length == 126) {
            if (n - at < 4)
                break;
            length = (size_t)p[2] << 8 | p[3], head = 4;
        } else if (length == 127) {
            if (n - at < 10)
                break;
            uint64_t wide;
            memcpy(&wide, p + 2, sizeof wide);
            length = __builtin_bswap64(wide), head = 10;
        }
        if (n - at - head < length)
            break;
        if ((p[0] & 15) == 9)
            on_ping(c, bytes + at + head, length);
        else
            on_message(c, bytes + at + head, length);
        at += head + length;
    }
    return at;
}

/* SSE: only `data:` lines matter; chunk sizes, ids and comments are lines like any other and are passed over. */
size_t parse_lines(struct conn *c, const char *bytes, size_t n)
{
    const char *line = bytes, *end = bytes + n, *newline;
    while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
        if (newline - line > 5 && memcmp(line, "data:", 5) == 0)
            on_message(c, line + 5, (size_t)(newline - line) - 5);
        line = newline + 1;
    }
    return (size_t)(line - bytes);
}
