// SPDX-License-Identifier: MIT
/* contrast_words: what came of a comparison, in words, as Markdown for comments on merge requests,
 * and as JSON for programs. */
#include "common/base/sbuf.h"
#include "common/base/utf8.h"
#include "master/data/number_text.h"
#include "master/store/contrast.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MOST 100
#define NAME_MOST 100 /* bytes of a row's name */

const char *contrast_answer_name(enum contrast_answer a)
{
    static const char *const names[] = {"not worse", "worse", "cannot tell", "no data"};
    return names[a];
}

bool contrast_fails(const struct contrast *c)
{
    return contrast_reason(c) != NULL;
}

const char *contrast_reason(const struct contrast *c)
{
    if (c->worse > 0)
        return "worse than the baseline";
    if (!c->fails_unsure)
        return NULL;
    if (c->refusal)
        return "not compared with the baseline (cant_tell = fail)";
    return c->unsure > 0 ? "cannot tell whether it is worse than the baseline (cant_tell = fail)"
                         : NULL;
}

/* That it fails is no property of the figures. */
static const char UNSURE_FAILS[] = "What cannot be told fails here (cant_tell = \"fail\"). ";

void contrast_add_value(struct sbuf *out, enum contrast_figure f, double value)
{
    if (!isfinite(value))
        sbuf_adds(out, "–");
    else if (f == FIGURE_FAIL_RATIO)
        sbuf_addf(out, "%.2f %%", 100 * value);
    else if (f == FIGURE_RPS)
        sbuf_addf(out, "%.1f/s", value);
    else
        sbuf_addf(out, value < 10 ? "%.2f ms" : "%.0f ms", value);
}

static void add_change(struct sbuf *out, const struct contrast_line *l)
{
    const struct change *c = &l->change;
    const bool is_share = l->rule->margin.is_share;
    const double off = is_share ? 0 : 1;
    if (!c->is_there)
        return;
    sbuf_addf(out, is_share ? "%+.2f pp [%+.2f, %+.2f]" : "%+.1f %% [%+.1f, %+.1f]",
              100 * (c->change - off), 100 * (c->low - off), 100 * (c->high - off));
}

void contrast_add_needs(const struct contrast_line *l, struct sbuf *out)
{
    if (l->answer != ANSWER_UNSURE)
        return;
    if (l->more_s > 0)
        sbuf_addf(out, "about %.0f s more of each run would tell", l->more_s);
    else if (l->more_runs > 0)
        sbuf_addf(out, "about %.0f more run%s of each side would tell", l->more_runs,
                  l->more_runs > 1 ? "s" : "");
}

/* ---- Markdown ---- */

/* What marks text up on the pages of GitHub and GitLab. */
static void add_cell(struct sbuf *out, const char *text)
{
    struct sbuf visible = {0};
    output_add_visible(&visible, text);
    for (const char *c = visible.data; c && *c; c++)
        sbuf_addf(out, strchr("|\\`*_~[]<>&$", *c) ? "\\%c" : "%c", *c);
    sbuf_fini(&visible);
}

static size_t longest_run(const char *text, char of)
{
    size_t most = 0, n = 0;
    for (; *text; text++) {
        n = *text == of ? n + 1 : 0;
        most = n > most ? n : most;
    }
    return most;
}

/* Of code: more of them than are anywhere in it. */
static void add_ticks(struct sbuf *out, const char *text)
{
    for (size_t n = longest_run(text, '`') + 1; n > 0; n--)
        sbuf_addc(out, '`');
}

/* As code a stranger's name calls nobody (@name), refers to nothing (#1) and marks nothing up.
 * A table splits at a pipe there too, but for one behind an odd number of backslashes. */
static void add_code(struct sbuf *out, const char *text)
{
    const size_t len = strlen(text);
    const char *pad = len && (*text == '`' || text[len - 1] == '`') ? " " : "";
    size_t slashes = 0;
    add_ticks(out, text);
    sbuf_adds(out, pad);
    for (const char *c = text; *c; c++) {
        if (*c == '|')
            sbuf_adds(out, slashes % 2 ? "\\\\" : "\\");
        slashes = *c == '\\' ? slashes + 1 : 0;
        sbuf_addc(out, *c);
    }
    sbuf_adds(out, pad);
    add_ticks(out, text);
}

static void add_row_name(struct sbuf *out, const struct contrast_line *l)
{
    struct sbuf whole = {0}, shown = {0};
    sbuf_addf(&whole, "%s%s%s", l->method, *l->method ? " " : "", l->name);
    output_add_visible(&shown, whole.data);
    const size_t kept = utf8_cut(shown.data, shown.len, NAME_MOST);
    if (kept < shown.len) {
        shown.len = kept;
        sbuf_adds(&shown, "…");
    }
    sbuf_adds(out, "of ");
    add_code(out, shown.data);
    sbuf_addc(out, ' ');
    sbuf_fini(&whole);
    sbuf_fini(&shown);
}

static void add_line(struct sbuf *out, const struct contrast_line *l)
{
    sbuf_addf(out, "| %s ", contrast_figure_name(l->rule->figure));
    if (*l->name || *l->method)
        add_row_name(out, l);
    sbuf_adds(out, "| ");
    contrast_add_value(out, l->rule->figure, l->change.before);
    sbuf_adds(out, " | ");
    contrast_add_value(out, l->rule->figure, l->change.after);
    sbuf_adds(out, " | ");
    add_change(out, l);
    sbuf_addf(out, " | %s%s%s", l->answer == ANSWER_WORSE ? "**" : "",
              contrast_answer_name(l->answer), l->answer == ANSWER_WORSE ? "**" : "");
    struct sbuf needs = {0};
    contrast_add_needs(l, &needs);
    if (needs.len > 0)
        sbuf_addf(out, " (%s)", needs.data);
    sbuf_fini(&needs);
    sbuf_adds(out, " |\n");
}

