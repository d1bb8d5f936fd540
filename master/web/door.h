// SPDX-License-Identifier: MIT
#pragma once
/* door: --web-token as HTTP shows it: the form that a browser is sent to, the cookie that it gets,
 * and the words for who may not do something. Who that is decides access.h. Any thread.
 */
#include "master/web/access.h"

#define SESSION_PATH "/api/v1/session"

struct door;
struct request;
struct sbuf;

struct door_config {
    const char *tokens; /* as --web-token has it; NULL: nobody is asked, and who comes may run */
    const char *base_path;
    int port; /* a browser keeps cookies by the name of the machine alone */
    bool has_tls;
};

/* NULL, and *why (malloced) has cause and mend. */
struct door *door_new(const struct door_config *c, char **why);
void door_free(struct door *d);
bool door_asks(const struct door *d);
/* Whether the request may go on, and r->who says for whom: 0; else the status of the answer that
 * was sent: the form, a file of the page, or a refusal. */
int door_admit(struct request *r);
/* The same of what came before (a live socket): nothing is sent. */
bool door_still_admits(const struct request *r);
/* 0, or the status of the refusal that was sent: who looks changes nothing. is_change: of the
 * request's route. */
int door_check_role(const struct request *r, bool is_change);
/* {"role", "name", "asks"}: who asks, by r->who, and whether anybody has to show a token. */
void door_add_who(const struct request *r, struct sbuf *out);
/* A Cookie header without our cookie, NULL when nothing is left of it; malloced. */
char *door_other_cookies(const struct door *d, const char *header);
