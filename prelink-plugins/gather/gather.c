/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gather; see gather.h.
 *
 * Directories wait on a stack that the threads share.  Whoever takes one reads it, opens its files
 * relative to it, and puts its subdirectories on the stack; the walk is over when the stack is
 * empty and nobody is reading. */
#include "gather/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "diag.h"
#include "rewrite/undo.h"
#include "temporary.h"

void gather_init(struct gather *gather, struct object_table *table, const struct root *root,
		 const struct conf *conf, const struct options *options)
{
	*gather = (struct gather){ .table = table, .root = root, .conf = conf, .options = options };
}

void gather_release(struct gather *gather)
{
	path_list_release(&gather->directories);
}

/* --- one file ------------------------------------------------------------------------------------- */

/* A file that is being read. */
struct file {
	int fd;
	const char *path; /* real, inside the root */
	struct stat st;
	bool fixed; /* it or its directory is: root_is_fixed() */
	mode_t directory_mode;
};

/* fstat(2) and, in the same system call, the attributes of chattr(1). */
static int read_status(struct file *file)
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

/* By the first bytes alone: whether the file may be an ELF object that ld.so maps. */
static bool starts_like_object(int fd)
{
	unsigned char head[EI_NIDENT + 2];

	if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head || memcmp(head, ELFMAG, SELFMAG) != 0)
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
	const char *text = dynamic_string(dynamic, image, dynamic->value[tag]);
	if (!text)
		*bad = true;
	return text ? xstrdup(text) : NULL;
}

static void read_needed(struct object *object, const struct dynamic *dynamic, const struct elf_image *image,
			bool *bad)
{
	for (size_t i = 0; i < dynamic->count; i++) {
		GElf_Dyn entry;
		const char *name;

		dynamic_entry(dynamic, image, i, &entry);
		if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_FILTER && entry.d_tag != DT_AUXILIARY)
			continue;
		name = dynamic_string(dynamic, image, entry.d_un.d_val);
		if (!name) {
			*bad = true;
			continue;
		}
		if ((object->needed_count & (object->needed_count - 1)) == 0)
			object->needed = xreallocarray(object->needed,
						       object->needed_count ? 2 * object->needed_count : 1,
						       sizeof *object->needed);
		object->needed[object->needed_count++] = (struct needed){ .name = xstrdup(name),
									  .tag = entry.d_tag };
	}
}

static void read_interp(struct object *object, const struct elf_image *image, bool *bad)
{
	const GElf_Phdr *interp = elf_image_find_phdr(image, PT_INTERP);

	if (!interp)
		return;
	const char *text = elf_image_string(image, interp->p_offset, interp->p_filesz, 0);
	if (text)
		object->interp = xstrdup(text);
	else
		*bad = true;
}

