// SPDX-License-Identifier: MIT
/* options: the sources of options, from the strongest to the weakest.
 *
 * The command line is read first, then the environment, then the files; an option belongs to the
 * first source that sets it, so precedence needs no comparison, and a `false` of a strong source
 * wins over a `true` of a weak one. An empty variable or setting counts as not given, because
 * that is how deployment tools write "unset".
 *
 * Words on the command line that the table does not know are kept for the locustfile's own
 * options. Whether the words behind such an option are its values or User classes is not known
 * here: they are kept with it, in order, until the next known option or "--". Unknown settings of
 * files are kept apart, with their places: the host knows which of them the command line overrides.
 */
#include "master/options/options_table.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct options *o;
    unsigned *set_by; /* per option of the table: number of the source, 0 = none yet */
    unsigned source;  /* number of the current source */
    unsigned marks;   /* only options that have all of these */
    struct option_customs customs;
    bool is_after_unknown; /* words now may belong to an unknown option */
    bool is_done;          /* --help or --version was met */
};

static bool is_taken(const struct reading *r, const struct option_def *d)
{
    unsigned by = r->set_by[d - option_table];
    return by && by != r->source;
}

static void take(struct reading *r, const struct option_def *d)
{
    r->set_by[d - option_table] = r->source;
    r->is_done |= d->kind == OPTION_HELP || d->kind == OPTION_VERSION;
}

static void add_extra(struct reading *r, const char *word)
{
    option_add_word(&r->o->extra, word);
    r->o->extra_count++;
}

/* As argparse: "-5" is a number, "-" is a word, and so is what has a blank in it. */
static bool is_option_word(const char *w)
{
    if (w[0] != '-' || !w[1])
        return false;
    const char *p = w + 1;
    p += strspn(p, "0123456789");
    if (*p == '.')
        p += 1 + strspn(p + 1, "0123456789");
    if (!*p && (isdigit((unsigned char)p[-1])))
        return false;
    return !strchr(w, ' ') || strchr(w, '=');
}

/* ---- names ------------------------------------------------------------------------------ */

static bool is_begun_by(const struct option_custom *c, const char *name, size_t len)
{
    return strncmp(c->word, "--", 2) == 0 && strncmp(c->word + 2, name, len) == 0;
}

/* How many options a long name can mean, those of the locustfile included. *d is ours, when it is
 * the only one. */
static size_t find_long(const struct reading *r, const char *name, size_t len,
                        const struct option_def **d)
{
    size_t ours = 0, customs = 0;
    const struct option_def *found = option_find(name, len, r->marks, &ours);
    bool is_exact = found && !found->name[len];
    for (size_t i = 0; i < r->customs.count && !is_exact; i++) {
        if (!is_begun_by(&r->customs.list[i], name, len))
            continue;
        if (!r->customs.list[i].word[2 + len])
            return 1;
        customs++;
    }
    *d = customs ? NULL : found;
    return ours + customs;
}

static const struct option_def *find_short(const struct reading *r, char name)
{
    const struct option_def *d = option_find_short(name);
    return d && (d->marks & r->marks) == r->marks ? d : NULL;
}

static const struct option_custom *find_custom_short(const struct reading *r, char name)
{
    for (size_t i = 0; i < r->customs.count && name; i++) {
        const char *word = r->customs.list[i].word;
        if (word[0] == '-' && word[1] == name && !word[2])
            return &r->customs.list[i];
    }
    return NULL;
}

static bool is_unclear_word(const char *w)
{
    if (w[1] == '-') {
        size_t len = strcspn(w + 2, "="), hits = 0;
        const struct option_def *d = option_find(w + 2, len, 0, &hits);
        return hits > 0 && !(d && !d->name[len]);
    }
    if (!option_find_short(w[1]))
        return w[2] != '\0'; /* -qu 5 could be -q -u 5 */
    for (const char *p = w + 1; *p; p++) {
        const struct option_def *d = option_find_short(*p);
        if (!d || option_takes_value(d))
            return !d && *p != '=';
    }
    return false;
}

