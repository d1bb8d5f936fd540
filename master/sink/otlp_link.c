// SPDX-License-Identifier: MIT
/* otlp_link: see the header. */
#include "master/sink/otlp_link.h"
#include "common/base/hex.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/protobuf.h"
#include "common/base/utf8.h"
#include "master/sink/grpc.h"
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define LOGGER "locust.runners"
#define SHOWN_MOST 200
#define SERVICE_NAME "service.name"

static const struct signal {
    const char *word; /* in the names of variables */
    const char *path, *call;
} SIGNALS[] = {
    [OTLP_METRICS] = {"METRICS", "/v1/metrics",
                      "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"},
    [OTLP_TRACES] = {"TRACES", "/v1/traces",
                     "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
};

struct otlp_link {
    const struct signal *signal;
    struct http_post *http;
    bool is_grpc, is_gzip, is_of_others_port; /* ... that usually speaks the other protocol */
};

/* ---- the environment --------------------------------------------------------------------- */

/* The signal's own variable, else that of all. NULL: not set. */
static const char *variable(const struct signal *signal, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s_%s", signal->word, what);
    const char *value = getenv(name);
    if (!value || !*value) {
        snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s", what);
        value = getenv(name);
    }
    return value && *value ? value : NULL;
}

static void hear(struct sink_spec *spec, const char *key, const char *value)
{
    char *why = NULL;
    if (!sink_set_missing(spec, key, value, &why))
        log_warning(LOGGER, "A variable of OpenTelemetry is not heard: %s", why);
    free(why);
}

/* Of words that are heard in any case of letters. */
static void hear_word(struct sink_spec *spec, const char *key, const char *value)
{
    struct sbuf word = {0};
    for (const char *p = value; p && *p; p++)
        sbuf_addc(&word, (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p));
    hear(spec, key, word.data);
    sbuf_fini(&word);
}

static void hear_ms(struct sink_spec *spec, const char *key, const char *value)
{
    char *text = value ? sbuf_words("%sms", value) : NULL;
    hear(spec, key, text);
    free(text);
}

/* As in W3C baggage, %20 and the like are bytes. */
static void add_unescaped(struct sbuf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const int escaped = hex_escaped(text + i, len - i);
        const int c = escaped >= 0 ? escaped : text[i];
        if (c != '\r' && c != '\n' && c != 0)
            sbuf_addc(out, (char)c);
        i += escaped >= 0 ? 2 : 0;
    }
}

