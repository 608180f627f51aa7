/* Socket.IO 5 over Engine.IO 4, WebSocket only: text packets of a digit or two and what they carry. Posts go by HTTP. */
#include "load.h"

#include <stdio.h>
#include <string.h>

/* A client joins the main namespace; the server put the room it read from the target into the bargain. */
static size_t greet(char *out, size_t size, const struct conn *c)
{
    (void)c;
    return (size_t)snprintf(out, size, "40");
}

static void message(struct conn *c, const char *text, size_t n)
{
    if (n >= 2 && memcmp(text, "42", 2) == 0)
        on_message(c, text + 2, n - 2);
    else if (n >= 1 && text[0] == '2')
        say(c, "3", 1); /* a ping */
    else if (n >= 2 && memcmp(text, "40", 2) == 0)
        on_open(c);
    else if (n < 1 || text[0] != '0') /* what the handshake offers: nothing we use */
        die("not a packet of Socket.IO: %.*s", (int)n, text);
}

const struct dialect socketio = {
    .name = "socket.io",
    .target = "/socket.io/?EIO=4&transport=websocket&room=/bench%u",
    .greet = greet,
    .message = message,
};
