// SPDX-License-Identifier: MIT
#pragma once
/* py_client: the Python-visible HTTP clients. Private to the py_client_*.c files; after Python.h.
 *
 * One C core serves two faces: HttpSession (requests' manners) and FastHttpSession (those of
 * geventhttpclient). The types here are bases; the classes people see are Python subclasses in
 * pylib (locust.clients, locust.contrib.fasthttp), so isinstance, overriding and new attributes
 * work as with the originals.
 *
 * Fast and plain road: a call that uses only what this file set understands is formatted, sent and
 * recorded in C. Anything else (hooks, custom auth, mounted adapters, files, proxies …) takes the
 * plain road: the real requests.Session machinery in pylib, whose adapter sends by
 * `_katydid.exchange` over the same connections. Functions that may have to give up the fast road
 * return ROAD_PLAIN and have no effect then.
 *
 * Everything runs on the loop thread with the GIL. Memory a libevent callback can reach (struct
 * park) is inside the Response, which the parked greenlet owns.
 */
#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"
#include "worker/proto/client.h"
#include "worker/py/hub.h"
#include "worker/py/py_stats.h"

/* CPython 3.11 wants char **, and does not write to it. */
#define KEYWORD_NAMES(names) ((char **)(uintptr_t)(names))

/* A buffer for a while, with the memory of one that was given back. Python may run, and another
 * request begin, between any two writes: so no two users ever share one. */
struct sbuf scratch_take(void);
void scratch_give(struct sbuf *buffer); /* empties it; nothing for an empty one */

enum road { ROAD_FAST, ROAD_PLAIN, ROAD_ERROR }; /* ERROR: a Python exception is set */

/* ---- sites: py_client_site.c ---------------------------------------------------------------- */

/* scheme://authority under one TLS profile and proxy. Interned while somebody refers to it, or it
 * is among those used last. */
struct site {
    struct site *next, *prev; /* used last first, while it is interned */
    unsigned refs;
    PyObject *key; /* of the interned ones */
    const struct fetch_origin *origin;
    PyObject *root;        /* "http://host:port" */
    const char *authority; /* of the root */
    size_t authority_len;
    bool is_tls;
    bool is_forwarded; /* plain, by a proxy */
};

/* A reference; NULL with an exception. root: normal form. verify, cert, proxy as requests has them.
 */
struct site *site_get(PyObject *root, PyObject *verify, PyObject *cert, PyObject *proxy);
struct site *site_ref(struct site *site);
void site_put(struct site *site); /* accepts NULL */
/* Bytes of url up to the path when it is http(s)://authority in normal form, else 0. */
Py_ssize_t site_root_length(const char *url, Py_ssize_t len);
/* Whether requests would leave these bytes of a path and query as they are. */
bool site_is_normal_target(const char *text, Py_ssize_t len);
/* The same of geventhttpclient, which keeps other characters. */
bool site_is_fast_target(const char *text, Py_ssize_t len);
bool site_is_token(const char *text, Py_ssize_t len); /* RFC 9110 5.6.2 */
/* Percent-encodes as urllib.parse.quote_plus. */
void site_quote_plus(struct sbuf *out, const char *text, Py_ssize_t len);
/* key=value&… of a dict of scalars (or lists of them). PLAIN when it holds anything else. */
enum road site_urlencode(struct sbuf *out, PyObject *dict);
void site_init(void);
bool site_is_loop_thread(void);
const struct protocols *client_protocols(void); /* py_client_protocols.c */
struct fetch_engine *site_engine(void); /* NULL with an exception when there is no loop here */

/* ---- cookies: py_client_jar.c --------------------------------------------------------------- */

struct cookie {
    char *text; /* name, value, domain, path; each NUL-terminated, one allocation */
    uint32_t value_at, domain_at, path_at;
    double expires; /* 0 = session cookie */
    bool is_secure, has_domain, has_path, has_value, is_http_only;
};
struct jar {
    struct cookie *cookies;
    uint32_t count, capacity;
};
struct jar_place { /* which request a cookie is for or from */
    const char *host;
    size_t host_len;
    const char *path; /* request target; a query is ignored */
    size_t path_len;
    bool is_tls;
};

/* From what a Host header says: without the port and, for IPv6, the brackets. */
void jar_place_host(struct jar_place *place, const char *host, size_t len);
void jar_fini(struct jar *jar);
void jar_put(struct jar *jar, struct cookie cookie); /* takes the cookie */
bool jar_parse(struct cookie *out, const char *line, size_t len, const struct jar_place *place,
               double now); /* false: to be ignored */
