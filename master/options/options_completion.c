// SPDX-License-Identifier: MIT
/* options_completion: the scripts that make bash, zsh and fish complete the options of the table.
 *
 * They complete the names of options, the words of those that take one of a few, and files behind
 * those that name files. What is behind other options, and the names of User classes, is left to be
 * typed. The scripts need nothing of the packages of completions that distributions have.
 */
#include "master/options/options_table.h"
#include "common/base/sbuf.h"
#include <stdio.h>
#include <string.h>

enum { ABOUT_MAX = 72 }; /* columns of what is said of an option */

static bool is_shown(const struct option_def *d)
{
    return d->name && !(d->marks & OPTION_HIDDEN);
}

/* The first sentence of the help, or its beginning. */
static size_t about_len(const char *help)
{
    size_t len = strlen(help);
    static const char *const ends[] = {"; ", ". "};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *end = strstr(help, ends[i]);
        if (end && (size_t)(end - help) < len)
            len = (size_t)(end - help);
    }
    while (len > ABOUT_MAX) {
        const char *blank = memrchr(help, ' ', len);
        len = blank ? (size_t)(blank - help) : ABOUT_MAX;
    }
    return len;
}

/* Within '…' of zsh and fish: quote stands for one of these, special characters take a backslash.
 */
static void add_about(struct sbuf *b, const char *help, const char *quote, const char *special)
{
    size_t len = about_len(help);
    for (size_t i = 0; i < len; i++) {
        if (help[i] == '\'')
            sbuf_adds(b, quote);
        else if (strchr(special, help[i]))
            sbuf_addf(b, "\\%c", help[i]);
        else
            sbuf_addc(b, help[i]);
    }
    if (help[len] && help[len] != ';' && help[len] != '.')
        sbuf_adds(b, " ...");
}

/* ---- bash --------------------------------------------------------------------------------- */

static void add_pattern(struct sbuf *b, const struct option_def *d, const char *between)
{
    if (d->short_name)
        sbuf_addf(b, "%s-%c", between, d->short_name);
    sbuf_addf(b, "%s%s", d->short_name ? "|" : between, d->word);
}

static void add_bash_choices(struct sbuf *b)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (!is_shown(d) || !d->choices)
            continue;
        add_pattern(b, d, "        ");
        sbuf_addf(b, ")\n            COMPREPLY=($(compgen -W '%s' -- \"$word\"))\n", d->choices);
        sbuf_adds(b, "            return ;;\n");
    }
}

/* The case of the options that take a value, which names files or does not. */
static void add_bash_values(struct sbuf *b, bool is_of_files)
{
    const char *between = "        ";
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (!is_shown(d) || !option_takes_value(d) || d->choices ||
            !(d->marks & OPTION_FILES) == is_of_files)
            continue;
        add_pattern(b, d, between);
        between = "|";
    }
    sbuf_addf(b, ")\n%s            return ;;\n",
              is_of_files ? "            compopt -o default\n" : "");
}

static void add_bash(struct sbuf *b, const char *program)
{
    sbuf_addf(b,
              "_%s() {\n"
              "    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} i\n"
              "    COMPREPLY=()\n"
              "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
              "        [[ ${COMP_WORDS[i]} == -- ]] && return\n"
              "    done\n"
              "    # --option=value is three words here\n"
              "    if [[ $word == = ]]; then\n"
              "        word=\n"
              "    elif [[ $option == = ]]; then\n"
              "        option=${COMP_WORDS[COMP_CWORD - 2]}\n"
              "    fi\n"
              "    case $option in\n",
              program);
    add_bash_choices(b);
    add_bash_values(b, true);
    add_bash_values(b, false);
    sbuf_adds(b, "    esac\n"
                 "    [[ $word == -* ]] && COMPREPLY=($(compgen -W '");
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (is_shown(d) && d->short_name)
            sbuf_addf(b, "-%c ", d->short_name);
        if (is_shown(d))
            sbuf_addf(b, "%s ", d->word);
    }
    sbuf_addf(b, "' -- \"$word\"))\n}\ncomplete -F _%s %s\n", program, program);
}

/* ---- zsh ---------------------------------------------------------------------------------- */

static void add_zsh_option(struct sbuf *b, const struct option_def *d)
{
    bool has_value = option_takes_value(d);
    if (d->short_name)
        sbuf_addf(b, "    '(-%c %s)'{-%c%s,%s%s}'[", d->short_name, d->word, d->short_name,
                  has_value ? "+" : "", d->word, has_value ? "=" : "");
    else
        sbuf_addf(b, "    '%s%s[", d->word, has_value ? "=" : "");
    add_about(b, d->help, "'\\''", "[]:\\");
    sbuf_addc(b, ']');
    if (has_value)
        sbuf_addf(b, ":%s:", d->name);
    if (has_value && d->choices)
        sbuf_addf(b, "(%s)", d->choices);
    else if (has_value && d->marks & OPTION_FILES)
        sbuf_adds(b, "_files");
    sbuf_adds(b, "' \\\n");
}

static void add_zsh(struct sbuf *b, const char *program)
{
    sbuf_addf(b, "_%s() {\n    _arguments -s \\\n", program);
    for (size_t i = 0; i < option_count; i++)
        if (is_shown(&option_table[i]))
            add_zsh_option(b, &option_table[i]);
    sbuf_adds(b, "    '*:User class: '\n}\n");
    /* loaded by compinit, or by hand */
    sbuf_addf(b,
              "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    _%s \"$@\"\n"
              "else\n    compdef _%s %s\nfi\n",
              program, program, program);
}

/* ---- fish --------------------------------------------------------------------------------- */

static void add_fish(struct sbuf *b, const char *program)
{
    sbuf_addf(b, "complete -c %s -f\n", program);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_def *d = &option_table[i];
        if (!is_shown(d))
            continue;
        sbuf_addf(b, "complete -c %s", program);
        if (d->short_name)
            sbuf_addf(b, " -s %c", d->short_name);
        sbuf_addf(b, " -l %s", d->name);
        if (option_takes_value(d))
            sbuf_adds(b, d->marks & OPTION_FILES ? " -r -F" : " -x");
        if (d->choices)
            sbuf_addf(b, " -a '%s'", d->choices);
        sbuf_adds(b, " -d '");
        add_about(b, d->help, "\\'", "\\");
        sbuf_adds(b, "'\n");
    }
}

void options_completion(const char *shell)
{
    static const struct {
        const char *shell, *head;
        void (*add)(struct sbuf *b, const char *program);
    } shells[] = {{"bash", "", add_bash}, {"zsh", "#compdef", add_zsh}, {"fish", "", add_fish}};
    const char *program = options_program();
    struct sbuf b = {0};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shell, shells[i].shell) != 0)
            continue;
        if (*shells[i].head)
            sbuf_addf(&b, "%s %s\n", shells[i].head, program);
        sbuf_addf(&b, "# Completion of %s's options for %s, made by: %s --completion %s\n", program,
                  shell, program, shell);
        shells[i].add(&b, program);
    }
    fwrite(b.data, 1, b.len, stdout);
    fflush(stdout);
    sbuf_fini(&b);
}
