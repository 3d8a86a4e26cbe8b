/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One file becomes an object; see read.h. */
#include "gather/read.h"

#include <fcntl.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "elf/facts.h"
#include "elf/undo_record.h"
#include "limit.h"
#include "mapfault.h"

int read_status(struct file *file)
{
	struct statx x;

	if (statx(file->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x))
		return -1;
	file->st = (struct stat){
		.st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
		.st_ino = x.stx_ino,
		.st_mode = x.stx_mode,
		.st_nlink = x.stx_nlink,
		.st_uid = x.stx_uid,
		.st_gid = x.stx_gid,
		.st_size = (off_t)x.stx_size,
		.st_blksize = x.stx_blksize,
		.st_blocks = (blkcnt_t)x.stx_blocks,
		.st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
		.st_atim = { x.stx_atime.tv_sec, x.stx_atime.tv_nsec },
		.st_mtim = { x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec },
		.st_ctim = { x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec },
	};
	file->fixed |= (x.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) != 0;
	return 0;
}

bool read_starts_like_object(int fd)
{
	unsigned char head[EI_NIDENT + 2];

	if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head || !elf_magic(head))
		return false;
	unsigned type = head[EI_DATA] == ELFDATA2MSB ? head[EI_NIDENT] << 8 | head[EI_NIDENT + 1] :
						       head[EI_NIDENT + 1] << 8 | head[EI_NIDENT];
	return type == ET_DYN || type == ET_EXEC;
}

/* A copy of the string that TAG of the dynamic section names; NULL where there is none. */
static char *tag_string(const struct dynamic *dynamic, const struct elf_image *image, int64_t tag, bool *bad)
{
	if (!dynamic->has[tag])
		return NULL;
	char *text = dynamic_string(dynamic, image, dynamic->value[tag]);

	*bad |= !text;
	return text;
}

static void read_needed(struct object *object, const struct dynamic *dynamic, const struct elf_image *image,
			bool *bad)
{
	for (size_t i = 0; i < dynamic->count; i++) {
		GElf_Dyn entry;

		dynamic_entry(dynamic, image, i, &entry);
		if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_FILTER && entry.d_tag != DT_AUXILIARY)
			continue;
		char *name = dynamic_string(dynamic, image, entry.d_un.d_val);
		if (!name || strlen(name) >= PATH_MAX) {
			free(name);
			*bad = true;
			continue;
		}
		ALLOC_NEXT(object->needed, object->needed_count);
		object->needed[object->needed_count++] = (struct needed){ .name = name, .tag = entry.d_tag };
	}
}

static void read_interp(struct object *object, const struct elf_image *image, bool *bad)
{
	const GElf_Phdr *interp = elf_image_find_phdr(image, PT_INTERP);

	if (!interp)
		return;
	object->interp = elf_image_string(image, interp->p_offset, interp->p_filesz, 0);
	*bad |= !object->interp;
}

static void read_extent(struct object *object, const struct elf_image *image)
{
	object->start = elf_image_start(image);
	object->align = object->arch ? object->arch->page_max : 1;
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		uint64_t align = p->p_align && (p->p_align & (p->p_align - 1)) == 0 ? p->p_align : 1;
		object->end = p->p_vaddr + p->p_memsz;
		if (align > object->align)
			object->align = align;
	}
}

/* An executable has DT_DEBUG for the debugger, which linkers never give to a library, also where DF_1_PIE
 * is missing as linkers before 2015 did not write it.  Libraries that can be run (libc.so.6) have a
 * PT_INTERP too. */
static enum object_kind kind_of(const struct object *object, const struct dynamic *dynamic,
				const struct elf_image *image)
{
	if (image->ehdr.e_type == ET_EXEC)
		return OBJECT_EXEC;
	if (object->interp && (dynamic->has[DT_DEBUG] || (object->flags_1 & DF_1_PIE)))
		return OBJECT_PIE;
	const char *base = object->arch ? strrchr(object->arch->interpreter, '/') : NULL;
	if (base && object->soname && strcmp(object->soname, base + 1) == 0)
		return OBJECT_LOADER;
	return OBJECT_LIBRARY;
}

/* Why the extended attributes of FILE are against changing it.  A program that has rights of its own stays as
 * it is, asked for or not: ld.so loads no module of ours into it, so there is nothing to gain.  The kernel
 * may refuse a file that is not what its signature says. */
static enum object_skip skip_of_attributes(const struct file *file, bool rights, bool signed_files)
{
	char names[1024];
	ssize_t length = flistxattr(file->fd, names, sizeof names);

	if (length < 0 && errno == ERANGE) { /* as good as all of them */
		if (rights && fgetxattr(file->fd, "security.capability", NULL, 0) > 0)
			return SKIP_SETID;
		return signed_files && (fgetxattr(file->fd, "security.ima", NULL, 0) >= 0 ||
					fgetxattr(file->fd, "security.evm", NULL, 0) >= 0) ?
			       SKIP_SIGNED :
			       SKIP_NOT;
	}
	for (const char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		if (rights && strcmp(name, "security.capability") == 0)
			return SKIP_SETID;
		if (signed_files && (strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0))
			return SKIP_SIGNED;
	}
	return SKIP_NOT;
}

/* True for who makes new files of old ones. */
static bool replaces(const struct options *options)
{
	return options->mode == MODE_PRELINK && !options->store;
}

