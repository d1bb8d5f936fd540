// SPDX-License-Identifier: MIT
/* sink_spec: what people write behind --out, read by the tables of the kinds. Whatever is wrong is
 * told with the word that is nearest, before anything starts. */
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/options/options.h"
#include "master/sink/sink.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 0.5 /* of options_likeness: below it is no hint */
#define SECRET_MOST 65536

static const struct sink_kind *const KINDS[] = {
#define SINK(kind) &sink_##kind,
#include "master/sink/sinks.def"
#undef SINK
};
#define KIND_COUNT (sizeof KINDS / sizeof KINDS[0])

char *sink_words(const struct sink_spec *spec, const char *format, ...)
{
    struct sbuf text = {0};
    va_list args;
    va_start(args, format);
    sbuf_addf(&text, "--out %s: ", spec->kind->name);
    sbuf_addv(&text, format, args);
    va_end(args);
    return sbuf_take(&text);
}

void sink_add_tags(const struct sink_spec *spec, const char *run_id,
                   void (*add)(struct sbuf *out, const char *key, const char *value),
                   struct sbuf *out)
{
    add(out, "testid", spec->test_id ? spec->test_id : run_id);
    for (char *const *tag = spec->tags; tag && *tag; tag++) {
        const char *value = strchr(*tag, '=');
        char *key = value ? mem_dup(*tag, (size_t)(value - *tag)) : NULL;
        if (key)
            add(out, key, value + 1);
        free(key);
    }
}

/* ---- the nearest word -------------------------------------------------------------------- */

static const char *kind_name(const void *of, size_t i)
{
    (void)of;
    return KINDS[i]->name;
}

static const char *key_name(const void *of, size_t i)
{
    return ((const struct sink_kind *)of)->keys[i].name;
}

static void add_all(struct sbuf *text, const char *(*name)(const void *of, size_t i),
                    const void *of, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sbuf_addf(text, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " and ", name(of, i));
}

static char *unknown_kind(const char *word)
{
    struct sbuf text = {0};
    const char *near = options_nearest_name(word, NEAR, kind_name, NULL, KIND_COUNT);
    sbuf_addf(&text, "--out: there is no kind '%s'", word);
    if (near)
        sbuf_addf(&text, "; did you mean '%s'?", near);
    sbuf_adds(&text, near ? " There are " : "; there are ");
    add_all(&text, kind_name, NULL, KIND_COUNT);
    sbuf_adds(&text, ": see --out help");
    return sbuf_take(&text);
}

static char *unknown_key(const struct sink_spec *spec, const char *word)
{
    struct sbuf text = {0};
    const char *near =
        options_nearest_name(word, NEAR, key_name, spec->kind, spec->kind->key_count);
    sbuf_addf(&text, "there is no key '%s'", word);
    if (near)
        sbuf_addf(&text, "; did you mean '%s'?", near);
    sbuf_adds(&text, near ? " It has " : "; it has ");
    add_all(&text, key_name, spec->kind, spec->kind->key_count);
    char *why = sink_words(spec, "%s", text.data);
    sbuf_fini(&text);
    return why;
}

/* ---- values ------------------------------------------------------------------------------ */

static size_t find_key(const struct sink_kind *kind, const char *name)
{
    size_t i = 0;
    while (i < kind->key_count && strcmp(kind->keys[i].name, name) != 0)
        i++;
    return i;
}

/* Seconds; negative: it is none. */
static double read_span(const char *text)
{
    char *end;
    const double number = strtod(text, &end);
    if (end == text || !isdigit((unsigned char)*text))
        return -1;
    return !*end || !strcmp(end, "s") ? number
           : !strcmp(end, "ms")       ? number / 1000
           : !strcmp(end, "m")        ? number * 60
           : !strcmp(end, "h")        ? number * 3600
                                      : -1;
}

static double read_number(const struct sink_key *key, const char *text)
{
    char *end;
    if (key->value == SINK_SPAN)
        return read_span(text);
    const double number = strtod(text, &end);
    return end != text && !*end ? number : -1;
}

/* How many; 0: it is no such list. */
static size_t read_bounds(const char *text, double bounds[static SINK_BOUNDS_MOST])
{
    size_t count = 0;
    for (text += strspn(text, " /"); *text; text += strspn(text, " /")) {
        char *end;
        const double bound = strtod(text, &end);
        if (end == text || (*end && !strchr(" /", *end)) || count == SINK_BOUNDS_MOST ||
            !(bound > (count ? bounds[count - 1] : 0)) || bound > 1e6)
            return 0;
        bounds[count++] = bound;
        text = end;
    }
    return count;
}

