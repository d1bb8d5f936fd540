// SPDX-License-Identifier: MIT
#pragma once
/* sources: the addresses of this machine that connections come from (--source-addresses).
 *
 * Each pool, which is a user's, has the next one of the list, for all of its connections; of a pool
 * of many users (is_of_many) each connection has. A target of a family that is not among them
 * cannot be reached.
 */
#include <stdint.h>

struct addresses;
struct fetch_engine;

/* Takes the list. first: the number of the address
 * that the next pool gets, counted round and round. */
void fetch_engine_set_sources(struct fetch_engine *e, struct addresses *sources, uint32_t first);
