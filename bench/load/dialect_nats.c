/* The protocol of NATS, in WebSocket frames for plain subjects, on TCP for JetStream, whose answers mean "stored". */
#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Subscriptions of one connection: what a room's messages come to, and answers to requests. */
enum { ROOM = 1, ANSWER, STREAM_MADE, CONSUMER_MADE };

/* Verbose: the server says +OK to each post, as soon as it has read it. */
static size_t greet(char *out, size_t size, const struct conn *c)
{
    if (c->role == PUBLISHER)
        return (size_t)snprintf(out, size, "CONNECT {\"verbose\":true}\r\nPING\r\n");
    return (size_t)snprintf(out, size, "CONNECT {\"verbose\":false}\r\nSUB bench.%u %d\r\nPING\r\n", c->room, ROOM);
}

static size_t post(char *out, size_t size, const struct conn *c)
{
    size_t n = (size_t)snprintf(out, size, "PUB bench.%u %d\r\n", c->room, opt.payload);
    n += write_text(out + n, size - n - 2, c);
    memcpy(out + n, "\r\n", 2);
    return n + 2;
}

/* A subscriber makes the stream (which changes nothing when it is there), then a consumer that pushes to it. */
static size_t greet_jetstream(char *out, size_t size, const struct conn *c)
{
    static const char stream[] = "{\"name\":\"BENCH\",\"subjects\":[\"bench.*\"],\"storage\":\"file\"}";
    if (c->role == PUBLISHER)
        return (size_t)snprintf(out, size, "CONNECT {\"verbose\":false}\r\nSUB answer.%u %d\r\nPING\r\n", c->index,
                                ANSWER);
    return (size_t)snprintf(out, size,
                            "CONNECT {\"verbose\":false}\r\nSUB push.%u %d\r\nSUB stream.%u %d\r\nSUB consumer.%u %d\r\n"
                            "PUB $JS.API.STREAM.CREATE.BENCH stream.%u %zu\r\n%s\r\n",
                            c->index, ROOM, c->index, STREAM_MADE, c->index, CONSUMER_MADE, c->index,
                            sizeof stream - 1, stream);
}

static void make_consumer(struct conn *c)
{
    char request[512], config[384];
    int n = snprintf(config, sizeof config,
                     "{\"stream_name\":\"BENCH\",\"config\":{\"deliver_subject\":\"push.%u\",\"deliver_policy\":\"new\","
                     "\"ack_policy\":\"none\",\"filter_subject\":\"bench.%u\"}}",
                     c->index, c->room);
    n = snprintf(request, sizeof request, "PUB $JS.API.CONSUMER.CREATE.BENCH consumer.%u %d\r\n%s\r\n", c->index, n,
                 config);
    say(c, request, (size_t)n);
}

static size_t post_jetstream(char *out, size_t size, const struct conn *c)
{
    size_t n = (size_t)snprintf(out, size, "PUB bench.%u answer.%u %d\r\n", c->room, c->index, opt.payload);
    n += write_text(out + n, size - n - 2, c);
    memcpy(out + n, "\r\n", 2);
    return n + 2;
}

static void on_payload(struct conn *c, long subscription, const char *text, size_t n)
{
    bool accepted = subscription == ROOM || !memmem(text, n, "\"error\":", 8);
    if (subscription == ROOM)
        on_message(c, text, n);
    else if (subscription == ANSWER)
        on_answer(c, accepted, text, n);
    else if (!accepted)
        die("refused: %.*s", (int)n, text);
    else if (subscription == STREAM_MADE)
        make_consumer(c);
    else
        on_open(c);
}

static void on_line(struct conn *c, const char *line, size_t n)
{
    if (memcmp(line, "PING", 4) == 0)
        say(c, "PONG\r\n", 6);
    else if (memcmp(line, "PONG", 4) == 0)
        on_open(c);
    else if (line[0] == '-')
        die("the server says %.*s", (int)n, line);
    else if (line[0] == '+' && c->busy) /* not the one to CONNECT */
        on_answer(c, true, line, n);
}

/* Lines; after `MSG subject subscription [reply] length` comes the text of a message. */
static size_t read_lines(struct conn *c, const char *bytes, size_t n)
{
    const char *line = bytes, *end = bytes + n, *newline;
    while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
        if (newline - line < 3)
            die("a line of %zd bytes", newline - line);
        if (line[0] != 'M') {
            on_line(c, line, (size_t)(newline - line));
            line = newline + 1;
            continue;
        }
        const char *last = newline;
        while (last[-1] != ' ')
            last--;
        size_t length = strtoul(last, NULL, 10);
        if (length + 2 > (size_t)(end - newline - 1))
            break;
        on_payload(c, strtol((const char *)memchr(line + 4, ' ', 64) + 1, NULL, 10), newline + 1, length);
        line = newline + 1 + length + 2;
    }
    return (size_t)(line - bytes);
}

const struct dialect nats = {.name = "nats", .target = "/", .greet = greet, .post = post, .read = read_lines};
const struct dialect jetstream = {
    .name = "jetstream", .greet = greet_jetstream, .post = post_jetstream, .read = read_lines};
