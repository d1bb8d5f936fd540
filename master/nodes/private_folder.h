// SPDX-License-Identifier: MIT
#pragma once
/* private_folder: private folders for sockets and files, and the removal of those that a process
 * which was killed could not remove.
 *
 * Whoever owns a folder holds a lock on the file FOLDER_LOCK in it for as long as it lives; the
 * kernel lets go of it with the process, whatever ended that. So a folder of ours whose lock is
 * free is nobody's. One without that file is left alone: it may just be being made. Process ids
 * would not do: containers that share a folder do not share those. The Python side makes such
 * folders too (worker/pylib/locust/_folders.py). */
#define FOLDER_PREFIX "katydid-"
#define FOLDER_LOCK "katydid.lock"

/* base/katydid-XXXXXX, malloced, with a descriptor that holds its lock; NULL and errno. */
char *folder_make(const char *base, int *lock);
/* With everything in it. */
void folder_remove(const char *path);
/* Removes those of this user below base that are nobody's. */
void folder_clean(const char *base);
