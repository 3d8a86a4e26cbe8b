/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Printing manifests; see manifest_print.h. */
#include "manifest_print.h"

#include <stdlib.h>

#include "json.h"

/* TEXT as a JSON string, which is a YAML string too. */
static void print_text(FILE *out, const char *text)
{
	json_t *string = json_text(text);
	char *quoted = json_dumps(string, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	fputs(quoted ? quoted : "\"\"", out);
	free(quoted);
	json_decref(string);
}

static void print_value(FILE *out, const char *key, const char *text)
{
	if (!text)
		return;
	fprintf(out, "    %s: ", key);
	print_text(out, text);
	putc('\n', out);
}

static void print_entry(FILE *out, const struct plugin_entry *entry)
{
	fputs("  - feature: ", out);
	print_text(out, entry->feature ? entry->feature : "plugins");
	putc('\n', out);
	print_value(out, "description", entry->description);
	if (entry->priority != PLUGIN_RECOMMENDED)
		fprintf(out, "    priority: %s\n", plugin_priority_name(entry->priority));
	print_value(out, "exclusive", entry->exclusive);
	print_value(out, "path", entry->path);
	for (size_t i = 0; i < entry->soname_count; i++) {
		fputs(i ? ", " : "    soname: [", out);
		print_text(out, entry->soname[i]);
	}
	fputs(entry->soname_count ? "]\n" : "", out);
}

void manifest_print(FILE *out, const struct manifest *manifest, const char *description)
{
	fprintf(out, "---\nmanifest: %d\napplication: ", MANIFEST_VERSION);
	print_text(out, manifest->application);
	fputs("\ndescription: ", out);
	print_text(out, description);
	fputs("\nhosts:\n", out);
	for (size_t i = 0; i < manifest->host_count; i++) {
		fputs("  - path: ", out);
		print_text(out, manifest->host[i]);
		putc('\n', out);
	}
	fputs("plugins:\n", out);
	for (size_t i = 0; i < manifest->plugins.count; i++)
		print_entry(out, &manifest->plugins.entry[i]);
}