static enum object_skip skip_of(const struct options *options, const struct object *object,
				const struct file *file, const struct elf_image *image,
				const struct dynamic *dynamic)
{
	bool with_unsafe = options->with_unsafe;
	bool rights = !(with_unsafe && object->kind == OBJECT_LIBRARY); /* matter */

	if (!object->arch)
		return SKIP_OTHER_MACHINE;
	if (rights && (file->st.st_mode & (S_ISUID | S_ISGID)))
		return SKIP_SETID;
	enum object_skip skip = skip_of_attributes(file, rights, !with_unsafe);
	if (skip)
		return skip;
	if (!with_unsafe && (file->directory_mode & S_IWOTH))
		return SKIP_WRITABLE_DIR;
	if (file->fixed)
		return SKIP_IMMUTABLE;
	if (image->shnum == 0 || image->shstrndx == 0)
		return SKIP_NO_SECTIONS;
	if (elf_image_trailing(image))
		return SKIP_TRAILING_DATA;
	if (dynamic && dynamic->unended)
		return SKIP_UNENDED;
	if (elf_has_debug_info(image))
		return SKIP_DEBUG_INFO;
	if (elf_checks_itself(image, dynamic))
		return SKIP_SELF_CHECKED;
	if (object->remains == REMAINS_OTHERS)
		return SKIP_OTHERS;
	if (object->kind == OBJECT_LOADER) /* loader_set_slots() says which of them moves */
		return SKIP_NOT;
	if (replaces(options) && !object->prelinked && geteuid() != 0 && file->st.st_uid != geteuid())
		return SKIP_NOT_OURS;
	return object->arch->slot_end ? SKIP_NOT : SKIP_NO_SLOTS;
}

/* Decodes IMAGE into a new object; NULL where it is no dynamic object, or a static PIE. */
static struct object *decode(const struct conf *conf, const struct options *options, const struct root *root,
			     const struct file *file, const struct elf_image *image)
{
	struct dynamic dynamic;
	bool bad = false;
	int status = dynamic_init(&dynamic, image);

	if (status == 1)
		return NULL;
	struct object *object = xcalloc(1, sizeof *object);
	object_set_path(object, root, file->path);
	object->st = file->st;
	object->arch = arch_find(image);
	object->machine = image->ehdr.e_machine;
	object->is64 = image->is64;
	object->big_endian = image->big_endian;
	object->unreadable = status < 0;
	object->has_entry = image->ehdr.e_entry != 0;
	read_extent(object, image);
	/* What says that it takes all addresses there are leaves them to the others. */
	bool large = object->end - object->start > LIMIT_EXTENT;
	if (large) {
		if (status == 0)
			diag_warn(object->shown, "left alone: it says that it takes %llu bytes of addresses",
				  (unsigned long long)(object->end - object->start));
		object->end = object->start;
	}
	if (status == 0) {
		object->flags_1 = dynamic.flags_1;
		object->soname = tag_string(&dynamic, image, DT_SONAME, &bad);
		object->runpath = tag_string(&dynamic, image, DT_RUNPATH, &bad);
		if (!object->runpath) /* DT_RPATH counts only without it */
			object->rpath = tag_string(&dynamic, image, DT_RPATH, &bad);
		read_needed(object, &dynamic, image, &bad);
	}
	read_interp(object, image, &bad);
	object->kind = kind_of(object, &dynamic, image);
	if (status == 0 && object->kind == OBJECT_LIBRARY && (object->flags_1 & DF_1_PIE) &&
	    !object->interp) {
		object_release(object);
		return NULL;
	}
	object->prelinked = undo_present(image);
	object->original_start = object->start - (GElf_Addr)(object->prelinked ? undo_delta(image) : 0);
	if (status == 0 && !object->prelinked)
		object->remains = remains_find(image, &dynamic, object_module(object));
	if (bad)
		diag_error(object->shown,
			   "reading the dynamic section: a name lies outside the string table, or is longer "
			   "than a path can be; the file is damaged");
	if (object->arch && conf_blacklisted(conf, file->path)) /* whatever else is wrong with it */
		object_leave(object, SKIP_BLACKLISTED);
	if ((options->with_plugins && note_read(image, true, &object->plugins)) || bad || status < 0)
		object_leave(object, SKIP_MALFORMED);
	object_leave(object, skip_of(options, object, file, image, status == 0 ? &dynamic : NULL));
	if (large)
		object_leave(object, SKIP_LIMIT);
	return object;
}

/* Bytes of files that are read rather than mapped: copying so much costs less than half a dozen faults, and
 * than a mapping that is given back, which interrupts the other threads. */
enum { COPY_MAX = 256 << 10 };

/* A file that says that it is large, and has next to nothing on disk. */
static bool is_mostly_holes(const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size, on_disk = (uint64_t)st->st_blocks * 512;

	return size > LIMIT_HOLES && size / LIMIT_SPARSE > on_disk;
}

struct object *read_object(const struct file *file, const struct root *root, const struct conf *conf,
			   const struct options *options)
{
	struct elf_image image;
	char *shown = root_outside(root, file->path);
	struct object *object = NULL;
	enum elf_image_status status = ELF_IMAGE_BAD;

	if (is_mostly_holes(&file->st))
		diag_error(shown, "it has a size of %lu MB, and nearly all of it is holes; left alone",
			   (unsigned long)file->st.st_size >> 20);
	else
		status = file->st.st_size <= COPY_MAX ? elf_image_read(&image, file->fd, shown) :
							elf_image_open(&image, file->fd, shown);

	if (status == ELF_IMAGE_OK) {
		object = decode(conf, options, root, file, &image);
		if (mapfault_in(image.data, image.size)) { /* it was said */
			if (object)
				object_release(object);
			object = NULL;
			status = ELF_IMAGE_BAD;
		}
		elf_image_release(&image);
	}
	free(shown);
	if (!object)
		errno = status == ELF_IMAGE_BAD ? EBADMSG : ENOEXEC;
	return object;
}
