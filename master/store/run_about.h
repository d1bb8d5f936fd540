// SPDX-License-Identifier: MIT
#pragma once
/* run_about: what is known of a run besides its figures: where it runs, what was typed, in which
 * state of the sources. Each a new object of JSON; nothing here fails, what is not known is left
 * out. Any thread but the main one: `git` is asked, at most GIT_WAIT_S. */
#include <jansson.h>
#include <stddef.h>

#define GIT_WAIT_S 2

json_t *run_about_git(const char *file); /* {"commit", "branch", "dirty"} of its repository */
json_t *run_about_machine(void);         /* {"name", "cpu", "cores"} */
/* What makes runs comparable besides their load: a text. */
json_t *run_about_environment(const json_t *machine, size_t workers);
json_t *run_about_pipeline(void); /* of continuous integration; NULL: there is none */
json_t *run_about_command(const char *bytes, size_t len); /* words that end with NULs; secrets are
                                                             masked: an array */
json_t *run_about_own_command(void);
struct options;
/* "seed" and "schedule" into about, where there is a seed: runs that have both alike did the same
 * at the same time. */
void run_about_seed(const struct options *o, json_t *about);
/* Those of --tag, and "repeat" where there is one. */
json_t *run_about_tags(const struct options *o, const char *repeat);
