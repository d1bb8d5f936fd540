// SPDX-License-Identifier: MIT
/* reply: see reply.h. Header and body leave in one write. Long texts are gzipped when the client
 * takes it; assets are kept gzipped and inflated for the few that do not. */
#include "master/web/reply.h"

#include "common/base/http_coding.h"
#include "common/base/http_reason.h"
#include <civetweb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#define ZLIB_CONST /* zlib only reads its input: let the type say so */
#include <zlib.h>

#define GZIP_FROM_BYTES 1400 /* below that, one packet carries it anyway */
#define GZIP_LEVEL 4

static const char PAGE_POLICY[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'\r\n";
static const char SECURITY_HEADERS[] =
    "X-Frame-Options: DENY\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), usb=()\r\n";

static const char *status_text(int status)
{
    const char *reason = http_reason(status);
    return reason ? reason : status < 500 ? "Refused" : "Error";
}

static bool takes_gzip(struct mg_connection *conn)
{
    return http_takes_coding(mg_get_header(conn, "Accept-Encoding"), "gzip");
}

static bool is_head(struct mg_connection *conn)
{
    const char *method = mg_get_request_info(conn)->request_method; /* NULL: it did not parse */
    return method != NULL && strcmp(method, "HEAD") == 0;
}

/* extra: whole header lines. */
static int send_reply(struct mg_connection *conn, int status, const char *extra, const void *body,
                      size_t len)
{
    struct sbuf out = {0};
    sbuf_addf(&out, "HTTP/1.1 %d %s\r\n", status, status_text(status));
    if (strstr(extra, "Content-Security-Policy:") == NULL)
        sbuf_adds(&out, PAGE_POLICY);
    sbuf_adds(&out, SECURITY_HEADERS);
    sbuf_adds(&out, "Connection: close\r\n");
    if (status != 304)
        sbuf_addf(&out, "Content-Length: %zu\r\n", len);
    sbuf_adds(&out, extra);
    sbuf_adds(&out, "\r\n");
    if (!is_head(conn) && len > 0)
        sbuf_add(&out, body, len);
    mg_write(conn, out.data, out.len);
    sbuf_fini(&out);
    return status;
}

/* Gzips src into dst; false when that fails or gains nothing. */
static bool deflate_text(const void *src, size_t len, struct sbuf *dst)
{
    z_stream z = {0};
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&z, len);
    sbuf_reserve(dst, bound);
    z.next_in = src;
    z.avail_in = (unsigned)len;
    z.next_out = (unsigned char *)dst->data;
    z.avail_out = (unsigned)bound;
    bool is_ok = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < len;
    dst->len = is_ok ? z.total_out : 0;
    deflateEnd(&z);
    return is_ok;
}

static int send_text(struct mg_connection *conn, int status, const char *type, const char *extra,
                     const char *text, size_t len)
{
    struct sbuf headers = {0}, packed = {0};
    bool is_gzip = len >= GZIP_FROM_BYTES && takes_gzip(conn) && deflate_text(text, len, &packed);
    sbuf_addf(&headers, "Content-Type: %s\r\n%sVary: Accept-Encoding\r\n%s%s", type,
              strstr(extra, "Cache-Control:") != NULL ? "" : "Cache-Control: no-store\r\n",
              is_gzip ? "Content-Encoding: gzip\r\n" : "", extra);
    if (is_gzip)
        send_reply(conn, status, headers.data, packed.data, packed.len);
    else
        send_reply(conn, status, headers.data, text, len);
    sbuf_fini(&packed);
    sbuf_fini(&headers);
    return status;
}

int reply_json(struct mg_connection *conn, int status, const struct sbuf *body)
{
    return reply_json_with(conn, status, "", body);
}

int reply_json_with(struct mg_connection *conn, int status, const char *headers,
                    const struct sbuf *body)
{
    return send_text(conn, status, "application/json", headers, body->data, body->len);
}

int reply_scraped(struct mg_connection *conn, const char *type, const struct sbuf *body)
{
    return send_text(conn, 200, type, "", body->data, body->len);
}

static void tag_headers(char *headers, size_t size, const char *etag)
{
    snprintf(headers, size, "Cache-Control: private, no-cache\r\nETag: %s\r\n", etag);
}

bool reply_is_known(struct mg_connection *conn, const char *etag)
{
    const char *known = mg_get_header(conn, "If-None-Match");
    return known != NULL && strstr(known, etag) != NULL;
}

int reply_not_changed(struct mg_connection *conn, const char *etag)
{
    char headers[160];
    tag_headers(headers, sizeof headers, etag);
    return send_reply(conn, 304, headers, "", 0);
}

int reply_json_tagged(struct mg_connection *conn, const char *etag, const struct sbuf *body)
{
    char headers[160];
    tag_headers(headers, sizeof headers, etag);
    return send_text(conn, 200, "application/json", headers, body->data, body->len);
}

int reply_text(struct mg_connection *conn, int status, const char *text)
{
    return send_text(conn, status, "text/plain; charset=utf-8", "", text, strlen(text));
}

int reply_page(struct mg_connection *conn, const struct sbuf *html)
{
    return send_text(conn, 200, "text/html; charset=utf-8", "", html->data, html->len);
}

int reply_html(struct mg_connection *conn, int status, const char *text)
{
    return reply_html_with(conn, status, "", text);
}

int reply_html_with(struct mg_connection *conn, int status, const char *headers, const char *text)
{
    return send_text(conn, status, "text/html; charset=utf-8", headers, text, strlen(text));
}

