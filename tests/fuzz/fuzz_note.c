/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The note reader: the input once as JSON, once as the contents of a note section of either byte order.
 * What was read can be written, and reads the same again. */
#include "fuzz.h"

#include <string.h>

#include "note.h"

static const char name[] = NOTE_SECTION;

/* An image of one section that holds the input, its name behind it. */
static void read_as_section(const uint8_t *data, size_t size, bool big_endian)
{
	unsigned char *bytes = malloc(size + sizeof name);
	GElf_Shdr shdr[] = {
		{ 0 },
		{ .sh_type = SHT_NOTE, .sh_offset = 0, .sh_size = size },
		{ .sh_type = SHT_STRTAB, .sh_offset = size, .sh_size = sizeof name },
	};
	struct elf_image image = { .path = "fuzz",
				   .data = bytes,
				   .size = size + sizeof name,
				   .is64 = true,
				   .big_endian = big_endian,
				   .shdr = shdr,
				   .names = (char *)bytes + size,
				   .names_size = sizeof name,
				   .shnum = 3,
				   .shstrndx = 2 };
	struct plugin_list list = { 0 };

	memcpy(bytes, data, size);
	memcpy(bytes + size, name, sizeof name);
	note_read(&image, true, &list);
	plugin_list_release(&list);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plugin_list list = { 0 }, again = { 0 };

	if (plugin_list_from_json(&list, (const char *)data, size, "fuzz", "note") == 0) {
		char *text = plugin_list_to_json(&list), *second;

		REQUIRE(plugin_list_from_json(&again, text, strlen(text), "fuzz", "note written") == 0);
		REQUIRE(again.count == list.count);
		second = plugin_list_to_json(&again);
		REQUIRE(strcmp(text, second) == 0);
		free(second);
		free(text);
	}
	plugin_list_release(&list);
	plugin_list_release(&again);
	read_as_section(data, size, false);
	read_as_section(data, size, true);
	return 0;
}
