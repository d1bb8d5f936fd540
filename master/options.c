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
 * here: they are kept with it, in order, until the next known option or "--".
 */
#include "master/options_table.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct options *o;
    unsigned *set_by;      /* per option of the table: number of the source, 0 = none yet */
    unsigned source;       /* number of the current source */
    size_t extra_before;   /* words in extra when the current source began */
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

static void argument_label(char label[static 64], const struct option_def *d)
{
    if (d->short_name)
        snprintf(label, 64, "argument -%c/%s", d->short_name, d->word);
    else
        snprintf(label, 64, "argument %s", d->word);
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

/* ---- the command line ------------------------------------------------------------------- */

/* d was named at argv[i], value is what is glued to it or NULL. Returns the index of the last word
 * used, or -1 after a message. */
static int read_option(struct reading *r, const struct option_def *d, const char *value, int argc,
                       char **argv, int i)
{
    char label[64];
    argument_label(label, d);
    take(r, d);
    r->is_after_unknown = false;
    if (!option_takes_value(d)) {
        if (value && d->kind != OPTION_LEGACY) {
            option_error("%s: takes no value, but has '%.200s'", label, value);
            return -1;
        }
        return option_set(r->o, d, label, d->kind == OPTION_FLAG ? "true" : "") ? -1 : i;
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
        option_error("%s: has no value: give %s", label, d->expects);
        return -1;
    }
    return option_set(r->o, d, label, value ? value : argv[++i]) ? -1 : i;
}

static int ambiguous(const char *word, const char *name, size_t len)
{
    struct sbuf b = {0};
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (d->name && d->kind != OPTION_LEGACY && strncmp(d->name, name, len) == 0)
            sbuf_addf(&b, "%s%s", b.len ? ", " : "", d->word);
    }
    option_error("'%.200s' can mean %s: write more of it", word, b.data);
    sbuf_fini(&b);
    return 2;
}

static int read_unknown(struct reading *r, const char *word, int i)
{
    add_extra(r, word);
    r->is_after_unknown = true;
    return i;
}

static int read_long(struct reading *r, int argc, char **argv, int i)
{
    const char *name = argv[i] + 2;
    size_t len = strcspn(name, "=");
    bool is_ambiguous = false;
    const struct option_def *d = option_find(name, len, &is_ambiguous);
    if (is_ambiguous) {
        ambiguous(argv[i], name, len);
        return -1;
    }
    if (!d)
        return read_unknown(r, argv[i], i);
    return read_option(r, d, name[len] ? name + len + 1 : NULL, argc, argv, i);
}

static int read_short(struct reading *r, int argc, char **argv, int i)
{
    const char *p = argv[i] + 1;
    if (!option_find_short(*p))
        return read_unknown(r, argv[i], i);
    for (; *p; p++) {
        const struct option_def *d = option_find_short(*p);
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

/* text may be a list, "[a, b]", for options that take lists. */
static int set_from_text(struct reading *r, const struct option_def *d, const char *label,
                         const char *text)
{
    take(r, d);
    if (!option_takes_list(d))
        return option_set(r->o, d, label, text);
    option_start_list(r->o, d);
    char **words = d->kind == OPTION_LIST ? options_split_list(text) : NULL;
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
        if (!text || !*text || is_taken(r, d))
            continue;
        char label[96];
        snprintf(label, sizeof label, "environment variable %s", d->env);
        if (set_from_text(r, d, label, text))
            return 2;
    }
    const char *classes = getenv("LOCUST_USER_CLASSES");
    if (!classes || r->o->user_classes)
        return 0;
    char *copy = mem_strdup(classes), *rest = copy;
    for (char *word; (word = strsep(&rest, " \t\r\n"));)
        if (*word)
            option_add_word(&r->o->user_classes, word);
    free(copy);
    return 0;
}

/* ---- configuration files ---------------------------------------------------------------- */

static bool has_extra(const struct reading *r, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < r->extra_before; i++) {
        const char *w = r->o->extra[i];
        if (strncmp(w, "--", 2) == 0 && strncmp(w + 2, key, len) == 0 &&
            (!w[2 + len] || w[2 + len] == '='))
            return true;
    }
    return false;
}