static bool is_word_of(const char *list, const char *word)
{
    const size_t len = strlen(word);
    for (const char *p = list; len && !strchr(word, ' ') && (p = strstr(p, word)) != NULL; p += len)
        if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
            return true;
    return false;
}

/* Bits by the place in the list; 0: one is none of them. */
static unsigned read_words(const char *list, const char *text)
{
    unsigned bits = 0;
    for (text += strspn(text, " /"); *text; text += strspn(text, " /")) {
        const size_t len = strcspn(text, " /");
        unsigned bit = 1;
        const char *p = list;
        for (; *p && (strcspn(p, " ") != len || strncmp(p, text, len) != 0); bit <<= 1) {
            p += strcspn(p, " ");
            p += strspn(p, " ");
        }
        if (!*p)
            return 0;
        bits |= bit;
        text += len;
    }
    return bits;
}

static char *check_number(const struct sink_spec *spec, const struct sink_key *key,
                          const char *text)
{
    const char *unit = key->value == SINK_SPAN ? " seconds" : "";
    double least = 0, most = 0;
    char *end;
    const double number = read_number(key, text);
    least = strtod(key->allowed, &end);
    most = strtod(end, NULL);
    if (number >= least && number <= most)
        return NULL;
    return sink_words(spec, "%s=%s: give a number from %g to %g%s%s", key->name, text, least, most,
                      unit, key->value == SINK_SPAN ? ", such as 200ms, 5s or 1m" : "");
}

/* What a value is not; NULL: it is good. */
static char *check_value(const struct sink_spec *spec, const struct sink_key *key, const char *text)
{
    switch (key->value) {
    case SINK_NUMBER:
    case SINK_SPAN:
        return check_number(spec, key, text);
    case SINK_FLAG:
        return is_word_of("yes no true false 1 0 on off", text)
                   ? NULL
                   : sink_words(spec, "%s=%s: give yes or no", key->name, text);
    case SINK_CHOICE:
        return is_word_of(key->allowed, text)
                   ? NULL
                   : sink_words(spec, "%s=%s: give one of %s", key->name, text, key->allowed);
    case SINK_WORDS:
        return read_words(key->allowed, text)
                   ? NULL
                   : sink_words(spec, "%s=%s: give some of %s, by slashes", key->name, text,
                                key->allowed);
    case SINK_SECRET:
        return text[0] == '@' ? NULL
                              : sink_words(spec,
                                           "%s: a secret is not written here, where ps and logs "
                                           "show it: give %s=@FILE, or set %s",
                                           key->name, key->name, key->allowed);
    case SINK_BOUNDS:
        return read_bounds(text, (double[SINK_BOUNDS_MOST]){0})
                   ? NULL
                   : sink_words(spec,
                                "%s=%s: give seconds that rise, %d of them at most, such as "
                                "0.1/0.5/1",
                                key->name, text, SINK_BOUNDS_MOST);
    case SINK_TEXT:
        break;
    }
    return NULL;
}

/* The text of a file without the end of its last line. NULL, and *why. */
static char *read_secret(const struct sink_spec *spec, const struct sink_key *key, const char *path,
                         char **why)
{
    struct sbuf text = {0};
    char piece[4096];
    FILE *f = fopen(path, "re");
    if (!f) {
        *why = sink_words(spec, "%s=@%s: that file cannot be read", key->name, path);
        return NULL;
    }
    for (size_t n = 1; n > 0 && text.len < SECRET_MOST;) {
        n = fread(piece, 1, sizeof piece, f);
        sbuf_add(&text, piece, n);
    }
    fclose(f);
    while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.data[--text.len] = 0;
    char *secret = sbuf_take(&text);
    if (!secret || !*secret) {
        *why = sink_words(spec, "%s=@%s: that file is empty", key->name, path);
        free(secret);
        return NULL;
    }
    return secret;
}

static int set(struct sink_spec *spec, const char *name, const char *value, char **why)
{
    const size_t i = find_key(spec->kind, name);
    if (i == spec->kind->key_count) {
        *why = unknown_key(spec, name);
        return -1;
    }
    const struct sink_key *key = &spec->kind->keys[i];
    if (!value && key->value == SINK_FLAG)
        value = "yes";
    if (!value || !*value) {
        *why = sink_words(spec, "%s has no value", name);
        return -1;
    }
    if (spec->given[i]) {
        *why = sink_words(spec, "%s is given twice", name);
        return -1;
    }
    *why = check_value(spec, key, value);
    if (*why)
        return -1;
    spec->given[i] =
        key->value == SINK_SECRET ? read_secret(spec, key, value + 1, why) : mem_strdup(value);
    return spec->given[i] ? 0 : -1;
}

