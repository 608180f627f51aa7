/* MQTT 3.1.1 in WebSocket frames: subscribers at QoS 0, publishers at QoS 1, so that each post has its PUBACK. */
#include "load.h"

#include <stdio.h>
#include <string.h>

enum { CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBACK = 9 }; /* §2.2.1 */

/* A string after its length in two bytes (§1.5.3). Returns the bytes written. */
static size_t write_topic(char *out, const struct conn *c)
{
    int n = snprintf(out + 2, 30, "bench%u", c->room);
    out[0] = 0, out[1] = (char)n;
    return 2 + (size_t)n;
}

/* A type with its flags and the remaining length, seven bits a byte (§2.2.3). */
static size_t write_head(char *out, int type, size_t length)
{
    size_t n = 0;
    out[n++] = (char)type;
    do {
        out[n++] = (char)((length & 127) | (length > 127 ? 128 : 0));
        length >>= 7;
    } while (length > 0);
    return n;
}

/* CONNECT with a clean session, no keep-alive and no name (§3.1); a subscriber's SUBSCRIBE right behind it (§3.8). */
static size_t greet(char *out, size_t size, const struct conn *c)
{
    static const char hello[] = "\x10\x0c\0\4MQTT\4\2\0\0\0\0";
    char topic[32];
    size_t n = sizeof hello - 1, length = write_topic(topic, c);
    if (size < n + sizeof topic + 8)
        die("no room for a greeting");
    memcpy(out, hello, n);
    if (c->role != SUBSCRIBER)
        return n;
    n += write_head(out + n, 0x82, 2 + length + 1);
    out[n++] = 0, out[n++] = 1; /* the packet's number */
    memcpy(out + n, topic, length);
    n += length;
    out[n++] = 0; /* QoS */
    return n;
}

static size_t post(char *out, size_t size, const struct conn *c)
{
    char topic[32];
    size_t length = write_topic(topic, c);
    size_t n = write_head(out, 0x32, length + 2 + (size_t)opt.payload);
    memcpy(out + n, topic, length);
    n += length;
    out[n++] = (char)(c->sent >> 8 | 1), out[n++] = (char)c->sent; /* the packet's number, which may not be zero */
    return n + write_text(out + n, size - n, c);
}

static void on_packet(struct conn *c, int type, const uint8_t *body, size_t n)
{
    if (type == PUBLISH && n >= 2) {
        size_t topic = 2 + ((size_t)body[0] << 8 | body[1]);
        if (topic > n)
            die("a topic longer than its packet");
        on_message(c, (const char *)body + topic, n - topic);
    } else if (type == PUBACK) {
        on_answer(c, true, "", 0);
    } else if (type == CONNACK && n == 2 && body[1] == 0) {
        if (c->role == PUBLISHER)
            on_open(c);
    } else if (type == SUBACK && n == 3 && body[2] == 0) {
        on_open(c);
    } else {
        die("the server answered with a packet of type %d", type);
    }
}

static size_t read_packets(struct conn *c, const char *bytes, size_t n)
{
    const uint8_t *p = (const uint8_t *)bytes;
    size_t at = 0;
    for (;;) {
        size_t length = 0, head = 1;
        do {
            if (head > 4)
                die("a length of more than four bytes");
            if (n - at <= head)
                return at;
            length |= (size_t)(p[at + head] & 127) << (7 * (head - 1));
        } while (p[at + head++] & 128);
        if (length > n - at - head)
            return at;
        on_packet(c, p[at] >> 4, p + at + head, length);
        at += head + length;
    }
}

const struct dialect mqtt = {
    .name = "mqtt",
    .target = "/mqtt",
    .subprotocol = "mqtt",
    .greet = greet,
    .post = post,
    .read = read_packets,
};
