// SPDX-License-Identifier: MIT
/* facts: see facts.h. */
#include "master/web/facts.h"

#include "common/base/sbuf.h"
#include "master/data/json_out.h"
#include "master/data/view.h"
#include "master/web/compat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void add_block(struct sbuf *html, const struct sbuf *json)
{
    sbuf_adds(html, "<script type=\"application/json\" id=\"locust-facts\">");
    for (const char *at = json->data; *at != '\0'; at++) {
        if (strchr("<>&'", *at) != NULL)
            sbuf_addf(html, "\\u%04x", (unsigned)*at);
        else
            sbuf_addc(html, *at);
    }
    sbuf_adds(html, "</script>\n");
}

static void add_name(struct json_out *j, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0')
        json_out_text(j, key, text);
    else
        json_out_float(j, key, NAN); /* null */
}

void facts_add_page(struct sbuf *html, const struct view *v)
{
    struct sbuf json = {0};
    struct json_out j;
    json_out_init(&j, &json);
    json_out_open(&j, NULL, '{');
    json_out_text(&j, "host", v->host);
    json_out_bool(&j, "is_distributed", v->is_distributed);
    add_name(&j, "locustfile", v->locustfile);
    json_out_text(&j, "state", v->state);
    json_out_count(&j, "user_count", v->users);
    json_out_count(&j, "worker_count", compat_connected(v));
    json_out_close(&j, '}');
    add_block(html, &json);
    sbuf_fini(&json);
}

static void add_time(struct json_out *j, const char *key, double at)
{
    char text[32];
    struct tm parts;
    time_t seconds = (time_t)at;
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_out_text(j, key, text);
}

/* "1 hour, 2 minutes and 3 seconds" */
static void add_duration(struct json_out *j, double seconds)
{
    static const char *const units[] = {"day", "hour", "minute", "second"};
    long long whole = seconds > 0 ? (long long)seconds : 0;
    const long long counts[] = {whole / 86400, whole % 86400 / 3600, whole % 3600 / 60, whole % 60};
    struct sbuf text = {0};
    int left = 0;
    for (size_t i = 0; i < 4; i++)
        left += counts[i] > 0;
    for (size_t i = 0; i < 4; i++) {
        if (counts[i] == 0)
            continue;
        left--;
        sbuf_addf(&text, "%lld %s%s%s", counts[i], units[i], counts[i] != 1 ? "s" : "",
                  left > 1    ? ", "
                  : left == 1 ? " and "
                              : "");
    }
    json_out_text(j, "duration", text.len > 0 ? text.data : "0 seconds");
    sbuf_fini(&text);
}

void facts_add_report(struct sbuf *html, const struct view *v)
{
    struct sbuf json = {0};
    struct json_out j;
    double start = v->started_at > 0 ? v->started_at : v->now;
    double end = v->ended_at > 0 ? v->ended_at : v->now;
    json_out_init(&j, &json);
    json_out_open(&j, NULL, '{');
    add_duration(&j, end - start);
    add_time(&j, "end_time", end);
    json_out_text(&j, "host", v->host[0] != '\0' ? v->host : "None");
    json_out_bool(&j, "is_report", true);
    add_name(&j, "locustfile", v->locustfile);
    json_out_bool(&j, "show_download_link", false);
    add_time(&j, "start_time", start);
    json_out_close(&j, '}');
    add_block(html, &json);
    sbuf_fini(&json);
}
