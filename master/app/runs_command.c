// SPDX-License-Identifier: MIT
#include "master/app/runs_command.h"
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/run/exit_code.h"
#include "master/app/complain.h"
#include "master/options/options.h"
#include "master/store/context.h"
#include "master/store/run_kept.h"
#include "master/store/sheet.h"
#include "master/store/side.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

struct asked {
    const char *history, *profile, *branch, *tag, *gate;
    double keep, days, megabytes, limit;
    bool is_json, is_markdown, is_valid, is_forced, is_none, has_samples, is_csv, is_html;
    const char *words[WORDS_MAX];
    size_t count;
};

static const char USAGE[] =
    "katydid runs list [--limit N] [--profile NAME] [--branch NAME] [--tag KEY=VALUE] [--valid] "
    "[--json | --csv]\n"
    "katydid runs show RUN [--json]\n"
    "katydid runs note RUN TEXT\n"
    "katydid runs pin RUN NAME | pin RUN --none\n"
    "katydid runs tag RUN KEY=VALUE … (KEY= takes it away)\n"
    "katydid runs delete RUN …\n"
    "katydid runs export RUN [FILE] [--json] [--samples]\n"
    "katydid runs import FILE …\n"
    "katydid runs prune [--keep N] [--days D] [--mb MB]\n"
    "katydid runs repair\n"
    "katydid compare A B [--html | --json | --md] [--gate FILE] [--force]\n"
    "\n"
    "RUN, A, B: an id or its beginning, latest, latest~3, pinned:NAME, branch:NAME, profile:NAME,\n"
    "tag:KEY=VALUE. A and B may be several, with a number of runs behind: 'branch:main valid 5',\n"
    "and files: of a run (FILE.kdrun), of --summary (FILE.json), a report (FILE.html).\n"
    "All: --history FOLDER, else KATYDID_HISTORY, else the usual one.\n";

/* U+0080 to U+009F move the cursor of some terminals, and JSON does not escape them; nor does
 * CSV. */
static void print(struct sbuf *text)
{
    const char *at = text->data, *end = at + text->len;
    while (at < end) {
        const char *c1 = at;
        while (c1 < end &&
               !(c1 + 1 < end && (unsigned char)c1[0] == 0xc2 && (unsigned char)c1[1] < 0xa0))
            c1++;
        fwrite(at, 1, (size_t)(c1 - at), stdout);
        if (c1 < end)
            printf("\\u%04x", (unsigned char)c1[1]);
        at = c1 < end ? c1 + 2 : end;
    }
    sbuf_fini(text);
}

static void print_json(const json_t *value)
{
    struct sbuf out = {0};
    char *text = json_dumps(value, JSON_INDENT(1));
    sbuf_addf(&out, "%s\n", text ? text : "null");
    free(text);
    print(&out);
}

/* ---- what is asked ---- */

struct word {
    const char *name;
    const char **text;
    double *number;
    bool *flag;
};

#define NEAR 0.4 /* of options_likeness: below it is no hint */

static const char *word_name(const void *of, size_t i)
{
    return ((const struct word *)of)[i].name;
}

static int read_number(const char *name, const char *text, double *to)
{
    char *end;
    *to = strtod(text, &end);
    if (end == text || *end || *to < 0 || !isfinite(*to))
        return complain("%s: '%s' is no number of 0 or more", name, text);
    return 0;
}

static int read_words(struct asked *a, int argc, char **argv)
{
    const struct word words[] = {
        {"--history", &a->history, NULL, NULL}, {"--profile", &a->profile, NULL, NULL},
        {"--branch", &a->branch, NULL, NULL},   {"--tag", &a->tag, NULL, NULL},
        {"--gate", &a->gate, NULL, NULL},       {"--keep", NULL, &a->keep, NULL},
        {"--days", NULL, &a->days, NULL},       {"--mb", NULL, &a->megabytes, NULL},
        {"--limit", NULL, &a->limit, NULL},     {"--json", NULL, NULL, &a->is_json},
        {"--valid", NULL, NULL, &a->is_valid},  {"--force", NULL, NULL, &a->is_forced},
        {"--none", NULL, NULL, &a->is_none},    {"--markdown", NULL, NULL, &a->is_markdown},
        {"--md", NULL, NULL, &a->is_markdown},  {"--samples", NULL, NULL, &a->has_samples},
        {"--csv", NULL, NULL, &a->is_csv},      {"--html", NULL, NULL, &a->is_html}};
    const size_t known = sizeof words / sizeof *words;
    for (int i = 0; i < argc; i++) {
        const size_t len = strcspn(argv[i], "=");
        const struct word *w = NULL;
        if (strncmp(argv[i], "--", 2) != 0 && a->count == WORDS_MAX)
            return complain("more than %d words", WORDS_MAX);
        if (strncmp(argv[i], "--", 2) != 0) {
            a->words[a->count++] = argv[i];
            continue;
        }
        for (size_t k = 0; k < known && !w; k++)
            if (strlen(words[k].name) == len && strncmp(words[k].name, argv[i], len) == 0)
                w = &words[k];
        if (!w) {
            const char *best = options_nearest_name(argv[i], NEAR, word_name, words, known);
            return complain("there is no option %s here%s%s%s", argv[i],
                            best ? " (did you mean " : "", best ? best : "", best ? "?)" : "");
        }
        if (w->flag) {
            *w->flag = true;
            continue;
        }
        const char *value = argv[i][len] ? argv[i] + len + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value)
            return complain("%s has no value", w->name);
        if (w->text)
            *w->text = value;
        else if (read_number(w->name, value, w->number) != 0)
            return EXIT_USAGE;
    }
    return 0;
}