bool options_are_unclear(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_option_word(argv[i]) && is_unclear_word(argv[i]) &&
            !option_find_apart(argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            return true;
    return false;
}

/* ---- the command line ------------------------------------------------------------------- */

/* d was named at argv[i], value is what is glued to it or NULL. Returns the index of the last word
 * used, or -1 after a message. */
static int read_option(struct reading *r, const struct option_def *d, const char *value, int argc,
                       char **argv, int i)
{
    char label[64];
    option_label(label, sizeof label, d);
    take(r, d);
    r->is_after_unknown = false;
    if (!option_takes_value(d)) {
        if (value && d->kind != OPTION_LEGACY) {
            option_error(options_is_locust() ? "%s: ignored explicit argument '%.200s'"
                                             : "%s: takes no value, but has '%.200s'",
                         label, value);
            return -1;
        }
        return option_set(r->o, d, label, d->kind == OPTION_FLAG ? "true" : "") ? -1 : i;
    }
    if (d->marks & OPTION_BARE && !value) {
        const bool is_next = i + 1 < argc && option_choice(d, argv[i + 1]);
        char *first = is_next ? NULL : mem_dup(d->choices, strcspn(d->choices, " "));
        const int rc = option_set(r->o, d, label, is_next ? argv[i + 1] : first);
        free(first);
        return rc ? -1 : i + is_next;
    }
    if (option_takes_list(d)) {
        option_start_list(r->o, d);
        if (value)
            return option_set(r->o, d, label, value) ? -1 : i;
        while (i + 1 < argc && !is_option_word(argv[i + 1]))
            if (option_set(r->o, d, label, argv[++i]))
                return -1;
        return i;
    }
    if (!value && (i + 1 >= argc || is_option_word(argv[i + 1]))) {
        if (options_is_locust())
            option_error("%s: expected one argument", label);
        else
            option_error("%s: has no value: give %s", label, d->expects);
        return -1;
    }
    return option_set(r->o, d, label, value ? value : argv[++i]) ? -1 : i;
}

static int ambiguous(const struct reading *r, const char *word, const char *name, size_t len)
{
    struct sbuf b = {0};
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (d->name && d->kind != OPTION_LEGACY && (d->marks & r->marks) == r->marks &&
            strncmp(d->name, name, len) == 0)
            sbuf_addf(&b, "%s%s", b.len ? ", " : "", d->word);
    }
    for (size_t i = 0; i < r->customs.count; i++)
        if (is_begun_by(&r->customs.list[i], name, len))
            sbuf_addf(&b, "%s%s", b.len ? ", " : "", r->customs.list[i].word);
    option_error(options_is_locust() ? "ambiguous option: %.200s could match %s"
                                     : "'%.200s' can mean %s: write more of it",
                 word, b.data);
    sbuf_fini(&b);
    return 2;
}

static int read_unknown(struct reading *r, const char *word, int i)
{
    add_extra(r, word);
    r->is_after_unknown = true;
    return i;
}

static bool is_custom(const struct reading *r, const char *word, size_t len)
{
    for (size_t i = 0; i < r->customs.count; i++)
        if (strlen(r->customs.list[i].word) == len &&
            strncmp(r->customs.list[i].word, word, len) == 0)
            return true;
    return false;
}

static int read_long(struct reading *r, int argc, char **argv, int i)
{
    const char *name = argv[i] + 2;
    size_t len = strcspn(name, "=");
    const struct option_def *d = NULL;
    if (!is_custom(r, argv[i], len + 2) && !r->marks)
        d = option_find_apart(argv[i], i + 1 < argc ? argv[i + 1] : NULL);
    if (!d && find_long(r, name, len, &d) > 1) {
        ambiguous(r, argv[i], name, len);
        return -1;
    }
    if (!d)
        return read_unknown(r, argv[i], i);
    return read_option(r, d, name[len] ? name + len + 1 : NULL, argc, argv, i);
}

/* -abc, where -a is a flag of the locustfile; true when b is another option. */
static bool read_custom_flag(struct reading *r, const char *p)
{
    const struct option_custom *c = find_custom_short(r, *p);
    if (!c || !c->is_flag)
        return false;
    add_extra(r, c->word);
    return true;
}

