// SPDX-License-Identifier: MIT
/* postgres: see the header. */
#include "master/sink/postgres.h"
#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include <errno.h>
#include <libpq-fe.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POSTGRES_TAG 0x70677371u /* "pgsq" */
#define COPY_BYTES 65536

struct postgres {
    uint32_t tag; /* handle.h */
    const struct sink_spec *spec;
    const char *prepare;
    PGconn *conn;
    bool is_prepared;
};

/* ---- the address ------------------------------------------------------------------------- */

/* One, or by commas one of each host, where nothing is the usual one. */
static bool are_ports(const char *text)
{
    for (;;) {
        const size_t len = strspn(text, "0123456789");
        const long port = strtol(text, NULL, 10);
        if (text[len] != ',' && text[len])
            return false;
        if (len > 5 || (len && (port < 1 || port > 65535)))
            return false;
        if (!text[len])
            return true;
        text += len + 1;
    }
}

/* What libpq makes of it; a name alone is that of a database. */
static char *refusal(const struct sink_spec *spec)
{
    char *cause = NULL;
    const char *target = spec->target;
    if (!target || (!strchr(target, '=') && !strstr(target, "://")))
        return NULL;
    PQconninfoOption *list = PQconninfoParse(target, &cause);
    char *why = list ? NULL
                     : sink_words(spec, "'%s' is no address: %.*s", target,
                                  (int)strcspn(cause ? cause : "", "\n"), cause ? cause : "");
    for (const PQconninfoOption *o = list; o && o->keyword && !why; o++) {
        if (!strcmp(o->keyword, "password") && o->val)
            why = sink_words(spec, "a password is not written here, where ps and logs show it: "
                                   "give password=@FILE, or set PGPASSWORD");
        if (!strcmp(o->keyword, "port") && o->val && !are_ports(o->val))
            why = sink_words(spec, "'%s' is no port: give a number from 1 to 65535", o->val);
    }
    PQconninfoFree(list);
    PQfreemem(cause);
    return why;
}

struct postgres *postgres_new(const struct sink_spec *spec, const char *prepare, char **why)
{
    *why = refusal(spec);
    if (*why)
        return NULL;
    struct postgres *p = mem_zalloc(sizeof *p);
    HANDLE_MADE(p, POSTGRES_TAG);
    p->spec = spec;
    p->prepare = prepare;
    return p;
}

static void hang_up(struct postgres *p)
{
    PQfinish(p->conn);
    p->conn = NULL;
    p->is_prepared = false;
}

void postgres_free(struct postgres *p)
{
    if (!p)
        return;
    HANDLE_IS(p, POSTGRES_TAG);
    hang_up(p);
    HANDLE_ENDS(p);
    free(p);
}

/* ---- connecting -------------------------------------------------------------------------- */

static int await(const PGconn *conn, short events, uint64_t until)
{
    for (;;) {
        const uint64_t now = clk_mono_ns();
        struct pollfd fd = {PQsocket(conn), events, 0};
        const int rc = poll(&fd, 1, now < until ? (int)((until - now) / 1000000) + 1 : 0);
        if (rc < 0 && errno == EINTR)
            continue;
        return rc > 0 ? 0 : -1;
    }
}

/* In one line. */
static void add_line(struct sbuf *out, const char *text)
{
    size_t len = strlen(text);
    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '\n')
            sbuf_addc(out, text[i]);
        else if (i + 1 < len && text[i + 1] != '\t')
            sbuf_addc(out, ' ');
}

static int fail(struct postgres *p, bool is_late, struct sbuf *why)
{
    const char *told = PQerrorMessage(p->conn);
    if (is_late)
        sbuf_addf(why, "%s: no answer in time", PQhost(p->conn) ? PQhost(p->conn) : "the server");
    else
        add_line(why, told && *told ? told : "the connection is lost");
    hang_up(p);
    return -1;
}

static void ignore_notice(void *arg, const char *message)
{
    (void)arg, (void)message;
}

