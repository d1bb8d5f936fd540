// SPDX-License-Identifier: MIT
#pragma once
/* live: the sockets that push a tick to every open page each second.
 *
 * Each socket has a writer thread of its own, whose mailbox is the bridge's newest view: a slow
 * viewer gets fewer, merged ticks, delays nobody, and holds no memory. At most LIVE_WINDOW ticks
 * are under way unacknowledged; a viewer that acknowledges nothing for LIVE_PATIENCE_S is sent
 * away and may poll.
 */
#include <stdbool.h>

#define LIVE_PATH "/api/v1/live"
#define LIVE_SOCKETS_MAX 24
#define LIVE_WINDOW 2
#define LIVE_PATIENCE_S 10
#define LIVE_ASK_S 5
#define LIVE_ASK_MUTE_S 30 /* when nobody said anything */

struct bridge;
struct mg_connection;
struct mg_context;
struct live;

/* Who opened a socket is asked for again every LIVE_ASK_S, by its writer's thread: `may_stay` is
 * false when it may not look on any longer; *is_told: somebody said so. */
struct live_door {
    bool (*may_stay)(void *arg, struct mg_connection *conn, bool *is_told);
    void *arg;
};

struct live *live_new(struct bridge *b, const struct live_door *door);
void live_free(struct live *l); /* after mg_stop */
/* Takes every socket that web.c lets through. */
void live_attach(struct live *l, struct mg_context *ctx);
bool live_has_room(struct live *l);
void live_stop(struct live *l); /* says bye to every viewer; before mg_stop */
