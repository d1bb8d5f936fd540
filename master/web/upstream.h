// SPDX-License-Identifier: MIT
#pragma once
/* upstream: passes a request on to the web server of the host (the Flask app that a locustfile
 * extends), by a Unix socket in a private folder.
 *
 * The host speaks plain HTTP/1.0 there; what tells who asks (X-Forwarded-For, -Proto, -Host) is
 * ours, never the client's. Bodies are bounded, connections are counted, and a host that is gone
 * or mute is an answer with words.
 */
#include <stdbool.h>
#include <stddef.h>

struct access_who;
struct door;
struct mg_connection;
struct sbuf;

#define UPSTREAM_BODY_MAX (64LL << 20)
#define UPSTREAM_MAX 24 /* requests under way */
/* In answers of the host and in requests of its own: who is logged in, UTF-8 in percent escapes. */
#define UPSTREAM_LOGIN_HEADER "X-Katydid-Login"
#define UPSTREAM_LOGIN_MAX 256

struct upstream {
    const char *socket; /* path */
    const char *client; /* its address */
    const char *path;   /* as path.h reads it, with the base path */
    const char *query;  /* as it came; NULL none */
    bool has_tls;       /* towards the client */
    const struct door *door;
    const struct access_who *who; /* told by X-Katydid-Role and -User; the token itself is not */
    bool is_by_header;            /* that came in Authorization */
    const struct sbuf
        *body;   /* to be shown to who is asked whether the request may pass; NULL none */
    char *login; /* UPSTREAM_LOGIN_MAX + 1 bytes for who the host says is logged in; NULL: nobody
                    asks */
};

/* "": nobody, or no name. */
void upstream_read_login(const char *header, size_t len, char login[UPSTREAM_LOGIN_MAX + 1]);

/* Answers with what the host answers. Returns the status. */
int upstream_forward(struct mg_connection *conn, const struct upstream *u);
/* Asks the host whether the request may pass: by everything that the locustfile put before its
 * routes, and by its login. 0 yes; else the status of the answer that was sent. */
int upstream_admits(struct mg_connection *conn, const struct upstream *u);
/* The same, and nothing is sent. */
enum upstream_verdict { UPSTREAM_YES, UPSTREAM_NO, UPSTREAM_MUTE /* within timeout_s */ };
enum upstream_verdict upstream_still_admits(struct mg_connection *conn, const struct upstream *u,
                                            int timeout_s);