int reply_error_with(struct mg_connection *conn, int status, const char *headers, const char *field,
                     const char *text)
{
    struct sbuf body = {0};
    sbuf_adds(&body, "{\"ok\":false,\"field\":");
    sbuf_add_json(&body, field, strlen(field));
    sbuf_adds(&body, ",\"error\":");
    sbuf_add_json(&body, text, strlen(text));
    sbuf_adds(&body, "}\n");
    send_text(conn, status, "application/json", headers, body.data, body.len);
    sbuf_fini(&body);
    return status;
}

int reply_error(struct mg_connection *conn, int status, const char *field, const char *text)
{
    return reply_error_with(conn, status, "", field, text);
}

int reply_method(struct mg_connection *conn, const char *allowed)
{
    char extra[64], text[96];
    snprintf(extra, sizeof extra, "Allow: %s\r\n", allowed);
    snprintf(text, sizeof text, "This address takes only %s.\n", allowed);
    return send_text(conn, 405, "text/plain; charset=utf-8", extra, text, strlen(text));
}

int reply_options(struct mg_connection *conn, const char *allowed)
{
    char extra[64];
    snprintf(extra, sizeof extra, "Allow: %s\r\n", allowed);
    return send_text(conn, 200, "text/plain; charset=utf-8", extra, "", 0);
}

static int redirect(struct mg_connection *conn, int status, const char *location,
                    const char *headers)
{
    struct sbuf extra = {0};
    sbuf_addf(&extra, "Location: %s\r\n%s", location, headers);
    send_text(conn, status, "text/plain; charset=utf-8", extra.data, "", 0);
    sbuf_fini(&extra);
    return status;
}

int reply_redirect(struct mg_connection *conn, const char *location)
{
    return redirect(conn, 308, location, "");
}

int reply_found(struct mg_connection *conn, const char *location)
{
    return redirect(conn, 302, location, "");
}

int reply_see_other(struct mg_connection *conn, const char *location, const char *headers)
{
    return redirect(conn, 303, location, headers);
}

int reply_download(struct mg_connection *conn, const char *type, const char *file,
                   const struct sbuf *body)
{
    char extra[400];
    snprintf(extra, sizeof extra, "Content-Disposition: attachment;filename=%s\r\n", file);
    return send_text(conn, 200, type, extra, body->data, body->len);
}

int reply_file(struct mg_connection *conn, const char *type, const char *file, int fd)
{
    char piece[65536];
    struct stat s;
    struct sbuf head = {0};
    size_t left = fstat(fd, &s) == 0 ? (size_t)s.st_size : 0;
    sbuf_addf(&head,
              "HTTP/1.1 200 OK\r\n%s%sConnection: close\r\nContent-Type: %s\r\n"
              "Cache-Control: no-store\r\nContent-Length: %zu\r\n"
              "Content-Disposition: attachment;filename=%s\r\n\r\n",
              PAGE_POLICY, SECURITY_HEADERS, type, left, file);
    bool is_taken = mg_write(conn, head.data, head.len) > 0 && !is_head(conn);
    sbuf_fini(&head);
    while (is_taken && left > 0) {
        const ssize_t n = read(fd, piece, left < sizeof piece ? left : sizeof piece);
        if (n <= 0) /* cut off, so that the length says so */
            break;
        is_taken = mg_write(conn, piece, (size_t)n) > 0;
        left -= (size_t)n;
    }
    return 200;
}

/* A report brings its own policy, by hashes; in the browser it may run its script, but is of no
 * origin: it reaches nothing of ours. */
int reply_html_report(struct mg_connection *conn, const char *file, const struct sbuf *body)
{
    char extra[400];
    snprintf(extra, sizeof extra,
             "Content-Security-Policy: sandbox allow-scripts allow-downloads; "
             "frame-ancestors 'none'\r\n%s%s%s",
             file != NULL ? "Content-Disposition: attachment;filename=" : "",
             file != NULL ? file : "", file != NULL ? "\r\n" : "");
    return send_text(conn, 200, "text/html; charset=utf-8", extra, body->data, body->len);
}

static int send_inflated(struct mg_connection *conn, const struct asset *asset, const char *headers)
{
    struct sbuf plain = {0};
    int status = asset_inflate(asset, &plain)
                     ? send_reply(conn, 200, headers, plain.data, plain.len)
                     : reply_text(conn, 503, "Out of memory.\n");
    sbuf_fini(&plain);
    return status;
}

int reply_asset(struct mg_connection *conn, const struct asset *asset)
{
    char headers[512];
    const char *known = mg_get_header(conn, "If-None-Match");
    bool is_gzip = takes_gzip(conn);
    const char *cache = asset->is_immutable ? "public, max-age=31536000, immutable" : "no-store";
    snprintf(headers, sizeof headers,
             "Content-Type: %s\r\nCache-Control: %s\r\nETag: %s\r\nVary: Accept-Encoding\r\n%s",
             asset->mime, cache, asset->etag, is_gzip ? "Content-Encoding: gzip\r\n" : "");
    if (known != NULL && strstr(known, asset->etag) != NULL)
        return send_reply(conn, 304, headers, "", 0);
    if (!is_gzip)
        return send_inflated(conn, asset, headers);
    return send_reply(conn, 200, headers, asset->gzip, asset->gzip_len);
}

int reply_read_body(struct mg_connection *conn, size_t max, struct sbuf *body)
{
    const struct mg_request_info *ri = mg_get_request_info(conn);
    char chunk[4096];
    if (mg_get_header(conn, "Transfer-Encoding") != NULL)
        return 411;
    if (ri->content_length > (long long)max)
        return 413;
    size_t left = ri->content_length > 0 ? (size_t)ri->content_length : 0;
    while (left > 0) {
        int got = mg_read(conn, chunk, left < sizeof chunk ? left : sizeof chunk);
        if (got <= 0)
            return 400;
        sbuf_add(body, chunk, (size_t)got);
        left -= (size_t)got;
    }
    return 0;
}
