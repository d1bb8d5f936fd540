// SPDX-License-Identifier: MIT
#include "common/metric/value.h"

#include "common/base/mem.h"
#include "common/base/sat.h"
#include "common/base/sbuf.h"
#include "common/base/varint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COUNT (UINT64_C(1) << 40) /* that bytes may say */

void value_init(struct value *v)
{
    *v = (struct value){.min = INFINITY, .max = -INFINITY};
}

static void drop(struct hist *h)
{
    if (h)
        hist_fini(h);
    free(h);
}

void value_fini(struct value *v)
{
    drop(v->hist);
    drop(v->negative);
    value_init(v);
}

void value_clear(struct value *v)
{
    struct hist *hist = v->hist, *negative = v->negative;
    if (hist)
        hist_clear(hist);
    if (negative)
        hist_clear(negative);
    *v = (struct value){.min = INFINITY, .max = -INFINITY, .hist = hist, .negative = negative};
}

static struct hist *made(struct hist **h)
{
    if (!*h)
        *h = mem_zalloc(sizeof **h);
    return *h;
}

struct hist *value_hist(struct value *v)
{
    return made(&v->hist);
}

static uint64_t scaled(double number, double scale)
{
    const double n = number * scale;
    return n >= (double)HIST_MAX_US ? HIST_MAX_US : n > 0 ? (uint64_t)(n + 0.5) : 0;
}

static void add_number(struct value *v, double number)
{
    v->sum += number;
    v->min = number < v->min ? number : v->min;
    v->max = number > v->max ? number : v->max;
}

bool value_add(struct value *v, enum metric_kind kind, double scale, double number, double now)
{
    if (!isfinite(number) || (kind == METRIC_COUNTER && number < 0))
        return false;
    v->count++;
    if (kind == METRIC_RATE) {
        v->trues += number != 0;
        return true;
    }
    add_number(v, number);
    if (kind == METRIC_GAUGE && now >= v->last_at) {
        v->last = number;
        v->last_at = now;
    } else if (kind == METRIC_TREND) {
        hist_add(number < 0 ? made(&v->negative) : made(&v->hist), scaled(fabs(number), scale), 1);
    }
    return true;
}

static void merge_numbers(struct value *to, const struct value *from)
{
    if (!from->count)
        return;
    to->count = sat_add(to->count, from->count);
    to->trues = sat_add(to->trues, from->trues);
    to->sum += from->sum;
    to->min = from->min < to->min ? from->min : to->min;
    to->max = from->max > to->max ? from->max : to->max;
    if (from->last_at >= to->last_at) {
        to->last = from->last;
        to->last_at = from->last_at;
    }
}

void value_merge(struct value *dst, const struct value *src)
{
    merge_numbers(dst, src);
    if (src->hist && src->hist->count)
        hist_merge(made(&dst->hist), src->hist);
    if (src->negative && src->negative->count)
        hist_merge(made(&dst->negative), src->negative);
}

static double within(const struct value *v, double number)
{
    return number < v->min ? v->min : number > v->max ? v->max : number;
}

/* Those below 0 come first, the largest first: the k-th of n from below is the (n - k + 1)-th by
 * size. */
double value_quantile(const struct value *v, double scale, double q)
{
    const uint64_t below = v->negative ? v->negative->count : 0,
                   all = below + (v->hist ? v->hist->count : 0);
    if (!all)
        return 0;
    if (!(q > 0))
        return v->min;
    if (q >= 1)
        return v->max;
    const double exact = q * (double)all * (1 - 1e-12);
    const uint64_t rank = (uint64_t)fmax(ceil(exact), 1);
    const bool is_below = rank <= below;
    const struct hist *h = is_below ? v->negative : v->hist;
    const uint64_t nth = is_below ? below - rank + 1 : rank - below;
    const double size = (double)hist_quantile_us(h, (double)nth / (double)h->count) / scale;
    return within(v, is_below ? -size : size);
}

/* ---- bytes ---- */

static void put_number(struct sbuf *out, double number)
{
    sbuf_add(out, &number, sizeof number);
}

static void put_hist(struct sbuf *out, const struct hist *h)
{
    struct sbuf packed = {0};
    if (h)
        hist_pack(h, &packed);
    sbuf_add_varint(out, packed.len);
    sbuf_add(out, packed.data, packed.len);
    sbuf_fini(&packed);
}

void value_put(struct sbuf *out, const struct value *v, enum metric_kind kind)
{
    sbuf_add_varint(out, v->count);
    if (kind == METRIC_RATE) {
        sbuf_add_varint(out, v->trues);
        return;
    }
    put_number(out, v->sum);
    put_number(out, v->min);
    put_number(out, v->max);
    if (kind == METRIC_GAUGE) {
        put_number(out, v->last);
        put_number(out, v->last_at);
    } else if (kind == METRIC_TREND) {
        put_hist(out, v->hist);
        put_hist(out, v->negative);
    }
}

static bool read_number(const unsigned char **p, const unsigned char *end, double *number)
{
    if ((size_t)(end - *p) < sizeof *number)
        return false;
    memcpy(number, *p, sizeof *number);
    *p += sizeof *number;
    return isfinite(*number);
}

static bool read_hist(const unsigned char **p, const unsigned char *end, const void **bytes,
                      size_t *len, uint64_t *count)
{
    uint64_t size;
    if (!varint_read(p, end, &size) || size > (uint64_t)(end - *p) ||
        hist_packed_check(*p, size, count) != 0)
        return false;
    *bytes = *p;
    *len = size;
    *p += size;
    return true;
}

static bool read_trend(const unsigned char **p, const unsigned char *end, struct value_read *out)
{
    uint64_t above, below;
    return read_hist(p, end, &out->hist, &out->hist_len, &above) &&
           read_hist(p, end, &out->negative, &out->negative_len, &below) &&
           above <= out->numbers.count && below == out->numbers.count - above;
}

bool value_read(const unsigned char **p, const unsigned char *end, enum metric_kind kind,
                struct value_read *out)
{
    *out = (struct value_read){.numbers = {.min = INFINITY, .max = -INFINITY}};
    struct value *v = &out->numbers;
    if (!varint_read(p, end, &v->count) || !v->count || v->count > MOST_COUNT)
        return false;
    if (kind == METRIC_RATE)
        return varint_read(p, end, &v->trues) && v->trues <= v->count;
    if (!read_number(p, end, &v->sum) || !read_number(p, end, &v->min) ||
        !read_number(p, end, &v->max) || v->min > v->max)
        return false;
    if (kind == METRIC_GAUGE)
        return read_number(p, end, &v->last) && read_number(p, end, &v->last_at) && v->last_at >= 0;
    return kind != METRIC_TREND || read_trend(p, end, out);
}

void value_add_read(struct value *dst, const struct value_read *more)
{
    merge_numbers(dst, &more->numbers);
    if (more->hist_len)
        hist_add_packed(made(&dst->hist), NULL, more->hist, more->hist_len);
    if (more->negative_len)
        hist_add_packed(made(&dst->negative), NULL, more->negative, more->negative_len);
}
