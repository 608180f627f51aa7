/* Which dialects there are. Plain HTTP is the one of our own server, the floor, and every peer that posts by HTTP. */
#include "load.h"

#include <string.h>

const struct dialect http = {.name = "http", .target = "/bench%u", .message = on_message};
const struct dialect *dialect = &http;

void choose_dialect(const char *name)
{
    static const struct dialect *const all[] = {&http, &socketio, &mqtt, &nats, &jetstream, &redis_streams};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            dialect = all[i];
            return;
        }
    }
    die("no dialect is named %s", name);
}