void jar_remove(struct jar *jar, const struct cookie *like);
void cookie_fini(struct cookie *cookie);
struct cookie cookie_make(const char *name, const char *value, const char *domain,
                          const char *path);
/* Appends "a=b; c=d" of the matching ones. now: 1970 seconds. */
void jar_header(struct sbuf *out, const struct jar *jar, const struct jar_place *place, double now);

/* ---- sessions: py_client_session.c ---------------------------------------------------------- */

struct pool_ref {
    unsigned refs;
    struct fetch_pool *pool;
};
struct pool_ref *pool_ref_new(struct fetch_pool_config config); /* NULL with an exception */
struct pool_ref *pool_ref_get(struct pool_ref *pool);
void pool_ref_put(struct pool_ref *pool);          /* accepts NULL */
struct pool_ref *pool_object_ref(PyObject *owner); /* of a _katydid.Pool; owned */

/* The headers of a session, which each of its requests has, and the dict they were made from. */
struct head_lines {
    struct fetch_header *headers;
    Py_ssize_t count;
    struct sbuf text;    /* of all of them */
    PyObject **snapshot; /* count × (key, value) */
};
void head_lines_fini(struct head_lines *lines);

struct session {
    PyObject_HEAD PyObject *base_url, *request_event, *user, *request_name;
    /* requests' attributes. NULL = never touched: the default. */
    PyObject *headers, *auth, *proxies, *hooks, *params, *verify, *cert, *cookies, *adapters;
    PyObject *stream, *trust_env, *max_redirects;
    PyObject *client, *auth_header; /* Fast: the user agent facade; text */
    PyObject *pool_owner;           /* a Pool shared with other sessions, or NULL */
    PyObject *handlers;             /* the list in request_event, or NULL */
    struct head_lines *lines;       /* of headers when touched; NULL = defaults */
    struct site *site;              /* of base_url, owned; NULL = to be found */
    PyObject *site_path;            /* path part of base_url, or NULL */
    struct pool_ref *pool;
    struct jar jar;
    double connect_timeout, network_timeout; /* Fast; seconds, 0 = none */
    long jar_version;                        /* of the Python jar when `jar` was copied from it */
    unsigned concurrency;                    /* Fast: connections per host */
    unsigned class_version;                  /* of the class when it was last looked at */
    bool is_fast, is_plain_class, is_env_checked, is_env_free, is_odd; /* odd: never fast */
    bool calls_request;          /* its verbs call self.request() */
    bool has_request, is_hooked; /* this object has a request(), another method of its own */
};
extern PyTypeObject *session_type;

/* The connections of this session, made when first needed. NULL with an exception. */
struct pool_ref *session_pool(struct session *s);
/* The session's default header lines; PLAIN when its headers are nothing we can read. */
enum road session_lines(struct session *s, const struct head_lines **lines);
/* Whether hooks, adapters, environment and the class leave a call on the fast road. */
enum road session_road(struct session *s);
/* Finds is_plain_class and calls_request; again whenever the class has another version. */
void session_look(struct session *s);
void session_bound(void); /* glue has the classes, unchanged */
/* Makes s->site and s->site_path from base_url. */
enum road session_site(struct session *s);
/* base_url + url (new). base_url is a str. */
PyObject *session_join(const struct session *s, PyObject *url);
/* Brings s->jar up to date with the Python jar. */
enum road session_jar(struct session *s);
int session_set_cookie(struct session *s, struct cookie *cookie, bool is_expired);
PyObject *session_cookie_row(const struct cookie *c);   /* new: what glue.jar_set takes */
bool session_records_directly(const struct session *s); /* only the statistics listen, or nobody */
/* The statistics among the listeners, else the default ones. Borrowed. */
struct py_stats *session_stats(const struct session *s);

static inline bool is_given(PyObject *value)
{
    return value && value != Py_None;
}

/* ---- a call: py_client_call.c --------------------------------------------------------------- */

struct call {
    PyObject *method, *url; /* borrowed, as everything here */
    PyObject *name, *context, *data, *json, *params, *headers, *cookies, *files, *auth, *timeout,
        *proxies, *hooks, *stream, *verify, *cert;
    PyObject *extra; /* owned: a dict of what only a FastHttpSession takes, or NULL */
    bool catch_response, allow_redirects, is_request;
};
int call_parse(struct call *c, const struct session *s, PyObject *const *args, Py_ssize_t count,
               PyObject *kwnames, int positional_kind); /* -1 with a TypeError */
enum { CALL_PLAIN_VERB, CALL_DATA_VERB, CALL_REQUEST }; /* which positional arguments exist */

