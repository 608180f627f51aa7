/* What the parts of the load generator share: one thread, one epoll set, one struct per connection. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum role { SUBSCRIBER, PUBLISHER, READER };
enum state { CLOSED, WAITING_FOR_HEAD, GREETING, OPEN };

struct conn {
    int fd;
    enum role role;
    enum state state;
    bool marker;       /* a subscriber whose messages are stamped: latency, order and repeats are checked */
    bool busy;         /* a requester with an answer outstanding */
    bool sse;          /* a subscriber that reads server-sent events */
    bool thin;         /* at the end of a thin line: segments and a receive buffer of a small size */
    bool polls;        /* a reader that long-polls from its last sequence number on */
    bool transient;    /* a subscriber that comes and goes (soak) */
    bool uncounted;    /* its messages are no deliveries: nobody promises it all of them, or that is judged elsewhere */
    bool framed;       /* what it says goes in WebSocket frames */
    uint32_t index;    /* place among the connections of its role */
    uint32_t room;
    uint32_t tail_len; /* bytes of a frame, line or answer that has not wholly arrived */
    uint32_t raw_len;  /* how many of them, the last ones, have not been taken out of frames yet */
    uint64_t frame_left; /* bytes still to come of the frame that is being taken apart */
    char *tail;
    uint64_t received; /* messages seen by a subscriber */
    uint64_t seq;      /* highest sequence number seen, when sequences are checked */
    uint64_t due_ns;   /* when the request under way (or the next one) was to be sent */
    uint64_t sent;     /* requests sent so far */
    uint64_t *last_of; /* marker: the last message number seen from each publisher */
};

/* How a server is spoken to. Subscribers make a WebSocket handshake (or ask for SSE) unless there is no target, say the
 * greeting and are open when the server has agreed; publishers do the same, or send HTTP requests when there is no `post`. */
struct dialect {
    const char *name;
    const char *target;      /* of the handshake, with %u for the room; NULL: the protocol on plain TCP */
    const char *subprotocol; /* of the handshake, or NULL */
    size_t (*greet)(char *out, size_t size, const struct conn *c); /* NULL: open at once; else until on_open */
    size_t (*post)(char *out, size_t size, const struct conn *c);  /* one message, to be answered */
    void (*message)(struct conn *c, const char *text, size_t n);   /* what one frame holds means something alone, or: */
    size_t (*read)(struct conn *c, const char *bytes, size_t n);   /* a stream, cut anywhere; returns the bytes used */
};

/* The processes of one part of the server, such as its database: each with its children, also those to come. */
struct family {
    char name[16];
    int pids[16], count;
};

enum { NODES = 16, FAMILIES = 4 };

struct options {
    int ports[NODES], port_count; /* of the nodes, which all have the same rooms */
    int posting;        /* publishers use the first so many nodes; 0 = all */
    bool elsewhere;     /* subscribers use the nodes that publishers do not, if there are such */
    bool sse;
    bool check_seq;     /* the server numbers its events: read `"seq":` of every message */
    bool zipf;          /* posts go to few rooms mostly; otherwise to all in turn */
    int rooms, subscribers, publishers, readers; /* subscribers are per room, the others in all */
    int markers, payload, opening;               /* `opening`: handshakes under way at once */
    double rate, reader_rate;                    /* per second in all; 0 = the next request on each answer */
    double warmup_s, seconds;
    int preload;        /* messages posted before the measurement (history) */
    bool awake;         /* never sleep: no server pays for waking the reader, which on a network another machine does */
    bool hold;          /* connect, report, and keep the connections until standard input ends */
    int storm;          /* messages missed by everyone before everyone reconnects at once; 0 = no storm */
    int slow;           /* subscribers of room 0 that join late and stop reading; 0 = none */
    double slow_rate;   /* bytes per second that each of them reads all the same */
    double stall_s;     /* how long they do not read */
    double report_s;    /* a soak: one line of figures so often; 0 = no soak */
    double churn;       /* soak: subscribers that lose or close their connection, per second */
    int pollers;        /* soak: long-polling clients */
    int turnover;       /* requests after which a requester makes a new connection; 0 = never */
    bool mixed;         /* every other subscriber reads server-sent events */
    int pids[64], pid_count; /* the server's processes */
    struct family families[FAMILIES]; /* or them by parts */
    int family_count;
};

/* Log-linear histogram of nanoseconds: 64 steps per doubling, so an error of at most 1.6 %. */
enum { HISTOGRAM_STEPS = 64, HISTOGRAM_SIZE = 64 * 40 };
struct histogram {
    uint64_t count, max_ns, bucket[HISTOGRAM_SIZE];
};

/* Everything counted since the start; a window is the difference of two copies. */
struct counters {
    uint64_t deliveries, uncounted, polled, reads, bytes, acks, pages, refused, repeats, gaps, lost_connections;
};

