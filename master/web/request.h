// SPDX-License-Identifier: MIT
#pragma once
/* request: one HTTP request as its handler sees it, and what handlers share.
 *
 * A file of routes defines handlers and a table; web.c lists the tables and calls one handler for
 * each request, after the checks that are the same for all (web.c). Handlers run on civetweb's
 * threads and touch nothing of the master but the bridge.
 */
#include "master/web/access.h"
#include "master/web/bridge.h"
#include "master/web/form.h"
#include "master/web/guard.h"
#include "master/web/upstream.h"

#include "common/base/sbuf.h"

struct door;
struct mg_connection;
struct runs;

#define REQUEST_PIECE_MAX 128

struct request {
    struct bridge *bridge;
    struct runs *runs; /* stored ones (runs.h) */
    struct mg_connection *conn;
    struct door *door;
    struct access_who who; /* door.h */
    bool is_by_header;     /* whose token came in Authorization */
    char login[UPSTREAM_LOGIN_MAX +
               1];      /* who is logged in (--web-login), as the host said; "" nobody */
    bool has_login;     /* the host asks for one */
    bool may_change;    /* something; else it only looks */
    const char *client; /* its address */
    const char *method;
    const char *full_path;         /* as path.h reads it */
    const char *path;              /* the part of it below the base path; NULL: it is outside */
    const char *raw_query;         /* as it came; NULL none */
    char piece[REQUEST_PIECE_MAX]; /* of the path, where the route's has {run}: which stored run is
                                      meant; "": the run that is on */
    struct form query;             /* its fields; of routes of the locustfile it stays empty */
    struct sbuf said;              /* the body as a handler read it, for the audit */
    bool is_forwarded;             /* to the host */
    bool is_failed;                /* an attempt with a wrong token */
    struct sbuf early;             /* the body, where the locustfile was shown it first */
    bool has_early;
};

/* Answers completely. Returns the status. */
typedef int (*request_handler)(struct request *r);

struct route {
    const char *method, *path; /* "GET" takes HEAD too, "GET, POST" does not; path.h has patterns */
    request_handler handle;
};
struct routes {
    const struct route *routes;
    size_t count;
};
extern const struct routes locust_routes;   /* locust.c */
extern const struct routes timeline_routes; /* api.c */
extern const struct routes test_routes;     /* api_test.c */
extern const struct routes samples_routes;  /* api_samples.c */
extern const struct routes metrics_routes;  /* api_metrics.c */
extern const struct routes runs_routes;     /* api_runs.c */
extern const struct routes door_routes;     /* door.c */
extern const struct routes now_routes;      /* api_now.c */

#define REQUEST_TIMEOUT_MS 10000 /* for the main thread to carry out a command */

struct guard_request request_sender(const struct request *r);
/* Of the run that is meant, a new reference; or NULL after an answer was sent. */
struct view *request_view(struct request *r);
/* Answers with what `write` makes of the newest view, as JSON. */
int request_answer_view(struct request *r, void (*write)(const struct view *v, struct sbuf *out));
bool request_has_shape(struct request *r);
bool request_is_type(const struct request *r, const char *type); /* of its body */
/* true and the body (sbuf_fini); false and *status after an answer was sent. */
bool request_read(struct request *r, size_t max, struct sbuf *body, int *status);
/* Whether the page, or a program, may have sent it; false and *status after an answer was sent. */
bool request_is_command(struct request *r, int *status);
/* The JSON body of a command of the page, after the checks of its sender; false and *status after
 * an answer was sent. sbuf_fini always. */
bool request_command(struct request *r, size_t max, struct sbuf *body, int *status);
/* A document of the main thread; false and *status after an answer was sent. sbuf_fini always. */
bool request_render(struct request *r, enum document document, struct sbuf *out, int *status);
int request_refuse_sender(struct request *r);
int request_status(const struct command_result *result); /* of HTTP */
int request_answer_result(struct request *r, const struct command_result *result);
