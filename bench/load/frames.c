/* WebSocket frames (RFC 6455 §5): those of clients are masked with zeros, which leaves their payload as it is. */
#include "load.h"

#include <string.h>

struct frame {
    int opcode;
    size_t head, length;
};

size_t write_frame(char *out, size_t size, int kind, const char *bytes, size_t n)
{
    size_t head = n > 125 ? 8 : 6;
    if (n > 0xffff || head + n > size)
        die("a frame of %zu bytes", n);
    memset(out, 0, head);
    out[0] = (char)kind;
    out[1] = (char)(0x80 | (n > 125 ? 126 : n));
    if (n > 125)
        out[2] = (char)(n >> 8), out[3] = (char)n;
    memcpy(out + head, bytes, n);
    return head + n;
}

/* Server frames are not masked. False while the head is incomplete. */
static inline bool read_head(const char *bytes, size_t n, struct frame *frame)
{
    const uint8_t *p = (const uint8_t *)bytes;
    if (n < 2)
        return false;
    *frame = (struct frame){p[0] & 15, 2, p[1] & 127};
    if (frame->length == 126) {
        if (n < 4)
            return false;
        frame->length = (size_t)p[2] << 8 | p[3], frame->head = 4;
    } else if (frame->length == 127) {
        if (n < 10)
            return false;
        uint64_t wide;
        memcpy(&wide, p + 2, sizeof wide);
        frame->length = __builtin_bswap64(wide), frame->head = 10;
    }
    return true;
}

size_t parse_frames(struct conn *c, const char *bytes, size_t n)
{
    struct frame frame;
    size_t at = 0;
    while (read_head(bytes + at, n - at, &frame) && frame.length <= n - at - frame.head) {
        const char *payload = bytes + at + frame.head;
        if (frame.opcode == 9)
            on_ping(c, payload, frame.length);
        else
            dialect->message(c, payload, frame.length);
        at += frame.head + frame.length;
    }
    return at;
}

/* Takes the frames between `from` and `until` apart, so that what they hold follows what is before them. A head or
 * control frame that has not wholly arrived stays behind it: `c->raw_len` bytes. */
size_t unframe(struct conn *c, char *bytes, size_t from, size_t until)
{
    struct frame frame;
    size_t to = from, at = from;
    for (;;) {
        size_t part = c->frame_left < until - at ? (size_t)c->frame_left : until - at;
        memmove(bytes + to, bytes + at, part);
        to += part, at += part, c->frame_left -= part;
        if (c->frame_left > 0 || !read_head(bytes + at, until - at, &frame))
            break;
        bool control = frame.opcode & 8;
        if (control && frame.length > until - at - frame.head)
            break;
        at += frame.head;
        if (frame.opcode == 9)
            on_ping(c, bytes + at, frame.length);
        if (control)
            at += frame.length;
        else
            c->frame_left = frame.length;
    }
    c->raw_len = (uint32_t)(until - at);
    memmove(bytes + to, bytes + at, until - at);
    return to + (until - at);
}
