// SPDX-License-Identifier: MIT
#pragma once
/* otlp_link: one receiver of OpenTelemetry's protocol, as a spec and the variables
 * OTEL_EXPORTER_OTLP_* say: its address, over HTTP or gRPC, what is sent along, and what its
 * answers mean. What is common to metrics and traces. */
#include "master/sink/http_post.h"

enum otlp_signal { OTLP_METRICS, OTLP_TRACES };

/* Keys of both. */
#define OTLP_KEYS                                                                                  \
    {"protocol", SINK_CHOICE, "http/protobuf", "http/protobuf grpc",                               \
     "what the receiver speaks; or as OTEL_EXPORTER_OTLP_PROTOCOL has it"},                        \
        {"service", SINK_TEXT, "katydid", NULL, "service.name; or as OTEL_SERVICE_NAME has it"},   \
        {"gzip", SINK_FLAG, NULL, NULL, "compress what is sent"}, SINK_HTTP_KEYS

struct otlp_link;
/* Puts what the environment says into the spec, which outlives it. NULL, and *why. Main thread. */
struct otlp_link *otlp_link_new(struct sink_spec *spec, enum otlp_signal signal, char **why);
void otlp_link_free(struct otlp_link *l);

/* Makes a request of a message: packed, framed. */
void otlp_link_seal(const struct otlp_link *l, struct sbuf *message);
enum delivery otlp_link_deliver(struct otlp_link *l, const struct parcel *p, double timeout_s,
                                struct delivery_trouble *t);
int otlp_link_reach(struct otlp_link *l, double timeout_s, struct sbuf *why);

/* ---- parts of messages */

void otlp_put_text(struct sbuf *b, unsigned field, const char *text);
/* No value, no attribute. */
void otlp_put_attribute(struct sbuf *b, unsigned field, const char *key, const char *value);
void otlp_put_number(struct sbuf *b, unsigned field, const char *key, uint64_t value);
/* The field 1 that metrics and spans of one source begin with. instance: of several, or NULL. */
void otlp_put_resource(struct sbuf *b, const struct sink_spec *spec, const struct snapshot *s,
                       const char *instance);
/* The field 1 that says who measured. */
void otlp_put_scope(struct sbuf *b);