/* ---- commands ---- */

struct job {
    struct history *h;
    struct asked a;
    char *why;
    bool is_gated; /* compare: its rules are somebody's own */
};

static char *one_id(struct job *j, const char *spec)
{
    bool is_several;
    json_t *run = history_find_one(j->h, spec, &is_several, &j->why);
    const char *id = json_string_value(json_object_get(run, "id"));
    char *copy = id ? mem_strdup(id) : NULL;
    json_decref(run);
    return copy;
}

static int list(struct job *j)
{
    struct sbuf out = {0};
    const struct history_filter f = {.profile = j->a.profile,
                                     .branch = j->a.branch,
                                     .tag = j->a.tag,
                                     .is_valid = j->a.is_valid,
                                     .limit = isnan(j->a.limit) ? 50 : (size_t)j->a.limit};
    json_t *runs = (j->a.is_json ? history_list : history_list_brief)(j->h, &f);
    if (j->a.is_json) {
        print_json(runs);
    } else {
        (j->a.is_csv ? history_csv : history_table)(runs, &out);
        print(&out);
    }
    json_decref(runs);
    return 0;
}

static int show(struct job *j)
{
    struct sbuf out = {0};
    bool is_several;
    json_t *run = history_find_one(j->h, j->a.words[0], &is_several, &j->why);
    if (!run)
        return complain_failed(j->why);
    json_t *metrics = history_metrics(j->h, json_string_value(json_object_get(run, "id")));
    if (j->a.is_json) {
        json_object_set(run, "intervals", metrics);
        print_json(run);
    } else {
        history_details(run, &out);
        history_metrics_table(metrics, &out);
        print(&out);
    }
    json_decref(metrics);
    json_decref(run);
    return 0;
}

static int note(struct job *j)
{
    struct sbuf text = {0};
    char *id = one_id(j, j->a.words[0]);
    for (size_t i = 1; i < j->a.count; i++)
        sbuf_addf(&text, "%s%s", i > 1 ? " " : "", j->a.words[i]);
    const int rc = id ? history_note(j->h, id, text.data, &j->why) : -1;
    sbuf_fini(&text);
    free(id);
    return rc ? complain_failed(j->why) : 0;
}

static int pin(struct job *j)
{
    const char *name = j->a.is_none ? NULL : j->a.count > 1 ? j->a.words[1] : NULL;
    if (!name && !j->a.is_none)
        return complain("runs pin: give a name, or --none to take the pin away");
    char *id = one_id(j, j->a.words[0]);
    const int rc = id ? history_pin(j->h, id, name, &j->why) : -1;
    free(id);
    return rc ? complain_failed(j->why) : 0;
}

static int tag(struct job *j)
{
    for (size_t i = 1; i < j->a.count; i++)
        if (!strchr(j->a.words[i], '=') || j->a.words[i][0] == '=')
            return complain("runs tag: '%s' is not KEY=VALUE", j->a.words[i]);
    char *id = one_id(j, j->a.words[0]);
    int rc = id ? 0 : -1;
    for (size_t i = 1; i < j->a.count && rc == 0; i++) {
        const char *equals = strchr(j->a.words[i], '=');
        char *key = mem_dup(j->a.words[i], (size_t)(equals - j->a.words[i]));
        rc = history_tag(j->h, id, key, equals[1] ? equals + 1 : NULL, &j->why);
        free(key);
    }
    free(id);
    return rc ? complain_failed(j->why) : 0;
}

static bool is_named_before(char *const *ids, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(ids[k], ids[i]) == 0)
            return true;
    return false;
}

