// SPDX-License-Identifier: MIT
#pragma once
/* addresses: a list of IP addresses as people write it, which may stand for very many.
 *
 * Separated by commas or blanks: addresses, ranges "10.0.0.5-10.0.0.9", and prefixes
 * "10.0.0.0/24" (IPv4 without the network's own address and its broadcast, unless it has two or
 * one), "2001:db8::/64". Nothing is expanded. Pure, but for addresses_try.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESSES_RANGES_MAX 4096

struct addresses;

/* NULL, and *why is a sentence with cause and mend (malloced). */
struct addresses *addresses_read(const char *text, char **why);
void addresses_free(struct addresses *a);

/* How many of that family; at most UINT64_MAX. */
uint64_t addresses_count(const struct addresses *a, int family);
/* The one that number n, counted round and round, falls on. false: there is none of that family. */
bool addresses_at(const struct addresses *a, int family, uint64_t n, struct sockaddr_storage *to);

/* Whether a socket of this machine can send from the first and last one of each range; else *why,
 * as above. */
bool addresses_try(const struct addresses *a, char **why);
