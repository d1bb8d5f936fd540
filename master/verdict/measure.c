// SPDX-License-Identifier: MIT
#include "master/verdict/measure.h"
#include <math.h>
#include <stdio.h>

static struct measured counted(uint64_t n, uint64_t samples)
{
    return (struct measured){(double)n, samples, 0, 0};
}

static struct measured ratio(uint64_t part, uint64_t of)
{
    return (struct measured){of ? (double)part / (double)of : NAN, of, part, of};
}

/* ---- times ---- */

struct moments {
    double n, sum, squares;
};

static void add_moment(void *arg, uint64_t mid_us, uint64_t n)
{
    struct moments *m = arg;
    const double ms = (double)mid_us / 1000;
    m->n += (double)n;
    m->sum += ms * (double)n;
    m->squares += ms * ms * (double)n;
}

static double spread(const struct moments *m)
{
    const double mean = m->sum / m->n;
    return sqrt(fmax(0, m->squares / m->n - mean * mean));
}

/* The histogram of the times that are meant. NULL: there is none. */
static const struct hist *times_of(const struct threshold *t, const struct tally *tally,
                                   struct hist *scratch)
{
    if (t->field == FIELD_TIME)
        return &tally->hist;
    if (t->field == FIELD_CORRECTED)
        return tally->corrected;
    if (t->field == FIELD_WAIT)
        return tally->wait;
    if (t->field == FIELD_FAILED)
        return tally->failed;
    if (t->field != FIELD_PASSED)
        return NULL;
    hist_clear(scratch);
    hist_merge(scratch, &tally->hist);
    if (tally->failed)
        hist_subtract(scratch, tally->failed);
    return scratch;
}

/* A histogram knows a value by its bucket alone: one whose bucket the limit lies in is as good as
 * the limit, and neither below nor above it. per: units of the histogram in one of the value. */
static double at_limit(const struct threshold *t, double value, double per)
{
    const double limit = t->limit.value;
    if (!(value > 0 && limit > 0 && limit * per < (double)HIST_MAX_US &&
          value * per < (double)HIST_MAX_US))
        return value;
    const uint64_t v = (uint64_t)llround(value * per), l = (uint64_t)llround(limit * per);
    const unsigned octave = hist_octave_of(v);
    const bool is_same =
        octave == hist_octave_of(l) && hist_step_of(v, octave) == hist_step_of(l, octave);
    return is_same ? limit : value;
}

static struct measured time_of_hist(const struct threshold *t, const struct hist *h)
{
    struct moments m = {0};
    const struct measured none = {NAN, 0, 0, 0};
    if (!h || h->count == 0)
        return none;
    const double share = t->stat == STAT_MIN ? 0 : t->stat == STAT_MAX ? 1 : t->share;
    if (t->stat != STAT_MEAN && t->stat != STAT_STDEV)
        return (struct measured){at_limit(t, (double)hist_quantile_us(h, share) / 1000, 1000),
                                 h->count, 0, 0};
    hist_each(h, add_moment, &m);
    return (struct measured){t->stat == STAT_MEAN ? m.sum / m.n : spread(&m), h->count, 0, 0};
}

/* Of a phase there are sums only. */
static struct measured time_of_phase(const struct threshold *t, const struct tally *tally)
{
    const struct tally_extra *x = &tally->extra;
    const uint64_t us = t->field == FIELD_QUEUE     ? x->queue_us + x->dns_us
                        : t->field == FIELD_CONNECT ? x->connect_us
                        : t->field == FIELD_TLS     ? x->tls_us
                        : t->field == FIELD_SEND    ? x->send_us
                                                    : x->receive_us;
    return (struct measured){x->phased ? (double)us / 1000 / (double)x->phased : NAN, x->phased, 0,
                             0};
}

/* Least and most are known exactly. */
static double a_quantile(const struct threshold *t, const struct tally *tally)
{
    const double ms = tally_quantile_ms(tally, t->share);
    const bool is_between = ms > (double)tally->min_us / 1000 && ms < (double)tally->max_us / 1000;
    return is_between ? at_limit(t, ms, 1000) : ms;
}

