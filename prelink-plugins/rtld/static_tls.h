/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Thread variables of start-up objects stay where they are without us: in the static block, at a fixed
 * offset from the thread pointer.
 *
 * With an audit module of any kind, ld.so (glibc, rtld.c, init_tls()) fixes the size of that block before
 * it has mapped a library.  A start-up library gets room in what is left over
 * (_dl_try_allocate_static_tls()) only if a relocation of type TPOFF asks for it; else its block is
 * allocated with malloc when a variable is first touched, by each thread.  A malloc that has such a
 * variable, or a signal handler that touches one, then dies.
 *
 * So each of them is given one relocation more, TPOFF against symbol 0, which is the object itself, into a
 * word that nobody reads: a copy of the table that ld.so was going to process, with one record added; but
 * where it has such a record of its own.  What is left over is finite (exec_room.h), and ld.so ends a
 * program that asks for more than there is: then those go without that do not say that they need it
 * (DF_STATIC_TLS), the largest first.
 *
 *     static_tls_begin(program, loader);
 *     static_tls_add(map) for each object mapped at start; static_tls_settle() when their tables are final, be it
 *     before the first one or after the last one; what is added later is settled at once */
#ifndef RTLD_STATIC_TLS_H
#define RTLD_STATIC_TLS_H

#include "ldso.h"

void static_tls_begin(struct link_map *program, struct link_map *loader);
/* 0, or so many bytes of the static block as start-up libraries need for ld.so not to end the program. */
size_t static_tls_add(struct link_map *map);
void static_tls_settle(void);

#endif
