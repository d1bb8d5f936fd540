// SPDX-License-Identifier: MIT
/* What HTTP/2 does, as metrics of the test: with each report, from the counters of the engine. None
 * before there is a connection that speaks it. */
#include "worker/py/py_client_site.h"
#include "worker/py/py_series.h"

static struct {
    struct fetch_counters before;
    struct series *connections, *streams, *refused, *retries, *ratio;
    bool is_made;
} the;

/* NULL: a metric of the locustfile has that name, and is something else. */
static struct series *make(const char *name, enum metric_kind kind)
{
    enum metric_problem why;
    struct series_table *t = py_series_table();
    struct metric *m =
        series_metric(t, name, (struct metric_kind_of){kind, "", METRIC_SCALE}, &why);
    return m ? series_of(t, m, t->tags.none) : NULL;
}

static void make_all(void)
{
    the.is_made = true;
    the.connections = make("http2_connections", METRIC_GAUGE);
    the.streams = make("http2_streams", METRIC_GAUGE);
    the.refused = make("http2_refused", METRIC_COUNTER);
    the.retries = make("http2_retries", METRIC_COUNTER);
    the.ratio = make("http2_head_ratio", METRIC_GAUGE);
}

static void count(struct series *s, double number)
{
    if (s)
        py_series_count(s, number);
}

static void count_since(const struct fetch_counters *now)
{
    const struct fetch_counters before = the.before;
    const uint64_t wire = now->heads_wire - before.heads_wire;
    the.before = *now;
    if (!now->shared_open && !before.shared_open && !wire)
        return;
    if (!the.is_made)
        make_all();
    count(the.connections, (double)now->shared_open);
    count(the.streams, (double)now->streams_open);
    count(the.refused, (double)(now->refused - before.refused));
    count(the.retries, (double)(now->retries - before.retries));
    if (wire)
        count(the.ratio, (double)(now->heads_plain - before.heads_plain) / (double)wire);
}

void client_count_http2(void)
{
    struct fetch_engine *engine = site_engine();
    if (!engine) {
        PyErr_Clear();
        return;
    }
    const struct fetch_counters now = fetch_engine_counters(engine);
    count_since(&now);
}
