/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Advice; see advise.h. */
#include "advise/advise.h"

#include <stdlib.h>

#include "advise/kinds.h"
#include "advise/print.h"
#include "diag.h"

static void find_all(struct advice *advice)
{
	advise_copies(advice);
	advise_undefined(advice);
	advise_versions(advice);
	advise_interposed(advice);
	advise_places(advice);
	advise_textrel(advice);
	advise_unused(advice);
	advise_exports(advice);
	advise_linked(advice);
	advise_tables(advice);
	advise_startup(advice);
	findings_sort(&advice->findings);
}

int advise(const struct root *root, struct object_table *table, struct search *search,
	   const struct options *options)
{
	struct evidence evidence;
	struct advice advice = {
		.root = root, .search = search, .evidence = &evidence, .whole = options->all
	};
	char *unknown = NULL;
	int result;

	findings_choose(&advice.findings, options->advise, &unknown);
	free(unknown);
	evidence_init(&evidence, root, table, search);
	evidence_collect(&evidence, options->jobs);
	find_all(&advice);
	result = findings_print(&advice.findings, evidence.programs, options->verbose, options->json);
	findings_release(&advice.findings);
	evidence_release(&evidence);
	return result;
}

bool advise_knows(const char *names)
{
	struct findings findings = { 0 };
	char *unknown = NULL;

	if (findings_choose(&findings, names, &unknown))
		return true;
	diag_error(NULL, "--advise: '%s' is no finding; prelink(8) lists them", unknown);
	free(unknown);
	return false;
}