static int dial(struct postgres *p, uint64_t until, struct sbuf *why)
{
    const char *const keys[] = {"dbname",           "user", "password", "client_encoding",
                                "application_name", NULL};
    const char *const values[] = {p->spec->target,
                                  sink_get(p->spec, "username"),
                                  sink_get(p->spec, "password"),
                                  "UTF8",
                                  "katydid",
                                  NULL};
    if (p->conn && PQstatus(p->conn) == CONNECTION_OK)
        return 0;
    hang_up(p);
    p->conn = PQconnectStartParams(keys, values, 1);
    if (!p->conn)
        mem_refused("libpq");
    PostgresPollingStatusType is = PGRES_POLLING_WRITING;
    while (PQstatus(p->conn) != CONNECTION_BAD && is != PGRES_POLLING_OK &&
           is != PGRES_POLLING_FAILED) {
        if (await(p->conn, is == PGRES_POLLING_READING ? POLLIN : POLLOUT, until) != 0)
            return fail(p, true, why);
        is = PQconnectPoll(p->conn);
    }
    if (is != PGRES_POLLING_OK)
        return fail(p, false, why);
    PQsetnonblocking(p->conn, 1);
    PQsetNoticeProcessor(p->conn, ignore_notice, NULL);
    return 0;
}

int postgres_reach(struct postgres *p, double timeout_s, struct sbuf *why)
{
    HANDLE_IS(p, POSTGRES_TAG);
    return dial(p, clk_mono_ns() + (uint64_t)(timeout_s * 1e9), why);
}

/* ---- statements -------------------------------------------------------------------------- */

