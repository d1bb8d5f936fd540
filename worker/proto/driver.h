// SPDX-License-Identifier: MIT
#pragma once
/* driver: what a protocol calls of the client, to tell what becomes of its exchanges and
 * connections. Comes with fetch_int.h.
 */
#include <stddef.h>
#include <stdint.h>

#include "worker/proto/client.h"

struct conn;

/* engine.c: ENGINE_BLOCK_SIZE bytes, not cleared */
void *engine_block_get(struct fetch_engine *e);
void engine_block_put(struct fetch_engine *e, void *block); /* accepts NULL */
/* A buffer for a body of that length, if one of about that size is there; else it stays empty. */
void engine_body_get(struct fetch_engine *e, struct sbuf *body, uint64_t length);
void engine_body_put(struct fetch_engine *e, struct sbuf *body); /* empty afterwards */

/* pool.c: from now on; 0 = it takes none for now */
void pool_set_capacity(struct conn *c, unsigned capacity);
/* It takes no more, though what is on it goes on: another may be made in its place. */
void pool_retire(struct conn *c);

/* conn.c */
void conn_watch(struct conn *c, short events); /* EV_READ, EV_WRITE, both or 0 */
/* Before the first conn_watch: an event tells once of what has come, and so costs nothing while
 * others have their turn. For who reads all of it then, or calls conn_tell_again when there may be
 * more, from which on events come as long as there is. */
void conn_tell_once(struct conn *c);
void conn_tell_again(struct conn *c);
void conn_read_on(struct conn *c); /* reading goes on, after others had their turn */
void conn_close(struct conn *c);   /* ends, frees; no exchange may be on it */

/* fetch.c */
void fetch_failed(struct fetch *f, enum fetch_error error, int sys, const char *text);
void fetch_set_text(struct fetch *f, const char *text); /* copied */
void fetch_end(struct fetch *f); /* detaches; the connection is closed unless it can be used on */
void fetch_start_over(struct fetch *f); /* on a new connection, which may end it */
/* As if it had just been started, but for its time: on whichever connection has room, which may end
 * it. is_kept: the one it was on may be used on. */
void fetch_queue_again(struct fetch *f, bool is_kept);
void fetch_run(struct fetch *f); /* on f->conn, which is established; may end it */
/* The last thing done to an exchange in a callback: its owner may free it. */
void fetch_tell(struct fetch *f, enum fetch_event what);
void fetch_tell_end(struct fetch *f);
void fetch_start_phase(struct fetch *f, uint32_t timeout_ms, uint64_t now_ns);

/* upgrade.c: the answer is 101, all of it: the connection is the owner's, where it asked for that.
 * rest: what was read behind it.
 * The connection is not watched any more. */
void fetch_hand_over(struct fetch *f, const char *rest, size_t len);

/* origin.c: what is not on a connection yet is sent by the engine's first protocols, for good. */
void origin_fall_back(const struct fetch_origin *origin);

/* fetch_body.c, after the head is in the response. at_hand: bytes of the body that lie behind it.
 */
enum fetch_error fetch_body_begin(struct fetch *f, size_t at_hand);
/* is_stable: they stay where they are as long as the response's head does. */
enum fetch_error fetch_body_add(struct fetch *f, const char *bytes, size_t len, bool is_stable);
/* Where as many of the next `left` bytes of the body as there is room for may be read to, and one
 * more, before fetch_body_add is told of them; NULL: elsewhere. */
char *fetch_body_place(struct fetch *f, uint64_t left, size_t *room);
enum fetch_error fetch_body_finish(struct fetch *f); /* all of it was received */
bool fetch_body_is_full(const struct fetch *f);      /* streaming: stop reading for now */
