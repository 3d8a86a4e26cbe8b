/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manifest reader: what it accepts keeps what manifest.h promises. */
#include "fuzz.h"

#include "manifest.h"
#include "pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct manifest_list list = { 0 };

	if (manifest_parse(&list, "fuzz.yaml", (const char *)data, size) == 0) {
		const struct manifest *manifest = &list.manifest[list.count - 1];

		REQUIRE(list.count >= 1 && list.count <= MANIFEST_DOCUMENTS_MAX);
		REQUIRE(manifest->application[0] && manifest->host_count > 0);
		REQUIRE(manifest->plugins.count > 0 && manifest->plugins.count <= PLUGIN_LIST_MAX);
		for (size_t i = 0; i < manifest->host_count; i++)
			REQUIRE(pattern_check(manifest->host[i]) == NULL);
		for (size_t i = 0; i < manifest->plugins.count; i++) {
			const struct plugin_entry *entry = &manifest->plugins.entry[i];

			REQUIRE(entry->path ? pattern_check(entry->path) == NULL : entry->soname_count > 0);
			pattern_match(entry->path ? entry->path : manifest->host[0],
				      "/usr/lib/demo/a/b/c.so.1");
		}
	}
	manifest_list_release(&list);
	return 0;
}