/* latest~1 is that of before the first of them goes. */
static int remove_runs(struct job *j)
{
    char *ids[WORDS_MAX] = {NULL};
    int rc = 0;
    for (size_t i = 0; i < j->a.count && rc == 0; i++)
        rc = (ids[i] = one_id(j, j->a.words[i])) ? 0 : -1;
    for (size_t i = 0; i < j->a.count && rc == 0; i++)
        if (!is_named_before(ids, i))
            rc = history_remove(j->h, ids[i], &j->why);
    for (size_t i = 0; i < j->a.count; i++)
        free(ids[i]);
    return rc ? complain_failed(j->why) : 0;
}

/* Samples and log lines only where they are wanted. */
static json_t *kept_of(struct job *j, const char *id)
{
    struct sbuf text = {0};
    char *path = history_path(j->h, id);
    json_t *kept =
        run_kept_read(path, &text) ? json_loadb(text.data, text.len, 0, NULL) : json_object();
    if (!j->a.has_samples) {
        json_object_del(kept, "samples");
        json_object_del(kept, "logs");
        json_object_del(kept, "script");
    }
    free(path);
    sbuf_fini(&text);
    return kept;
}

static int print_whole(struct job *j, const char *id)
{
    struct stored *s = history_open_run(j->h, id, &stored_all, &j->why);
    if (!s)
        return complain_failed(j->why);
    json_t *all = json_pack("{s:O,s:O,s:o}", "run", s->meta, "totals", s->totals, "intervals",
                            history_metrics(j->h, id));
    json_t *kept = kept_of(j, id);
    json_object_update(all, kept);
    print_json(all);
    json_decref(kept);
    json_decref(all);
    stored_close(s);
    return 0;
}

static int export_run(struct job *j)
{
    struct sbuf path = {0};
    char *id = one_id(j, j->a.words[0]);
    if (!id)
        return complain_failed(j->why);
    int rc = 0;
    if (j->a.is_json) {
        rc = print_whole(j, id);
    } else {
        sbuf_addf(&path, j->a.count > 1 ? "%s" : "%s.kdrun", j->a.count > 1 ? j->a.words[1] : id);
        rc = history_export(j->h, id, path.data, j->a.has_samples, &j->why)
                 ? complain_failed(j->why)
                 : 0;
        if (rc == 0)
            puts(path.data);
    }
    sbuf_fini(&path);
    free(id);
    return rc;
}

static int import(struct job *j)
{
    for (size_t i = 0; i < j->a.count; i++) {
        char *id = history_import(j->h, j->a.words[i], &j->why);
        if (!id)
            return complain_failed(j->why);
        puts(id);
        free(id);
    }
    return 0;
}

static int prune(struct job *j)
{
    const struct history_keep keep = {.runs = isnan(j->a.keep) ? 0 : (size_t)j->a.keep,
                                      .days = j->a.days,
                                      .megabytes = j->a.megabytes};
    if (isnan(j->a.keep) && keep.days <= 0 && keep.megabytes <= 0)
        return complain("runs prune: give --keep N, --days D or --mb MB");
    const int removed = history_prune(j->h, &keep, clk_wall(), &j->why);
    if (removed < 0)
        return complain_failed(j->why);
    printf("%d removed\n", removed);
    return 0;
}

static int repair(struct job *j)
{
    struct sbuf skipped = {0};
    const int mended = history_mend(j->h, true, &skipped);
    if (skipped.len > 0)
        fprintf(stderr, "Left as they are:\n%s", skipped.data);
    printf("%d mended\n", mended);
    sbuf_fini(&skipped);
    return 0;
}

/* ---- compare ---- */

static int compare_sides(struct job *j, const struct side *before, const struct side *after,
                         const struct gate *gate)
{
    struct side_alike alike = side_alike(j->h, after->runs[0].meta);
    struct contrast c;
    struct sbuf out = {0};
    contrast_make(&c, &(struct contrast_ask){.before = before->runs,
                                             .before_count = before->count,
                                             .after = after->runs,
                                             .after_count = after->count,
                                             .gate = gate,
                                             .is_forced = j->a.is_forced,
                                             .wants_curve = j->a.is_json || j->a.is_html,
                                             .between = j->h ? side_between : NULL,
                                             .arg = &alike});
    side_alike_fini(&alike);
    json_t *context =
        j->a.is_json || j->a.is_html ? context_of(&before->runs[0], &after->runs[0]) : NULL;
    if (j->a.is_json) {
        contrast_json(&c, context, &out);
    } else if (j->a.is_html) {
        sheet_add(&out, &c, &(struct sheet_side){j->a.words[0], before->runs, before->count},
                  &(struct sheet_side){j->a.words[1], after->runs, after->count}, context);
    } else {
        char *names[] = {side_name(before, j->a.words[0]), side_name(after, j->a.words[1])};
        contrast_markdown(&c, names[0], names[1], &out);
        free(names[0]);
        free(names[1]);
    }
    json_decref(context);
    print(&out);
    const int code = c.refusal ? EXIT_FAILED : j->is_gated && contrast_fails(&c) ? EXIT_WORSE : 0;
    contrast_fini(&c);
    return code;
}

