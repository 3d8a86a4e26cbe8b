/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rewrites and undoes single files, without a layout and in place of nothing: the tests' way to the
 * functions of image.h.  Reads commands from standard input, one a line, fields separated by tabs, and
 * answers each with one line, "ok" or why not:
 *
 *     move IN OUT ADDRESS     IN, a library, moved to ADDRESS (hexadecimal), as OUT
 *     grow IN OUT TAGS        IN, an executable, given room for a section of 5000 bytes (over 1 MB where TAGS is
 *                             above 2), a string, TAGS (hexadecimal) dynamic entries and, where possible,
 *                             larger static TLS
 *     undo IN OUT             the original of IN as OUT
 *
 * IN that is prelinked already is undone in memory first.  OUT gets IN's mode and times. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"
#include "elf_copy.h"
#include "rewrite/exec_room.h"
#include "rewrite/image.h"
#include "rewrite/original.h"

static const char *const skip_names[] = {
	[SKIP_SETID] = "setid",
	[SKIP_WRITABLE_DIR] = "writable directory",
	[SKIP_IMMUTABLE] = "immutable",
	[SKIP_DEBUG_INFO] = "debug info",
	[SKIP_RELOCATION] = "relocation",
	[SKIP_TRAILING_DATA] = "trailing data",
	[SKIP_NO_SECTIONS] = "no sections",
	[SKIP_LAYOUT_FULL] = "layout full",
	[SKIP_BLACKLISTED] = "blacklisted",
	[SKIP_MALFORMED] = "malformed",
	[SKIP_OTHER_MACHINE] = "other machine",
	[SKIP_LOADER] = "loader",
	[SKIP_MISSING] = "missing",
	[SKIP_NO_ROOM] = "no room",
};

static int write_file(const char *path, const struct stat *st, const struct elf_image *image)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	bool good = fd >= 0 && write(fd, image->data, image->size) == (ssize_t)image->size &&
		    fchmod(fd, st->st_mode & 07777) == 0 && futimens(fd, times) == 0;

	if (fd >= 0)
		close(fd);
	return good ? 0 : -1;
}

/* What a program gets: something of everything.  Its `slot` is the number of tags. */
static enum object_skip grow(struct rewriting *rewriting, struct object *object, struct elf_image *image,
			     struct undo *undo, struct attached *change)
{
	static const char text[] = "a string for .dynstr";
	static unsigned char content[(1 << 20) + 1]; /* more than image.c leaves before a copy (FRONT) */
	unsigned int tags = (unsigned int)object->slot;
	size_t size = tags > 2 ? sizeof content : 5000;
	struct exec_want want = {
		.bytes = size + 64, .strings = sizeof text, .tags = tags, .tls_align = 1024
	};
	struct exec_room room;
	const char *why = NULL;

	memset(content, 0xa5, sizeof content);
	enum object_skip skip = exec_room_make(&room, image, undo, &want, &why);

	change->changed = true;
	if (skip) {
		printf("(%s) ", why ? why : "");
		return skip;
	}
	GElf_Addr address = exec_room_section(&room, ".prelink.test", SHT_PROGBITS, 64, content, size);
	uint64_t index = exec_room_string(&room, text);

	if (!address || !index || exec_room_tag(&room, DT_CONFIG, address))
		return SKIP_OTHER_MACHINE; /* cannot be: we asked for the room */
	for (unsigned int i = 1; i < tags; i++)
		if (exec_room_tag(&room, DT_FEATURE_1, index))
			return SKIP_OTHER_MACHINE;
	if (!room.tls_raised)
		printf("(no TLS: %s) ", room.tls_why);
	(void)rewriting;
	return exec_room_end(&room) ? SKIP_MALFORMED : SKIP_NOT;
}

/* ADDRESS is a slot, or for executables the number of tags. */
static void rewrite(bool library, const char *out_path, uint64_t address, const struct stat *st,
		    const struct elf_image *present, int fd)
{
	struct object object = { .shown = (char *)(uintptr_t)present->path,
				 .path = (char *)(uintptr_t)present->path,
				 .st = *st,
				 .kind = library ? OBJECT_LIBRARY : OBJECT_EXEC,
				 .has_slot = library,
				 .slot = address };
	struct rewriting rewriting = { .program = grow };
	struct elf_image original;
	struct new_image out;

	if (original_init(&original, present, fd, true)) {
		puts("failed");
		return;
	}
	enum object_skip skip = image_make(&out, &rewriting, &object, &original, fd, image_time(&object));
	if (skip) {
		printf("skipped: %s: %s\n", skip_names[skip], out.why ? out.why : "");
	} else if (write_file(out_path, st, &out.image)) {
		puts("cannot write");
	} else {
		puts(out.image.size == present->size && elf_image_same(&out.image, present, present->size) ?
			     "ok unchanged" :
			     "ok");
	}
	elf_image_release(&out.image);
	elf_image_release(&original);
}

static void command(char *line)
{
	char *verb = strtok(line, "\t\n"), *in = strtok(NULL, "\t\n"), *out = strtok(NULL, "\t\n");
	char *address = strtok(NULL, "\t\n");
	struct elf_image present;
	struct stat st;

	if (!verb || !in || !out) {
		puts("usage");
		return;
	}
	int fd = open(in, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) || elf_image_open(&present, fd, in) != ELF_IMAGE_OK) {
		puts("unreadable");
	} else {
		if ((strcmp(verb, "move") == 0 || strcmp(verb, "grow") == 0) && address)
			rewrite(*verb == 'm', out, strtoull(address, NULL, 16), &st, &present, fd);
		else if (strcmp(verb, "undo") == 0)
			puts(!undo_present(&present)                                      ? "not prelinked" :
			     undo_image(&present, true) || write_file(out, &st, &present) ? "failed" :
											    "ok");
		else
			puts("usage");
		elf_image_release(&present);
	}
	if (fd >= 0)
		close(fd);
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;

	diag_tool = "rewriter";
	while (getline(&line, &room, stdin) > 0) {
		command(line);
		fflush(stdout);
	}
	free(line);
	return 0;
}
