/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a program again, where ld.so is about to end it for our being here.
 *
 * Beside an audit module, what has large thread variables of the initial-exec kind (ThreadSanitizer's and
 * LeakSanitizer's run times, linked in or preloaded) finds no room in the static block, and ld.so ends the
 * program.  It has not run an instruction of its own by then, nor of its libraries: it is started anew, in
 * its place.  Where LD_AUDIT named the module and nobody else, without that; else with room:
 * glibc.rtld.optional_static_tls (glibc 2.33 and later). */
#ifndef RTLD_AGAIN_H
#define RTLD_AGAIN_H

#include <stddef.h>

#include "environment.h"
#include "text.h"

/* Starts the program again, with NEED bytes of static block for what is loaded at start.  Returns where that
 * cannot be, or would change nothing: ld.so then says what the matter is. */
SELDOM void start_again(const struct environment *environment, size_t need);

#endif
