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
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "gather/everywhere.h"
#include "gather/read.h"
#include "threads.h"
#include "temporary.h"

void gather_init(struct gather *gather, struct object_table *table, const struct root *root,
		 const struct conf *conf, const struct options *options, const struct installed *installed)
{
	*gather = (struct gather){
		.table = table, .root = root, .conf = conf, .options = options, .installed = installed
	};
	digests_init(&gather->digests, root);
}

void gather_release(struct gather *gather)
{
	path_list_release(&gather->directories);
	path_list_release(&gather->again);
	path_list_release(&gather->plain);
	digests_release(&gather->digests);
}

/* Adds the open FILE, known to start like an object, under NAME (if not NULL, a link to it) to the table.
 * Its object, or NULL with errno ENOEXEC, or EBADMSG where it was said why. */
static struct object *add_file(struct gather *gather, const struct file *file, const char *name, bool listed)
{
	diag_silent(conf_blacklisted(gather->conf, file->path));
	struct object *object = read_object(file, gather->root, gather->conf, gather->options);
	diag_silent(false);

	if (!object)
		return NULL;
	object->listed = listed;
	if (object->skip == SKIP_NOT && digests_has(&gather->digests, file->path, &file->st))
		object_leave(object, SKIP_SELF_CHECKED);
	if (gather->installed)
		installed_add(gather->installed, object);
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

/* OBJECT, which is in the table, was met under NAME as well. */
static void add_name(struct gather *gather, struct object *object, const char *name)
{
	size_t i = 0;

	pthread_mutex_lock(&gather->table->lock);
	while (i < object->names.count && strcmp(object->names.path[i], name) != 0)
		i++;
	if (i == object->names.count)
		path_list_add(&object->names, name);
	pthread_mutex_unlock(&gather->table->lock);
}

/* gather_find(), but for errno EBADMSG where it was said what is wrong with the file. */
static struct object *find(struct gather *gather, const char *path)
{
	struct file file = { .fd = root_open(gather->root, path, O_RDONLY) };
	struct object *object = NULL;
	char *real = NULL;

