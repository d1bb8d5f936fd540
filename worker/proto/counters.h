// SPDX-License-Identifier: MIT
#pragma once
/* counters: what an engine has done since it was made, and what it holds now; for health, metrics
 * and tests. */
#include <stdint.h>

struct fetch_counters {
    uint64_t connections_opened, connections_reused, connections_open, dns_lookups, tls_resumed;
    uint64_t origins, awaiting; /* known now; exchanges that are sent, without a byte of answer */
    /* Of HTTP/2: connections and exchanges on them, now; exchanges that servers refused; what was
     * sent again as not looked at; bytes of heads, both ways, as they went and as they were. */
    uint64_t shared_open, streams_open, refused, retries, heads_wire, heads_plain;
};
