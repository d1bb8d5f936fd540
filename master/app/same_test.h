// SPDX-License-Identifier: MIT
#pragma once
/* same_test: a run with the same --test-id that goes on beside this one. */
struct master;

/* Series of two masters with the same labels are one in a store, and nothing is right of it: a
 * warning, where the history shows that another run of that test id goes on now. */
void same_test_warn(const struct master *m);