	if (file.fd < 0 && errno == EMEDIUMTYPE)
		errno = ENOEXEC;
	if (file.fd < 0)
		return NULL;
	if (read_status(&file) == 0) {
		object = object_table_find(gather->table, file.st.st_dev, file.st.st_ino);
		if (object)
			add_name(gather, object, path);
		else if (!read_starts_like_object(file.fd))
			errno = ENOEXEC;
		else if ((real = root_real(gather->root, path))) {
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
				 .one_file_system = visit->entry->one_file_system &&
						    !walk->gather->conf->everywhere,
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

/* The next directory, once there is one, for a thread that has been READING one;
 * NULL when the walk is over. */
static struct visit *pop(struct walk *walk, bool reading)
{
	pthread_mutex_lock(&walk->lock);
	walk->reading -= reading;
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

/* The directory PATH has to be read the next time, too. */
static void look_again(struct walk *walk, const char *path)
{
	pthread_mutex_lock(&walk->lock);
	path_list_add(&walk->gather->again, path);
	pthread_mutex_unlock(&walk->lock);
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

/* Adds FILE, met in DIRECTORY.  Where the whole tree is looked through, what is wrong with it is no
 * error, unless we were at it. */
static void add_met(struct walk *walk, const struct file *file, const char *directory)
{
	bool everywhere = walk->gather->conf->everywhere;

	diag_lenient(everywhere);
	struct object *object = add_file(walk->gather, file, NULL, true);
	int error = errno;

	diag_lenient(false);
	if (object ? file->st.st_nlink > 1 : error == EBADMSG)
		look_again(walk, directory);
	if (object || error != EBADMSG || !everywhere ||
	    !remains_in_ruins(file->fd, (uint64_t)file->st.st_size))
		return;
	char *shown = root_outside(walk->gather->root, file->path);

	bool ours = root_trusts(walk->gather->root, file->st.st_uid); /* see back_undo() */
	diag_lenient(!ours);
	diag_error(shown,
		   "it was prelinked, and is damaged: it cannot be undone; reinstall it from its package");
	diag_lenient(false);
	free(shown);
	walk->failed |= ours;
}

/* The regular file NAME in DIRECTORY, of real path PATH. */
static void read_file(struct walk *walk, const struct open_directory *directory, const char *path,
		      const char *name)
{
	const char *parent = strcmp(path, "/") == 0 ? "" : path;
	struct file file = { .directory_mode = directory->mode, .fixed = directory->fixed };

	file.fd = openat(directory->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (file.fd < 0) {
		if (errno == EACCES || errno == EPERM || errno == EIO) {
			char *full = xasprintf("%s%s/%s", walk->gather->root->path, parent, name);

			diag_warn(full, "passed over: %s", strerror(errno));
			free(full);
			look_again(walk, path);
		}
		return; /* removed meanwhile, or replaced by a link */
	}
	if (read_starts_like_object(file.fd) && read_status(&file) == 0 && S_ISREG(file.st.st_mode)) {
		char *full = xasprintf("%s/%s", parent, name);

		file.path = full;
		add_met(walk, &file, path);
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

/* Whoever asks for the original of a file asks it of scripts and static programs too (package managers and
 * integrity checkers do, of every file): these are their own. */
static bool wants_original(const struct options *options)
{
	return options->mode == MODE_VERIFY || options->undo_output;
}

/* Directories that are left alone with all below them; but something may have been prelinked
 * there before they were. */
static bool is_passed_over(const struct conf *conf, const char *path)
{
	return !conf->everywhere && (strcmp(path, "/usr/lib/debug") == 0 || conf_blacklisted(conf, path));
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
	} else if (S_ISDIR(st.st_mode) && is_passed_over(gather->conf, real)) {
		/* left alone with all below it */
	} else if (S_ISDIR(st.st_mode)) {
		push(walk, real, visit);
		return;
	} else if (S_ISREG(st.st_mode)) {
		struct object *object = find(gather, real);

		if (object) {
			pthread_mutex_lock(&gather->table->lock);
			object->listed = true;
			object->named |= named && !gather->options->all;
			pthread_mutex_unlock(&gather->table->lock);
			add_name(gather, object, path);
		} else if (named && errno == ENOEXEC && wants_original(gather->options)) {
			path_list_add(&gather->plain, real);
		} else if (named && !conf_blacklisted(gather->conf, real)) {
			fail_named(walk, path);
		}
	} else if (named) { /* a device, a pipe, a socket */
		errno = ENOEXEC;
		fail_named(walk, path);
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

		if (!o->dry_run && !o->store && (o->mode == MODE_PRELINK || o->mode == MODE_UNDO))
			temporary_sweep(directory->fd, name);
		return;
	}
	if (type == DT_UNKNOWN && fstatat(directory->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		type = IFTODT(st.st_mode);
	if (type == DT_REG) {
		if (walk->gather->conf->everywhere || !is_debug_file(name))
			read_file(walk, directory, visit->path, name);
		return;
	}
	if (type != DT_DIR && !(type == DT_LNK && visit->entry->dereference))
		return;
	char *path = xasprintf("%s/%s", parent, name);
	if (type == DT_LNK)
		follow(walk, visit, path, false);
	else if (!is_passed_over(walk->gather->conf, path)) {
		push(walk, path, visit);
		return;
	}
	free(path);
}

/* Where a directory was a moment ago: its owner took it away, or put something else there, or made it so deep
 * that it has no path any more. */
static bool is_gone(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

/* The directory PATH could not be opened, which errno says: to be told, the next time too, unless it is gone
 * and was not named. */
static void cannot_read(struct walk *walk, const char *path, bool named)
{
	if (!named && is_gone(errno))
		return;
	fail(walk, path, "reading the directory");
	char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));

	look_again(walk, *parent ? parent : "/");
	free(parent);
}

/* Opens the directory PATH for those of its files whose names are known.  False where it cannot be looked at. */
static bool open_known(struct walk *walk, struct open_directory *directory, const char *path)
{
	struct stat st;

	directory->fd = root_open(walk->gather->root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOFOLLOW);
	if (directory->fd < 0 || fstat(directory->fd, &st)) {
		cannot_read(walk, path, false);
		return false;
	}
	directory->mode = st.st_mode;
	directory->fixed = root_is_fixed(directory->fd);
	return true;
}

/* The directory of VISIT is as it was when KNOWN was found in it: only objects that lie in it are read. */
static void read_known(struct walk *walk, const struct visit *visit, const struct known_directory *known)
{
	const struct stat st = { .st_dev = known->device, .st_ino = known->inode };
	struct open_directory directory = { .fd = -1 };
	size_t count;

	if ((visit->entry->one_file_system && st.st_dev != visit->device) || !visit_first(walk, visit, &st))
		return;
	const struct known_entry *entry = known_entries(walk->gather->known, visit->path, &count);
	for (size_t i = 0; i < count; i++) {
		if (!entry[i].directory && directory.fd < 0 && !open_known(walk, &directory, visit->path))
			break;
		read_entry(walk, visit, &directory, strrchr(entry[i].path, '/') + 1,
			   entry[i].directory ? DT_DIR : DT_REG);
	}
	if (directory.fd >= 0)
		close(directory.fd);
}

static void read_directory(struct walk *walk, struct visit *visit)
{
	const struct gather *gather = walk->gather;
	const struct known_directory *known = gather->known && !visit->top ?
						      known_find(gather->known, visit->path) :
						      NULL;

	if (known) {
		read_known(walk, visit, known);
		return;
	}
	if (gather->conf->everywhere && !visit->top &&
	    !everywhere_enters(gather->conf, gather->root, visit->path, visit->device))
		return;
	int fd = root_open(gather->root, visit->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_NOFOLLOW);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	if (!stream || fstat(fd, &st)) {
		cannot_read(walk, visit->path, visit->top);
		if (stream)
			closedir(stream);
		else if (fd >= 0)
			close(fd);
		return;
	}
	if (visit->top)
		visit->device = st.st_dev;
	visit->top = false;
	if ((!visit->entry->one_file_system || gather->conf->everywhere || st.st_dev == visit->device) &&
	    visit_first(walk, visit, &st)) {
		struct open_directory directory = { fd, st.st_mode, root_is_fixed(fd) };

		while ((errno = 0, entry = readdir(stream)))
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				read_entry(walk, visit, &directory, entry->d_name, entry->d_type);
		int error = errno;

		if (error || visit->entry->dereference)
			look_again(walk, visit->path);
		errno = error;
		if (error)
			fail(walk, visit->path, "reading the directory");
	}
	closedir(stream);
}

static void work(void *argument)
{
	struct walk *walk = argument;
	bool reading = false;

	for (struct visit *visit; (visit = pop(walk, reading)); reading = true) {
		read_directory(walk, visit);
		free(visit->path);
		free(visit);
	}
}

int gather_all(struct gather *gather)
{
	struct walk walk = { .gather = gather,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .changed = PTHREAD_COND_INITIALIZER };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	gather->started = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	/* Files that were named are read here, directories go on the stack. */
	for (size_t i = 0; i < gather->conf->count; i++) {
		struct visit visit = { .entry = &gather->conf->entry[i], .top = true };

		follow(&walk, &visit, gather->conf->entry[i].path, true);
	}
	threads_run(gather->options->jobs, work, &walk);
	tdestroy(walk.visited, free);
	object_table_sort(gather->table);
	path_list_sort(&gather->directories);
	path_list_sort(&gather->again);
	path_list_sort(&gather->plain);
	return walk.failed ? -1 : 0;
}
