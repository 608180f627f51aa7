/* One batch to many sockets in one call: what a delivery costs then is the kernel's price for a send() and little else.

   Compiled by tools/environment.py where there is a C compiler; without it net/fanout.py writes one by one. */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SIGPIPE is ignored by Python anyway */
#endif

/* Send `size` bytes to each of `count` descriptors, but not to those that are `busy` (by descriptor): what was given to
   their transport before has to go first. Returns how many did not get everything; `left` names them by their place in
   `descriptors`, in order, and `sent` says how many bytes the kernel took. Errors are left to whoever writes next. */
size_t parlour_fan_out(const int *descriptors, size_t count, const unsigned char *busy, const char *data, size_t size,
                       unsigned int *left, size_t *sent)
{
    size_t lefts = 0;
    for (size_t i = 0; i < count; i++) {
        ssize_t taken = 0;
        if (!busy[descriptors[i]]) {
            do
                taken = send(descriptors[i], data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
            while (taken < 0 && errno == EINTR);
            if (taken == (ssize_t)size)
                continue;
        }
        left[lefts] = (unsigned int)i;
        sent[lefts++] = taken > 0 ? (size_t)taken : 0;
    }
    return lefts;
}