/* What goes on the wire. Strings borrowed until the response owns them. */
struct outgoing {
    struct site *site; /* owned */
    PyObject *target;  /* owned: path and query */
    PyObject *payload; /* owned: bytes, str or NULL */
    const char *body;
    Py_ssize_t body_len;
    const char *content_type;       /* when the caller gave none */
    bool is_json, is_form, is_text; /* how the body was given */
    bool is_rewritten;              /* the URL is not the caller's text any more */
};
enum road call_target(struct session *s, const struct call *c, struct outgoing *out);
enum road call_body(struct session *s, const struct call *c, struct outgoing *out);
struct response;
/* What is asked, in one piece of memory of its own: it lives as long as the response does. */
struct asked {
    const char *method;
    uint32_t method_len, count;
    size_t body_len;
    struct fetch_header headers[]; /* count of them, then their text */
};
/* method and headers are copied. */
struct asked *asked_new(const char *method, size_t method_len, const struct fetch_header *headers,
                        size_t count);
/* Of a list of (name, value) as bytes; NULL with an exception. */
struct asked *asked_of_pairs(PyObject *method, PyObject *pairs);
PyObject *asked_pairs(const struct response *r); /* new: the list again, as str */
enum { ASKED_NUMBER = 24 };
/* One of them with its value, also where the protocol says it; number: memory for that. */
struct fetch_header asked_header(const struct response *r, uint32_t i, char number[ASKED_NUMBER]);
const struct fetch_header *asked_find(const struct asked *a, const char *name);
/* What it is to be sent to; the authority that its Host says. */
void asked_request(const struct response *r, struct fetch_request *q);
void asked_host(const struct response *r, const char **host, size_t *len);

/* What is to be asked: py_client_head.c. */
enum road call_head(struct session *s, const struct call *c, const struct outgoing *out,
                    struct asked **asked);
uint32_t call_milliseconds(double seconds); /* 0, no limit: also for what does not fit */
enum road call_timeouts(struct session *s, PyObject *timeout, struct fetch_request *q);

/* ---- responses: py_client_response.c, py_client_text.c -------------------------------------- */

struct response {
    PyObject_HEAD struct park park; /* while in flight */
    struct fetch *fetch;
    const struct fetch_response *got; /* of fetch, once it is done */
    struct pool_ref *pool;
    struct session *session; /* owned */
    struct site *site;       /* owned */
    PyObject *target, *payload;
    struct asked *asked;
    PyObject *method, *name, *context;
    /* Made when asked for, or set by somebody. */
    PyObject *content, *headers, *url, *encoding, *reason, *history, *cookies, *elapsed, *request;
    PyObject *raw, *next, *error, *meta, *manual, *timeout;
    PyObject *verdict; /* NULL = by our table; else None or what the status is reported as */
    uint64_t duration_ns;
    uint64_t ended_ns;   /* of this exchange: CLOCK_MONOTONIC */
    int status;          /* -1 = None */
    bool reports_itself; /* somebody gave this object a _report_request */
    bool is_catch, is_entered, is_reported, is_consumed, is_stream, is_awaiting;
    bool is_reached;    /* the target may have counted this request, or one that led to it */
    bool is_meta_shown; /* somebody has request_meta and may have changed it */
    bool is_unmeasured; /* its event is fired; the statistics have not had its measures yet */
};
extern PyTypeObject *response_type;

struct response *response_new(PyTypeObject *type); /* a blank one of this class */
PyObject *response_url(struct response *r);        /* new */
PyObject *response_content(struct response *r);    /* new: bytes, None or False (not read) */
PyObject *response_reason(struct response *r);
const struct fetch_header *response_header(const struct response *r, const char *name,
                                           const struct fetch_header *after);
PyObject *response_make_headers(struct response *r);
PyObject *response_make_encoding(struct response *r);
PyObject *response_text(struct response *r, void *closure);
PyObject *response_json(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *kwnames);

/* ---- JSON: py_client_json.c ----------------------------------------------------------------- */

/* Appends value as json.dumps would; false (out is then garbage) when it is none of the usual. */
bool json_write(struct sbuf *out, PyObject *value);
void json_write_integer(struct sbuf *out, long long number);
/* json.loads of UTF-8 (new); NULL without an exception when it is not plainly valid. */
PyObject *json_read(const char *text, Py_ssize_t len);

/* ---- the exchange: py_client_exchange.c ----------------------------------------------------- */

/* Sends and parks until it is done. 0: r->got is set, perhaps with an error; -1: something was
 * thrown into the greenlet; the exchange is cancelled, and counted as cut where it has a name. */