static struct measured a_time(const struct threshold *t, const struct tally *tally,
                              struct hist *scratch)
{
    const uint64_t timed = tally->requests - tally->none_requests;
    const bool is_exact = t->field == FIELD_TIME && tally->min_us <= tally->max_us;
    if (t->field > FIELD_WAIT)
        return time_of_phase(t, tally);
    if (!is_exact || t->stat == STAT_STDEV)
        return time_of_hist(t, times_of(t, tally, scratch));
    const double ms = t->stat == STAT_MEAN  ? tally_mean_ms(tally)
                      : t->stat == STAT_MIN ? (double)tally->min_us / 1000
                      : t->stat == STAT_MAX ? (double)tally->max_us / 1000
                                            : a_quantile(t, tally);
    return (struct measured){timed ? ms : NAN, timed, 0, 0};
}

/* Satisfied up to T, half so up to 4 T, and not at all by what failed. */
static struct measured apdex(const struct threshold *t, const struct tally *tally)
{
    const uint64_t us = (uint64_t)(t->parameter * 1000);
    return ratio(tally_good_upto(tally, us) + tally_good_upto(tally, 4 * us), 2 * tally->requests);
}

static struct measured status(const struct threshold *t, const struct tally *tally)
{
    const uint64_t n = tally->extra.status[(size_t)t->parameter];
    return t->unit == UNIT_RATIO ? ratio(n, tally->requests) : counted(n, tally->requests);
}

static struct measured per_second(uint64_t n, double seconds, uint64_t samples)
{
    return (struct measured){seconds > 0 ? (double)n / seconds : NAN, samples, 0, 0};
}

struct measured measure_tally(const struct threshold *t, const struct tally *tally, double seconds,
                              struct hist *scratch)
{
    const uint64_t n = tally->requests;
    switch (t->stat) {
    case STAT_COUNT:
        return counted(n, n);
    case STAT_RATE:
    case STAT_RPS:
        return per_second(n, seconds, n);
    case STAT_FAILS:
        return counted(tally->failures, n);
    case STAT_FAIL_RATIO:
        return ratio(tally->failures, n);
    case STAT_APDEX:
        return apdex(t, tally);
    case STAT_STATUS:
        return status(t, tally);
    case STAT_CUT:
        return counted(tally->cut, n);
    case STAT_SENT:
        return counted(tally->extra.sent_bytes, n);
    case STAT_RECEIVED:
        return counted(tally->extra.received_bytes, n);
    case STAT_SENT_RATE:
        return per_second(tally->extra.sent_bytes, seconds, n);
    case STAT_RECEIVED_RATE:
        return per_second(tally->extra.received_bytes, seconds, n);
    case STAT_QUANTILE:
    case STAT_MEAN:
    case STAT_MIN:
    case STAT_MAX:
    case STAT_STDEV:
        return a_time(t, tally, scratch);
    case STAT_DROPPED:
    case STAT_LATE:
    case STAT_USERS:
    case STAT_WORKER_CPU:
    case STAT_LOOP_LAG:
    case STAT_VALUE:
        break;
    }
    return (struct measured){NAN, 0, 0, 0};
}

/* ---- metrics ---- */

static double quantile_of_trend(const struct threshold *t, const struct verdict_metric *m)
{
    const double value = (double)hist_quantile_us(m->hist, t->share) / m->scale;
    if (value <= m->min || value >= m->max)
        return fmin(fmax(value, m->min), m->max) * m->factor;
    return at_limit(t, value * m->factor, m->scale / m->factor);
}

static struct measured of_trend(const struct threshold *t, const struct verdict_metric *m)
{
    struct moments moments = {0};
    double value = NAN;
    if (t->stat == STAT_MEAN)
        value = m->sum / (double)m->count;
    else if (t->stat == STAT_MIN)
        value = m->min;
    else if (t->stat == STAT_MAX)
        value = m->max;
    else if ((t->stat == STAT_QUANTILE || t->stat == STAT_LATE) && m->hist)
        return (struct measured){quantile_of_trend(t, m), m->count, 0, 0};
    else if (t->stat == STAT_STDEV && m->hist) {
        hist_each(m->hist, add_moment, &moments);
        value = spread(&moments) * 1000 / m->scale;
    }
    return (struct measured){value * m->factor, m->count, 0, 0};
}

static double of_gauge(const struct threshold *t, const struct verdict_metric *m)
{
    return t->stat == STAT_VALUE  ? m->last
           : t->stat == STAT_MEAN ? m->sum / (double)m->count
           : t->stat == STAT_MIN  ? m->min
           : t->stat == STAT_MAX  ? m->max
                                  : NAN;
}