bool sink_set_missing(struct sink_spec *spec, const char *key, const char *value, char **why)
{
    if (spec->given[find_key(spec->kind, key)] || !value || !*value)
        return true;
    return set(spec, key, value, why) == 0;
}

/* Secrets that are in the environment. */
static void take_environment(struct sink_spec *spec)
{
    for (size_t i = 0; i < spec->kind->key_count; i++) {
        const struct sink_key *key = &spec->kind->keys[i];
        for (const char *p = key->allowed; key->value == SINK_SECRET && *p && !spec->given[i];) {
            const size_t len = strcspn(p, " ");
            char *name = mem_dup(p, len);
            const char *value = getenv(name);
            free(name);
            if (value && *value)
                spec->given[i] = mem_strdup(value);
            p += len + strspn(p + len, " ");
        }
    }
}

/* ---- one that is asked for --------------------------------------------------------------- */

static struct sink_spec *spec_of(const char *kind, char **why)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (!strcmp(KINDS[i]->name, kind)) {
            struct sink_spec *spec = mem_zalloc(sizeof *spec);
            spec->kind = KINDS[i];
            spec->name = mem_strdup(kind);
            spec->given = mem_zalloc((KINDS[i]->key_count + 1) * sizeof *spec->given);
            return spec;
        }
    *why = unknown_kind(kind);
    return NULL;
}

void sink_spec_free(struct sink_spec *spec)
{
    if (!spec)
        return;
    for (size_t i = 0; i < spec->kind->key_count; i++)
        free(spec->given[i]);
    free(spec->given);
    free(spec->target);
    free(spec->name);
    free(spec);
}

/* user:password@ of an address would be shown wherever the address is. */
static int check_target(const struct sink_spec *spec, char **why)
{
    const char *host = spec->target ? strstr(spec->target, "://") : NULL;
    const char *at = host ? strchr(host + 3, '@') : NULL;
    if (!at || strcspn(host + 3, "/?#") < (size_t)(at - host - 3) ||
        !memchr(host + 3, ':', (size_t)(at - host - 3)))
        return 0;
    *why = sink_words(spec, "an address with a password is shown wherever the address is: give "
                            "username=NAME,password=@FILE");
    return -1;
}

static struct sink_spec *finish(struct sink_spec *spec, int rc, char **why)
{
    if (rc == 0)
        rc = check_target(spec, why);
    if (rc == 0)
        take_environment(spec);
    if (rc == 0)
        return spec;
    sink_spec_free(spec);
    return NULL;
}

/* Up to the next comma; "\," is one of the text. NULL: there is no more. Malloced. */
static char *next_piece(const char **p)
{
    struct sbuf piece = {0};
    if (!**p)
        return NULL;
    for (; **p && **p != ','; (*p)++) {
        if (**p == '\\' && (*p)[1] == ',')
            (*p)++;
        sbuf_addc(&piece, **p);
    }
    if (**p == ',')
        (*p)++;
    return piece.data ? sbuf_take(&piece) : mem_strdup("");
}

struct sink_spec *sink_spec_text(const char *text, char **why)
{
    char *piece = next_piece(&text);
    char *target = piece ? strchr(piece, '=') : NULL;
    if (target)
        *target++ = 0;
    struct sink_spec *spec = spec_of(piece ? piece : "", why);
    if (spec && target && *target)
        spec->target = mem_strdup(target);
    free(piece);
    int rc = 0;
    while (spec && rc == 0 && (piece = next_piece(&text)) != NULL) {
        char *value = strchr(piece, '=');
        if (value)
            *value++ = 0;
        rc = set(spec, piece, value, why);
        free(piece);
    }
    return spec ? finish(spec, rc, why) : NULL;
}

static char *plain(const json_t *value);

/* Of numbers or words, by spaces. */
static char *plain_list(const json_t *list)
{
    struct sbuf text = {0};
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        char *word = json_is_number(one) || json_is_string(one) ? plain(one) : NULL;
        if (!word) {
            sbuf_fini(&text);
            return NULL;
        }
        sbuf_addf(&text, "%s%s", i ? " " : "", word);
        free(word);
    }
    return text.data ? sbuf_take(&text) : NULL;
}

/* A text, number, list of these or boolean of JSON as it would be written. NULL: it is something
 * else. */
static char *plain(const json_t *value)
{
    if (json_is_array(value))
        return plain_list(value);
    if (json_is_string(value))
        return mem_strdup(json_string_value(value));
    if (json_is_boolean(value))
        return mem_strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_integer(value))
        return sbuf_words("%lld", (long long)json_integer_value(value));
    return json_is_real(value) ? sbuf_words("%g", json_real_value(value)) : NULL;
}