int exchange_run(struct response *r, struct fetch_request *q);
void exchange_allow_resends(struct fetch_request *q, const struct session *s, PyObject *method);
/* The exception for a failed exchange (new). */
PyObject *exchange_error(struct response *r);
bool exchange_failed(const struct response *r);
PyObject *exchange_call(PyObject *module, PyObject *args, PyObject *kwargs);
PyObject *exchange_read(struct response *r, PyObject *size);

/* ---- the fast road: py_client_request.c ----------------------------------------------------- */

PyObject *request_call(struct session *s, struct call *c);
void request_take_cookies(struct response *r); /* Set-Cookie of r into its session */

/* ---- measures and samples: py_client_measure.c ---------------------------------------------- */

struct measures;
/* What the statistics know of a finished call beyond its time: the answer, bytes and phases, of
 * redirects that led to it too. */
void measure_response(const struct response *r, uint64_t time_us, struct measures *measures);
/* Appends one sample (docs/wire.md) as msgpack: what was sent and received, secrets masked, bodies
 * up to body_max bytes. error: text or NULL. */
void measure_sample(struct response *r, const char *kind, const char *error, size_t body_max,
                    struct sbuf *out);
int measure_init(PyObject *module);

/* ---- reporting: py_client_record.c ---------------------------------------------------------- */

PyObject *record_meta(struct response *r); /* borrowed; made when asked for */
/* When the first request of the chain began: the date, for user code; and where it belongs on our
 * time axis. */
double record_wall_start(struct response *r);
double record_steady_start(struct response *r);
/* Tells the listeners (or the statistics) how r ended. -1 with what a listener raised. */
int record_report(struct response *r, PyObject *exception);
int record_fire(struct response *r);            /* the event, by request_meta as it is */
int record_default_outcome(struct response *r); /* by error and status */
bool record_is_bad_status(const struct response *r);
PyObject *record_bad_status(struct response *r); /* new: what a FastHttpSession's is reported as */
PyObject *record_enter(struct response *r, PyObject *unused);
PyObject *record_exit(struct response *r, PyObject *const *args, Py_ssize_t count);
PyObject *record_success(struct response *r, PyObject *unused);
PyObject *record_failure(struct response *r, PyObject *why);
PyObject *record_raise_for_status(struct response *r, PyObject *unused);
void record_lost(struct response *r); /* never judged: discarded, if the target may have it */
/* Counts what the target has of r beside what is reported. Keeps an exception that is set. */
void record_aside(struct response *r, enum py_stats_aside what, unsigned n);
int record_aside_of(struct session *s, PyObject *method, PyObject *name, enum py_stats_aside what,
                    unsigned n);
void record_init(void);

/* ---- what pylib gives us: py_client.c ------------------------------------------------------- */

/* locust._http.glue: Python functions and classes the C core calls. Looked up once, at bind. */
/* By hand: clang-format stacks such lists into stairs, anew in every run. */
/* clang-format off */
#define GLUE_NAMES(X)                                                                              \
    X(make_headers) X(make_proxies) X(make_hooks) X(make_params) X(make_cookies) X(make_adapters)  \
    X(make_agent) X(adopt_cookies) X(jar_rows) X(jar_set) X(is_env_free) X(normal_url)             \
    X(fast_url) X(ca_file) X(plain_request) X(fast_plain_request) X(redirect) X(fast_redirect)     \
    X(make_request) X(make_raw) X(make_response_cookies) X(make_next) X(make_encoding)             \
    X(make_fast_headers) X(error) X(fast_error) X(root_error) X(http_error) X(bad_status)          \
    X(too_many_redirects) X(redirect_failed) X(fast_redirect_failed) X(plain_text) X(plain_json)   \
    X(plain_content) X(json_encode) X(case_insensitive_dict) X(http_basic_auth) X(locust_error)    \
    X(catch_response_error) X(response_error) X(user_context) X(response_class) X(session_class)   \
    X(fast_session_class) X(fast_response_class) X(fast_catch_class) X(default_headers)            \
    X(with_without_catch) X(success_not_entered) X(failure_not_entered) X(no_catch)                \
    X(fast_headers) X(bare_agent) X(fast_plain_text) X(fast_plain_json) X(fast_plain_content)      \
    X(make_fast_request)
/* clang-format on */
struct glue {
#define X(name) PyObject *name;
    GLUE_NAMES(X)
#undef X
};
extern struct glue glue;
extern PyObject *client_hold; /* called before each request, or NULL; see hold_requests() */
int glue_need(void);          /* -1 with an exception while locust.clients has not been imported */

int py_client_init(PyObject *module);
int session_init(PyObject *module);
int response_init(PyObject *module);
int call_init(void);