static int compare(struct job *j)
{
    struct side before = {0}, after = {0};
    struct gate gate;
    int code = EXIT_FAILED;
    const int given = gate_given(&gate, j->a.gate, &j->why);
    if (given < 0)
        return complain("%s%s", j->a.gate ? "--gate: " : "", j->why);
    j->is_gated = given == GATE_GIVEN;
    struct side_ask ask = {.gate = &gate};
    bool is_open = side_open(&after, j->h, j->a.words[1], &ask, &j->why);
    if (is_open)
        ask.like = after.runs[0].stats;
    if (is_open && side_open(&before, j->h, j->a.words[0], &ask, &j->why))
        code = compare_sides(j, &before, &after, &gate);
    else
        complain_failed(j->why ? j->why : mem_strdup("no run is stored yet"));
    side_close(&before);
    side_close(&after);
    return code;
}

/* ---- which ---- */

static const struct command_of_runs {
    const char *name;
    int (*run)(struct job *j);
    size_t least, most; /* words */
    bool may_make;      /* the folder */
} COMMANDS[] = {{"list", list, 0, 0, false},
                {"show", show, 1, 1, false},
                {"note", note, 1, WORDS_MAX, false},
                {"pin", pin, 1, 2, false},
                {"tag", tag, 2, WORDS_MAX, false},
                {"delete", remove_runs, 1, WORDS_MAX, false},
                {"rm", remove_runs, 1, WORDS_MAX, false},
                {"export", export_run, 1, 2, false},
                {"import", import, 1, WORDS_MAX, true},
                {"prune", prune, 0, 0, false},
                {"repair", repair, 0, 0, true},
                {"compare", compare, 2, 2, false}};
#define COMMAND_COUNT (sizeof COMMANDS / sizeof *COMMANDS)

static const char *command_name(const void *of, size_t i)
{
    return ((const struct command_of_runs *)of)[i].name;
}

static int unknown(const char *name)
{
    const char *best = options_nearest_name(name, NEAR, command_name, COMMANDS, COMMAND_COUNT);
    return complain("there is no command 'runs %s'%s%s%s; katydid runs --help lists them", name,
                    best ? " (did you mean " : "", best ? best : "", best ? "?)" : "");
}

static int run_command(struct job *j, const struct command_of_runs *c)
{
    const char *of_env = getenv("KATYDID_HISTORY");
    const bool needs_none =
        c->run == compare && side_is_file(j->a.words[0]) && side_is_file(j->a.words[1]);
    char *folder = history_folder(j->a.history             ? j->a.history
                                  : history_is_off(of_env) ? NULL
                                                           : of_env);
    if (!folder)
        return complain("no folder: give --history FOLDER");
    j->h = history_open(folder, c->may_make, &j->why);
    free(folder);
    if (!j->h && !needs_none)
        return complain_failed(j->why);
    if (!j->h) {
        free(j->why);
        j->why = NULL;
    }
    if (j->h && c->run != repair)
        history_mend(j->h, false, NULL);
    const int code = c->run(j);
    history_close(j->h);
    return code;
}

bool runs_command_is(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "runs") == 0 || strcmp(argv[1], "compare") == 0);
}

int runs_command(int argc, char **argv)
{
    struct job j = {.a = {.keep = NAN, .limit = NAN}};
    const bool is_compare = strcmp(argv[1], "compare") == 0;
    const char *name = is_compare ? "compare" : argc > 2 ? argv[2] : "list";
    const int first = is_compare || argc < 3 ? 2 : 3;
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(USAGE, stdout);
            return 0;
        }
    const bool is_plain = !is_compare && name[0] == '-'; /* katydid runs --json */
    if (is_plain)
        name = "list";
    const int code = read_words(&j.a, argc - (is_plain ? 2 : first), argv + (is_plain ? 2 : first));
    if (code)
        return code;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command_of_runs *c = &COMMANDS[i];
        if (strcmp(c->name, name) != 0)
            continue;
        if (j.a.count < c->least || j.a.count > c->most)
            return complain("%s%s: %s; katydid runs --help shows how", is_compare ? "" : "runs ",
                            name, j.a.count < c->least ? "a run is missing" : "too many words");
        return run_command(&j, c);
    }
    return unknown(name);
}
