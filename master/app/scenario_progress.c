// SPDX-License-Identifier: MIT
#include "master/app/scenario_progress.h"

#include <inttypes.h>
#include <string.h>

#define CURVE_PIECES 120
#define MOST_TEXT 20000 /* a list of times may be long: it is in a file anyway */

static const int LATE_MS[] = {1, 10, 100}; /* later than that counts as late */

static void put_text(struct sbuf *out, const char *key, const char *text)
{
    sbuf_addf(out, ",\"%s\":", key);
    if (text)
        sbuf_add_json(out, text, strlen(text));
    else
        sbuf_adds(out, "null");
}

static void put_seconds(struct sbuf *out, bool is_known, int64_t ns)
{
    if (is_known)
        sbuf_addf(out, "%.9g", (double)ns / 1e9);
    else
        sbuf_adds(out, "null");
}

static double level_of(const struct scenario *s, int64_t numerator)
{
    return (double)numerator / (double)s->ramp.denominator * 1e9;
}

static void put_stage(struct sbuf *out, double seconds, double from, double to)
{
    sbuf_addf(out, "%s[%.9g,%.9g,%.9g]", out->data[out->len - 1] == '[' ? "" : ",", seconds, from,
              to);
}

/* As a picture of it: what is no line, in pieces of which each has its arrivals. */
static void put_curve(const struct ramp *r, const struct ramp_stage *stage, struct sbuf *out)
{
    const int64_t end = stage->begin_ns + stage->length_ns;
    int64_t at = stage->begin_ns;
    for (int i = 1; i <= CURVE_PIECES && stage->length_ns >= CURVE_PIECES; i++) {
        const int64_t to =
            i == CURVE_PIECES ? end : stage->begin_ns + stage->length_ns / CURVE_PIECES * i;
        const double seconds = (double)(to - at) / 1e9;
        const ramp_area area =
            (to == end ? stage->before + stage->bulge : ramp_until(r, to)) - ramp_until(r, at);
        put_stage(out, seconds, ramp_arrivals(r, area) / seconds, ramp_arrivals(r, area) / seconds);
        at = to;
    }
}

static void put_stages(const struct scenario *s, struct sbuf *out)
{
    const struct ramp *r = &s->ramp;
    sbuf_adds(out, ",\"stages\":[");
    for (size_t i = 0; i < r->count; i++) {
        const struct ramp_stage *stage = &r->stages[i];
        if (stage->curve)
            put_curve(r, stage, out);
        else if (s->is_endless && i + 1 == r->count)
            sbuf_addf(out, "%s[null,%.9g,%.9g]", i ? "," : "", level_of(s, stage->from),
                      level_of(s, stage->to));
        else
            put_stage(out, (double)stage->length_ns / 1e9, level_of(s, stage->from),
                      level_of(s, stage->to));
    }
    sbuf_adds(out, "],\"at_once\":[");
    for (size_t i = 0; i < r->count; i++) {
        const struct ramp_stage *stage = &r->stages[i];
        if (stage->curve && !stage->length_ns)
            sbuf_addf(out, "%s[%.9g,%" PRIu64 "]", out->data[out->len - 1] == '[' ? "" : ",",
                      (double)stage->begin_ns / 1e9, stage->curve->count);
    }
    sbuf_addc(out, ']');
}

static void put_plan(const struct scenario *s, struct sbuf *out)
{
    static const char *const busy[] = {"grow", "queue", "drop"};
    struct sbuf words = {0};
    scenario_describe(s, &words);
    put_text(out, "plan", words.data);
    sbuf_fini(&words);
    scenario_write(s, &words);
    put_text(out, "text", words.len <= MOST_TEXT ? words.data : NULL);
    sbuf_fini(&words);
    sbuf_addf(out, ",\"is_open\":%s,\"is_of_all\":%s,\"begins_s\":",
              scenario_is_open(s) ? "true" : "false", scenario_is_of_all(s) ? "true" : "false");
    put_seconds(out, true, s->start_ns);
    sbuf_adds(out, ",\"length_s\":");
    put_seconds(out, !s->is_endless, s->ramp.length_ns);
    put_stages(s, out);
    if (scenario_is_open(s) && !s->is_endless)
        sbuf_addf(out, ",\"arrivals\":%" PRIu64, s->plan.count);
    if (scenario_is_counted(s))
        sbuf_addf(out, ",\"iterations\":%" PRIu64, scenario_iterations(s));
    if (scenario_is_open(s))
        put_text(out, "on_busy", busy[s->on_busy]);
    sbuf_addf(out, ",\"max_users\":%u,\"max_waiting\":%u", s->max_users, s->max_queue);
}

