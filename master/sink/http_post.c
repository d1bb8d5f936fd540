// SPDX-License-Identifier: MIT
/* http_post: see the header. */
#include "master/sink/http_post.h"
#include "common/base/handle.h"
#include "common/base/mem.h"
#include <ctype.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define BODY_MOST 65536u     /* of an answer, kept */
#define READ_MOST (1u << 20) /* of an answer: beyond, the exchange is broken off */
#define SHOWN_MOST 200       /* bytes of it in a message */
#define HEADERS_MOST 16384u

#define HTTP_POST_TAG 0x706f7374u /* "post" */

struct http_post {
    uint32_t tag; /* handle.h */
    const struct sink_spec *spec;
    char *base;
    CURL *curl;
    struct curl_slist *headers;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        mem_refused("libcurl");
}

/* ---- the address ------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
    return !strcasecmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]") ||
           !strcmp(host, "::1");
}

/* The host of an http address, malloced; NULL: it is none. */
static char *host_of(const char *base)
{
    CURLU *url = curl_url();
    char *part = NULL, *host = NULL;
    if (url && curl_url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_SCHEME, &part, 0) == CURLUE_OK &&
        (!strcmp(part, "http") || !strcmp(part, "https"))) {
        curl_free(part);
        part = NULL;
        if (curl_url_get(url, CURLUPART_HOST, &part, 0) == CURLUE_OK)
            host = mem_strdup(part);
    }
    curl_free(part);
    curl_url_cleanup(url);
    return host;
}

/* A text that libcurl keeps. */
static void keep_text(CURL *curl, CURLoption option, const char *text)
{
    if (text && curl_easy_setopt(curl, option, text) == CURLE_OUT_OF_MEMORY)
        mem_refused("libcurl");
}

static void set_text(CURL *curl, CURLoption option, const struct sink_spec *spec, const char *key)
{
    keep_text(curl, option, sink_get(spec, key));
}

