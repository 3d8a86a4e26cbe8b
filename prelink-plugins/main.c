/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* prelink: the table of contents of the program.  Each pass is a file of its own with one entry point. */
#include "conf.h"
#include "diag.h"
#include "options.h"
#include "root.h"

int main(int argc, char **argv)
{
	struct options options;
	struct root root;
	struct conf conf = { 0 };

	diag_tool = "prelink";
	options_parse(&options, argc, argv);
	if (root_open_tree(&root, options.root) == 0) {
		if (conf_read(&conf, &root, &options) == 0) {
			/* gather, search, scope, layout, bind, rebase, plan, rewrite */
		}
		conf_release(&conf);
		root_release(&root);
	}
	options_release(&options);
	return diag_failed() ? 1 : 0;
}
