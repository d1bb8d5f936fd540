// SPDX-License-Identifier: MIT
#include "worker/journal/journal_format.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const struct journal_format *journal_format_of(const char *name)
{
    static const struct journal_format *const all[] = {&journal_json, &journal_csv, &journal_jtl};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

/* ---- what a request has --------------------------------------------------------------------- */

const struct journal_metric journal_metrics[METRICS] = {
    [METRIC_REQS] = {"http_reqs", "counter", "default"},
    [METRIC_DURATION] = {"http_req_duration", "trend", "time"},
    [METRIC_BLOCKED] = {"http_req_blocked", "trend", "time"},
    [METRIC_CONNECTING] = {"http_req_connecting", "trend", "time"},
    [METRIC_TLS] = {"http_req_tls_handshaking", "trend", "time"},
    [METRIC_SENDING] = {"http_req_sending", "trend", "time"},
    [METRIC_WAITING] = {"http_req_waiting", "trend", "time"},
    [METRIC_RECEIVING] = {"http_req_receiving", "trend", "time"},
    [METRIC_FAILED] = {"http_req_failed", "rate", "default"},
    [METRIC_SENT] = {"data_sent", "counter", "data"},
    [METRIC_RECEIVED] = {"data_received", "counter", "data"},
};

size_t journal_points(const struct journal_numbers *n, enum journal_metrics which[static METRICS],
                      uint64_t value[static METRICS])
{
    const uint32_t *us = n->phase_us;
    size_t count = 0;
#define POINT(metric, thousandths) (which[count] = (metric), value[count++] = (thousandths))
    POINT(METRIC_REQS, 1000);
    if (n->time_us != JOURNAL_NO_TIME)
        POINT(METRIC_DURATION, n->time_us);
    if (n->is_measured) {
        POINT(METRIC_BLOCKED, (uint64_t)us[JOURNAL_QUEUE] + us[JOURNAL_DNS]);
        POINT(METRIC_CONNECTING, us[JOURNAL_CONNECT]);
        POINT(METRIC_TLS, us[JOURNAL_TLS]);
        POINT(METRIC_SENDING, us[JOURNAL_SEND]);
        POINT(METRIC_WAITING, us[JOURNAL_WAIT]);
        POINT(METRIC_RECEIVING, us[JOURNAL_RECEIVE]);
    }
    POINT(METRIC_FAILED, n->is_failed ? 1000 : 0);
    if (n->is_measured) {
        POINT(METRIC_SENT, n->sent_bytes * 1000);
        POINT(METRIC_RECEIVED, n->received_bytes * 1000);
    }
#undef POINT
    return count;
}

const char *const journal_own_names[OWNS] = {
    [OWN_ERROR_CODE] = "error_code", [OWN_EXPECTED] = "expected_response",
    [OWN_PROTO] = "proto",           [OWN_STATUS] = "status",
    [OWN_TLS] = "tls_version",
};

void journal_own(const struct journal_numbers *n, char texts[static OWNS][16])
{
    memset(texts, 0, sizeof texts[0] * OWNS);
    if (n->error_code)
        snprintf(texts[OWN_ERROR_CODE], sizeof *texts, "%u", n->error_code);
    snprintf(texts[OWN_EXPECTED], sizeof *texts, "%s", n->is_failed ? "false" : "true");
    if (n->version)
        snprintf(texts[OWN_PROTO], sizeof *texts, "HTTP/%d.%d", n->version / 10 % 10,
                 n->version % 10);
    if (n->status || n->is_measured) /* k6 has a 0 of what was not answered */
        snprintf(texts[OWN_STATUS], sizeof *texts, "%u", n->status);
    if (n->tls_version)
        snprintf(texts[OWN_TLS], sizeof *texts, "tls%d.%d", n->tls_version / 10 % 10,
                 n->tls_version % 10);
}

uint64_t journal_own_key(const struct journal_numbers *n)
{
    return (uint64_t)n->status | (uint64_t)n->error_code << 16 | (uint64_t)n->version << 32 |
           (uint64_t)n->tls_version << 40 | (uint64_t)n->is_failed << 48 |
           (uint64_t)n->is_measured << 49 | UINT64_C(1) << 63;
}

/* ---- texts ---------------------------------------------------------------------------------- */

char *put_u64(char *to, uint64_t number)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n)
        *to++ = digits[--n];
    return to;
}

char *put_thousandths(char *to, uint64_t thousandths)
{
    const unsigned part = (unsigned)(thousandths % 1000);
    to = put_u64(to, thousandths / 1000);
    if (!part)
        return to;
    *to++ = '.';
    *to++ = (char)('0' + part / 100);
    if (part % 100)
        *to++ = (char)('0' + part / 10 % 10);
    if (part % 10)
        *to++ = (char)('0' + part % 10);
    return to;
}

bool whole_thousandths(double value, uint64_t *thousandths)
{
    if (!(value >= 0 && value < 1e12))
        return false;
    *thousandths = (uint64_t)(value * 1000 + 0.5);
    return (double)*thousandths / 1000 == value;
}

char *put_rfc3339(struct journal_writing *w, char *to, uint64_t unix_us)
{
    const int64_t second = (int64_t)(unix_us / 1000000);
    uint32_t part = (uint32_t)(unix_us % 1000000);
    if (second != w->second) {
        const time_t t = (time_t)second;
        struct tm tm;
        gmtime_r(&t, &tm);
        strftime(w->date, sizeof w->date, "%Y-%m-%dT%H:%M:%S.", &tm);
        w->second = second;
    }
    memcpy(to, w->date, 20);
    to += 20;
    for (int i = 5; i >= 0; i--, part /= 10)
        to[i] = (char)('0' + part % 10);
    to[6] = 'Z';
    return to + 7;
}

static bool needs_quotes(struct journal_text text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.text[i] == ',' || text.text[i] == '"' || text.text[i] == '\n' ||
            text.text[i] == '\r')
            return true;
    return false;
}

void add_csv_field(struct sbuf *out, struct journal_text text)
{
    if (!needs_quotes(text)) {
        sbuf_add(out, text.text, text.len);
        return;
    }
    sbuf_addc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.text[i];
        if (c == '"')
            sbuf_addc(out, '"');
        sbuf_addc(out, c == '\n' || c == '\r' ? ' ' : c);
    }
    sbuf_addc(out, '"');
}
