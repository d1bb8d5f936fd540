// SPDX-License-Identifier: MIT
#pragma once
/* reply: one answer on one civetweb connection, always complete, always with the security headers.
 *
 * Every answer ends its connection: a request whose body was not read to the end can never be
 * taken for the next one.
 */
#include "common/base/sbuf.h"
#include "master/web/asset.h"
#include <stdbool.h>

struct mg_connection;

/* All return the status, as civetweb's request handlers want it. */
int reply_json(struct mg_connection *conn, int status, const struct sbuf *body);
/* headers, here and below: whole lines of the answer's head, or "". */
int reply_json_with(struct mg_connection *conn, int status, const char *headers,
                    const struct sbuf *body);
/* A JSON body that stays as it is: who names its etag (with quotes) gets 304. */
bool reply_is_known(struct mg_connection *conn, const char *etag);
int reply_not_changed(struct mg_connection *conn, const char *etag);
int reply_json_tagged(struct mg_connection *conn, const char *etag, const struct sbuf *body);
int reply_text(struct mg_connection *conn, int status, const char *text);
/* What a scraper accepted. */
int reply_scraped(struct mg_connection *conn, const char *type, const struct sbuf *body);
int reply_page(struct mg_connection *conn, const struct sbuf *html);
int reply_html(struct mg_connection *conn, int status, const char *text);
int reply_html_with(struct mg_connection *conn, int status, const char *headers, const char *text);
/* {"ok": false, "field": …, "error": …} */
int reply_error(struct mg_connection *conn, int status, const char *field, const char *text);
int reply_error_with(struct mg_connection *conn, int status, const char *headers, const char *field,
                     const char *text);
int reply_method(struct mg_connection *conn, const char *allowed);    /* 405 */
int reply_options(struct mg_connection *conn, const char *allowed);   /* 200, Allow, no body */
int reply_redirect(struct mg_connection *conn, const char *location); /* 308 */
int reply_found(struct mg_connection *conn, const char *location);    /* 302 */
/* 303 */
int reply_see_other(struct mg_connection *conn, const char *location, const char *headers);
int reply_download(struct mg_connection *conn, const char *type, const char *file,
                   const struct sbuf *body);
/* As much of the file as there is now, in pieces. */
int reply_file(struct mg_connection *conn, const char *type, const char *file, int fd);
/* The report file: shown, or to be kept as `file` if that is not NULL. */
int reply_html_report(struct mg_connection *conn, const char *file, const struct sbuf *body);
int reply_asset(struct mg_connection *conn, const struct asset *asset);

/* The request's body, at most max bytes. 0, or the status to refuse it with. */
int reply_read_body(struct mg_connection *conn, size_t max, struct sbuf *body);