static int read_short(struct reading *r, int argc, char **argv, int i)
{
    const char *p = argv[i] + 1;
    if (!find_short(r, *p) && !find_custom_short(r, *p))
        return read_unknown(r, argv[i], i);
    for (; *p; p++) {
        const struct option_def *d = find_short(r, *p);
        if (!d && read_custom_flag(r, p))
            continue;
        if (!d && find_custom_short(r, *p)) {
            struct sbuf rest = {0};
            sbuf_addf(&rest, "-%s", p);
            read_unknown(r, rest.data, i);
            sbuf_fini(&rest);
            return i;
        }
        if (!d) {
            option_error("there is no option -%c, as in '%.200s': see --help", *p, argv[i]);
            return -1;
        }
        const char *value = p[1] == '=' ? p + 2 : p[1] ? p + 1 : NULL;
        bool is_last = option_takes_value(d) || p[1] == '=';
        int last = read_option(r, d, is_last ? value : NULL, argc, argv, i);
        if (is_last || last < 0 || r->is_done)
            return last;
    }
    return i;
}

static int read_command_line(struct reading *r, int argc, char **argv)
{
    bool is_over = false; /* after "--" */
    for (int i = 1; i < argc && !r->is_done; i++) {
        const char *w = argv[i];
        if (option_check_text("argument", w))
            return 2;
        if (!is_over && strcmp(w, "--") == 0) {
            is_over = true;
            r->is_after_unknown = false;
        } else if (is_over || !is_option_word(w)) {
            if (r->is_after_unknown)
                add_extra(r, w);
            else
                option_add_word(&r->o->user_classes, w);
        } else {
            i = w[1] == '-' ? read_long(r, argc, argv, i) : read_short(r, argc, argv, i);
            if (i < 0)
                return 2;
        }
    }
    return 0;
}

/* ---- the environment -------------------------------------------------------------------- */

static char **split_lines(const char *text)
{
    char **lines = mem_zalloc(sizeof *lines), *copy = mem_strdup(text), *rest = copy;
    for (char *line; (line = strsep(&rest, "\r\n"));)
        if (line[strspn(line, " \t")])
            option_add_word(&lines, line);
    free(copy);
    return lines;
}

/* text may be a list, "[a, b]", for options that take lists. */
static int set_from_text(struct reading *r, const struct option_def *d, const char *label,
                         const char *text)
{
    take(r, d);
    if (!option_has_list(d))
        return option_set(r->o, d, label, text);
    option_start_list(r->o, d);
    char **words = d->kind == OPTION_LIST    ? options_split_list(text)
                   : d->kind == OPTION_LINES ? split_lines(text)
                                             : NULL;
    int rc = words ? 0 : option_set(r->o, d, label, text);
    for (size_t i = 0; words && words[i] && !rc; i++)
        rc = option_set(r->o, d, label, words[i]);
    options_free_list(words);
    return rc;
}

static int read_environment(struct reading *r)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        const char *text = d->env ? getenv(d->env) : NULL;
        if (!text || !*text || is_taken(r, d) || (d->marks & r->marks) != r->marks)
            continue;
        char label[96];
        if (options_is_locust()) /* for whose parser they are arguments */
            option_label(label, sizeof label, d);
        else
            snprintf(label, sizeof label, "environment variable %s", d->env);
        if (set_from_text(r, d, label, text))
            return 2;
    }
    const char *classes = getenv("LOCUST_USER_CLASSES");
    if (!classes || r->o->user_classes)
        return 0;
    if (option_check_text("environment variable LOCUST_USER_CLASSES", classes))
        return 2;
    char *copy = mem_strdup(classes), *rest = copy;
    for (char *word; (word = strsep(&rest, " \t\r\n"));)
        if (*word)
            option_add_word(&r->o->user_classes, word);
    free(copy);
    return 0;
}

/* ---- configuration files ---------------------------------------------------------------- */

