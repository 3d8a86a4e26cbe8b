/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting the note in and taking it out; see edit.h. */
#include "edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "mapfault.h"
#include "note_change.h"
#include "yaml_text.h"

/* Where prelink keeps what it needs to restore the original; present in a prelinked file. */
#define UNDO_SECTION ".gnu.prelink_undo"

static int open_regular(const struct root *root, const char *path, const char *outside, struct stat *st)
{
	int fd = root_open(root, path, O_RDONLY | O_NOFOLLOW);

	if (fd >= 0 && fstat(fd, st) == 0)
		return fd;
	diag_errno(outside, "opening it");
	if (fd >= 0)
		close(fd);
	return -1;
}

int edit_open(const struct root *root, const char *path, const char *outside, struct elf_image *image,
	      struct stat *st)
{
	int fd = open_regular(root, path, outside, st);

	if (fd < 0)
		return -1;
	switch (elf_image_open(image, fd, outside)) {
	case ELF_IMAGE_OK: return fd;
	case ELF_IMAGE_NOT_ELF: diag_error(outside, "it is not an ELF file; nothing to do with it"); break;
	case ELF_IMAGE_BAD: break;
	}
	close(fd);
	return -1;
}

static int check_image(const struct elf_image *image)
{
	if (image->ehdr.e_type == ET_CORE)
		return diag_error(image->path, "it is a core file; name the program");
	if (elf_image_find_section(image, UNDO_SECTION))
		return diag_error(image->path,
				  "changing its note: it is prelinked; `prelink -u' it first, with the "
				  "prelink that did it, then this, then prelink it again");
	return 0;
}

static bool same_content(const struct elf_image *image, size_t index, const unsigned char *content,
			 size_t size)
{
	const GElf_Shdr *s = &image->shdr[index];

	return s->sh_size == size && memcmp(image->data + s->sh_offset, content, size) == 0;
}

static int write_change(struct outfile *out, const struct elf_image *image, int fd,
			const struct note_change *change)
{
	const unsigned char *data;
	const struct elf_append *last = note_change_parts(change, image, &data);
	int result = 0;

	if (data != image->data)
		result = outfile_write(out, data, last->keep);
	else if (last->keep)
		result = outfile_copy(out, fd, last->keep);
	if (result == 0 && last->keep)
		result = outfile_patch(out, 0, last->head, last->head_size);
	return result ? result : outfile_write(out, last->tail, last->tail_size);
}

static void say(const struct editor *editor, const char *text)
{
	if (editor->verbose || editor->dry_run)
		printf("%s\n", text);
}

int editor_finish(struct editor *editor)
{
	int result = editor->added ? added_write(editor->added) : 0;

	for (size_t i = 0; i < editor->count && result; i++)
		outfile_abandon(&editor->out[i]);
	if (!result)
		result = outfile_commit_all(editor->out, editor->count);
	for (size_t i = 0; i < editor->count; i++) {
		if (editor->out[i].committed)
			say(editor, editor->said[i]);
		free(editor->said[i]);
	}
	editor->count = 0;
	free(editor->seen);
	editor->seen = NULL;
	editor->seen_count = 0;
	return result;
}

/* The note of section INDEX as JSON, allocated; "" where there is none. */
static char *note_text(const struct elf_image *image, size_t index)
{
	struct plugin_list now = { 0 };
	char *text;

	if (index)
		note_read(image, false, &now);
	text = index ? plugin_list_to_json(&now) : xstrdup("");
	plugin_list_release(&now);
	return text;
}

/* Writes down that the file FD, whose note is section INDEX, becomes OUT; looks whether that is what is
 * wanted.  0, or -1 after a message. */
static int account(struct editor *editor, const char *path, const struct elf_image *image, size_t index,
		   int fd, const struct outfile *out)
{
	char before[ADDED_DIGEST], after[ADDED_DIGEST];

	if (added_digest(out->fd, image->path, after))
		return -1;
	if (editor->wanted && strcmp(editor->wanted, after) != 0)
		return diag_error(
			image->path,
			"taking its note back: what it was before does not come out; left as it is");
	if (!editor->added || editor->wanted)
		return 0;
	if (added_digest(fd, image->path, before))
		return -1;
	char *text = note_text(image, index);
	added_change(editor->added, path, before, after, text);
	free(text);
	return 0;
}

/* Writes the new file, to be put in the old one's place with its group. */
static int schedule(struct editor *editor, const char *path, const struct stat *st, int fd,
		    const struct elf_image *image, size_t index, const struct note_change *change, char *said)
{
	struct outfile *out = &editor->out[editor->count];

	if (outfile_begin(out, editor->root, path, st))
		return -1;
	if (write_change(out, image, fd, change) ||
	    ((editor->added || editor->wanted) && account(editor, path, image, index, fd, out))) {
		outfile_abandon(out);
		return -1;
	}
	editor->said[editor->count++] = xstrdup(said);
	return 0;
}

static int set_note(struct editor *editor, const char *path, const struct stat *st, int fd,
		    struct elf_image *image, const struct plugin_list *list)
{
	struct note_change change = { 0 };
	unsigned char *content = NULL;
	size_t index, size = 0;
	char *said = NULL;
	int result = note_change_find(image, &index);

	if (result == 0 && list) {
		content = note_section_content(image, list, &size);
		if (list->count > PLUGIN_LIST_MAX || size > YAML_TEXT_MAX)
			result = diag_error(image->path,
					    "adding its note: %zu entries are more than a note holds",
					    list->count);
	}
	if (result == 0 && (index ? content && same_content(image, index, content, size) : !content)) {
		said = xasprintf("%s: %s", image->path, index ? "has this note already" : "has no note");
		say(editor, said);
	} else if (result == 0) {
		said = xasprintf("%s: %s%s", image->path, editor->dry_run ? "would be changed: " : "",
				 !content ? "note removed" :
				 index    ? "note replaced" :
					    "note added");
		result = check_image(image) ? -1 : note_change_make(image, index, content, size, &change);
		if (result == 0 && editor->dry_run)
			say(editor, said);
		else if (result == 0)
			result = schedule(editor, path, st, fd, image, index, &change, said);
	}
	note_change_release(&change);
	free(content);
	free(said);
	return result;
}

/* True if the file ST had its turn already, under another name. */
static bool was_seen(struct editor *editor, const struct stat *st)
{
	for (size_t i = 0; i < editor->seen_count; i++)
		if (editor->seen[i].device == st->st_dev && editor->seen[i].inode == st->st_ino)
			return true;
	ALLOC_NEXT(editor->seen, editor->seen_count);
	editor->seen[editor->seen_count].device = st->st_dev;
	editor->seen[editor->seen_count++].inode = st->st_ino;
	return false;
}

int editor_set_note(struct editor *editor, const char *path, const struct plugin_list *list)
{
	char *outside = root_outside(editor->root, path);
	struct elf_image image;
	struct stat st;
	unsigned faults = mapfault_count();
	size_t count = editor->count;
	int fd = edit_open(editor->root, path, outside, &image, &st), result = -1;

	if (fd >= 0) {
		result = was_seen(editor, &st) ? 0 : set_note(editor, path, &st, fd, &image, list);
		if (mapfault_count() != faults) { /* what was made of it was made of zeros */
			result = -1;
			if (editor->count > count) {
				outfile_abandon(&editor->out[--editor->count]);
				free(editor->said[editor->count]);
			}
		}
		elf_image_release(&image);
		close(fd);
	}
	free(outside);
	/* Only now: the group's files are replaced by names of this image's. */
	if (editor->count == EDITOR_GROUP && editor_finish(editor))
		result = -1;
	return result;
}
