/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file as its package has it; see packaged.h. */
#include "rewrite/packaged.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "note.h"

/* Notes in CONTEXT, a SHA-256, what comes next. */
static int digest_piece(void *context, const unsigned char *data, size_t size)
{
	sha256_update(context, size, data);
	return 0;
}

/* The digest of PACKAGED as it is. */
static void digest_of(const struct packaged *packaged, char digest[ADDED_DIGEST])
{
	struct sha256_ctx context;

	sha256_init(&context);
	packaged_each(packaged, &context, digest_piece);
	added_digest_end(&context, digest);
}

/* Gives PACKAGED the note that it had before CHANGE.  0, or -1 after a message. */
static int take_back(struct packaged *packaged, const struct added_change *change)
{
	struct plugin_list note = { 0 };
	unsigned char *content = NULL;
	size_t index, size = 0;
	char digest[ADDED_DIGEST];
	int result = note_change_find(&packaged->image, &index);

	if (result == 0 && change->note[0]) {
		result = plugin_list_from_json(&note, change->note, strlen(change->note), change->path,
					       "note that it had");
		if (result == 0)
			content = note_section_content(&packaged->image, &note, &size);
	}
	if (result == 0 && (index || content))
		result = note_change_make(&packaged->image, index, content, size, &packaged->change);
	if (result == 0) {
		packaged->changed = index || content;
		digest_of(packaged, digest);
		if (strcmp(digest, change->before) != 0)
			result = diag_error(packaged->image.path,
					    "looking through the note that notegen added: what the file was "
					    "does not come out; reinstall it from its package");
	}
	free(content);
	plugin_list_release(&note);
	return result;
}

/* The path under which ADDED may know the file at PATH; NULL where it has other names, too. */
static const char *known_as(const char *path, const struct stat *st)
{
	return st->st_nlink > 1 ? NULL : path;
}

int packaged_init(struct packaged *packaged, const struct added *added, const char *path,
		  const struct stat *st, const struct elf_image *original)
{
	const char *known = known_as(path, st);
	const struct added_change *change = NULL;
	char digest[ADDED_DIGEST];

	*packaged = (struct packaged){ 0 };
	packaged->image.path = original->path;
	packaged->image.data = original->data;
	packaged->image.size = original->size;
	if (added_has(added, known)) {
		digest_of(packaged, digest);
		change = added_find(added, known, digest);
	}
	if (!change)
		return 0;
	if (elf_image_init(&packaged->image, original->data, original->size, original->path) != ELF_IMAGE_OK)
		return diag_error(original->path,
				  "looking through the note that notegen added: it is damaged; "
				  "reinstall it from its package");
	if (take_back(packaged, change) == 0)
		return 0;
	packaged_release(packaged);
	return -1;
}

int packaged_open(struct packaged *packaged, const struct added *added, const char *path,
		  const struct stat *st, int fd, const char *shown)
{
	struct elf_image image;

	if (!added_has(added, known_as(path, st)))
		return 0;
	switch (elf_image_open(&image, fd, shown)) {
	case ELF_IMAGE_OK: break;
	case ELF_IMAGE_NOT_ELF: return 0;
	case ELF_IMAGE_BAD: return -1;
	}
	int result = packaged_init(packaged, added, path, st, &image);

	if (result)
		elf_image_release(&image);
	else
		packaged->own = image;
	return result ? -1 : 1;
}

int packaged_each(const struct packaged *packaged, void *context,
		  int (*each)(void *context, const unsigned char *data, size_t size))
{
	if (packaged->changed)
		return note_change_each(&packaged->change, &packaged->image, context, each);
	return each(context, packaged->image.data, packaged->image.size);
}

void packaged_release(struct packaged *packaged)
{
	note_change_release(&packaged->change);
	elf_image_release(&packaged->image);
	elf_image_release(&packaged->own);
}