/* Where a measured stretch of time began. */
struct window {
    struct counters from;
    uint64_t start_ns, own_ns, server_ns, busy_ns, idle_ns, family_ns[FAMILIES];
};

extern struct options opt;
extern struct counters total;
extern struct histogram delivery_latency, ack_latency, page_latency, poll_latency;
extern bool measuring;
extern uint64_t *acked_in_room;
extern struct conn *subscribers, *publishers, *readers;
extern int subscriber_count;

/* stats.c */
uint64_t now_ns(void);
void histogram_add(struct histogram *h, uint64_t ns);
void histogram_clear(struct histogram *h);
void histogram_move(struct histogram *to, struct histogram *from); /* adds what was counted, and clears `from` */
void histogram_print(const char *name, const struct histogram *h);

/* processes.c: who used which processor and how much memory */
uint64_t own_cpu_ns(void);
uint64_t server_cpu_ns(void);
uint64_t server_pss_kib(void); /* proportional set size */
uint64_t machine_busy_ns(void);
uint64_t family_cpu_ns(const struct family *f);
void add_family(const char *name_and_pid); /* `database:17`; several of one name are one family */

/* nodes.c */
int port_of(const struct conn *c);

/* dialects.c, and a file for each of them */
extern const struct dialect http, socketio, mqtt, nats, jetstream, redis_streams;
extern const struct dialect *dialect; /* the one that is spoken */
void choose_dialect(const char *name);

/* wire.c: HTTP */
size_t write_handshake(char *out, size_t size, const struct conn *c);
size_t write_request(char *out, size_t size, const struct conn *c);
size_t write_text(char *out, size_t size, const struct conn *c);   /* what every message says, in any dialect */
size_t parse_head(const struct conn *c, const char *bytes, size_t n); /* returns the bytes used */
size_t parse_answers(struct conn *c, const char *bytes, size_t n); /* calls on_answer */
size_t parse_lines(struct conn *c, const char *bytes, size_t n);   /* calls on_message */

/* frames.c: WebSocket */
enum { TEXT_FRAME = 0x81, BINARY_FRAME = 0x82, PONG_FRAME = 0x8a };
size_t write_frame(char *out, size_t size, int kind, const char *bytes, size_t n);
size_t parse_frames(struct conn *c, const char *bytes, size_t n);       /* calls dialect->message and on_ping */
size_t unframe(struct conn *c, char *bytes, size_t from, size_t until); /* in place; returns the new end */

/* rooms.c */
uint32_t next_room(const struct conn *c); /* of a publisher's next post */
void rooms_print(void);                   /* how many got one, and what share the busiest has: members of a line */

/* main.c */
void on_message(struct conn *c, const char *text, size_t n);
void on_answer(struct conn *c, bool accepted, const char *text, size_t n);
struct conn *new_connections(enum role role, int count);
void open_all(struct conn *conns, int count);
void run_for(double seconds);
void stop_requests(void); /* no new ones; returns when those under way are answered */
void post_many(int count); /* as fast as answers come */
void settle(uint64_t *missing, uint64_t *extra); /* waits for what is owed to those who are counted */
struct window window_begin(void);
void window_print(const struct window *w); /* what happened since, as the first members of a line of JSON */
void print_faults(uint64_t missing, uint64_t extra, uint64_t lost_connections); /* its last ones */

/* slow.c, soak.c: measurements with parts of their own */
void measure_slow(void);
void on_slow_message(struct conn *c);
void stamp_slow(uint64_t due_ns, uint64_t late_ns);
void measure_soak(void);

/* loop.c: the sockets */
void loop_init(void);
void open_connection(struct conn *c);
void drop_connection(struct conn *c);  /* resets it, as a cut line would */
void close_connection(struct conn *c); /* in good order */
void stop_reading(struct conn *c);     /* until `read_again`; what comes meanwhile stays in the kernel */
void read_again(struct conn *c);
void read_connection(struct conn *c, size_t most); /* one read of at most so many bytes, and what came of it */
void on_open(struct conn *c);         /* the server has agreed to what the connection asked for */
void say(struct conn *c, const char *bytes, size_t n);
void on_ping(struct conn *c, const char *payload, size_t n);
void send_due(struct conn *c, uint64_t due_ns);
bool loop_turn(uint64_t until_ns); /* one wait and what came of it; false when standard input ended */
extern bool sending;               /* whether requesters go on after each answer */
extern int waiting;                /* handshakes under way */
extern uint64_t idle_ns;           /* spent awake with nothing to do */
void watch_stdin(void);
void start_requesters(struct conn *conns, int count, double rate);

_Noreturn void die(const char *format, ...);

#endif
