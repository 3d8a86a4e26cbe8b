/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prelink --bindings: what every symbol that a program's start-up looks up resolves to, for people and for
 * comparison with LD_DEBUG=bindings.
 *
 * A line for each relocation that takes a lookup, the objects in the order in which ld.so relocates them (the
 * last of the scope first): object, address of the relocation, symbol, version, provider, with a tab between.
 * The version is "-" where none is asked for; the provider is "-" for a weak symbol that nobody defines
 * (it becomes 0), and "?" for another one.  Bytes of names that are control characters are printed as \xNN.
 *
 * With --json, one document:
 *
 *     [ { "program": path,
 *         "bindings": [ { "object": path, "address": "0x...", "symbol", "version": text or null,
 *                         "provider": path or null, "weak": true | false } ... ] } ... ]
 *
 * Of a library its own natural scope is taken. */
#ifndef BINDINGS_H
#define BINDINGS_H

#include "bind/bind.h"

/* Prints them for every listed object of TABLE, whose scopes are known, to standard output.  0, or -1 after a
 * message where something could not be bound or written. */
int bindings_print(struct bind *bind, const struct object_table *table, bool json);

#endif
