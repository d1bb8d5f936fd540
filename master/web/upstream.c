// SPDX-License-Identifier: MIT
/* upstream: see upstream.h. The answer's head is read whole and passed on line by line, without
 * what belongs to the one connection; the body is passed on as it comes, so that streams work. */
#include "master/web/upstream.h"

#include "common/base/sbuf.h"
#include "master/web/door.h"
#include "master/web/front.h"
#include "master/web/path.h"
#include "master/web/reply.h"

#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX 65536
#define ANSWER_TIMEOUT_S 300
#define ADMIT_TIMEOUT_S 10
#define SEND_TIMEOUT_S 30
#define ADMIT_HEADER "X-Katydid-Admit"
#define ADMITTED_HEADER "X-Katydid-Admitted"

static unsigned under_way; /* atomic */

static bool enter(void)
{
    if (__atomic_add_fetch(&under_way, 1, __ATOMIC_RELAXED) <= UPSTREAM_MAX)
        return true;
    __atomic_sub_fetch(&under_way, 1, __ATOMIC_RELAXED);
    return false;
}

static void leave(void)
{
    __atomic_sub_fetch(&under_way, 1, __ATOMIC_RELAXED);
}

static int dial(const char *path, int timeout_s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval receive = {.tv_sec = timeout_s}, send = {.tv_sec = SEND_TIMEOUT_S};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(path) >= sizeof to.sun_path) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    memcpy(to.sun_path, path, strlen(path) + 1);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof receive);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof send);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* -- the request -- */

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcasecmp(name, *names) == 0)
            return true;
    return false;
}

/* Of the connection, or for us to say. A name with an underscore is dropped: for WSGI it is the
 * name with a dash. */
static bool is_own_header(const char *name)
{
    static const char *const names[] = {"Connection",
                                        "Keep-Alive",
                                        "Proxy-Connection",
                                        "Transfer-Encoding",
                                        "TE",
                                        "Trailer",
                                        "Upgrade",
                                        "Expect",
                                        "Content-Length",
                                        "X-Forwarded-For",
                                        "X-Forwarded-Proto",
                                        "X-Forwarded-Host",
                                        "X-Katydid-Secret",
                                        "X-Katydid-Role",
                                        "X-Katydid-User",
                                        UPSTREAM_LOGIN_HEADER,
                                        ADMIT_HEADER,
                                        FRONT_HEADER,
                                        NULL};
    return strchr(name, '_') != NULL || is_one_of(name, names);
}

/* Without what opens our own door. */
static void write_header(const struct upstream *u, const struct mg_header *h, struct sbuf *out)
{
    const bool is_cookie = strcasecmp(h->name, "Cookie") == 0;
    if (is_own_header(h->name) || (u->is_by_header && strcasecmp(h->name, "Authorization") == 0))
        return;
    char *cookies = is_cookie ? door_other_cookies(u->door, h->value) : NULL;
    if (!is_cookie || cookies != NULL)
        sbuf_addf(out, "%s: %s\r\n", h->name, is_cookie ? cookies : h->value);
    free(cookies);
}

static void write_head(struct mg_connection *conn, const struct upstream *u, const char *method,
                       const char *extra, struct sbuf *out)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    sbuf_addf(out, "%s ", method);
    path_add_encoded(out, u->path);
    if (u->query != NULL)
        sbuf_addf(out, "?%s", u->query);
    sbuf_adds(out, " HTTP/1.0\r\n");
    for (int i = 0; i < ri->num_headers; i++)
        write_header(u, &ri->http_headers[i], out);
    sbuf_addf(out, "X-Katydid-Role: %s\r\nX-Katydid-User: %s\r\n", role_word(u->who->role),
              u->who->name);
    sbuf_addf(out, "X-Forwarded-For: %s\r\nX-Forwarded-Proto: %s\r\n%sConnection: close\r\n",
              u->client, u->has_tls ? "https" : "http", extra);
}

static bool send_body(struct mg_connection *conn, int fd, long long left)
{
    char chunk[16384];
    while (left > 0) {
        size_t want = left < (long long)sizeof chunk ? (size_t)left : sizeof chunk;
        int got = mg_read(conn, chunk, want);
        if (got <= 0 || !send_all(fd, chunk, (size_t)got))
            return false;
        left -= got;
    }
    return true;
}

