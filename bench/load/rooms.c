/* Which room a post goes to: all in turn, or as people do, most of them to a few (Zipf). */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>

/* splitmix64: numbers without a pattern, the same in every run, so that every server gets the same posts. */
static uint64_t scatter(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Zipf with exponent 1: room r gets 1/(r + 1) of what the first room gets. `below[r]`: the share of rooms 0 to r. */
static uint32_t zipf_room(double share)
{
    static double *below;
    if (!below) {
        double sum = 0;
        below = calloc((size_t)opt.rooms, sizeof *below);
        for (int r = 0; r < opt.rooms; r++)
            below[r] = sum += 1.0 / (r + 1);
        for (int r = 0; r < opt.rooms; r++)
            below[r] /= sum;
    }
    uint32_t low = 0, high = (uint32_t)opt.rooms - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (share < below[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* In turn: the publishers take the next rooms together, so one round of them all touches as many rooms as they are. */
uint32_t next_room(const struct conn *c)
{
    if (!opt.zipf)
        return (uint32_t)((c->index + c->sent * (uint64_t)opt.publishers) % (uint64_t)opt.rooms);
    uint64_t number = scatter((uint64_t)c->index << 40 | c->sent);
    return zipf_room((double)(number >> 11) / (double)(1ull << 53));
}

void rooms_print(void)
{
    uint64_t reached = 0, most = 0, sum = 0;
    for (int r = 0; r < opt.rooms; r++) {
        reached += acked_in_room[r] > 0;
        most = acked_in_room[r] > most ? acked_in_room[r] : most;
        sum += acked_in_room[r];
    }
    printf(",\"rooms_reached\":%llu,\"busiest_room_share\":%.4f", (unsigned long long)reached,
           sum ? (double)most / (double)sum : 0);
}