/* A setting the table does not know: for the locustfile, as --key=value. */
static void keep_setting(struct reading *r, const char *key, const struct option_setting *s)
{
    if (has_extra(r, key))
        return;
    for (size_t i = 0; i < s->count; i++) {
        struct sbuf b = {0};
        sbuf_addf(&b, s->is_bare ? "--%s" : "--%s=%s", key, s->values[i]);
        add_extra(r, b.data);
        sbuf_fini(&b);
    }
}

static int on_setting(void *arg, const char *path, const struct option_setting *s)
{
    struct reading *r = arg;
    const char *key = strncmp(s->key, "--", 2) == 0 ? s->key + 2 : s->key;
    char label[320];
    snprintf(label, sizeof label, "%.200s:%u: %.60s", path, s->line, key);
    bool is_ambiguous = false;
    const struct option_def *d = option_find(key, strlen(key), &is_ambiguous);
    if (is_ambiguous)
        return ambiguous(label, key, strlen(key));
    if (!d) {
        keep_setting(r, key, s);
        return 0;
    }
    if (d->kind == OPTION_HELP || d->kind == OPTION_VERSION || strcmp(d->name, "config") == 0)
        return option_error("%s: can only be given on the command line", label);
    if (is_taken(r, d) || (s->count == 1 && !*s->values[0]))
        return 0;
    if (!s->is_list)
        return set_from_text(r, d, label, s->values[0]);
    if (!option_takes_list(d))
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
    r->extra_before = r->o->extra_count;
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
        else if (d->kind == OPTION_INT)
            *OPTION_FIELD(o, d, int) = (int)d->initial;
        else if (d->kind == OPTION_WHOLE || d->kind == OPTION_RATE || d->kind == OPTION_SPAN)
            *OPTION_FIELD(o, d, double) = d->initial;
    }
}

/* Rules between options. */
static int check_together(struct options *o)
{
    if (o->headful)
        o->headless = false;
    if (o->master && o->worker)
        return option_error("--master and --worker exclude each other: start the master and the "
                            "worker as two commands, or use --processes for both at once");
    if (o->processes && o->master)
        return option_error(
            "--processes and --master exclude each other: --processes makes its own "
            "master; leave --master out");
    if (o->csv_full_history && !o->csv_prefix)
        return option_error("'--csv-full-history' requires '--csv'. Add it, such as --csv results");
    if (o->autoquit_s >= 0 && !o->autostart)
        return option_error(
            "--autoquit is only meaningful in combination with --autostart: add it, "
            "or leave --autoquit out");
    if (!o->tls_cert != !o->tls_key)
        return option_error("%s needs %s too: give both files, or neither",
                            o->tls_cert ? "--tls-cert" : "--tls-key",
                            o->tls_cert ? "--tls-key" : "--tls-cert");
    if (strcmp(o->locustfile, "-") == 0 && !o->worker)
        return option_error(
            "argument -f/--locustfile: '-' gets the file from the master, which only "
            "a worker has: add --worker, or name the file");
    return 0;
}

int options_parse(struct options *o, int argc, char **argv)
{
    set_initial(o);
    struct reading r = {.o = o, .source = 1, .set_by = mem_zalloc(option_count * sizeof *r.set_by)};
    int rc = read_command_line(&r, argc, argv);
    if (!rc && !r.is_done) {
        r.source++;
        rc = read_environment(&r);
        if (!rc)
            rc = read_files(&r);
        if (!rc)
            rc = check_together(o);
    }
    free(r.set_by);
    return rc;
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
        case OPTION_LEVEL:
            free(*OPTION_FIELD(o, d, char *));
            break;
        case OPTION_LIST:
        case OPTION_USERS_JSON:
            options_free_list(*OPTION_FIELD(o, d, char **));
            break;
        case OPTION_FLAG:
        case OPTION_WHOLE:
        case OPTION_INT:
        case OPTION_RATE:
        case OPTION_SPAN:
        case OPTION_HELP:
        case OPTION_VERSION:
        case OPTION_LEGACY:
            break;
        }
    }
    options_free_list(o->user_classes);
    options_free_list(o->extra);
    *o = (struct options){0};
}