static bool is_good(const PGresult *r)
{
    const ExecStatusType status = PQresultStatus(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

static int flush(PGconn *conn, uint64_t until)
{
    for (int left; (left = PQflush(conn)) != 0;)
        if (left < 0 || await(conn, POLLIN | POLLOUT, until) != 0 || !PQconsumeInput(conn))
            return -1;
    return 0;
}

static int send_rows(PGconn *conn, const struct postgres_order *o, uint64_t until)
{
    for (size_t at = 0; at < o->rows_len;) {
        const size_t left = o->rows_len - at, len = left < COPY_BYTES ? left : COPY_BYTES;
        const int rc = PQputCopyData(conn, o->rows + at, (int)len);
        if (rc < 0 || flush(conn, until) != 0)
            return -1;
        at += rc > 0 ? len : 0;
    }
    int rc;
    while ((rc = PQputCopyEnd(conn, NULL)) == 0)
        if (flush(conn, until) != 0)
            return -1;
    return rc < 0 ? -1 : flush(conn, until);
}

/* Until there is an answer, or an end of answers, to be read without waiting. */
static int await_answer(PGconn *conn, uint64_t until)
{
    while (PQisBusy(conn))
        if (await(conn, POLLIN, until) != 0 || !PQconsumeInput(conn))
            return -1;
    return 0;
}

/* The first answer that is an error, else the last one; NULL: none came. */
static PGresult *ask(PGconn *conn, const struct postgres_order *o, uint64_t until)
{
    PGresult *kept = NULL, *more = NULL;
    if (!PQsendQuery(conn, o->statements) || flush(conn, until) != 0)
        return NULL;
    while (await_answer(conn, until) == 0) {
        more = PQgetResult(conn);
        if (!more)
            return kept;
        if (PQresultStatus(more) == PGRES_COPY_IN) {
            PQclear(more);
            if (send_rows(conn, o, until) != 0)
                break;
        } else if (kept && !is_good(kept)) {
            PQclear(more);
        } else {
            PQclear(kept);
            kept = more;
        }
    }
    PQclear(kept);
    return NULL;
}

static bool is_of(const char *text, const char *other)
{
    return text && !strcmp(text, other);
}

/* Classes of SQLSTATE that another try may do better with: the connection, serialization, lack of
 * room, locks that others have, a server that shuts down. */
static bool is_passing(const char *state)
{
    static const char *const classes[] = {"08", "40", "53", "55", "57", "58"};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (!strncmp(state, classes[i], 2))
            return true;
    return false;
}

static enum delivery judge(struct postgres *p, const PGresult *r, const char *once,
                           struct delivery_trouble *t)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *told = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    if (is_good(r) ||
        (is_of(state, "23505") && once && is_of(PQresultErrorField(r, PG_DIAG_TABLE_NAME), once)))
        return DELIVERED;
    add_line(&t->why, told ? told : PQresultErrorMessage(r));
    if (is_of(state, "42P01")) { /* a table that is gone is made again */
        p->is_prepared = false;
        return DELIVERY_LATER;
    }
    return !state || is_passing(state) ? DELIVERY_LATER : DELIVERY_REFUSED;
}

static enum delivery run_one(struct postgres *p, const struct postgres_order *o, uint64_t until,
                             struct delivery_trouble *t)
{
    PGresult *r = ask(p->conn, o, until);
    if (!r) {
        fail(p, clk_mono_ns() >= until, &t->why);
        return DELIVERY_LATER;
    }
    const enum delivery d = judge(p, r, o->once, t);
    PQclear(r);
    return d;
}

enum delivery postgres_run(struct postgres *p, const struct postgres_order *order, double timeout_s,
                           struct delivery_trouble *t)
{
    HANDLE_IS(p, POSTGRES_TAG);
    const uint64_t until = clk_mono_ns() + (uint64_t)(timeout_s * 1e9);
    const struct postgres_order prepare = {.statements = p->prepare};
    enum delivery d = DELIVERY_LATER;
    for (bool is_old = p->conn != NULL;; is_old = false) {
        sbuf_clear(&t->why);
        if (dial(p, until, &t->why) != 0)
            return DELIVERY_LATER;
        d = p->is_prepared ? DELIVERED : run_one(p, &prepare, until, t);
        p->is_prepared = d == DELIVERED;
        if (d == DELIVERED)
            d = run_one(p, order, until, t);
        if (!is_old || p->conn) /* else it broke since it was used last: with a new one, at once */
            return d;
    }
}

/* ---- literals ---------------------------------------------------------------------------- */

/* The characters of it that are text, at most so many bytes. */
static size_t clean_text(struct sbuf *clean, const char *text, size_t most)
{
    utf8_add_clean(clean, text, strlen(text));
    return clean->len <= most ? clean->len : utf8_cut(clean->data, clean->len, most);
}

void postgres_add_text(struct sbuf *out, const char *text, size_t most)
{
    struct sbuf clean = {0};
    if (!text) {
        sbuf_adds(out, "NULL");
        return;
    }
    const size_t len = clean_text(&clean, text, most);
    sbuf_adds(out, "E'");
    for (size_t i = 0; i < len; i++) {
        if (clean.data[i] == '\'' || clean.data[i] == '\\')
            sbuf_addc(out, clean.data[i]);
        sbuf_addc(out, clean.data[i]);
    }
    sbuf_addc(out, '\'');
    sbuf_fini(&clean);
}

void postgres_copy_text(struct sbuf *out, const char *text, size_t most)
{
    static const char bad[] = "\t\n\r\\", as[] = "tnr\\";
    struct sbuf clean = {0};
    if (!text) {
        sbuf_adds(out, "\\N");
        return;
    }
    const size_t len = clean_text(&clean, text, most);
    for (size_t i = 0; i < len; i++) {
        const char *at = memchr(bad, clean.data[i], sizeof bad - 1);
        if (at)
            sbuf_addc(out, '\\');
        sbuf_addc(out, at ? as[at - bad] : clean.data[i]);
    }
    sbuf_fini(&clean);
}

void postgres_copy_time(struct sbuf *out, double at)
{
    char date[32];
    const double us = floor(at * 1e6 + 0.5);
    const time_t second = (time_t)floor(us / 1e6);
    struct tm tm;
    gmtime_r(&second, &tm);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
    sbuf_addf(out, "%s.%06.0f+00", date, us - (double)second * 1e6);
}

void postgres_add_time(struct sbuf *out, double at)
{
    sbuf_addc(out, '\'');
    postgres_copy_time(out, at);
    sbuf_adds(out, "'::timestamptz");
}