/* A setting the table does not know, for the locustfile. */
static void keep_setting(struct reading *r, const char *path, const char *key,
                         const struct option_setting *s)
{
    struct sbuf b = {0}, place = {0};
    sbuf_addf(&place, "%s:%u", path, s->line);
    sbuf_adds(&b, "{\"key\":");
    sbuf_add_json(&b, key, strlen(key));
    sbuf_adds(&b, ",\"place\":");
    sbuf_add_json(&b, place.data, place.len);
    sbuf_addf(&b, ",\"is_list\":%s,\"is_bare\":%s,\"values\":[", s->is_list ? "true" : "false",
              s->is_bare ? "true" : "false");
    for (size_t i = 0; i < s->count; i++) {
        sbuf_adds(&b, i ? "," : "");
        sbuf_add_json(&b, s->values[i], strlen(s->values[i]));
    }
    sbuf_adds(&b, "]}");
    option_add_word(&r->o->settings, b.data);
    sbuf_fini(&place);
    sbuf_fini(&b);
}

/* The option of a key, "users" or "-u". */
static size_t find_key(struct reading *r, const char *key, const struct option_def **d)
{
    size_t len = strlen(key);
    if (len == 2 && key[0] == '-' && key[1] != '-') {
        *d = find_short(r, key[1]);
        return *d != NULL;
    }
    size_t hits = find_long(r, key, len, d);
    r->o->is_unclear |= hits > 1 || (*d && (*d)->name[len]);
    return hits;
}

static int on_setting(void *arg, const char *path, const struct option_setting *s)
{
    struct reading *r = arg;
    const char *key = strncmp(s->key, "--", 2) == 0 ? s->key + 2 : s->key;
    char label[320];
    snprintf(label, sizeof label, "%.200s:%u: %.60s", path, s->line, key);
    const struct option_def *d = NULL;
    if (find_key(r, key, &d) > 1 && !r->marks)
        return ambiguous(r, label, key, strlen(key));
    if (!d) {
        keep_setting(r, path, key, s);
        return 0;
    }
    if (d->marks & OPTION_TYPED)
        return option_error("%s: can only be given on the command line", label);
    if (is_taken(r, d) || (s->count == 1 && !*s->values[0]))
        return 0;
    if (!s->is_list)
        return set_from_text(r, d, label, s->values[0]);
    if (!option_has_list(d))
        return option_error("%s: takes one value, not a list: give %s", label, d->expects);
    take(r, d);
    option_start_list(r->o, d);
    for (size_t i = 0; i < s->count; i++)
        if (option_set(r->o, d, label, s->values[i]))
            return 2;
    return 0;
}

static int read_file(struct reading *r, const char *path, bool must_exist)
{
    r->source++;
    return options_file_read(path, must_exist, on_setting, r);
}

static int read_files(struct reading *r)
{
    int rc = r->o->config ? read_file(r, r->o->config, true) : 0;
    if (!rc)
        rc = read_file(r, "pyproject.toml", false);
    if (!rc)
        rc = read_file(r, "locust.conf", false);
    const char *home = getenv("HOME");
    if (rc || !home || !*home)
        return rc;
    struct sbuf path = {0};
    sbuf_addf(&path, "%s/.locust.conf", home);
    rc = read_file(r, path.data, false);
    sbuf_fini(&path);
    return rc;
}

/* ---- the whole -------------------------------------------------------------------------- */

static void set_initial(struct options *o)
{
    *o = (struct options){0};
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (d->initial_text)
            *OPTION_FIELD(o, d, char *) = mem_strdup(d->initial_text);
        else if (d->kind == OPTION_INT || d->kind == OPTION_COUNT)
            *OPTION_FIELD(o, d, int) = (int)d->initial;
        else if (d->kind == OPTION_WHOLE || d->kind == OPTION_RATE || d->kind == OPTION_SPAN ||
                 d->kind == OPTION_DECIMAL)
            *OPTION_FIELD(o, d, double) = d->initial;
    }
}

/* Locust has its log by then. */
static int refuse_logged(int code, const char *words, const char *mend)
{
    if (options_is_locust())
        log_error("locust.main", "%s", words);
    else
        option_error("%s%s", words, mend);
    return code;
}

static int refuse_number(int processes)
{
    struct sbuf words = {0};
    sbuf_addf(&words, "Invalid --processes count %d", processes);
    option_refuse(1, words.data, ": give a whole number of processes, or -1 for one per processor");
    sbuf_fini(&words);
    return 1;
}

