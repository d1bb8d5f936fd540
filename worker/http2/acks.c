// SPDX-License-Identifier: MIT
/* Answers whose acknowledgement can go out with the next request.
 *
 * A server that sends an answer in two small pieces (HEADERS, then DATA) makes Linux acknowledge it
 * in a packet of its own as soon as both were read, which costs as much as half a request. Bytes
 * that are looked at, and left in the socket until the next request is written, need none: that is
 * one system call more. Worth it for users that go on at once, on connections where the kernel says
 * that it is so.
 */
#include "worker/http2/h2.h"

#define ANSWERS 64u /* between two looks */

void acks_read_again(struct h2 *h)
{
    h->acks.read_again += h->conn->stream.unread > 0;
}

static bool is_worth_it(const struct h2 *h, const struct sock_segments *now)
{
    const uint32_t acks = now->acks_out - h->acks.then.acks_out;
    const uint32_t pieces = now->data_in - h->acks.then.data_in;
    if (!h->conn->stream.acks_late)
        return acks >= ANSWERS / 4 * 3;
    return pieces >= ANSWERS / 2 * 3 && h->acks.read_again <= ANSWERS / 4;
}

void acks_answered(struct h2 *h)
{
    struct stream *s = &h->conn->stream;
    if (s->tls || h->acks.is_useless || ++h->acks.answers % ANSWERS)
        return;
    const struct sock_segments now = sock_segments(s);
    const bool was_late = s->acks_late;
    s->acks_late = is_worth_it(h, &now);
    h->acks.is_useless = was_late && !s->acks_late; /* and would be again */
    h->acks.read_again = 0;
    h->acks.then = now;
}