static void put_late(const struct series_value *delay, struct sbuf *out)
{
    sbuf_adds(out, ",\"late\":{");
    for (size_t i = 0; i < sizeof LATE_MS / sizeof *LATE_MS; i++) {
        const uint64_t in_time =
            delay ? hist_count_upto(&delay->hist, (uint64_t)(LATE_MS[i] * delay->scale)) : 0;
        sbuf_addf(out, "%s\"%d\":%" PRIu64, i ? "," : "", LATE_MS[i],
                  delay ? delay->hist.count - in_time : 0);
    }
    sbuf_addc(out, '}');
}

static void put_delay(const struct series_value *v, struct sbuf *out)
{
    if (!v || !v->n) {
        sbuf_adds(out, ",\"start_delay\":null");
        return;
    }
    sbuf_addf(out,
              ",\"start_delay\":{\"count\":%" PRIu64
              ",\"mean\":%.6g,\"p50\":%.6g,\"p95\":%.6g,\"p99\":%.6g,\"max\":%.6g}",
              v->n, v->sum / (double)v->n, series_value_quantile(v, 0.5),
              series_value_quantile(v, 0.95), series_value_quantile(v, 0.99), v->max);
}

/* Requests a second, at most; of one that has not begun as it does. */
static void put_throttle(const struct scenario *s, double now_s, struct sbuf *out)
{
    const double per_s = scenario_throttle_per_s(s, now_s > 0 ? (int64_t)(now_s * 1e9) : 0);
    if (per_s < 0)
        sbuf_adds(out, ",\"throttle\":null");
    else
        sbuf_addf(out, ",\"throttle\":%.9g", per_s);
}

void scenario_progress_write(const struct scenario *s, const struct scenario_progress *f,
                             struct sbuf *out)
{
    static const char *const names[ITERATIONS_NUMBERS] = {
        "due", "started", "dropped", "cut", "repeated", "interrupted", "lost"};
    const bool is_on = f->is_on && f->now_s >= 0;
    sbuf_adds(out, "{\"name\":");
    sbuf_add_json(out, s->name, strlen(s->name));
    put_text(out, "executor", scenario_executor_name(s->executor));
    put_text(out, "class", s->user_class);
    put_text(out, "task", s->task);
    put_plan(s, out);
    sbuf_addf(out, ",\"is_paused\":%s,\"level\":%.9g,\"rate\":%.6g",
              f->is_paused ? "true" : "false",
              is_on ? ramp_per_s(&s->ramp, (int64_t)(f->now_s * 1e9)) : 0, f->rate);
    put_throttle(s, f->now_s, out);
    for (int n = 0; n < ITERATIONS_NUMBERS; n++)
        sbuf_addf(out, ",\"%s\":%" PRIu64, names[n], f->numbers[n]);
    sbuf_addf(out, ",\"users\":%" PRIu64 ",\"most_users\":%" PRIu64 ",\"waiting\":%" PRIu64,
              f->users, f->most_users, f->waiting);
    if (scenario_is_open(s))
        sbuf_addf(out, ",\"most_waiting\":%" PRIu64 ",\"busy\":%" PRIu64, f->most_waiting, f->busy);
    put_late(f->delay, out);
    put_delay(f->delay, out);
    sbuf_adds(out, f->more ? f->more : "");
    sbuf_addc(out, '}');
}
