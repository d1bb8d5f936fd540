// SPDX-License-Identifier: MIT
/* audit: see audit.h. */
#include "master/web/audit.h"

#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/spool.h"
#include "master/web/form.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOGGER "katydid.audit"
#define CLOSE_WAIT_S 5.0
#define DETAIL_MAX 4096
#define AUDIT_TAG 0x61756469u /* "audi" */

struct audit {
    uint32_t tag;
    struct spool *file; /* lives as long as the process; NULL: the log only */
    char *path;
    bool is_loud;
    uint64_t stranger_at; /* when one was told of; atomic, monotonic ns */
};

static void add_left_out(struct sbuf *text, unsigned long lines)
{
    sbuf_addf(text, "{\"left_out\":%lu}\n", lines);
}

struct audit *audit_open(const char *path, bool is_loud, char **why)
{
    struct audit *a = mem_zalloc(sizeof *a);
    HANDLE_MADE(a, AUDIT_TAG);
    a->is_loud = is_loud || path != NULL;
    if (path == NULL)
        return a;
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    a->path = mem_strdup(path);
    if (fd >= 0)
        a->file = spool_new(fd, add_left_out);
    const int error = errno;
    if (fd >= 0)
        close(fd);
    if (a->file != NULL)
        return a;
    *why = sbuf_words("--audit-log: cannot write %s: %s", path, strerror(error));
    audit_close(a);
    return NULL;
}

void audit_close(struct audit *a)
{
    if (a == NULL)
        return;
    HANDLE_IS(a, AUDIT_TAG);
    if (a->file != NULL && !spool_settle(a->file, CLOSE_WAIT_S))
        log_warning(LOGGER, "--audit-log: %s is not whole: %s", a->path,
                    strerror(spool_error_number(a->file)));
    free(a->path);
    HANDLE_ENDS(a);
    free(a);
}

/* -- a line -- */

static void add_time(struct sbuf *out)
{
    const double now = clk_wall();
    const time_t second = (time_t)now;
    struct tm t;
    char text[32];
    gmtime_r(&second, &t);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
    sbuf_addf(out, "{\"at\":\"%s.%03dZ\"", text, (int)((now - (double)second) * 1000));
}

static void log_it(const struct audit *a, const struct audit_entry *e)
{
    struct sbuf line = {0};
    sbuf_adds(&line, e->name[0] != '\0' ? e->name : "somebody");
    if (e->role[0] != '\0' && strcmp(e->role, e->name) != 0)
        sbuf_addf(&line, " (%s)", e->role);
    if (e->login[0] != '\0')
        sbuf_addf(&line, ", logged in as %s,", e->login);
    sbuf_addf(&line, "%s%s: %s", e->address[0] != '\0' ? " from " : "", e->address, e->action);
    if (e->object[0] != '\0') {
        sbuf_addc(&line, ' ');
        sbuf_add_json(&line, e->object, strlen(e->object));
    }
    sbuf_addf(&line, "%s%s", e->detail != NULL ? " " : "", e->detail != NULL ? e->detail : "");
    if (e->status >= 400)
        sbuf_addf(&line, " was refused (%d)", e->status);
    if (a->is_loud)
        log_info(LOGGER, "%s", line.data);
    else
        log_debug(LOGGER, "%s", line.data);
    sbuf_fini(&line);
}

