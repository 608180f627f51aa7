/* Several nodes of one server: which of them a connection goes to, as a balancer would have it, in turn. */
#include "load.h"

/* The subscribers of a room use all nodes in turn, and so do rooms that have one subscriber each. */
int port_of(const struct conn *c)
{
    int nodes = opt.port_count, posting = opt.posting && opt.posting < nodes ? opt.posting : nodes;
    uint32_t turn = c->role == SUBSCRIBER ? c->room + c->index / (uint32_t)opt.rooms : c->index;
    if (c->role == PUBLISHER)
        return opt.ports[turn % (uint32_t)posting];
    int first = c->role == SUBSCRIBER && opt.elsewhere && posting < nodes ? posting : 0;
    return opt.ports[first + (int)(turn % (uint32_t)(nodes - first))];
}
