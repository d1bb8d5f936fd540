// SPDX-License-Identifier: MIT
/* k6_series: see k6_int.h. */
#include "common/base/mem.h"
#include "common/metric/value.h"
#include "master/out/k6_int.h"
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Requests by tags are in http_req_* already, and what is ours alone has no place in k6's file. */
static bool is_left_out(const char *metric)
{
    static const char *const ours[] = {"group_busy", "group_failed", "group_cut",
                                       "metrics_rejected"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(ours[i], metric) == 0)
            return true;
    return strncmp(metric, "http_req_", strlen("http_req_")) == 0;
}

bool k6_has_series(const struct series_list *series, const char *metric, size_t len)
{
    for (size_t i = 0; series && i < series->count; i++) {
        const char *name = series->rows[i].metric;
        if (strlen(name) == len && strncmp(name, metric, len) == 0 && !is_left_out(name))
            return true;
    }
    return false;
}

/* ---- metrics ---- */

static void merge(struct value *v, const struct series_row *r)
{
    const struct value_read read = {.numbers = {.count = r->n,
                                                .trues = r->trues,
                                                .sum = r->sum,
                                                .min = r->min,
                                                .max = r->max,
                                                .last = r->last,
                                                .last_at = (double)r->times.last},
                                    .hist = r->hist,
                                    .negative = r->negative,
                                    .hist_len = r->hist_len,
                                    .negative_len = r->negative_len};
    value_add_read(v, &read);
}

static void add_trend(struct k6_writing *w, const struct series_row *of, const struct value *v)
{
    const double ms = strcmp(of->unit, "us") == 0  ? 0.001
                      : strcmp(of->unit, "s") == 0 ? 1000
                                                   : 1; /* k6's times are milliseconds */
    k6_trend(w, of->metric,
             &(struct k6_trend){.avg = v->sum / (double)v->count * ms,
                                .min = v->min * ms,
                                .med = value_quantile(v, of->scale, 0.5) * ms,
                                .max = v->max * ms,
                                .p90 = value_quantile(v, of->scale, 0.9) * ms,
                                .p95 = value_quantile(v, of->scale, 0.95) * ms});
}

static void add_metric(struct k6_writing *w, const struct series_row *of, const struct value *v,
                       double seconds)
{
    switch (of->kind) {
    case METRIC_COUNTER:
        k6_counter(w, of->metric, v->sum, seconds);
        break;
    case METRIC_GAUGE:
        k6_gauge(w, of->metric, v->last, v->min, v->max);
        break;
    case METRIC_RATE:
        k6_rate(w, of->metric, v->trues, v->count);
        break;
    case METRIC_TREND:
        add_trend(w, of, v);
        break;
    }
}

void k6_add_series(struct k6_writing *w, const struct series_list *series, double seconds)
{
    size_t i = 0;
    while (series && i < series->count) {
        const struct series_row *first = &series->rows[i];
        struct value v;
        value_init(&v);
        for (; i < series->count && strcmp(series->rows[i].metric, first->metric) == 0; i++)
            merge(&v, &series->rows[i]);
        if (v.count > 0 && !is_left_out(first->metric))
            add_metric(w, first, &v, seconds);
        value_fini(&v);
    }
}

/* ---- groups ---- */

/* k6's id: the MD5 of the path. */
static void set_id(json_t *object, const char *path)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    struct sbuf hex = {0};
    if (EVP_Digest(path, strlen(path), digest, &len, EVP_md5(), NULL) != 1)
        len = 0; /* it is not allowed here: nobody looks it up */
    for (unsigned int i = 0; i < len; i++)
        sbuf_addf(&hex, "%02x", digest[i]);
    json_object_set_new(object, "id", json_string(hex.data ? hex.data : ""));
    sbuf_fini(&hex);
}

static json_t *named(const char *name, const char *path)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(name));
    json_object_set_new(object, "path", json_string(path));
    set_id(object, path);
    return object;
}

static json_t *group_new(const char *name, const char *path)
{
    json_t *group = named(name, path);
    json_object_set_new(group, "groups", json_object());
    json_object_set_new(group, "checks", json_object());
    return group;
}

/* The group "outer / inner", made if it is new; path becomes "::outer::inner". Borrowed. */
static json_t *find_group(json_t *root, const char *of, struct sbuf *path)
{
    json_t *group = root;
    while (*of) {
        const char *end = strstr(of, " / ");
        char *name = mem_dup(of, end ? (size_t)(end - of) : strlen(of));
        json_t *inner = json_object_get(group, "groups");
        sbuf_addf(path, "::%s", name);
        if (!json_object_get(inner, name))
            json_object_set_new(inner, name, group_new(name, path->data));
        group = json_object_get(inner, name);
        free(name);
        of = end ? end + strlen(" / ") : "";
    }
    return group;
}

static void raise(json_t *object, const char *key, uint64_t by)
{
    const json_int_t now = json_integer_value(json_object_get(object, key));
    json_object_set_new(object, key, json_integer(now + (json_int_t)by));
}

static void add_check(json_t *root, const struct series_row *r)
{
    const char *name = series_row_tag(r, "check"), *group = series_row_tag(r, "group");
    struct sbuf path = {0};
    name = name ? name : "(other)";
    json_t *checks = json_object_get(find_group(root, group ? group : "", &path), "checks");
    sbuf_addf(&path, "::%s", name);
    if (!json_object_get(checks, name))
        json_object_set_new(checks, name, named(name, path.data));
    json_t *check = json_object_get(checks, name);
    raise(check, "passes", r->trues);
    raise(check, "fails", r->n - r->trues);
    sbuf_fini(&path);
}

void k6_add_groups(const struct series_list *series, struct sbuf *out)
{
    json_t *root = group_new("", "");
    for (size_t i = 0; series && i < series->count; i++)
        if (strcmp(series->rows[i].metric, "checks") == 0)
            add_check(root, &series->rows[i]);
    char *text = json_dumps(root, JSON_COMPACT);
    sbuf_adds(out, text ? text : "{}");
    free(text);
    json_decref(root);
}
