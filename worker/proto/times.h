// SPDX-License-Identifier: MIT
#pragma once
/* When things happened in an exchange, and where its time went. */
#include <stdint.h>

/* When what happened: CLOCK_MONOTONIC ns; 0 = did not happen (warm connection: no dns/connect/tls).
 */
struct fetch_times {
    uint64_t start;
    uint64_t dialed; /* a new connection was begun: after any wait for one that may be used */
    uint64_t resolved, connected, secured; /* connected: with a tunnel through a proxy, that too */
    uint64_t sent_first;                   /* before the first byte is written */
    uint64_t sent_last, first_byte, last_byte;
    uint64_t data; /* the newest bytes of a streamed body; 0 where the protocol does not tell */
};

enum fetch_phase {
    FETCH_PHASE_QUEUE, /* for a connection, and whatever is none of the others */
    FETCH_PHASE_DNS,
    FETCH_PHASE_CONNECT,
    FETCH_PHASE_TLS,
    FETCH_PHASE_SEND,
    FETCH_PHASE_WAIT,
    FETCH_PHASE_RECEIVE,
    FETCH_PHASES
};

/* Where the time of an exchange went, added to phase_us (one per phase, in microseconds).
 * until: its end, CLOCK_MONOTONIC ns. The phases are cut at whole microseconds of their running
 * sum, so together they are the whole time, rounded down once. */
void fetch_phases(const struct fetch_times *t, uint64_t until, uint64_t *phase_us);
