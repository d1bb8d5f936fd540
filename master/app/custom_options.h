// SPDX-License-Identifier: MIT
#pragma once
/* custom_options: parses the command line; where a shortened name in it may be an option of the
 * locustfile, that one is asked for its options first. */
struct options;

/* As options_parse. */
int custom_parse(struct options *o, int argc, char **argv);
