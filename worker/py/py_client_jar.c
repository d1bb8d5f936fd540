// SPDX-License-Identifier: MIT
/* The cookie jar of a session: Set-Cookie in, Cookie out.
 *
 * Problem: http.cookiejar costs 50 µs and more for each request, and some 4 KB for each user.
 * Design: a flat array of cookies in the order they came, matched by RFC 6265 §5.4 where requests
 * does so; where http.cookiejar differs (default path without its last slash, ".local" behind
 * names without a dot, host cookies also sent to subdomains), what people see with requests is
 * what they see here. No Python in this file: times and places are arguments.
 * Guarantees: a jar holds at most MAX_COOKIES of at most MAX_LINE bytes; more are ignored.
 */
#include "worker/py/py_client_jar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "worker/proto/cookie_date.h"

enum { MAX_COOKIES = 1000, MAX_LINE = 16384 };

struct slice {
    const char *at;
    size_t len;
};

void jar_place_host(struct jar_place *place, const char *host, size_t len)
{
    if (len && *host == '[') {
        const char *end = memchr(host, ']', len);
        place->host = host + 1;
        place->host_len = end ? (size_t)(end - host - 1) : len - 1;
        return;
    }
    const char *colon = memchr(host, ':', len);
    place->host = host;
    place->host_len = colon ? (size_t)(colon - host) : len;
}

void cookie_fini(struct cookie *cookie)
{
    free(cookie->text);
    cookie->text = NULL;
}

void jar_fini(struct jar *jar)
{
    for (uint32_t i = 0; i < jar->count; i++)
        cookie_fini(&jar->cookies[i]);
    free(jar->cookies);
    *jar = (struct jar){0};
}

static struct cookie join(struct slice name, struct slice value, struct slice domain,
                          struct slice path)
{
    struct cookie c = {.has_value = value.at != NULL};
    c.text = mem_realloc(NULL, name.len + value.len + domain.len + path.len + 4);
    const struct slice parts[] = {name, value, domain, path};
    uint32_t *const starts[] = {NULL, &c.value_at, &c.domain_at, &c.path_at};
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        if (starts[i])
            *starts[i] = (uint32_t)at;
        if (parts[i].len)
            memcpy(c.text + at, parts[i].at, parts[i].len);
        at += parts[i].len;
        c.text[at++] = 0;
    }
    return c;
}

static struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

struct cookie cookie_make(const char *name, const char *value, const char *domain, const char *path)
{
    return join(slice_of(name), slice_of(value), slice_of(domain), slice_of(path));
}

static bool is_same(const struct cookie *a, const struct cookie *b)
{
    return !strcmp(a->text, b->text) && !strcmp(a->text + a->domain_at, b->text + b->domain_at) &&
           !strcmp(a->text + a->path_at, b->text + b->path_at);
}

void jar_put(struct jar *jar, struct cookie cookie)
{
    for (uint32_t i = 0; i < jar->count; i++) {
        if (is_same(&jar->cookies[i], &cookie)) {
            cookie_fini(&jar->cookies[i]);
            jar->cookies[i] = cookie;
            return;
        }
    }
    if (jar->count == MAX_COOKIES) {
        cookie_fini(&cookie);
        return;
    }
    if (jar->count == jar->capacity) {
        jar->capacity = jar->capacity ? jar->capacity * 2 : 2;
        jar->cookies = mem_realloc(jar->cookies, jar->capacity * sizeof *jar->cookies);
        if (!jar->cookies)
            abort();
    }
    jar->cookies[jar->count++] = cookie;
}

void jar_remove(struct jar *jar, const struct cookie *like)
{
    for (uint32_t i = 0; i < jar->count; i++) {
        if (is_same(&jar->cookies[i], like)) {
            cookie_fini(&jar->cookies[i]);
            memmove(&jar->cookies[i], &jar->cookies[i + 1],
                    (--jar->count - i) * sizeof *jar->cookies);
            return;
        }
    }
}

/* ---- Set-Cookie ----------------------------------------------------------------------------- */