static void read_extent(struct object *object, const struct elf_image *image)
{
	bool first = true;

	object->align = object->arch ? object->arch->page_max : 1;
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		uint64_t align = p->p_align && (p->p_align & (p->p_align - 1)) == 0 ? p->p_align : 1;
		if (first)
			object->start = p->p_vaddr & -align;
		object->end = p->p_vaddr + p->p_memsz;
		if (align > object->align)
			object->align = align;
		first = false;
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

static bool has_debug_info(const struct elf_image *image)
{
	return elf_image_find_section(image, ".debug_info") || elf_image_find_section(image, ".zdebug_info");
}

/* Why the extended attributes of FILE are against changing it.  A program that has rights of its own stays as it is,
 * asked for or not: ld.so loads no module of ours into it, so there is nothing to gain.  The kernel may refuse a file
 * that is not what its signature says. */
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

static enum object_skip skip_of(const struct gather *gather, const struct object *object,
				const struct file *file, const struct elf_image *image)
{
	bool with_unsafe = gather->options->with_unsafe;
	bool rights = !(with_unsafe && object->kind == OBJECT_LIBRARY); /* matter */

	if (!object->arch)
		return SKIP_OTHER_MACHINE;
	if (conf_blacklisted(gather->conf, file->path))
		return SKIP_BLACKLISTED;
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
	if (elf_image_extent(image) < image->size)
		return SKIP_TRAILING_DATA;
	if (has_debug_info(image))
		return SKIP_DEBUG_INFO;
	if (object->kind == OBJECT_LOADER)
		return SKIP_LOADER;
	return SKIP_NOT;
}

/* Decodes IMAGE into a new object; NULL where it is no dynamic object, or a static PIE. */
static struct object *decode(const struct gather *gather, const struct file *file,
			     const struct elf_image *image)
{
	struct dynamic dynamic;
	bool bad = false;
	int status = dynamic_init(&dynamic, image);

	if (status == 1)
		return NULL;
	struct object *object = xcalloc(1, sizeof *object);
	object_set_path(object, gather->root, file->path);
	object->st = file->st;
	object->arch = arch_find(image);
	object->is64 = image->is64;
	object->big_endian = image->big_endian;
	read_extent(object, image);
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
	object->skip = skip_of(gather, object, file, image);
	if (bad)
		diag_error(object->shown,
			   "reading the dynamic section: a name lies outside the string table; the "
			   "file is damaged");
	if (bad || status < 0)
		object->skip = SKIP_MALFORMED;
	if (gather->options->with_plugins && note_read(image, true, &object->plugins))
		object->skip = SKIP_MALFORMED;
	return object;
}

/* Adds the open FILE, known to start like an object, under NAME (if not NULL, a link to it) to the table.
 * Its object, or NULL with errno ENOEXEC, or EBADMSG where it was said why. */
static struct object *add_file(const struct gather *gather, const struct file *file, const char *name,
			       bool listed)
{
	struct elf_image image;
	char *shown = root_outside(gather->root, file->path);
	struct object *object = NULL;

	enum elf_image_status status = elf_image_open(&image, file->fd, shown);

	if (status == ELF_IMAGE_OK) {
		object = decode(gather, file, &image);
		elf_image_release(&image);
	}
	free(shown);
	if (!object) {
		errno = status == ELF_IMAGE_BAD ? EBADMSG : ENOEXEC;
		return NULL;
	}
	object->listed = listed;
	path_list_add(&object->names, file->path);
	if (name && strcmp(name, file->path) != 0)
		path_list_add(&object->names, name);
	return object_table_add(gather->table, object);
}

/* Looks at the directory of FILE; what cannot be looked at may be written by all. */
static void look_at_directory(const struct root *root, struct file *file)
{
	char *directory = xstrndup(file->path, (size_t)(strrchr(file->path, '/') - file->path) + 1);
	int fd = root_open(root, directory, O_PATH | O_DIRECTORY);
	struct stat st;

	file->directory_mode = fd >= 0 && fstat(fd, &st) == 0 ? st.st_mode : 0777;
	file->fixed |= fd >= 0 && root_is_fixed(fd);
	if (fd >= 0)
		close(fd);
	free(directory);
}

/* gather_find(), but for errno EBADMSG where it was said what is wrong with the file. */
static struct object *find(const struct gather *gather, const char *path)
{
	struct file file = { .fd = root_open(gather->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY) };
	struct object *object = NULL;
	char *real = NULL;

	if (file.fd < 0)
		return NULL;
	if (read_status(&file) == 0) {
		object = object_table_find(gather->table, file.st.st_dev, file.st.st_ino);
		if (!object && !S_ISREG(file.st.st_mode))
			errno = S_ISDIR(file.st.st_mode) ? EISDIR : ENOEXEC;
		else if (!object && !starts_like_object(file.fd))
			errno = ENOEXEC;
		else if (!object && (real = root_real(gather->root, path))) {
			file.path = real;
			look_at_directory(gather->root, &file);
			object = add_file(gather, &file, path, false);
		}
	}
	int saved = errno;
	close(file.fd);
	free(real);
	errno = saved;
	return object;
}

struct object *gather_find(struct gather *gather, const char *path)
{
	struct object *object = find(gather, path);

	if (!object && errno == EBADMSG)
		errno = ENOEXEC;
	return object;
}

/* --- the walk ------------------------------------------------------------------------------------- */

/* A directory that waits to be read, or a file that was named. */
struct visit {
	struct visit *next;
	char *path;                     /* real, inside the root; owned */
	const struct conf_entry *entry; /* why: its flags hold below it too */
	dev_t device;                   /* that the walk may not leave, with one_file_system */
	bool top;                       /* it is the entry's own: device is not known yet */
};

/* A directory that was read, so that it is not read again through a link or another entry. */
struct visited {
	dev_t device;
	ino_t inode;
	bool one_file_system, dereference;
};

struct walk {
	struct gather *gather;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct visit *stack;
	size_t reading; /* threads that may still push */
	void *visited;  /* tree of struct visited */
	bool failed;
};

static int compare_visited(const void *a, const void *b)
{
	const struct visited *left = a, *right = b;

	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	if (left->device != right->device)
		return left->device < right->device ? -1 : 1;
	if (left->one_file_system != right->one_file_system)
		return left->one_file_system ? -1 : 1;
	return right->dereference - left->dereference;
}

/* True the first time for a directory walked with these flags. */
static bool visit_first(struct walk *walk, const struct visit *visit, const struct stat *st)
{
	struct visited *key = xmalloc(sizeof *key);

	*key = (struct visited){ .device = st->st_dev,
				 .inode = st->st_ino,
				 .one_file_system = visit->entry->one_file_system,
				 .dereference = visit->entry->dereference };
	pthread_mutex_lock(&walk->lock);
	struct visited **found = tsearch(key, &walk->visited, compare_visited);
	bool first = found && *found == key;
	if (first)
		path_list_add(&walk->gather->directories, visit->path);
	pthread_mutex_unlock(&walk->lock);
	if (!first)
		free(key);
	return first;
}

/* Takes over PATH. */
static void push(struct walk *walk, char *path, const struct visit *from)
{
	struct visit *visit = xmalloc(sizeof *visit);

	*visit = *from;
	visit->path = path;
	pthread_mutex_lock(&walk->lock);
	visit->next = walk->stack;
	walk->stack = visit;
	pthread_cond_signal(&walk->changed);
	pthread_mutex_unlock(&walk->lock);
}

static struct visit *pop(struct walk *walk)
{
	pthread_mutex_lock(&walk->lock);
	walk->reading--;
	while (!walk->stack && walk->reading)
		pthread_cond_wait(&walk->changed, &walk->lock);
	struct visit *visit = walk->stack;
	if (visit) {
		walk->stack = visit->next;
		walk->reading++;
	} else {
		pthread_cond_broadcast(&walk->changed);
	}
	pthread_mutex_unlock(&walk->lock);
	return visit;
}

static void fail(struct walk *walk, const char *path, const char *what)
{
	char *shown = root_outside(walk->gather->root, path);

	diag_errno(shown, "%s", what);
	free(shown);
	walk->failed = true;
}

static bool is_debug_file(const char *name)
{
	size_t length = strlen(name);

	return length > 6 && strcmp(name + length - 6, ".debug") == 0;
}

/* A directory that is being read. */
struct open_directory {
	int fd;
	mode_t mode;
	bool fixed;
};

/* The regular file NAME in DIRECTORY, of real path PATH/NAME. */
static void read_file(struct walk *walk, const struct open_directory *directory, const char *path,
		      const char *name)
{
	struct file file = { .directory_mode = directory->mode, .fixed = directory->fixed };

	file.fd = openat(directory->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (file.fd < 0) {
		if (errno == EACCES || errno == EPERM || errno == EIO) {
			char *full = xasprintf("%s%s/%s", walk->gather->root->path, path, name);

			diag_warn(full, "passed over: %s", strerror(errno));
			free(full);
		}
		return; /* removed meanwhile, or replaced by a link */
	}
	if (starts_like_object(file.fd) && read_status(&file) == 0 && S_ISREG(file.st.st_mode)) {
		char *full = xasprintf("%s/%s", path, name);

		file.path = full;
		add_file(walk->gather, &file, NULL, true);
		free(full);
	}
	close(file.fd);
}

/* A path that was named is not there, or no object: an error on the command line.  What prelink.conf names
 * need not be there, as one configuration serves many machines. */
static void fail_named(struct walk *walk, const char *path)
{
	if (errno == EBADMSG)
		walk->failed = true;
	else if (!walk->gather->options->all || (errno != ENOENT && errno != ENOEXEC))
		fail(walk, path,
		     errno == ENOEXEC ? "not a dynamic ELF program or library" :
					"looking at what is to be prelinked");
}

/* The symbolic link PATH, met while links are to be followed, or a path that was named. */
static void follow(struct walk *walk, const struct visit *visit, const char *path, bool named)
{
	struct gather *gather = walk->gather;
	char *real = root_real(gather->root, path);
	struct stat st;

	if (!real || root_stat(gather->root, real, &st)) {
		if (named)
			fail_named(walk, path);
	} else if (conf_blacklisted(gather->conf, real) && S_ISDIR(st.st_mode)) {
		/* left alone with all below it */
	} else if (S_ISDIR(st.st_mode)) {
		push(walk, real, visit);
		return;
	} else if (S_ISREG(st.st_mode)) {
		struct object *object = find(gather, real);

		if (object) {
			pthread_mutex_lock(&gather->table->lock);
			object->listed = true;
			path_list_add(&object->names, path);
			pthread_mutex_unlock(&gather->table->lock);
		} else if (named) {
			fail_named(walk, path);
		}
	}
	free(real);
}

/* The entry NAME of TYPE (d_type) of DIRECTORY, that of VISIT. */
static void read_entry(struct walk *walk, const struct visit *visit, const struct open_directory *directory,
		       const char *name, unsigned char type)
{
	const char *parent = strcmp(visit->path, "/") == 0 ? "" : visit->path;
	struct stat st;

	if (temporary_is(name)) {
		const struct options *o = walk->gather->options;

		if (!o->dry_run && (o->mode == MODE_PRELINK || o->mode == MODE_UNDO))
			temporary_sweep(directory->fd, name);
		return;
	}
	if (type == DT_UNKNOWN && fstatat(directory->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		type = IFTODT(st.st_mode);
	if (type == DT_REG) {
		if (!is_debug_file(name))
			read_file(walk, directory, parent, name);
		return;
	}
	if (type != DT_DIR && !(type == DT_LNK && visit->entry->dereference))
		return;
	char *path = xasprintf("%s/%s", parent, name);
	if (type == DT_LNK)
		follow(walk, visit, path, false);
	else if (strcmp(path, "/usr/lib/debug") != 0 && !conf_blacklisted(walk->gather->conf, path)) {
		push(walk, path, visit);
		return;
	}
	free(path);
}

static void read_directory(struct walk *walk, struct visit *visit)
{
	int fd = root_open(walk->gather->root, visit->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOFOLLOW);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	if (!stream || fstat(fd, &st)) {
		if (errno != ENOENT || visit->top)
			fail(walk, visit->path, "reading the directory");
		if (stream)
			closedir(stream);
		else if (fd >= 0)
			close(fd);
		return;
	}
	if (visit->top)
		visit->device = st.st_dev;
	visit->top = false;
	if ((!visit->entry->one_file_system || st.st_dev == visit->device) && visit_first(walk, visit, &st)) {
		struct open_directory directory = { fd, st.st_mode, root_is_fixed(fd) };

		while ((errno = 0, entry = readdir(stream)))
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				read_entry(walk, visit, &directory, entry->d_name, entry->d_type);
		if (errno)
			fail(walk, visit->path, "reading the directory");
	}
	closedir(stream);
}

static void *work(void *argument)
{
	struct walk *walk = argument;
	struct visit *visit;

	while ((visit = pop(walk))) {
		read_directory(walk, visit);
		free(visit->path);
		free(visit);
	}
	return NULL;
}

/* Starts a thread; it counts as reading from now on, so that nobody thinks the walk is over. */
static bool start(struct walk *walk, pthread_t *thread)
{
	pthread_mutex_lock(&walk->lock);
	bool started = pthread_create(thread, NULL, work, walk) == 0;
	walk->reading += started;
	pthread_mutex_unlock(&walk->lock);
	return started;
}

int gather_all(struct gather *gather)
{
	struct walk walk = { .gather = gather,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .changed = PTHREAD_COND_INITIALIZER };
	unsigned jobs = gather->options->jobs ? gather->options->jobs : 1, started = 0;
	pthread_t *thread = xcalloc(jobs, sizeof *thread);

	/* Files that were named are read here, directories go on the stack. */
	for (size_t i = 0; i < gather->conf->count; i++) {
		struct visit visit = { .entry = &gather->conf->entry[i], .top = true };

		follow(&walk, &visit, gather->conf->entry[i].path, true);
	}
	walk.reading = 1;
	while (started + 1 < jobs && start(&walk, &thread[started]))
		started++;
	work(&walk);
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	free(thread);
	tdestroy(walk.visited, free);
	object_table_sort(gather->table);
	path_list_sort(&gather->directories);
	return walk.failed ? -1 : 0;
}
