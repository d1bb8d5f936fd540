// SPDX-License-Identifier: MIT
#pragma once
/* protocol: what carries exchanges over connections, as the client sees it.
 *
 * The client finds a connection (pool.c, conn.c, dial.c); from then on the exchange is the
 * protocol's: it writes the request, reads the answer, and tells by the functions of fetch_int.h
 * what came of it. A connection has a capacity of exchanges side by side. HTTP/1.1 has one; a
 * protocol that multiplexes says how many, and may say so anew at any time (pool_set_capacity).
 *
 * Which protocol a connection speaks is decided when it is made: over TLS by ALPN, which offers the
 * list of its target in its order; else it is the plain one.
 *
 * All of it is called on the loop thread, without the GIL.
 */
#include <stdbool.h>
#include <stddef.h>

struct conn;
struct fetch;
struct fetch_engine;
struct fetch_origin;
struct stream;

struct protocol {
    const char *name;  /* as ALPN spells it */
    unsigned capacity; /* of a connection whose peer has not said anything else; at least 1 */
    size_t state_size; /* of what it keeps of an exchange: fetch_state, zeroed on each connection */

    /* A connection is made, is about to be closed. NULL where there is nothing to do. open may set
     * c->capacity, where less is known than what it is likely to be. */
    void (*open)(struct conn *c);
    void (*close)(struct conn *c);
    /* Begins the exchange on f->conn, which is established; may end it. */
    void (*send)(struct fetch *f);
    /* A body that was held until the server wants it. False when that ended the exchange. */
    bool (*send_body)(struct fetch *f);
    /* The piece of the body that was wanted (f->is_piece_wanted); none is its end. */
    void (*give)(struct fetch *f, const void *bytes, size_t len);
    /* The connection's event, also while there is no exchange on it. */
    void (*event)(struct conn *c, short what);
    /* There was nothing on it for a while: is it of no use any more? */
    bool (*is_stale)(struct conn *c);
    /* f is over, well or not, or cancelled: may its connection be used on? */
    bool (*leave)(struct fetch *f);
    /* The reader of a streamed body has made room. */
    void (*resume)(struct fetch *f);
    /* Frees what the state holds, the head of the response included. */
    void (*drop)(struct fetch *f);
};

/* How a proxy is asked for a connection through it. */
enum tunnel_step { TUNNEL_READ, TUNNEL_WRITE, TUNNEL_DONE, TUNNEL_FAILED };
struct tunnel_failure {
    int sys;          /* HTTP status or 0 */
    const char *text; /* until close */
};
struct tunnel {
    void *(*open)(struct fetch_engine *e, const struct fetch_origin *o);
    /* At first and at each event: what it waits for, or how it ended. */
    enum tunnel_step (*go)(void *state, struct stream *s, struct tunnel_failure *why);
    void (*close)(void *state);
};

/* What is spoken with a target. */
struct protocols {
    const struct protocol *const *list; /* over TLS, best first: offered by ALPN. NULL ends it; the
                                           last is spoken where ALPN names none */
    const struct protocol *plain;       /* without TLS */
    const struct tunnel *tunnel;
    const struct protocols *next; /* others that targets of the same engine name; NULL: no more */
};
