// SPDX-License-Identifier: MIT
#pragma once
/* whole: text that several processes write to one place without mixing their lines.
 *
 * A file that is appended to keeps each write whole, and so does a terminal; a pipe only what is
 * short, and while it has room. So whoever writes to a pipe holds a lock on it meanwhile (fcntl's,
 * which belongs to the pipe); not for long, lest a process that is stopped holds up the others. */
#include <stddef.h>

/* All of the bytes, whatever signals or a descriptor that does not block. 0, or an errno. */
int whole_write(int fd, const void *bytes, size_t len);
/* What there is room for at once; now_fd is the same place as it does not block, or fd itself if
 * that is a socket. If that is less than all of them, but some, whole_write is for the rest, and no
 * other process gets in between. *error is set, to an errno, if it is in vain. */
size_t whole_write_now(int fd, int now_fd, const void *bytes, size_t len, int *error);
