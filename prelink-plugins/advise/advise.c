/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Advice; see advise.h. */
#include "advise/advise.h"

#include <stdlib.h>

#include "advise/kinds.h"
#include "advise/print.h"
#include "alloc.h"
#include "diag.h"

static void find_all(struct advice *advice)
{
	advise_copies(advice);
	advise_undefined(advice);
	advise_versions(advice);
	advise_interposed(advice);
	advise_direct(advice);
	advise_places(advice);
	advise_textrel(advice);
	advise_unused(advice);
	advise_exports(advice);
	advise_linked(advice);
	advise_tables(advice);
	advise_late(advice);
	advise_startup(advice);
	findings_sort(&advice->findings);
}

/* What is listed; or with -a and FILEs, these. */
static void choose_objects(struct advice *advice, const struct object_table *table,
			   const struct options *options)
{
	advice->few = options->all && options->file_count;
	for (size_t i = 0; !advice->few && i < table->count; i++)
		advice->about[i] = table->object[i]->listed;
	for (size_t i = 0; advice->few && i < options->file_count; i++) {
		char *path = root_inside(advice->root, options->file[i]);
		const struct object *object = gather_find(advice->search->gather, path);
		if (object && object->index < table->count)
			advice->about[object->index] = true;
		free(path);
	}
}

/* What was found, and how. */
struct inquiry {
	struct evidence evidence;
	struct advice advice;
};

static void begin(struct inquiry *inquiry, const struct root *root, struct object_table *table,
		  struct search *search, const struct options *options)
{
	struct advice *advice = &inquiry->advice;
	char *unknown = NULL;

	*advice = (struct advice){
		.root = root, .search = search, .evidence = &inquiry->evidence, .whole = options->all
	};
	findings_choose(&advice->findings, options->advise, &unknown);
	free(unknown);
	advice->about = xcalloc(table->count + 1, sizeof *advice->about);
	choose_objects(advice, table, options);
	evidence_init(&inquiry->evidence, root, table, search);
	evidence_collect(&inquiry->evidence, options->jobs);
	find_all(advice);
}

static void end(struct inquiry *inquiry)
{
	findings_release(&inquiry->advice.findings);
	free(inquiry->advice.about);
	evidence_release(&inquiry->evidence);
}

int advise(const struct root *root, struct object_table *table, struct search *search,
	   const struct options *options)
{
	struct inquiry inquiry;

	begin(&inquiry, root, table, search, options);
	int result = findings_print(&inquiry.advice.findings, inquiry.evidence.programs, options->verbose,
				    options->json);
	end(&inquiry);
	return result;
}

json_t *advise_texts(const struct root *root, struct object_table *table, struct search *search,
		     const struct options *options)
{
	struct inquiry inquiry;

	begin(&inquiry, root, table, search, options);
	json_t *texts = findings_texts(&inquiry.advice.findings);
	end(&inquiry);
	return texts;
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
