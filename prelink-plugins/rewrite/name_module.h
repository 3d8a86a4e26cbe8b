/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that name the run-time module and have no plan of their own: for who builds packages
 * (add-plugin-note(1)).  What is installed then is started with the system's store, and is never changed.
 *
 *     scope_all(&table, &search);              // their libraries' thread variables have to fit beside the module
 *     object_table_want(&table);
 *     name_module(&rewriting); */
#ifndef NAME_MODULE_H
#define NAME_MODULE_H

#include "rewrite/rewriting.h"

/* Gives each listed program DT_AUDIT, and its block of thread variables the alignment that it takes
 * then (static_tls.h).  No undo record is left: this is how the package has it.  What names an audit
 * module already, or is left alone for reasons that hold for any rewriting, stays as it is; what
 * cannot have one is told. */
void name_module(struct rewriting *rewriting);

#endif