/* Each key=value of a list with commas, without the spaces around. */
static void each_listed(const char *list,
                        void (*take)(struct sbuf *key, struct sbuf *value, void *arg), void *arg)
{
    while (list && *list) {
        const size_t len = strcspn(list, ",");
        const char *equals = memchr(list, '=', len);
        if (equals) {
            struct sbuf key = {0}, value = {0};
            const char *start = list + strspn(list, " \t"), *end = list + len;
            const char *from = equals + 1 + strspn(equals + 1, " \t");
            while (end > from && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
            size_t key_len = start < equals ? (size_t)(equals - start) : 0;
            while (key_len && (start[key_len - 1] == ' ' || start[key_len - 1] == '\t'))
                key_len--;
            add_unescaped(&key, start, key_len);
            add_unescaped(&value, from, from < end ? (size_t)(end - from) : 0);
            if (key.len)
                take(&key, &value, arg);
            sbuf_fini(&key);
            sbuf_fini(&value);
        }
        list += len + (list[len] == ',');
    }
}

struct sought {
    const char *key;
    char *value; /* the last one's; owned. NULL: it is not there */
};

static void take_sought(struct sbuf *key, struct sbuf *value, void *arg)
{
    struct sought *s = arg;
    if (strcmp(key->data, s->key) != 0)
        return;
    free(s->value);
    s->value = mem_strdup(value->data ? value->data : "");
}

/* Of an attribute of the resource, as the environment has it (to be freed); NULL: it has none. */
static char *given_attribute(const char *key)
{
    struct sought s = {.key = key};
    each_listed(getenv("OTEL_RESOURCE_ATTRIBUTES"), take_sought, &s);
    return s.value;
}

static void hear_all(struct sink_spec *spec, const struct signal *signal)
{
    const char *compression = variable(signal, "COMPRESSION");
    hear(spec, "protocol", variable(signal, "PROTOCOL"));
    hear(spec, "ca", variable(signal, "CERTIFICATE"));
    hear(spec, "cert", variable(signal, "CLIENT_CERTIFICATE"));
    hear(spec, "key", variable(signal, "CLIENT_KEY"));
    hear_ms(spec, "timeout", variable(signal, "TIMEOUT"));
    hear(spec, "service", getenv("OTEL_SERVICE_NAME"));
    char *service = given_attribute(SERVICE_NAME);
    hear(spec, "service", service);
    free(service);
    if (compression && !strcasecmp(compression, "gzip"))
        hear(spec, "gzip", "yes");
    if (signal != &SIGNALS[OTLP_METRICS])
        return;
    hear_ms(spec, "interval", getenv("OTEL_METRIC_EXPORT_INTERVAL"));
    hear_word(spec, "temporality", getenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"));
    hear_word(spec, "histogram",
              getenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"));
}

/* ---- the address ------------------------------------------------------------------------- */

static void cut_slashes(struct sbuf *address)
{
    while (address->len && address->data[address->len - 1] == '/')
        address->data[--address->len] = 0;
}

/* A special endpoint is used as it is, the general one and a target without a path get ours. */
static char *address_of_http(const struct sink_spec *spec, const struct signal *signal)
{
    struct sbuf base = {0};
    char name[64];
    snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s_ENDPOINT", signal->word);
    const char *special = getenv(name), *general = getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (!spec->target && special && *special)
        return mem_strdup(special);
    const char *target = spec->target ? spec->target : general && *general ? general : NULL;
    sbuf_adds(&base, target ? target : "http://localhost:4318");
    cut_slashes(&base);
    const char *host = base.data ? strstr(base.data, "://") : NULL;
    if (!spec->target || !host || !strchr(host + 3, '/'))
        sbuf_adds(&base, signal->path);
    return sbuf_take(&base);
}

/* Its path is of no use; without a scheme TLS is spoken, if the environment does not say otherwise.
 */
static char *address_of_grpc(const struct sink_spec *spec, const struct signal *signal)
{
    struct sbuf base = {0};
    const char *insecure = variable(signal, "INSECURE");
    const char *target = spec->target ? spec->target : variable(signal, "ENDPOINT");
    if (!target)
        target = "http://localhost:4317";
    if (!strstr(target, "://"))
        sbuf_adds(&base, insecure && !strcasecmp(insecure, "true") ? "http://" : "https://");
    const char *host = strstr(target, "://") ? strstr(target, "://") + 3 : target;
    sbuf_add(&base, target, (size_t)(host - target) + strcspn(host, "/?#"));
    return sbuf_take(&base);
}

/* ---- headers ----------------------------------------------------------------------------- */

static void take_header(struct sbuf *key, struct sbuf *value, void *arg)
{
    sbuf_addf(key, ": %s", value->data ? value->data : "");
    http_post_header(arg, key->data);
}

/* ---- a link ------------------------------------------------------------------------------ */

struct otlp_link *otlp_link_new(struct sink_spec *spec, enum otlp_signal signal, char **why)
{
    const struct signal *s = &SIGNALS[signal];
    hear_all(spec, s);
    const bool is_grpc = sink_is_word(spec, "protocol", "grpc");
    char *address = is_grpc ? address_of_grpc(spec, s) : address_of_http(spec, s);
    struct http_post *http = http_post_new(spec, address, why);
    if (!http) {
        free(address);
        return NULL;
    }
    struct otlp_link *l = mem_zalloc(sizeof *l);
    l->signal = s;
    l->http = http;
    l->is_grpc = is_grpc;
    l->is_gzip = sink_is(spec, "gzip");
    l->is_of_others_port = strstr(address, is_grpc ? ":4318" : ":4317") != NULL;
    free(address);
    if (is_grpc) {
        grpc_prepare(http, l->is_gzip);
    } else {
        http_post_header(http, "Content-Type: application/x-protobuf");
        if (l->is_gzip)
            http_post_header(http, "Content-Encoding: gzip");
    }
    each_listed(variable(s, "HEADERS"), take_header, http);
    return l;
}

void otlp_link_free(struct otlp_link *l)
{
    http_post_free(l->http);
    free(l);
}

void otlp_link_seal(const struct otlp_link *l, struct sbuf *message)
{
    if (l->is_gzip)
        http_gzip(message);
    if (l->is_grpc)
        grpc_frame(message, l->is_gzip);
}

int otlp_link_reach(struct otlp_link *l, double timeout_s, struct sbuf *why)
{
    return http_post_reach(l->http, timeout_s, why);
}

/* Of Export…ServiceResponse.partial_success (1): how many were rejected (1), error_message (2).
 * Full success may have an empty one. */
static uint64_t rejected(const struct sbuf *body, struct sbuf *message)
{
    const unsigned char *p = (const unsigned char *)body->data, *end = p ? p + body->len : p;
    uint64_t key, len, number = 0;
    if (!p || !varint_read(&p, end, &key) || key != (1 << 3 | PB_BYTES) ||
        !varint_read(&p, end, &len) || len > (uint64_t)(end - p))
        return 0;
    end = p + len;
    while (p < end && varint_read(&p, end, &key) && varint_read(&p, end, &len)) {
        if (key == (1 << 3 | PB_VARINT))
            number = len;
        if (key != (2 << 3 | PB_BYTES))
            continue;
        if (len > (uint64_t)(end - p))
            break;
        sbuf_add(message, p, len < SHOWN_MOST ? len : SHOWN_MOST);
        p += len;
    }
    return number;
}

static enum delivery judge_success(const struct otlp_link *l, const struct sbuf *answer,
                                   struct delivery_trouble *t)
{
    struct sbuf message = {0};
    t->refused = rejected(answer, &message);
    if (t->refused)
        sbuf_addf(&t->why, "the receiver rejects %" PRIu64 " %s: %s", t->refused,
                  l->signal == &SIGNALS[OTLP_TRACES] ? "spans" : "points",
                  message.data ? message.data : "");
    sbuf_fini(&message);
    return t->refused ? DELIVERY_REFUSED : DELIVERED;
}

static enum delivery deliver_http(struct otlp_link *l, const struct parcel *p, double timeout_s,
                                  struct delivery_trouble *t)
{
    struct http_answer a = {0};
    enum delivery d = DELIVERY_LATER;
    if (http_post_send(l->http, "", p->body.data, p->body.len, timeout_s, &a, &t->why) == 0) {
        d = http_judge(&a, t);
        if (d == DELIVERED)
            d = judge_success(l, &a.body, t);
        else if (d == DELIVERY_LATER && a.status != 429 && (a.status < 502 || a.status > 504))
            d = DELIVERY_REFUSED;
    } else if (l->is_of_others_port) {
        sbuf_adds(&t->why, " (4317 is usually the port of protocol=grpc)");
    }
    http_answer_fini(&a);
    return d;
}

static enum delivery deliver_grpc(struct otlp_link *l, const struct parcel *p, double timeout_s,
                                  struct delivery_trouble *t)
{
    struct http_answer a = {0};
    struct sbuf answer = {0};
    enum delivery d = grpc_call(l->http, l->signal->call, &p->body, timeout_s, &a, &answer, t);
    if (d == DELIVERED)
        d = judge_success(l, &answer, t);
    else if (!a.status && l->is_of_others_port)
        sbuf_adds(&t->why, " (4318 is usually the port of protocol=http/protobuf)");
    sbuf_fini(&answer);
    http_answer_fini(&a);
    return d;
}

enum delivery otlp_link_deliver(struct otlp_link *l, const struct parcel *p, double timeout_s,
                                struct delivery_trouble *t)
{
    return l->is_grpc ? deliver_grpc(l, p, timeout_s, t) : deliver_http(l, p, timeout_s, t);
}

/* ---- parts of messages ------------------------------------------------------------------- */

void otlp_put_text(struct sbuf *b, unsigned field, const char *text)
{
    struct sbuf clean = {0};
    utf8_add_clean(&clean, text, strlen(text));
    pb_bytes(b, field, clean.data ? clean.data : "", clean.len);
    sbuf_fini(&clean);
}

void otlp_put_attribute(struct sbuf *b, unsigned field, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    const size_t at = pb_open(b, field);
    otlp_put_text(b, 1, key);
    const size_t any = pb_open(b, 2);
    otlp_put_text(b, 1, value);
    pb_close(b, any);
    pb_close(b, at);
}

void otlp_put_number(struct sbuf *b, unsigned field, const char *key, uint64_t value)
{
    const size_t at = pb_open(b, field);
    otlp_put_text(b, 1, key);
    const size_t any = pb_open(b, 2);
    pb_uint(b, 3, value);
    pb_close(b, any);
    pb_close(b, at);
}

/* A key is there once: the environment's word counts. */
static void put_tag(struct sbuf *b, const char *key, const char *value)
{
    char *given = given_attribute(key);
    if (!given)
        otlp_put_attribute(b, 1, key, value);
    free(given);
}

static void take_attribute(struct sbuf *key, struct sbuf *value, void *arg)
{
    if (strcmp(key->data, SERVICE_NAME) != 0) /* which is among the spec's keys */
        otlp_put_attribute(arg, 1, key->data, value->data);
}

void otlp_put_resource(struct sbuf *b, const struct sink_spec *spec, const struct snapshot *s,
                       const char *instance)
{
    char host[256] = "";
    const size_t at = pb_open(b, 1);
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = 0;
    otlp_put_attribute(b, 1, SERVICE_NAME, sink_get(spec, "service"));
    put_tag(b, "service.version", s->view->version);
    put_tag(b, "service.instance.id", instance);
    put_tag(b, "host.name", instance ? NULL : host);
    put_tag(b, "test.run.id", s->view->run_id);
    put_tag(b, "filename", s->view->locustfile);
    put_tag(b, "profile", s->view->profile);
    put_tag(b, "user_agent.synthetic.type", "test");
    sink_add_tags(spec, s->view->run_id, put_tag, b);
    each_listed(getenv("OTEL_RESOURCE_ATTRIBUTES"), take_attribute, b);
    pb_close(b, at);
}

void otlp_put_scope(struct sbuf *b)
{
    const size_t at = pb_open(b, 1);
    otlp_put_text(b, 1, "katydid");
    otlp_put_text(b, 2, KATYDID_VERSION);
    pb_close(b, at);
}
