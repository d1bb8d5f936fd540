// SPDX-License-Identifier: MIT
#pragma once
#include <stddef.h>

/* The date of a cookie (RFC 6265, 5.1.1) as seconds since 1970: whatever holds a time, a day, a
 * month and a year, in any order and whatever the language of this process. 0 when it is none; what
 * lies before 1970 is 1, which is over as well. */
double cookie_date(const char *text, size_t len);
