/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening an object's file, and having its original; see original.h. */
#include "rewrite/original.h"

#include <fcntl.h>
#include <unistd.h>

#include "diag.h"
#include "elf_copy.h"
#include "rewrite/undo.h"
#include "same_file.h"

int object_open(const struct root *root, const struct object *object, struct elf_image *image)
{
	struct stat st;
	const char *path = object->shown;
	int fd = root_open(root, object->path, O_RDONLY);

	if (fd < 0)
		diag_errno(path, "opening it to rewrite it");
	else if (fstat(fd, &st))
		diag_errno(path, "reading its size");
	else if (!same_file(&st, &object->st))
		diag_error(path, "opening it to rewrite it: somebody else changed it meanwhile; run again");
	else if (elf_image_read(image, fd, path) == ELF_IMAGE_OK)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

void object_close(struct elf_image *image, int fd)
{
	elf_image_release(image);
	close(fd);
}

int original_init(struct elf_image *original, const struct elf_image *present, int fd, bool strict)
{
	if (elf_image_clone(original, present, fd, 0, 0))
		return -1;
	if (undo_present(present) && undo_image(original, strict)) {
		elf_image_release(original);
		return -1;
	}
	return 0;
}