static void set_up(struct http_post *h, const char *host)
{
    CURL *curl = h->curl;
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* nor is a name server waited for longer */
    keep_text(curl, CURLOPT_USERAGENT, "katydid/" KATYDID_VERSION);
    keep_text(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (is_loopback(host))
        keep_text(curl, CURLOPT_PROXY, "");
    set_text(curl, CURLOPT_USERNAME, h->spec, "username");
    set_text(curl, CURLOPT_PASSWORD, h->spec, "password");
    set_text(curl, CURLOPT_CAINFO, h->spec, "ca");
    set_text(curl, CURLOPT_SSLCERT, h->spec, "cert");
    set_text(curl, CURLOPT_SSLKEY, h->spec, "key");
    if (sink_get(h->spec, "username"))
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    if (sink_is(h->spec, "insecure")) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

static void add_lines(struct http_post *h, const char *lines)
{
    while (lines && *lines) {
        const size_t len = strcspn(lines, "\r\n");
        char *line = mem_dup(lines, len);
        if (len)
            http_post_header(h, line);
        free(line);
        lines += len + strspn(lines + len, "\r\n");
    }
}

struct http_post *http_post_new(const struct sink_spec *spec, const char *base, char **why)
{
    pthread_once(&once, start_curl);
    char *host = host_of(base);
    if (!host) {
        *why = sink_words(spec, "'%s' is no address: give one such as http://localhost:8086", base);
        return NULL;
    }
    struct http_post *h = mem_zalloc(sizeof *h);
    HANDLE_MADE(h, HTTP_POST_TAG);
    h->spec = spec;
    h->base = mem_strdup(base);
    h->curl = curl_easy_init();
    if (!h->curl)
        mem_refused("libcurl");
    set_up(h, host);
    http_post_header(h, "Expect:"); /* no waiting for a 100 */
    add_lines(h, sink_get(spec, "headers"));
    free(host);
    return h;
}

void http_post_free(struct http_post *h)
{
    if (!h)
        return;
    HANDLE_IS(h, HTTP_POST_TAG);
    curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    free(h->base);
    HANDLE_ENDS(h);
    free(h);
}

static struct curl_slist *add_header(struct curl_slist *list, const char *line)
{
    list = curl_slist_append(list, line);
    if (!list)
        mem_refused("a header");
    return list;
}

static void drop_header(struct http_post *h, const char *line)
{
    const size_t len = strcspn(line, ":");
    struct curl_slist *kept = NULL;
    for (const struct curl_slist *at = h->headers; at; at = at->next)
        if (strncasecmp(at->data, line, len) != 0 || at->data[len] != ':')
            kept = add_header(kept, at->data);
    curl_slist_free_all(h->headers);
    h->headers = kept;
}

void http_post_header(struct http_post *h, const char *line)
{
    HANDLE_IS(h, HTTP_POST_TAG);
    drop_header(h, line);
    h->headers = add_header(h->headers, line);
}

int http_post_sign(struct http_post *h, const char *region, const char *service, char **why)
{
    HANDLE_IS(h, HTTP_POST_TAG);
    const char *id = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    const char *session = getenv("AWS_SESSION_TOKEN");
    if (!id || !*id || !secret || !*secret) {
        *why = sink_words(h->spec, "to sign for AWS, set AWS_ACCESS_KEY_ID and "
                                   "AWS_SECRET_ACCESS_KEY");
        return -1;
    }
    struct sbuf text = {0};
    drop_header(h, "Expect:"); /* libcurl would sign it, and not send it */
    curl_easy_setopt(h->curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    sbuf_addf(&text, "aws:amz:%s:%s", region, service);
    keep_text(h->curl, CURLOPT_AWS_SIGV4, text.data);
    keep_text(h->curl, CURLOPT_USERNAME, id);
    keep_text(h->curl, CURLOPT_PASSWORD, secret);
    sbuf_clear(&text);
    if (session && *session) {
        sbuf_addf(&text, "X-Amz-Security-Token: %s", session);
        http_post_header(h, text.data);
    }
    sbuf_fini(&text);
    return 0;
}

/* ---- requests ---------------------------------------------------------------------------- */

void http_post_use_http2(struct http_post *h)
{
    HANDLE_IS(h, HTTP_POST_TAG);
    const bool is_tls = !strncasecmp(h->base, "https:", 6);
    const long version = is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    curl_easy_setopt(h->curl, CURLOPT_HTTP_VERSION, version);
    /* Before 8.0 the second request on such a connection fails: "Error in the HTTP2 framing layer"
     */
    if (!is_tls && curl_version_info(CURLVERSION_NOW)->version_num < 0x080000)
        curl_easy_setopt(h->curl, CURLOPT_FORBID_REUSE, 1L);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_answer *a = arg;
    const size_t len = size * count, room = BODY_MOST - a->body.len;
    sbuf_add(&a->body, bytes, len < room ? len : room);
    a->body_bytes += len;
    return a->body_bytes <= READ_MOST ? len : 0;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct http_answer *a = arg;
    const size_t len = size * count;
    if (len > 5 && !strncmp(bytes, "HTTP/", 5))
        sbuf_clear(&a->headers); /* of an interim answer */
    bool is_name = true;
    for (size_t i = 0; i < len && a->headers.len < HEADERS_MOST; i++) {
        is_name = is_name && bytes[i] != ':';
        if (bytes[i] != '\r')
            sbuf_addc(&a->headers, is_name ? (char)tolower((unsigned char)bytes[i]) : bytes[i]);
    }
    return len;
}

const char *http_answer_text(const struct http_answer *a, const char *name, size_t *len)
{
    const size_t name_len = strlen(name);
    for (const char *line = a->headers.data; line && *line;) {
        if (!strncmp(line, name, name_len) && line[name_len] == ':') {
            line += name_len + 1 + strspn(line + name_len + 1, " ");
            *len = strcspn(line, "\n");
            return line;
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return NULL;
}

bool http_answer_number(const struct http_answer *a, const char *name, double *number)
{
    size_t len;
    const char *text = http_answer_text(a, name, &len);
    char *end = NULL;
    if (text)
        *number = strtod(text, &end);
    return text && end != text;
}

void http_answer_fini(struct http_answer *a)
{
    sbuf_fini(&a->body);
    sbuf_fini(&a->headers);
}

static void limit_time(CURL *curl, double timeout_s)
{
    const long ms = (long)(timeout_s * 1000) > 0 ? (long)(timeout_s * 1000) : 1;
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, ms);
}

/* What of an address may be shown: a query may have a token in it. */
static int shown(const char *url)
{
    return (int)strcspn(url, "?");
}

static int perform(struct http_post *h, const char *url, struct sbuf *why)
{
    char error[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(h->curl, CURLOPT_URL, url);
    const CURLcode rc = curl_easy_perform(h->curl);
    curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, NULL);
    if (rc == CURLE_OK)
        return 0;
    sbuf_addf(why, "%.*s: %s", shown(url), url,
              rc == CURLE_WRITE_ERROR ? "its answer is longer than 1 MB"
              : *error                ? error
                                      : curl_easy_strerror(rc));
    return -1;
}

int http_post_send(struct http_post *h, const char *path, const void *body, size_t len,
                   double timeout_s, struct http_answer *a, struct sbuf *why)
{
    HANDLE_IS(h, HTTP_POST_TAG);
    CURL *curl = h->curl;
    struct sbuf url = {0};
    curl_off_t wait_s = 0;
    sbuf_addf(&url, "%s%s", h->base, path);
    limit_time(curl, timeout_s);
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 0L);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, len ? body : "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, a);
    const int rc = perform(h, url.data, why);
    if (rc == 0) {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a->status);
        curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait_s);
        a->retry_after_s = (double)wait_s;
    }
    sbuf_fini(&url);
    return rc;
}

int http_post_reach(struct http_post *h, double timeout_s, struct sbuf *why)
{
    HANDLE_IS(h, HTTP_POST_TAG);
    limit_time(h->curl, timeout_s);
    curl_easy_setopt(h->curl, CURLOPT_CONNECT_ONLY, 1L);
    const int rc = perform(h, h->base, why);
    curl_easy_setopt(h->curl, CURLOPT_CONNECT_ONLY, 0L);
    return rc;
}

/* ---- judging ----------------------------------------------------------------------------- */

enum delivery http_judge(const struct http_answer *a, struct delivery_trouble *t)
{
    if (a->status >= 200 && a->status < 300)
        return DELIVERED;
    sbuf_addf(&t->why, "the receiver answers %ld", a->status);
    if (a->body.len)
        sbuf_addf(&t->why, ": %.*s", (int)(a->body.len < SHOWN_MOST ? a->body.len : SHOWN_MOST),
                  a->body.data);
    while (t->why.len && isspace((unsigned char)t->why.data[t->why.len - 1]))
        t->why.data[--t->why.len] = 0;
    t->retry_after_s = a->retry_after_s;
    return a->status == 429 || a->status >= 500 ? DELIVERY_LATER : DELIVERY_REFUSED;
}

enum delivery http_post_deliver(struct http_post *h, const char *path, const struct parcel *p,
                                double timeout_s, struct delivery_trouble *t)
{
    HANDLE_IS(h, HTTP_POST_TAG);
    struct http_answer a = {0};
    enum delivery d = DELIVERY_LATER;
    if (http_post_send(h, path, p->body.data, p->body.len, timeout_s, &a, &t->why) == 0)
        d = http_judge(&a, t);
    http_answer_fini(&a);
    return d;
}

/* ---- texts and bytes --------------------------------------------------------------------- */

void http_add_query(struct sbuf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (isalnum(*p) || strchr("-_.~", *p))
            sbuf_addc(out, (char)*p);
        else
            sbuf_addf(out, "%%%02X", *p);
    }
}

static void compress_as(struct sbuf *body, int window_bits)
{
    struct sbuf out = {0};
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        mem_refused("zlib");
    const size_t most = deflateBound(&z, body->len);
    sbuf_reserve(&out, most);
    z.next_in = (Bytef *)body->data;
    z.avail_in = (uInt)body->len;
    z.next_out = (Bytef *)out.data;
    z.avail_out = (uInt)most;
    deflate(&z, Z_FINISH);
    out.len = z.total_out;
    deflateEnd(&z);
    sbuf_fini(body);
    *body = out;
}

void http_gzip(struct sbuf *body)
{
    compress_as(body, 15 + 16);
}

void http_deflate(struct sbuf *body)
{
    compress_as(body, 15);
}