/* So that a comment can take it (GitHub: 65,536 characters): those that are worse come first into
 * what room there is, then those of the total and what contributed most. */
static void add_lines(struct sbuf *out, const struct contrast *c)
{
    const size_t room = c->worse < LINES_MOST ? LINES_MOST - c->worse : 0;
    size_t others = 0, shown = 0;
    for (size_t i = 0; i < c->count; i++) {
        const bool is_worse = c->lines[i].answer == ANSWER_WORSE;
        others += !is_worse;
        if (shown == LINES_MOST || (!is_worse && others > room))
            continue;
        add_line(out, &c->lines[i]);
        shown++;
    }
    if (shown < c->count)
        sbuf_addf(out, "| %zu more%s | | | | |\n", c->count - shown,
                  c->worse > LINES_MOST ? ", of which some are worse" : ", none of them worse");
}

void contrast_add_basis(const struct contrast *c, struct sbuf *out)
{
    static const char *const words[] = {
        "intervals are of the runs of both sides (Welch)",
        "how much runs differ by themselves was learnt from earlier ones",
        "how much runs differ by themselves is assumed (5 %): too few earlier runs are stored"};
    for (size_t i = 0; i < c->count; i++)
        if (c->lines[i].change.is_there) {
            sbuf_addf(out, "95 %% intervals; %s. ", words[c->lines[i].change.basis]);
            return;
        }
}

void contrast_markdown(const struct contrast *c, const char *before, const char *after,
                       struct sbuf *out)
{
    if (c->refusal) {
        sbuf_adds(out, "Not compared: ");
        add_cell(out, c->refusal);
        sbuf_addf(out, ". %s", c->fails_unsure ? UNSURE_FAILS : "");
        add_cell(out, c->remarks);
        sbuf_addc(out, '\n');
        return;
    }
    sbuf_adds(out, "| figure | ");
    add_cell(out, before);
    sbuf_adds(out, " | ");
    add_cell(out, after);
    sbuf_adds(out, " | change [95 %] | answer |\n|---|---|---|---|---|\n");
    add_lines(out, c);
    sbuf_adds(out, "\n");
    contrast_add_basis(c, out);
    sbuf_adds(out, c->fails_unsure && c->unsure > 0 ? UNSURE_FAILS : "");
    add_cell(out, c->remarks);
    sbuf_addf(out,
              "Distributions are at most %.1f %% apart (at %.4g ms); a request of the later run "
              "is slower than one of the earlier with a probability of %.1f %%.\n",
              100 * c->distance, c->at_ms, 50 + 50 * c->delta);
}

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* "412 ms → 486 ms, +18.0 % [+9.0, +27.0]" */
static char *shown(const struct contrast_line *l)
{
    struct sbuf text = {0};
    contrast_add_value(&text, l->rule->figure, l->change.before);
    sbuf_adds(&text, " → ");
    contrast_add_value(&text, l->rule->figure, l->change.after);
    sbuf_adds(&text, l->change.is_there ? ", " : "");
    add_change(&text, l);
    return sbuf_take(&text);
}

json_t *contrast_object(const struct contrast *c)
{
    static const char *const basis[] = {"runs", "history", "assumed"};
    json_t *lines = json_array();
    for (size_t i = 0; i < c->count; i++) {
        const struct contrast_line *l = &c->lines[i];
        const struct change *x = &l->change;
        struct sbuf more = {0};
        char *words = shown(l);
        contrast_add_needs(l, &more);
        json_array_append_new(
            lines,
            json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:f,s:s,s:s,s:o,s:s,s:s}", "stat",
                      contrast_figure_name(l->rule->figure), "method", l->method, "name", l->name,
                      "before", real(x->before), "after", real(x->after), "change", real(x->change),
                      "low", real(x->low), "high", real(x->high), "p_worse", real(x->p_worse),
                      "p_fine", real(x->p_fine), "margin", l->rule->margin.share, "basis",
                      basis[x->basis], "answer", contrast_answer_name(l->answer), "needs",
                      real(l->needs), "more", more.len ? more.data : "", "shown", words));
        free(words);
        sbuf_fini(&more);
    }
    return json_pack("{s:s?,s:s,s:i,s:i,s:f,s:f,s:f,s:o}", "refusal", c->refusal, "remarks",
                     c->remarks, "worse", (int)c->worse, "unsure", (int)c->unsure, "distance",
                     c->distance, "at_ms", c->at_ms, "delta", c->delta, "lines", lines);
}

/* Of the newest run of each side. */
static json_t *curve_points(const struct contrast_curve *c)
{
    json_t *points = json_array();
    for (size_t at = 0; at < c->count; at++) {
        json_t *point = json_pack("[f]", c->share[at]);
        const struct interval of[] = {c->of[0][at], c->of[1][at], c->change[at]};
        for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
            json_array_append_new(point, real(of[i].value));
            json_array_append_new(point, real(of[i].low));
            json_array_append_new(point, real(of[i].high));
        }
        json_array_append_new(points, point);
    }
    return points;
}

void contrast_json(const struct contrast *c, const json_t *context, struct sbuf *out)
{
    json_t *all = contrast_object(c);
    json_object_set_new(all, "curve", curve_points(&c->curve));
    if (context)
        json_object_update(all, (json_t *)(uintptr_t)context);
    char *text = json_dumps(all, JSON_INDENT(1));
    sbuf_adds(out, text ? text : "{}");
    sbuf_addc(out, '\n');
    free(text);
    json_decref(all);
}