static int refuse_base_path(const char *path)
{
    struct sbuf words = {0};
    sbuf_addf(&words,
              "Invalid format for --web-base-path argument (%s): the url path must start with a "
              "slash.",
              path);
    refuse_logged(1, words.data, " Give one such as /load");
    sbuf_fini(&words);
    return 1;
}

/* Rules between options, each with the exit code that Locust has for it. */
static int check_together(struct options *o)
{
    if (o->headful)
        o->headless = false;
    if (o->csv_full_history && !o->csv_prefix)
        return option_error("'--csv-full-history' requires '--csv'.%s",
                            options_is_locust() ? "" : " Add it, such as --csv results");
    if ((o->html_samples || o->html_logs) && !o->html_file && !o->worker)
        return option_error("'%s' says what goes into the report of '--html'. Add it, such as "
                            "--html report.html",
                            o->html_samples ? "--html-samples" : "--html-logs");
    if (o->autoquit_s < -1) /* Locust's: at once */
        o->autoquit_s = 0;
    if (o->autoquit_s >= 0 && !o->autostart)
        return option_refuse(1, "--autoquit is only meaningful in combination with --autostart",
                             ": add it, or leave --autoquit out");
    if (o->processes < -1)
        return refuse_number(o->processes);
    if (o->processes && o->master)
        return option_refuse(1,
                             "--master cannot be combined with --processes. Remove --master, as it "
                             "is implicit as long as --worker is not set.",
                             "");
    if (o->master && o->worker)
        return refuse_logged(255, "The --master argument cannot be combined with --worker",
                             ": start the master and the worker as two commands, or use "
                             "--processes for both at once");
    if (o->web_base_path[0] && o->web_base_path[0] != '/' && !o->headless && !o->worker)
        return refuse_base_path(o->web_base_path);
    if (!o->tls_cert != !o->tls_key && !options_is_locust())
        return option_error("%s needs %s too: give both files, or neither",
                            o->tls_cert ? "--tls-cert" : "--tls-key",
                            o->tls_cert ? "--tls-key" : "--tls-cert");
    if (strcmp(o->locustfile, "-") == 0 && !o->worker)
        return option_refuse(1,
                             "locustfile was set to '-' (meaning to download from master) but "
                             "--worker was not specified.",
                             " Add it, or name the file");
    return 0;
}

static int parse(struct reading *r, int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    set_initial(r->o);
    r->o->argv = argv;
    r->o->argc = argc;
    r->o->is_locust = argc > 0 && strcmp(slash ? slash + 1 : argv[0], "locust") == 0;
    r->source = 1;
    r->set_by = mem_zalloc(option_count * sizeof *r->set_by);
    int rc = read_command_line(r, argc, argv);
    if (!rc && !r->is_done && !r->o->completion) {
        r->source++;
        rc = read_environment(r);
        if (!rc)
            rc = read_files(r);
        if (!rc && !r->marks)
            rc = check_together(r->o);
    }
    free(r->set_by);
    return rc;
}

int options_parse(struct options *o, int argc, char **argv, const struct option_customs *customs)
{
    struct reading r = {.o = o};
    if (customs)
        r.customs = *customs;
    return parse(&r, argc, argv);
}

int options_parse_first(struct options *o, int argc, char **argv)
{
    return parse(&(struct reading){.o = o, .marks = OPTION_FIRST}, argc, argv);
}

void options_fini(struct options *o)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        switch (d->kind) {
        case OPTION_TEXT:
        case OPTION_URL:
        case OPTION_ADDRESS:
        case OPTION_BASE_PATH:
        case OPTION_CHOICE:
            free(*OPTION_FIELD(o, d, char *));
            break;
        case OPTION_LIST:
        case OPTION_LINES:
        case OPTION_USERS_JSON:
            options_free_list(*OPTION_FIELD(o, d, char **));
            break;
        case OPTION_FLAG:
        case OPTION_WHOLE:
        case OPTION_INT:
        case OPTION_COUNT:
        case OPTION_RATE:
        case OPTION_SPAN:
        case OPTION_DECIMAL:
        case OPTION_HELP:
        case OPTION_VERSION:
        case OPTION_LEGACY:
            break;
        }
    }
    options_free_list(o->user_classes);
    options_free_list(o->extra);
    options_free_list(o->settings);
    *o = (struct options){0};
}
