// SPDX-License-Identifier: MIT
#pragma once
/* circle: what the files of this folder call of each other; see fetch_int.h for the one circle. */
#include "worker/proto/fetch_int.h"

/* engine.c */
struct fetch *engine_fetch_get(struct fetch_engine *e); /* zeroed */
void engine_fetch_put(struct fetch_engine *e, struct fetch *f);
struct conn *engine_conn_get(struct fetch_engine *e); /* zeroed */
void engine_conn_put(struct fetch_engine *e, struct conn *c);
void engine_kick(struct fetch_engine *e, struct lane *lane); /* pool_run_queue in the next turn */
void engine_unkick(struct fetch_engine *e, struct lane *lane);

/* origin.c */
void origin_free(struct fetch_origin *o);
struct fetch_origin *origin_ref(const struct fetch_origin *o);
/* NULL when its profile cannot be used: tls_text says why. */
struct tls_origin *origin_tls(const struct fetch_origin *origin);

/* pool.c */
void pool_assign(struct fetch_pool *p,
                 struct fetch *f); /* a connection with room, new one, queue */
void pool_dial(struct lane *lane, struct fetch *f, uint64_t now_ns); /* a new connection for f */
void pool_unqueue(struct fetch *f);
void pool_put(struct conn *c, struct fetch *f);  /* f onto it */
void pool_take(struct conn *c, struct fetch *f); /* and off */
void pool_opened(struct conn *c);                /* it is made, and speaks its protocol */
void pool_told(struct conn *c);                  /* no capacity is waited for any more */
void pool_left(struct conn *c);                  /* an exchange left it, which may be used on */
void pool_unlist(struct conn *c);                /* it gets no more */
void pool_run_queue(struct lane *lane);

/* conn.c */
struct conn *conn_new(struct lane *lane, struct fetch *f);
void conn_release(struct conn *c, struct fetch *f, bool goes_on);

/* dial.c */
void dial_start(struct conn *c);
void dial_event(struct conn *c);
void dial_cancel(struct conn *c);

/* upgrade.c */
void fetch_drop_stream(struct fetch *f); /* closes one that nobody took */