static struct sink_spec *of_table(const json_t *one, char **why)
{
    const char *kind = json_string_value(json_object_get(one, "kind")), *name;
    const char *target = json_string_value(json_object_get(one, "target"));
    struct sink_spec *spec = kind ? spec_of(kind, why) : NULL;
    json_t *value;
    int rc = 0;
    if (!kind)
        *why = mem_strdup("--out: a table of an output has kind = \"…\"");
    if (!spec)
        return NULL;
    if (target && *target)
        spec->target = mem_strdup(target);
    json_object_foreach((json_t *)(uintptr_t)one, name, value)
    {
        if (rc != 0 || !strcmp(name, "kind") || (!strcmp(name, "target") && target))
            continue;
        char *text = plain(value);
        rc = set(spec, name, text, why);
        free(text);
    }
    return finish(spec, rc, why);
}

struct sink_spec *sink_spec_json(const json_t *one, const char *source, char **why)
{
    char *cause = NULL;
    struct sink_spec *spec = json_is_string(one) ? sink_spec_text(json_string_value(one), &cause)
                                                 : of_table(one, &cause);
    if (!spec)
        *why = sbuf_words("%s: %s", source, cause);
    free(cause);
    return spec;
}

/* ---- looking it up ----------------------------------------------------------------------- */

const char *sink_get(const struct sink_spec *spec, const char *key)
{
    const size_t i = find_key(spec->kind, key);
    if (i == spec->kind->key_count)
        return NULL;
    return spec->given[i]                             ? spec->given[i]
           : spec->kind->keys[i].value != SINK_SECRET ? spec->kind->keys[i].initial
                                                      : NULL;
}

double sink_number(const struct sink_spec *spec, const char *key)
{
    const char *text = sink_get(spec, key);
    return text ? read_number(&spec->kind->keys[find_key(spec->kind, key)], text) : 0;
}

size_t sink_bounds(const struct sink_spec *spec, const char *key,
                   double bounds[static SINK_BOUNDS_MOST])
{
    const char *text = sink_get(spec, key);
    return text ? read_bounds(text, bounds) : 0;
}

bool sink_is(const struct sink_spec *spec, const char *key)
{
    const char *text = sink_get(spec, key);
    return text && is_word_of("yes true 1 on", text);
}

unsigned sink_labels(const struct sink_spec *spec)
{
    const char *text = sink_get(spec, "labels");
    const unsigned bits =
        text ? read_words(spec->kind->keys[find_key(spec->kind, "labels")].allowed, text) : 0;
    return bits & SINK_LABELS_AUTO ? SINK_LABELS_ALL | SINK_LABELS_AUTO : bits & SINK_LABELS_ALL;
}

bool sink_is_word(const struct sink_spec *spec, const char *key, const char *word)
{
    const char *text = sink_get(spec, key);
    return text && !strcmp(text, word);
}

/* ---- --out help -------------------------------------------------------------------------- */

static void help_key(struct sbuf *out, const struct sink_key *key)
{
    static const char *const shapes[] = {
        [SINK_TEXT] = "TEXT", [SINK_SECRET] = "@FILE", [SINK_NUMBER] = "N",
        [SINK_SPAN] = "TIME", [SINK_FLAG] = "yes|no",  [SINK_CHOICE] = NULL,
        [SINK_WORDS] = NULL,  [SINK_BOUNDS] = "N/N..."};
    struct sbuf left = {0};
    sbuf_addf(&left, "%s=", key->name);
    const char *shape = shapes[key->value] ? shapes[key->value] : key->allowed;
    for (const char *p = shape; *p; p++)
        sbuf_addc(&left, *p == ' ' ? '|' : *p);
    sbuf_addf(out, "      %-28s %s", left.data, key->help);
    if (key->value == SINK_SECRET)
        sbuf_addf(out, "; or in %s", key->allowed);
    if (key->initial)
        sbuf_addf(out, ". Default: %s", key->initial);
    sbuf_addc(out, '\n');
    sbuf_fini(&left);
}

void sink_help(struct sbuf *out)
{
    sbuf_adds(out, "--out KIND[=TARGET][,KEY=VALUE...], may be given again. A comma in a value is "
                   "written \\,\nOne a line in KATYDID_OUT; in pyproject.toml tables "
                   "[[tool.katydid.out]] with kind, target and keys.\nA secret is the name of a "
                   "file behind an @, or in an environment variable.\n");
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct sink_kind *kind = KINDS[i];
        sbuf_addf(out, "\n  %s=%s\n      %s\n", kind->name, kind->target, kind->summary);
        for (size_t k = 0; k < kind->key_count; k++)
            help_key(out, &kind->keys[k]);
    }
}
