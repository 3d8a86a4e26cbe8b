/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked into a program that names the run-time module (audit.specs): gives its block of thread variables the
 * alignment by which ld.so leaves room for those of its libraries (elf/static_tls.h).  Linked first, and
 * initialised, so that it is the first byte of the block: there is no gap before it then. */
__attribute__((aligned(4096), visibility("hidden"))) __thread char prelink_tls_room = 1;
