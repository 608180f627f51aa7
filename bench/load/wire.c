/* HTTP: the requests that servers of the bench understand, and what their bytes mean. */
#define _GNU_SOURCE
#include "load.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 6455 §1.3's sample key: a fixed key has a fixed answer, so the C floor needs no SHA-1. */
#define SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ=="

/* `GET /<room>`, unless the dialect has a target of its own. */
size_t write_handshake(char *out, size_t size, const struct conn *c)
{
    char target[96], extra[64] = "";
    int used = snprintf(target, sizeof target, dialect->target, c->room);
    if (c->seq)
        snprintf(target + used, sizeof target - (size_t)used, "?since=%llu", (unsigned long long)c->seq);
    if (c->sse)
        return (size_t)snprintf(out, size,
                                "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n", target,
                                port_of(c));
    if (dialect->subprotocol)
        snprintf(extra, sizeof extra, "Sec-WebSocket-Protocol: %s\r\n", dialect->subprotocol);
    return (size_t)snprintf(out, size,
                            "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Key: " SAMPLE_KEY
                            "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                            target, port_of(c), extra);
}

/* `~publisher.number.due_ns~` and padding: who sent it, which one it is, when it was to be sent. */
size_t write_text(char *out, size_t size, const struct conn *c)
{
    int used = snprintf(out, size, "~%u.%llu.%llu~", c->index, (unsigned long long)c->sent,
                        (unsigned long long)c->due_ns);
    if (used > opt.payload || (size_t)opt.payload > size)
        die("a payload of %d bytes cannot hold the stamp", opt.payload);
    memset(out + used, 'x', (size_t)(opt.payload - used));
    return (size_t)opt.payload;
}

size_t write_request(char *out, size_t size, const struct conn *c)
{
    if (c->role == READER) {
        char since[48] = "";
        if (c->polls && c->seq)
            snprintf(since, sizeof since, "&wait=5&since=%llu", (unsigned long long)c->seq);
        return (size_t)snprintf(
            out, size, "GET /bench%u?format=json%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: application/json\r\n\r\n",
            c->room, since, port_of(c));
    }
    size_t head = (size_t)snprintf(out, size,
                                   "POST /bench%u HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: text/plain\r\n"
                                   "Content-Length: %d\r\n\r\n",
                                   c->room, port_of(c), opt.payload);
    return head + write_text(out + head, size - head, c);
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

size_t parse_head(const struct conn *c, const char *bytes, size_t n)
{
    size_t length = head_length(bytes, n);
    if (length == 0)
        return 0;
    if (atoi(bytes + 9) != (c->sse ? 200 : 101))
        die("a subscriber was refused: %.*s", (int)n, bytes);
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
        on_answer(c, atoi(bytes + at + 9) < 300, bytes + at, whole);
        at += whole;
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
