// SPDX-License-Identifier: MIT
#pragma once
/* influxdb_lines: InfluxDB's line protocol: a line is begun, has its tags, then its fields, then a
 * time in milliseconds. Pushes that grow too large are cut at a line. */
#include "common/base/sbuf.h"
#include "master/sink/courier.h"
#include <stdint.h>

struct lines { /* of a push */
    const struct moment *m;
    struct parcels *out;
    struct sbuf *body;
    size_t count;
    struct sbuf tags; /* of every line, behind the line's own: those are few */
    bool is_gzip, has_field;
    bool has_hdr; /* histograms are fields, too */
};

void line_begin(struct lines *l, const char *measurement);
/* Also for l->tags. A value that is empty is none. */
void line_tag(struct sbuf *out, const char *key, const char *value);
void line_whole(struct lines *l, const char *key, uint64_t value);
void line_real(struct lines *l, const char *key, double value); /* what is no number is left out */
void line_text(struct lines *l, const char *key, const char *value);
void line_end(struct lines *l);               /* at the time of the push */
void line_end_at(struct lines *l, double at); /* unix seconds */
void lines_end(struct lines *l);              /* once */

/* What the run gained, by the names that k6's own output to InfluxDB has: for its dashboards. */
void influxdb_add_k6(struct lines *l, size_t names, size_t points, unsigned labels);
double influxdb_seconds(const struct moment *m); /* since the push before */
