/* Redis Streams on TCP: a post is an XADD, answered by the id of its entry; a subscriber asks XREAD for what comes next. */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An array of strings: the head of the command, then `XREAD BLOCK 0 STREAMS <room> <after>`. */
static size_t write_read(char *out, size_t size, const struct conn *c, const char *after, size_t n)
{
    char room[32];
    int length = snprintf(room, sizeof room, "bench%u", c->room);
    return (size_t)snprintf(out, size,
                            "*6\r\n$5\r\nXREAD\r\n$5\r\nBLOCK\r\n$1\r\n0\r\n$7\r\nSTREAMS\r\n$%d\r\n%s\r\n$%zu\r\n%.*s\r\n",
                            length, room, n, (int)n, after);
}

/* Both commands are read at once, so the answer to the first means that the second waits. */
static size_t greet(char *out, size_t size, const struct conn *c)
{
    size_t n = (size_t)snprintf(out, size, "*1\r\n$4\r\nPING\r\n");
    return c->role == PUBLISHER ? n : n + write_read(out + n, size - n, c, "$", 1);
}

static size_t post(char *out, size_t size, const struct conn *c)
{
    char room[32];
    int length = snprintf(room, sizeof room, "bench%u", c->room);
    size_t n = (size_t)snprintf(out, size, "*5\r\n$4\r\nXADD\r\n$%d\r\n%s\r\n$1\r\n*\r\n$4\r\ntext\r\n$%d\r\n", length,
                                room, opt.payload);
    n += write_text(out + n, size - n - 2, c);
    memcpy(out + n, "\r\n", 2);
    return n + 2;
}

/* Length of one whole value (a line, a string, or an array of values), or 0 while it is incomplete. */
static size_t value_length(const char *bytes, size_t n)
{
    const char *newline = memchr(bytes, '\n', n);
    if (!newline)
        return 0;
    size_t at = (size_t)(newline - bytes) + 1;
    long count = strtol(bytes + 1, NULL, 10);
    if (bytes[0] == '$' && count >= 0)
        return at + (size_t)count + 2 <= n ? at + (size_t)count + 2 : 0;
    for (size_t one; bytes[0] == '*' && count > 0; count--, at += one)
        if ((one = value_length(bytes + at, n - at)) == 0)
            return 0;
    return at;
}

/* The strings of an answer to XREAD, however deep: texts of messages, names, and the ids, which begin with a digit. */
static void read_entries(struct conn *c, const char *bytes, size_t n)
{
    char request[256];
    const char *last = NULL;
    size_t last_n = 0;
    for (size_t at = 0; at < n;) {
        const char *text = (const char *)memchr(bytes + at, '\n', n - at) + 1;
        size_t length = bytes[at] == '$' ? strtoul(bytes + at + 1, NULL, 10) : 0;
        if (bytes[at] == '$' && text[0] >= '0' && text[0] <= '9')
            last = text, last_n = length;
        else if (bytes[at] == '$')
            on_message(c, text, length);
        at = (size_t)(text - bytes) + (bytes[at] == '$' ? length + 2 : 0);
    }
    if (!last)
        die("no entries in the answer %.*s", (int)n, bytes);
    say(c, request, write_read(request, sizeof request, c, last, last_n));
}

static size_t read_values(struct conn *c, const char *bytes, size_t n)
{
    size_t at = 0, whole;
    while (at < n && (whole = value_length(bytes + at, n - at)) > 0) {
        if (bytes[at] == '+')
            on_open(c);
        else if (c->role == SUBSCRIBER)
            read_entries(c, bytes + at, whole);
        else
            on_answer(c, bytes[at] != '-', bytes + at, whole);
        at += whole;
    }
    return at;
}

const struct dialect redis_streams = {.name = "redis-streams", .greet = greet, .post = post, .read = read_values};