static bool send_request(struct mg_connection *conn, const struct upstream *u, int fd)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    struct sbuf head = {0};
    write_head(conn, u, ri->request_method, "", &head);
    if (ri->content_length >= 0)
        sbuf_addf(&head, "Content-Length: %lld\r\n", ri->content_length);
    sbuf_adds(&head, "\r\n");
    bool is_ok = send_all(fd, head.data, head.len);
    sbuf_fini(&head);
    if (is_ok && mg_get_header(conn, "Expect") != NULL)
        mg_printf(conn, "HTTP/1.1 100 Continue\r\n\r\n");
    return is_ok && send_body(conn, fd, ri->content_length);
}

/* -- the answer -- */

/* Everything up to the empty line, and what came behind it. Returns where the body begins, 0 on
 * failure. */
static size_t read_head(int fd, struct sbuf *in)
{
    char chunk[8192];
    while (in->len < HEAD_MAX) {
        ssize_t n = recv(fd, chunk, sizeof chunk, 0);
        if (n <= 0)
            return 0;
        sbuf_add(in, chunk, (size_t)n);
        const char *end = memmem(in->data, in->len, "\r\n\r\n", 4);
        if (end != NULL)
            return (size_t)(end - in->data) + 4;
    }
    return 0;
}

static int status_of(const struct sbuf *in)
{
    int status = 0;
    if (in->len < 12 || strncmp(in->data, "HTTP/1.", 7) != 0)
        return 0;
    status = (int)strtol(in->data + 9, NULL, 10);
    return status >= 200 && status < 600 ? status : 0;
}

/* What is behind the colon; NULL: there is no such line. */
static const char *header_of(const char *head, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            return line + 3 + len;
    return NULL;
}

void upstream_read_login(const char *header, size_t len, char login[UPSTREAM_LOGIN_MAX + 1])
{
    if (mg_url_decode(header, (int)len, login, UPSTREAM_LOGIN_MAX + 1, 0) < 0)
        login[0] = '\0';
}

static void take_login(const struct upstream *u, const char *head)
{
    const char *said = u->login != NULL ? header_of(head, UPSTREAM_LOGIN_HEADER) : NULL;
    if (said == NULL)
        return;
    said += strspn(said, " ");
    upstream_read_login(said, strcspn(said, "\r"), u->login);
}

static void add_missing(struct sbuf *out, const char *head, const char *name, const char *value)
{
    if (header_of(head, name) == NULL)
        sbuf_addf(out, "%s: %s\r\n", name, value);
}

/* Of the connection, or for us alone. */
static bool is_of_connection(const char *line, const char *end)
{
    static const char *const names[] = {"Connection", "Keep-Alive", "Transfer-Encoding",
                                        UPSTREAM_LOGIN_HEADER, NULL};
    char name[32];
    const char *colon = memchr(line, ':', (size_t)(end - line));
    if (colon == NULL || (size_t)(colon - line) >= sizeof name)
        return colon == NULL;
    memcpy(name, line, (size_t)(colon - line));
    name[colon - line] = '\0';
    return is_one_of(name, names);
}

static void write_answer_head(const char *head, struct sbuf *out)
{
    const char *line = strstr(head, "\r\n") + 2;
    sbuf_addf(out, "HTTP/1.1%.*s", (int)(line - head - 8), head + 8);
    while (strncmp(line, "\r\n", 2) != 0) {
        const char *end = strstr(line, "\r\n");
        if (!is_of_connection(line, end))
            sbuf_addf(out, "%.*s\r\n", (int)(end - line), line);
        line = end + 2;
    }
    add_missing(out, head, "X-Content-Type-Options", "nosniff");
    add_missing(out, head, "X-Frame-Options", "SAMEORIGIN");
    add_missing(out, head, "Referrer-Policy", "same-origin");
    sbuf_adds(out, "Connection: close\r\n\r\n");
}

