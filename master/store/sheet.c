// SPDX-License-Identifier: MIT
#include "master/store/sheet.h"
#include "master/data/number_text.h"
#include "master/store/sheet_curves.h"
#include "master/store/sheet_heat.h"
#include "master/store/sheet_percentiles.h"
#include <math.h>
#include <string.h>

#define ROWS_SHOWN 200

static const char STYLE[] =
    ":root{color-scheme:light dark;--ink:#1d2330;--soft:#5b6474;--line:#d7dbe2;--ground:#fff;"
    "--before:#8a5a00;--after:#0b5cad;--bad:#b3261e}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#a3acba;--line:#3a414d;"
    "--ground:#161a21;--before:#e0a94a;--after:#6cb2ff;--bad:#ff8a80}}"
    "body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,sans-serif;"
    "overflow-wrap:anywhere}"
    "main{max-width:900px;margin:0 auto;padding:24px 16px}"
    "h1{font-size:22px}h2{font-size:17px;margin-top:32px}"
    ".answer{font-size:18px;font-weight:600}.bad{color:var(--bad);font-weight:600}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "th,td{padding:4px 8px;border-bottom:1px solid var(--line);text-align:left;"
    "vertical-align:top}td:first-child{min-width:9em}"
    "th{color:var(--soft);font-weight:600;overflow-wrap:normal}.n{text-align:right;white-space:"
    "nowrap;"
    "font-variant-numeric:tabular-nums}"
    "figure{margin:16px 0;overflow-x:auto}figcaption{color:var(--soft)}"
    "figure svg{width:100%;min-width:600px;height:auto}"
    "svg text{fill:var(--soft);font-size:11px}"
    ".grid,.zero,.margin{fill:none;stroke:var(--line)}.zero{stroke:var(--soft)}"
    ".margin{stroke:var(--bad);stroke-dasharray:2 2}"
    ".before,.after{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".before{stroke:var(--before);stroke-dasharray:6 4}.after{stroke:var(--after)}"
    ".band{stroke:none;opacity:.22}.band.before{fill:var(--before)}.band.after{fill:var(--after)}"
    ".edge{stroke-width:.75}"
    ".hotter{fill:var(--after)}.colder{stroke:var(--before);stroke-width:1.5}"
    ".more{stroke-width:1;opacity:.45}circle{fill:var(--after)}"
    ".key svg{width:36px;height:10px;vertical-align:middle}"
    ".key span{display:inline-block;margin-right:24px}";

static void add_text(struct sbuf *out, const char *text)
{
    struct sbuf visible = {0};
    output_add_visible(&visible, text);
    for (const char *c = visible.data; c && *c; c++) {
        const char *word = *c == '&'   ? "&amp;"
                           : *c == '<' ? "&lt;"
                           : *c == '>' ? "&gt;"
                           : *c == '"' ? "&quot;"
                                       : NULL;
        if (word)
            sbuf_adds(out, word);
        else
            sbuf_addc(out, *c);
    }
    sbuf_fini(&visible);
}

static void add_cell(struct sbuf *out, const char *text)
{
    sbuf_adds(out, "<td>");
    add_text(out, text);
    sbuf_adds(out, "</td>");
}

/* ---- answers ---- */

static const char *answer_of(const struct contrast *c)
{
    return contrast_answer_name(c->worse > 0    ? ANSWER_WORSE
                                : c->unsure > 0 ? ANSWER_UNSURE
                                                : ANSWER_FINE);
}

static void add_change(struct sbuf *out, const struct contrast_line *l)
{
    const struct change *c = &l->change;
    const bool is_share = l->rule->margin.is_share;
    const double off = is_share ? 0 : 1;
    sbuf_adds(out, "<td class=\"n\">");
    if (c->is_there)
        sbuf_addf(out, is_share ? "%+.2f pp [%+.2f, %+.2f]" : "%+.1f %% [%+.1f, %+.1f]",
                  100 * (c->change - off), 100 * (c->low - off), 100 * (c->high - off));
    sbuf_adds(out, "</td><td>");
    sheet_add_interval(out, l);
    sbuf_adds(out, "</td>");
}

static void add_value(struct sbuf *out, const struct contrast_line *l, double value)
{
    sbuf_adds(out, "<td class=\"n\">");
    contrast_add_value(out, l->rule->figure, value);
    sbuf_adds(out, "</td>");
}

static void add_line(struct sbuf *out, const struct contrast_line *l)
{
    sbuf_adds(out, "<tr><td>");
    sbuf_adds(out, contrast_figure_name(l->rule->figure));
    if (*l->name || *l->method) {
        sbuf_adds(out, " of ");
        add_text(out, l->method);
        sbuf_addc(out, ' ');
        add_text(out, l->name);
    }
    sbuf_adds(out, "</td>");
    add_value(out, l, l->change.before);
    add_value(out, l, l->change.after);
    add_change(out, l);
    sbuf_addf(out, "<td%s>%s", l->answer == ANSWER_WORSE ? " class=\"bad\"" : "",
              contrast_answer_name(l->answer));
    struct sbuf needs = {0};
    contrast_add_needs(l, &needs);
    if (needs.len > 0)
        sbuf_addf(out, " (%s)", needs.data);
    sbuf_fini(&needs);
    sbuf_adds(out, "</td></tr>\n");
}

static void add_answer(struct sbuf *out, const struct contrast *c)
{
    sbuf_addf(out, "<p class=\"answer%s\">%s", c->worse ? " bad" : "",
              c->refusal ? "Not compared: " : answer_of(c));
    add_text(out, c->refusal ? c->refusal : "");
    sbuf_adds(out, "</p>\n<p>");
    add_text(out, c->remarks);
    sbuf_adds(out, "</p>\n");
}

static void add_figures(struct sbuf *out, const struct contrast *c, const struct sheet_side *before,
                        const struct sheet_side *after)
{
    if (c->refusal)
        return;
    sbuf_adds(out, "<h2>Figures</h2>\n<div class=\"scroll\"><table><thead><tr><th>Figure</th>"
                   "<th class=\"n\">");
    add_text(out, before->name);
    sbuf_adds(out, "</th><th class=\"n\">");
    add_text(out, after->name);
    sbuf_adds(out, "</th><th class=\"n\">Change [95 %]</th><th>0 and the margin</th>"
                   "<th>Answer</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < c->count; i++)
        add_line(out, &c->lines[i]);
    sbuf_adds(out, "</tbody></table></div>\n<p>");
    contrast_add_basis(c, out);
    sbuf_addf(out,
              "Distributions are at most %.1f %% apart (at %.4g ms); a request of the later "
              "run is slower than one of the earlier with a probability of %.1f %%.</p>\n",
              100 * c->distance, c->at_ms, 50 + 50 * c->delta);
}

/* ---- around them ---- */

static void add_words(struct sbuf *out, const json_t *words)
{
    size_t i;
    const json_t *word;
    sbuf_adds(out, "<td>");
    json_array_foreach(words, i, word)
    {
        sbuf_adds(out, i ? " " : "");
        add_text(out, json_is_string(word) ? json_string_value(word) : "?");
    }
    sbuf_adds(out, "</td>");
}

static void add_json_cell(struct sbuf *out, const json_t *value)
{
    if (json_is_array(value)) { /* a command */
        add_words(out, value);
        return;
    }
    if (json_is_real(value)) {
        sbuf_addf(out, "<td>%.6g</td>", json_real_value(value));
        return;
    }
    char *text = json_is_string(value)
                     ? NULL
                     : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
    add_cell(out, json_is_string(value) ? json_string_value(value) : text ? text : "");
    free(text);
}

static void add_environment(struct sbuf *out, const json_t *list)
{
    size_t i;
    const json_t *each;
    if (json_array_size(list) == 0)
        return;
    sbuf_adds(out, "<h2>What differs around them</h2>\n<div class=\"scroll\"><table><tbody>\n");
    json_array_foreach(list, i, each)
    {
        const char *key = json_string_value(json_array_get(each, 0));
        sbuf_addf(out, "<tr><th>%s</th>", key ? key : "");
        for (size_t k = 1; k < 3; k++)
            add_json_cell(out, json_array_get(each, k));
        sbuf_adds(out, "</tr>\n");
    }
    sbuf_adds(out, "</tbody></table></div>\n");
}

static void add_number(struct sbuf *out, const json_t *value)
{
    sbuf_adds(out, "<td class=\"n\">");
    if (json_is_integer(value))
        sbuf_addf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_number(value))
        sbuf_addf(out, "%.4g", json_number_value(value));
    else
        sbuf_adds(out, "–");
    sbuf_adds(out, "</td>");
}

/* Of context_of: method, name, change_ms, and requests, failures, mean, p95 of both. */
static void add_row(struct sbuf *out, const json_t *row)
{
    const bool has_a = json_integer_value(json_array_get(row, 3)) > 0;
    const bool has_b = json_integer_value(json_array_get(row, 7)) > 0;
    const char *method = json_string_value(json_array_get(row, 0));
    const char *name = json_string_value(json_array_get(row, 1));
    sbuf_adds(out, "<tr><td>");
    add_text(out, method ? method : "");
    sbuf_addc(out, ' ');
    add_text(out, name ? name : "");
    sbuf_adds(out, has_a && has_b ? "" : has_b ? " <b>(new)</b>" : " <b>(gone)</b>");
    sbuf_addf(out, "</td><td class=\"n\">%+.4g s</td>",
              json_number_value(json_array_get(row, 2)) / 1e3);
    for (size_t k = 0; k < 4; k++) {
        add_number(out, json_array_get(row, 3 + k));
        add_number(out, json_array_get(row, 7 + k));
    }
    sbuf_adds(out, "</tr>\n");
}

static void add_rows(struct sbuf *out, const json_t *rows)
{
    size_t i;
    const json_t *row;
    if (json_array_size(rows) == 0)
        return;
    sbuf_adds(out, "<h2>Rows</h2>\n<p>Those that only one has, then those that contributed most to "
                   "the change of the time that all requests took: ramps included, without "
                   "intervals. In each pair the earlier run is first.</p>\n"
                   "<div class=\"scroll\"><table><thead><tr><th>Row</th><th class=\"n\">Change"
                   "</th><th class=\"n\" colspan=\"2\">Requests</th><th class=\"n\" colspan=\"2\">"
                   "Failures</th><th class=\"n\" colspan=\"2\">Mean ms</th><th class=\"n\" "
                   "colspan=\"2\">p95 ms</th></tr></thead><tbody>\n");
    json_array_foreach(rows, i, row) if (i < ROWS_SHOWN) add_row(out, row);
    sbuf_adds(out, "</tbody></table></div>\n");
    if (json_array_size(rows) > ROWS_SHOWN)
        sbuf_addf(out, "<p>%zu more rows are not shown.</p>\n", json_array_size(rows) - ROWS_SHOWN);
}

static void add_failures(struct sbuf *out, const json_t *list, const char *title)
{
    size_t i;
    const json_t *f;
    if (json_array_size(list) == 0)
        return;
    sbuf_addf(out, "<h2>%s</h2>\n<div class=\"scroll\"><table><tbody>\n", title);
    json_array_foreach(list, i, f)
    {
        sbuf_adds(out, "<tr>");
        for (size_t k = 0; k < 3; k++)
            add_json_cell(out, json_array_get(f, k));
        add_number(out, json_array_get(f, 3));
        sbuf_adds(out, "</tr>\n");
    }
    sbuf_adds(out, "</tbody></table></div>\n");
}

/* ---- the page ---- */

static void add_key(struct sbuf *out, const char *of, const struct sheet_side *s)
{
    sbuf_addf(out, "<span><svg viewBox=\"0 0 36 10\"><path class=\"%s\" d=\"M0 5H36\"/></svg> ",
              of);
    add_text(out, s->name);
    if (s->count > 1)
        sbuf_addf(out, " (%zu runs)", s->count);
    sbuf_adds(out, "</span>");
}

static void add_head(struct sbuf *out, const struct sheet_side *before,
                     const struct sheet_side *after)
{
    sbuf_adds(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                   "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                   "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                   "style-src 'unsafe-inline'\"><title>");
    add_text(out, after->name);
    sbuf_adds(out, " compared with ");
    add_text(out, before->name);
    sbuf_addf(out, "</title><style>%s</style></head><body><main>\n<h1>", STYLE);
    add_text(out, after->name);
    sbuf_adds(out, " compared with ");
    add_text(out, before->name);
    sbuf_adds(out, "</h1>\n");
}

void sheet_add(struct sbuf *out, const struct contrast *c, const struct sheet_side *before,
               const struct sheet_side *after, const json_t *context)
{
    const json_t *failures = json_object_get(context, "failures");
    add_head(out, before, after);
    add_answer(out, c);
    add_environment(out, json_object_get(context, "environment"));
    add_figures(out, c, before, after);
    sbuf_adds(out, "<h2>Curves</h2>\n<p class=\"key\">");
    add_key(out, "before", before);
    add_key(out, "after", after);
    sbuf_adds(out, "</p>\n");
    sheet_add_percentiles(out, c, before, after);
    sheet_add_courses(out, before, after);
    sheet_add_heat(out, before, after);
    add_failures(out, json_object_get(failures, "new"), "Failures that only the later run has");
    add_failures(out, json_object_get(failures, "gone"), "Failures that only the earlier run has");
    add_rows(out, json_object_get(context, "rows"));
    sbuf_adds(out, "</main></body></html>\n");
}
