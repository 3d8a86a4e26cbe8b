/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Findings on standard output; see print.h. */
#include "advise/print.h"

#include <stdlib.h>

#include "alloc.h"
#include "diag.h"
#include "json.h"

static const char *level(const struct finding *finding)
{
	return finding_is_wrong(finding->id) ? "wrong" : "costly";
}

static const char *put_price_of(const char *before, size_t count, const char *what)
{
	if (!count)
		return before;
	printf("%s%zu %s%s", before, count, what, count == 1 ? "" : "s");
	return ", ";
}

static void put_price(const struct price *price)
{
	const char *next = put_price_of("; ", price->relocations, "relocation");

	next = put_price_of(next, price->lookups, "lookup");
	next = put_price_of(next, price->pages, "page");
	next = put_price_of(next, price->bytes, "byte");
	if (price->programs)
		printf("%s%zu program%s", *next == ',' ? " in " : next, price->programs,
		       price->programs == 1 ? "" : "s");
}

static void put_finding(const struct finding *finding, unsigned verbose)
{
	const struct finding_kind *kind = finding_kind(finding->id);

	diag_put(stdout, finding->object->path);
	printf(": %s: %s: ", level(finding), kind->name);
	diag_put(stdout, finding->what);
	put_price(&finding->price);
	printf("; %s\n", kind->advice);
	if (!verbose)
		return;
	printf("    %s\n", kind->more);
	for (size_t i = 0; i < finding->detail_count; i++) {
		printf("    ");
		diag_put(stdout, finding->detail[i].subject);
		printf(*finding->detail[i].text ? ": " : "");
		diag_put(stdout, finding->detail[i].text);
		putchar('\n');
	}
}

static json_t *json_finding(const struct finding *finding)
{
	const struct price *price = &finding->price;
	json_t *details = json_array();

	for (size_t i = 0; i < finding->detail_count; i++)
		json_array_append_new(details, json_pack("{s:o, s:o}", "subject",
							 json_text(finding->detail[i].subject), "text",
							 json_text(finding->detail[i].text)));
	return json_pack("{s:o, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "object",
			 json_text(finding->object->path), "level", level(finding), "finding",
			 finding_kind(finding->id)->name, "what", json_text(finding->what), "relocations",
			 (json_int_t)price->relocations, "lookups", (json_int_t)price->lookups, "pages",
			 (json_int_t)price->pages, "bytes", (json_int_t)price->bytes, "programs",
			 (json_int_t)price->programs, "advice", finding_kind(finding->id)->advice, "details",
			 details);
}

int findings_print(const struct findings *findings, size_t programs, unsigned verbose, bool json)
{
	json_t *rows = json ? json_array() : NULL;
	size_t wrong = 0, costly = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = findings->item[i];
		if (!findings->chosen[finding->id])
			continue;
		*(finding_is_wrong(finding->id) ? &wrong : &costly) += 1;
		if (rows)
			json_array_append_new(rows, json_finding(finding));
		else
			put_finding(finding, verbose);
	}
	int result = wrong || (findings->some && costly);
	if (rows &&
	    json_print(json_pack("{s:o, s:I, s:I, s:I}", "findings", rows, "programs", (json_int_t)programs,
				 "wrong", (json_int_t)wrong, "costly", (json_int_t)costly),
		       stdout))
		result = 1;
	return result;
}

json_t *findings_texts(const struct findings *findings)
{
	json_t *all = json_object();

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = findings->item[i];
		const struct finding_kind *kind = finding_kind(finding->id);
		char *text = xasprintf("%s: %s: %s; %s", level(finding), kind->name, finding->what,
				       kind->advice);
		json_t *path = json_text(finding->object->path);
		json_t *texts = json_object_get(all, json_string_value(path));

		if (!texts)
			json_object_set_new(all, json_string_value(path), texts = json_array());
		json_array_append_new(texts, json_text(text));
		json_decref(path);
		free(text);
	}
	return all;
}