/* in: the head of the answer, and what came behind it; the body begins at `body`, 0: no answer. */
static int pass_answer(struct mg_connection *conn, const struct upstream *u, int fd,
                       struct sbuf *in, size_t body)
{
    struct sbuf out = {0};
    char chunk[16384];
    int status = body > 0 ? status_of(in) : 0;
    if (status == 0 || memchr(in->data, '\0', body) != NULL) {
        return reply_error(conn, 502, "",
                           "The process that runs the locustfile gave no answer to this request.");
    }
    struct sbuf rest = {0};
    sbuf_add(&rest, in->data + body, in->len - body);
    in->data[body] = '\0';
    take_login(u, in->data);
    write_answer_head(in->data, &out);
    bool is_ok = mg_write(conn, out.data, out.len) > 0;
    if (is_ok && rest.len > 0)
        is_ok = mg_write(conn, rest.data, rest.len) > 0;
    for (ssize_t n; is_ok && (n = recv(fd, chunk, sizeof chunk, 0)) > 0;)
        is_ok = mg_write(conn, chunk, (size_t)n) > 0;
    sbuf_fini(&rest);
    sbuf_fini(&out);
    return status;
}

static int forward(struct mg_connection *conn, const struct upstream *u)
{
    int fd = dial(u->socket, ANSWER_TIMEOUT_S);
    if (fd < 0)
        return reply_error(conn, 502, "",
                           "The process that runs the locustfile does not answer: it is busy or "
                           "has ended.");
    struct sbuf in = {0};
    int status;
    if (send_request(conn, u, fd)) {
        size_t body = read_head(fd, &in);
        status = pass_answer(conn, u, fd, &in, body);
    } else {
        status = reply_error(conn, 502, "", "The request could not be passed on whole.");
    }
    sbuf_fini(&in);
    close(fd);
    return status;
}

int upstream_forward(struct mg_connection *conn, const struct upstream *u)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    if (mg_get_header(conn, "Transfer-Encoding") != NULL)
        return reply_error(conn, 411, "", "Send the body with a Content-Length.");
    if (ri->content_length > UPSTREAM_BODY_MAX)
        return reply_error(conn, 413, "", "The body is too large.");
    if (!enter())
        return reply_error(conn, 503, "", "Too many requests wait for the locustfile's routes.");
    int status = forward(conn, u);
    leave();
    return status;
}

/* The head of the host's answer to whether the request may pass, and where its body begins; 0 when
 * it does not answer. */
static size_t ask(struct mg_connection *conn, const struct upstream *u, int fd, struct sbuf *in)
{
    struct sbuf head = {0};
    size_t len = u->body != NULL ? u->body->len : 0;
    write_head(conn, u, mg_get_request_info(conn)->request_method, ADMIT_HEADER ": 1\r\n", &head);
    sbuf_addf(&head, "Content-Length: %zu\r\n\r\n", len);
    bool is_ok =
        send_all(fd, head.data, head.len) && (len == 0 || send_all(fd, u->body->data, len));
    sbuf_fini(&head);
    return is_ok ? read_head(fd, in) : 0;
}

static bool is_admitted(const struct sbuf *in)
{
    return strstr(in->data, "\r\n" ADMITTED_HEADER ":") != NULL;
}

int upstream_admits(struct mg_connection *conn, const struct upstream *u)
{
    struct sbuf in = {0};
    int status = 0;
    if (!enter())
        return reply_error(conn, 503, "", "Too many requests wait for the locustfile's routes.");
    int fd = dial(u->socket, ADMIT_TIMEOUT_S);
    size_t body = fd >= 0 ? ask(conn, u, fd, &in) : 0;
    if (body == 0)
        status = reply_error(conn, 502, "",
                             "This page needs the process that runs the locustfile to admit you, "
                             "and it does not answer.");
    else if (!is_admitted(&in))
        status = pass_answer(conn, u, fd, &in, body);
    else
        take_login(u, in.data);
    if (fd >= 0)
        close(fd);
    leave();
    sbuf_fini(&in);
    return status;
}

enum upstream_verdict upstream_still_admits(struct mg_connection *conn, const struct upstream *u,
                                            int timeout_s)
{
    struct sbuf in = {0};
    enum upstream_verdict verdict = UPSTREAM_MUTE;
    if (!enter())
        return verdict;
    int fd = dial(u->socket, timeout_s);
    if (fd >= 0 && ask(conn, u, fd, &in) > 0)
        verdict = is_admitted(&in) ? UPSTREAM_YES : UPSTREAM_NO;
    if (fd >= 0)
        close(fd);
    leave();
    sbuf_fini(&in);
    return verdict;
}
