// SPDX-License-Identifier: MIT
/* The marks of an exchange lie in the order in which its phases end; a phase that did not happen
 * has no mark. What ended early (a timeout, a cancelled exchange) spent its last time in the phase
 * whose mark would have come next.
 *
 * A server may answer before it has read everything: then the first byte comes before the last
 * one was sent, and there was no wait. */
#include "worker/proto/client.h"

struct mark {
    uint64_t at;
    enum fetch_phase ends, next; /* next: what begins with it */
};

/* On a warm connection, all of it, in the order of the book: nearly every request. */
static bool is_ordinary(const struct fetch_times *t, uint64_t until)
{
    return !t->dialed && t->sent_first >= t->start && t->sent_last >= t->sent_first &&
           t->first_byte >= t->sent_last && until >= t->first_byte;
}

static void add_ordinary(const struct fetch_times *t, uint64_t until, uint64_t *phase_us)
{
    const uint64_t begun = (t->sent_first - t->start) / 1000;
    const uint64_t sent = (t->sent_last - t->start) / 1000;
    const uint64_t answered = (t->first_byte - t->start) / 1000;
    phase_us[FETCH_PHASE_QUEUE] += begun;
    phase_us[FETCH_PHASE_SEND] += sent - begun;
    phase_us[FETCH_PHASE_WAIT] += answered - sent;
    phase_us[FETCH_PHASE_RECEIVE] += (until - t->start) / 1000 - answered;
}

void fetch_phases(const struct fetch_times *t, uint64_t until, uint64_t *phase_us)
{
    if (__builtin_expect(is_ordinary(t, until), 1)) {
        add_ordinary(t, until, phase_us);
        return;
    }
    const struct mark marks[] = {
        {t->dialed, FETCH_PHASE_QUEUE, FETCH_PHASE_DNS},
        {t->resolved, FETCH_PHASE_DNS, FETCH_PHASE_CONNECT},
        {t->connected, FETCH_PHASE_CONNECT, FETCH_PHASE_TLS},
        {t->secured, FETCH_PHASE_TLS, FETCH_PHASE_QUEUE},
        {t->sent_first, FETCH_PHASE_QUEUE, FETCH_PHASE_SEND},
        {t->sent_last, FETCH_PHASE_SEND, FETCH_PHASE_WAIT},
        {t->first_byte, FETCH_PHASE_WAIT, FETCH_PHASE_RECEIVE},
    };
    enum fetch_phase phase = FETCH_PHASE_QUEUE;
    uint64_t before_us = 0;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (!marks[i].at)
            continue;
        phase = marks[i].next;
        const uint64_t at = marks[i].at < until ? marks[i].at : until;
        const uint64_t us = at > t->start ? (at - t->start) / 1000 : 0;
        if (us <= before_us)
            continue;
        phase_us[marks[i].ends] += us - before_us;
        before_us = us;
    }
    const uint64_t whole_us = until > t->start ? (until - t->start) / 1000 : 0;
    if (whole_us > before_us)
        phase_us[phase] += whole_us - before_us;
}