static bool is_strangers_turn(struct audit *a)
{
    const uint64_t now = clk_mono_ns();
    uint64_t last = __atomic_load_n(&a->stranger_at, __ATOMIC_RELAXED);
    return (last == 0 || now - last >= 1000000000u) &&
           __atomic_compare_exchange_n(&a->stranger_at, &last, now, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

void audit_note(struct audit *a, const struct audit_entry *e)
{
    HANDLE_IS(a, AUDIT_TAG);
    if (e->is_stranger && !is_strangers_turn(a))
        return;
    log_it(a, e);
    if (a->file == NULL)
        return;
    struct sbuf line = {0};
    add_time(&line);
    sbuf_add_json_member(&line, "name", e->name);
    sbuf_add_json_member(&line, "role", e->role);
    if (e->login[0] != '\0')
        sbuf_add_json_member(&line, "login", e->login);
    sbuf_add_json_member(&line, "address", e->address);
    sbuf_add_json_member(&line, "action", e->action);
    if (e->object[0] != '\0')
        sbuf_add_json_member(&line, "object", e->object);
    if (e->status != 0)
        sbuf_addf(&line, ",\"status\":%d", e->status);
    if (e->detail != NULL)
        sbuf_addf(&line, ",\"detail\":%s", e->detail);
    sbuf_adds(&line, "}\n");
    spool_put(a->file, line.data, line.len);
    sbuf_fini(&line);
}

/* -- what was sent -- */

static const char *const TOLD[] = {"users",        "user_count", "spawn_rate",  "run_time",
                                   "user_classes", "name",       "shape_class", "profile",
                                   "thresholds",   "text",       "rate",        "stages",
                                   "throttle",     "paused",     "at"};

static bool is_told(const char *key)
{
    for (size_t i = 0; i < sizeof TOLD / sizeof TOLD[0]; i++)
        if (strcmp(TOLD[i], key) == 0)
            return true;
    return false;
}

/* Scheme, name and port: a path or a query may have a secret, and what is before the @ is one. */
static json_t *plain_host(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *name = scheme != NULL ? scheme + 3 : url;
    size_t len = strcspn(name, "/?#");
    const char *at = memrchr(name, '@', len);
    struct sbuf out = {0};
    if (scheme != NULL)
        sbuf_add(&out, url, (size_t)(name - url));
    if (at != NULL) {
        len -= (size_t)(at + 1 - name);
        name = at + 1;
    }
    sbuf_add(&out, name, len);
    json_t *text = json_stringn(out.data, out.len);
    sbuf_fini(&out);
    return text;
}

/* Of what might be secret only the names are told. */
static json_t *names_of(json_t *object)
{
    json_t *names = json_array();
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at))
        json_array_append_new(names, json_string(json_object_iter_key(at)));
    return names;
}

static void tell(json_t *to, const char *key, json_t *value)
{
    if (strcmp(key, "host") == 0 && json_is_string(value))
        json_object_set_new(to, key, plain_host(json_string_value(value)));
    else if (is_told(key))
        json_object_set(to, key, value);
    else if (json_is_object(value))
        json_object_set_new(to, key, names_of(value));
    else
        json_object_set_new(to, key, json_string("***"));
}

static json_t *detail_of_form(const char *body, size_t len)
{
    struct form f = {0};
    json_t *detail = json_object();
    const size_t count = form_parse(&f, body, len) ? f.count : 0;
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_string(f.fields[i].value);
        if (value != NULL)
            tell(detail, f.fields[i].name, value);
        json_decref(value);
    }
    form_fini(&f);
    return detail;
}

static json_t *detail_of_json(json_t *body)
{
    json_t *detail = json_object();
    for (void *at = json_object_iter(body); at != NULL; at = json_object_iter_next(body, at))
        tell(detail, json_object_iter_key(at), json_object_iter_value(at));
    return detail;
}

char *audit_detail(const char *body, size_t len)
{
    json_t *said = len > 0 ? json_loadb(body, len, 0, NULL) : NULL;
    json_t *detail = json_is_object(said)      ? detail_of_json(said)
                     : said == NULL && len > 0 ? detail_of_form(body, len)
                                               : NULL;
    char *text = NULL;
    if (json_object_size(detail) > 0)
        text = json_dumps(detail, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(detail);
    json_decref(said);
    if (text != NULL && strlen(text) > DETAIL_MAX) {
        free(text);
        text = mem_strdup("{\"too_long\":true}");
    }
    return text;
}