static struct slice trim(struct slice s)
{
    while (s.len && (*s.at == ' ' || *s.at == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Takes the part of *rest up to end (or all of it) off and returns it trimmed. */
static struct slice take_until(struct slice *rest, char end)
{
    const char *stop = memchr(rest->at, end, rest->len);
    struct slice part = {rest->at, stop ? (size_t)(stop - rest->at) : rest->len};
    const size_t used = part.len + (stop ? 1 : 0);
    rest->at += used;
    rest->len -= used;
    return trim(part);
}

static bool is_word(struct slice s, const char *word)
{
    return s.len == strlen(word) && !strncasecmp(s.at, word, s.len);
}

struct attributes {
    struct slice domain, path;
    double expires;
    bool is_secure, is_http_only, has_max_age;
};

static void read_attribute(struct attributes *a, struct slice part, double now)
{
    struct slice value = part;
    const bool has_value = memchr(part.at, '=', part.len) != NULL;
    const struct slice key = take_until(&value, '=');
    value = has_value ? trim(value) : (struct slice){0};
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = (struct slice){value.at + 1, value.len - 2};
    if (is_word(key, "domain")) {
        a->domain = value;
    } else if (is_word(key, "path")) {
        a->path = value;
    } else if (is_word(key, "secure")) {
        a->is_secure = true;
    } else if (is_word(key, "httponly")) {
        a->is_http_only = true;
    } else if (is_word(key, "max-age") && value.len && value.len < 20) {
        char number[20] = {0};
        memcpy(number, value.at, value.len);
        const double age = strtod(number, NULL);
        a->expires = age > 0 ? now + age : 1;
        a->has_max_age = true;
    } else if (is_word(key, "expires") && !a->has_max_age) {
        a->expires = cookie_date(value.at, value.len);
    }
}

static bool ends_with(const char *text, size_t len, struct slice tail)
{
    return len >= tail.len && !strncasecmp(text + len - tail.len, tail.at, tail.len);
}

/* The host as http.cookiejar names it: "localhost" is "localhost.local". */
static void effective_host(char *out, size_t size, const struct jar_place *place)
{
    const bool has_dot = memchr(place->host, '.', place->host_len) != NULL;
    const bool is_v6 = memchr(place->host, ':', place->host_len) != NULL;
    snprintf(out, size, "%.*s%s", (int)place->host_len, place->host,
             has_dot || is_v6 ? "" : ".local");
}

/* Whether a server called host may set cookies for domain (without its leading dot). */
static bool may_set(const char *host, struct slice domain)
{
    const size_t len = strlen(host);
    const bool is_local = ends_with(host, len, (struct slice){".local", 6});
    if (!memchr(domain.at, '.', domain.len)) {
        if (!is_local)
            return false;
        return len >= 6 && ends_with(host, len - 6, domain);
    }
    if (!ends_with(host, len, domain))
        return false;
    return len == domain.len || host[len - domain.len - 1] == '.';
}

static struct slice default_path(const struct jar_place *place)
{
    const char *query = memchr(place->path, '?', place->path_len);
    size_t len = query ? (size_t)(query - place->path) : place->path_len;
    while (len > 0 && place->path[len - 1] != '/')
        len--;
    return len <= 1 ? (struct slice){"/", 1} : (struct slice){place->path, len - 1};
}

bool jar_parse(struct cookie *out, const char *line, size_t len, const struct jar_place *place,
               double now)
{
    if (len > MAX_LINE || memchr(line, '\0', len)) /* RFC 6265bis 5.7: none of a line with a NUL */
        return false;
    struct slice rest = {line, len};
    struct slice pair = take_until(&rest, ';');
    const bool has_value = memchr(pair.at, '=', pair.len) != NULL;
    const struct slice name = take_until(&pair, '=');
    const struct slice value = has_value ? trim(pair) : (struct slice){0};
    if (!name.len || (!has_value && !rest.len && !name.len))
        return false;
    struct attributes a = {0};
    while (rest.len)
        read_attribute(&a, take_until(&rest, ';'), now);
    char host[300], domain[300];
    effective_host(host, sizeof host, place);
    snprintf(domain, sizeof domain, "%s", host);
    struct slice plain = a.domain;
    if (plain.len && *plain.at == '.')
        plain = (struct slice){plain.at + 1, plain.len - 1};
    if (plain.len) {
        if (!may_set(host, plain))
            return false;
        snprintf(domain, sizeof domain, ".%.*s", (int)plain.len, plain.at);
    }
    const bool has_path = a.path.len && *a.path.at == '/';
    *out = join(name, value, slice_of(domain), has_path ? a.path : default_path(place));
    for (char *c = out->text + out->domain_at; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    out->has_value = has_value;
    out->expires = a.expires;
    out->is_secure = a.is_secure;
    out->is_http_only = a.is_http_only;
    out->has_domain = plain.len > 0;
    out->has_path = has_path;
    return true;
}

/* ---- Cookie --------------------------------------------------------------------------------- */

static bool path_matches(const char *path, const struct jar_place *place)
{
    const char *query = memchr(place->path, '?', place->path_len);
    const size_t have = query ? (size_t)(query - place->path) : place->path_len;
    const size_t len = strlen(path);
    if (have < len || memcmp(path, place->path, len) != 0)
        return false;
    return have == len || (len && path[len - 1] == '/') || place->path[len] == '/';
}

static bool domain_matches(const char *domain, const char *host)
{
    const struct slice plain = slice_of(*domain == '.' ? domain + 1 : domain);
    const size_t len = strlen(host);
    if (!plain.len)
        return true;
    if (!ends_with(host, len, plain))
        return ends_with(host, len, (struct slice){".local", 6}) && len == plain.len + 6 &&
               !strncasecmp(host, plain.at, plain.len);
    return len == plain.len || host[len - plain.len - 1] == '.';
}

static bool matches(const struct cookie *c, const char *host, const struct jar_place *place,
                    double now)
{
    return (!c->is_secure || place->is_tls) && (c->expires == 0 || c->expires > now) &&
           domain_matches(c->text + c->domain_at, host) &&
           path_matches(c->text + c->path_at, place);
}

static size_t path_length(const struct cookie *c)
{
    return strlen(c->text + c->path_at);
}

/* Longest path first, else in the order they came: select the next of the matching ones. */
void jar_header(struct sbuf *out, const struct jar *jar, const struct jar_place *place, double now)
{
    char host[300];
    effective_host(host, sizeof host, place);
    const size_t start = out->len;
    size_t limit = SIZE_MAX;
    while (limit > 0) {
        size_t longest = 0;
        bool is_any = false;
        for (uint32_t i = 0; i < jar->count; i++) {
            const size_t len = path_length(&jar->cookies[i]);
            if (len < limit && (!is_any || len > longest)) {
                longest = len;
                is_any = true;
            }
        }
        if (!is_any)
            return;
        for (uint32_t i = 0; i < jar->count; i++) {
            const struct cookie *c = &jar->cookies[i];
            if (path_length(c) != longest || !matches(c, host, place, now))
                continue;
            if (out->len > start)
                sbuf_add(out, "; ", 2);
            sbuf_adds(out, c->text);
            if (c->has_value) {
                sbuf_addc(out, '=');
                sbuf_adds(out, c->text + c->value_at);
            }
        }
        limit = longest;
    }
}
