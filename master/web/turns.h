// SPDX-License-Identifier: MIT
#pragma once
/* turns: questions that may take long are worked on a few at a time.
 *
 * They may have to add up some hundred thousand records, or to read the file of a stored run. So
 * that many of them at once slow nobody else down, only TURNS run at a time, on threads of the
 * server, whose priority is below the test's; the others wait for their turn. Any thread. */
#include <stdbool.h>

#define TURNS_BUSY "Too many questions at once; try again in a moment." /* with 503 */

/* false: too many wait, or it took too long. Who has a turn gives it back, and takes no second. */
bool turns_take(void);
void turns_give(void);