const char *measure_refusal(const struct threshold *t, enum verdict_kind kind)
{
    static const char *const words[] = {
        [VERDICT_COUNTER] = "a counter, which has count and rate",
        [VERDICT_GAUGE] = "a gauge, which has value, avg, min and max",
        [VERDICT_RATE] = "a rate, which has rate and count",
        [VERDICT_TREND] = "a trend, which has avg, min, max, med, stdev, p(N) and count"};
    const bool is_extreme = t->stat == STAT_MEAN || t->stat == STAT_MIN || t->stat == STAT_MAX;
    const bool suits = t->stat == STAT_VALUE ? kind == VERDICT_GAUGE
                       : threshold_is_time(t)
                           ? kind == VERDICT_TREND || (is_extreme && kind == VERDICT_GAUGE)
                           : true;
    return suits ? NULL : words[kind];
}

struct measured measure_metric(const struct threshold *t, const struct verdict_metric *m,
                               double seconds)
{
    if (t->stat == STAT_COUNT && m->kind == VERDICT_COUNTER)
        return (struct measured){m->sum, m->count, 0, 0};
    if (t->stat == STAT_DROPPED) /* parameter: k6's rate */
        return (struct measured){t->parameter > 0 ? m->sum / seconds : m->sum, m->count, 0, 0};
    if (t->stat == STAT_COUNT)
        return counted(m->count, m->count);
    if (t->stat == STAT_FAILS && m->kind == VERDICT_RATE)
        return counted(m->hits, m->count);
    if ((t->stat == STAT_RATE || t->stat == STAT_FAIL_RATIO) && m->kind == VERDICT_RATE)
        return ratio(m->hits, m->count);
    if (t->stat == STAT_RATE || t->stat == STAT_RPS)
        return (struct measured){
            seconds > 0 ? (m->kind == VERDICT_COUNTER ? m->sum : (double)m->count) / seconds : NAN,
            m->count, 0, 0};
    if (m->count == 0)
        return (struct measured){NAN, 0, 0, 0};
    if (m->kind == VERDICT_GAUGE)
        return (struct measured){of_gauge(t, m), m->count, 0, 0};
    return m->kind == VERDICT_TREND ? of_trend(t, m) : (struct measured){NAN, m->count, 0, 0};
}

void measure_unit(const struct threshold *t, const struct verdict_metric *m, char *to, size_t size)
{
    const char *unit = m->unit ? m->unit : "";
    const bool is_sum = m->kind == VERDICT_COUNTER && t->stat == STAT_COUNT;
    const bool is_rate = m->kind == VERDICT_COUNTER && t->stat == STAT_RATE;
    const bool is_value =
        (m->kind == VERDICT_TREND && threshold_is_time(t)) ||
        (m->kind == VERDICT_GAUGE && (t->stat == STAT_VALUE || threshold_is_time(t)));
    *to = '\0';
    if (t->unit != UNIT_ANY || !(is_sum || is_rate || is_value))
        return;
    if (m->factor > 1 || m->factor < 1)
        unit = "ms";
    snprintf(to, size, "%s%s", unit, is_rate ? "/s" : "");
    for (char *c = to; *c; c++) /* it stands in a line of the terminal */
        *c = (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c;
}

/* ---- limits ---- */

static bool compare(enum threshold_op op, int sign)
{
    switch (op) {
    case OP_LESS:
        return sign < 0;
    case OP_LESS_EQUAL:
        return sign <= 0;
    case OP_MORE:
        return sign > 0;
    case OP_MORE_EQUAL:
        return sign >= 0;
    case OP_EQUAL:
        return sign == 0;
    case OP_NOT_EQUAL:
        break;
    }
    return sign != 0;
}

__extension__ typedef __int128 wide; /* counts below 2^60, limits of up to 17 digits */

/* part / of against mantissa * 10^exponent, without a division. */
static int sign_of_ratio(const struct threshold_limit *l, uint64_t part, uint64_t of)
{
    wide left = part, right = (wide)of * l->mantissa;
    for (int i = l->exponent; i < 0; i++)
        left *= 10;
    for (int i = l->exponent; i > 0; i--)
        right *= 10;
    return (left > right) - (left < right);
}

bool measure_holds(const struct threshold *t, const struct measured *m)
{
    if (m->of > 0 && t->limit.is_exact)
        return compare(t->op, sign_of_ratio(&t->limit, m->part, m->of));
    const double limit = t->limit.value;
    return compare(t->op, (m->value > limit) - (m->value < limit));
}
