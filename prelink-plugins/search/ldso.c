/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading the dynamic linker; see ldso.h. */
#include "search/ldso.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"

/* --- the processor -------------------------------------------------------------------------------- */

static bool has_word(const char *text, const char *word, size_t length)
{
	const char *at = text;

	while ((at = memmem(at, strlen(at), word, length))) {
		if ((at == text || isspace((unsigned char)at[-1])) &&
		    (at[length] == '\0' || isspace((unsigned char)at[length])))
			return true;
		at += length;
	}
	return false;
}

static bool has_flags(const char *cpu, const char *flags)
{
	while (*(flags += strspn(flags, " "))) {
		bool wanted = *flags != '!';
		size_t length = strcspn(flags += !wanted, " ");

		if (has_word(cpu, flags, length) != wanted)
			return false;
		flags += length;
	}
	return true;
}

/* --- the file ------------------------------------------------------------------------------------- */

/* A system directory has a short name, and there are few; what is longer was made to look like one. */
enum { NAME_MAX_BYTES = 256, SYSTEM_MAX = 16 };

/* Whether the string at TEXT, which has to end before END, is a system directory;
 * then it is copied to NAME. */
static bool directory_at(const char *text, const char *end, char name[NAME_MAX_BYTES])
{
	size_t most = (size_t)(end - text) < NAME_MAX_BYTES ? (size_t)(end - text) : NAME_MAX_BYTES;

	memcpy(name, text, most);
	size_t length = strnlen(name, most);
	if (length == most || length < 5 || name[0] != '/' || name[length - 1] != '/')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)name[i]))
			return false;
	return strstr(name, "lib") != NULL;
}

/* The array is the first run of strings that are absolute directories with "lib" in their name and a slash
 * at their end.  No other string in ld.so has one. */
static void find_system_dirs(struct ldso *ldso, const char *data, size_t size)
{
	const char *end = data + size, *next;
	char name[NAME_MAX_BYTES];

	for (const char *at = data; (at = memmem(at, (size_t)(end - at), "\0/", 2)); at++) {
		for (next = at + 1; next < end && directory_at(next, end, name); next += strlen(name) + 1) {
			for (size_t i = 0; i < ldso->system.count; i++)
				if (strcmp(ldso->system.path[i], name) == 0)
					return; /* a second copy follows */
			if (ldso->system.count < SYSTEM_MAX)
				path_list_add(&ldso->system, name);
		}
		if (ldso->system.count)
			return;
	}
}

/* N of glibc 2.N; 0 where the file does not say (before 2.33). */
static unsigned find_version(const char *data, size_t size)
{
	static const char banner[] = " release version 2.";
	const char *at = memmem(data, size, banner, sizeof banner - 1);
	unsigned version = 0;

	if (at)
		for (at += sizeof banner - 1;
		     at < data + size && isdigit((unsigned char)*at) && version < 1000; at++)
			version = version * 10 + (unsigned)(*at - '0');
	return version;
}

/* Where there is no file to look into: what Debian's and Fedora's have. */
static void default_dirs(struct ldso *ldso)
{
	const char *name[] = { "lib", ldso->arch->lib, "lib" },
		   *multiarch[] = { ldso->arch->multiarch, "", "" };

	for (size_t i = 0; i < 3; i++) {
		char *path = xasprintf("/usr/%s/%s%s", name[i], multiarch[i], *multiarch[i] ? "/" : "");

		if (i < 2 || strcmp(name[1], name[2]) != 0) {
			path_list_add(&ldso->system, path + 4);
			path_list_add(&ldso->system, path);
		}
		free(path);
	}
}

/* --- the subdirectories --------------------------------------------------------------------------- */

static void add_named(struct ldso *ldso, const char *cpu)
{
	const struct capability *c = ldso->arch->hwcaps;
	size_t count = 0, usable = 0;

	while (c[count].name)
		count++;
	while (usable < count && has_flags(cpu, c[count - usable - 1].flags))
		usable++;
	ldso->named = xcalloc(count, sizeof *ldso->named);
	for (size_t i = count - usable; i < count; i++) {
		char *path = xasprintf("glibc-hwcaps/%s/", c[i].name);

		ldso->named[ldso->key.named_count++] = c[i].name;
		path_list_add(&ldso->subdir, path);
		free(path);
	}
}

/* Every subset of the old capabilities and "tls", as _dl_important_hwcaps of glibc 2.36 has them: the
 * fullest first, later capabilities first in a path. */
static void add_old(struct ldso *ldso, const char *cpu)
{
	const char *name[16];
	size_t count = 0;

	ldso->key.hwcap = LDCACHE_TLS;
	for (const struct capability *c = ldso->arch->old_hwcaps; c->name && count < 13; c++) {
		if (has_flags(cpu, c->flags)) {
			name[count++] = c->name;
			ldso->key.hwcap |= 1ULL << c->bit;
		}
	}
	for (const struct capability *c = ldso->arch->old_platforms; c->name; c++) {
		ldso->key.platform_mask |= 1ULL << c->bit;
		if (!ldso->key.platform && has_flags(cpu, c->flags)) {
			ldso->key.platform = 1ULL << c->bit;
			ldso->platform = c->name;
		}
	}
	if (ldso->platform)
		name[count++] = ldso->platform;
	name[count++] = "tls";
	for (size_t subset = (1UL << count) - 1; subset > 0; subset--) {
		char *path = xstrdup("");

		for (size_t n = count; n-- > 0;) {
			if (subset & (1UL << n)) {
				char *longer = xasprintf("%s%s/", path, name[n]);

				free(path);
				path = longer;
			}
		}
		path_list_add(&ldso->subdir, path);
		free(path);
	}
}

/* What the file's bytes say. */
static void examine(struct ldso *ldso, const char *data, size_t size, const char *cpu)
{
	find_system_dirs(ldso, data, size);
	if (memmem(data, size, "glibc-hwcaps", strlen("glibc-hwcaps")))
		add_named(ldso, cpu);
	unsigned version = find_version(data, size);
	if (version < 37)
		add_old(ldso, cpu);
	/* What it says with LD_DEBUG=libs; gone since 2.36.  From 2.33 on nobody has tried what we do. */
	ldso->audit_lazy = version < 35;
	ldso->liblist = version == 0 &&
			memmem(data, size, "prelink checking: ", strlen("prelink checking: "));
}

int ldso_init(struct ldso *ldso, const struct root *root, const struct arch *arch, bool big_endian,
	      struct object *object, const char *cpu)
{
	int status = 0;

	*ldso = (struct ldso){ .arch = arch,
			       .big_endian = big_endian,
			       .object = object,
			       .platform = arch->platform,
			       .key = { .flags = arch->cache_flags } };
	if (object) {
		struct elf_image image;
		int fd = root_open(root, object->path, O_RDONLY);

		if (fd < 0) {
			status = diag_errno(object->shown, "reading the dynamic linker");
		} else if (elf_image_open(&image, fd, object->shown) == ELF_IMAGE_OK) {
			examine(ldso, (const char *)image.data, image.size, cpu);
			elf_image_release(&image);
		}
		if (fd >= 0)
			close(fd);
	} else {
		add_named(ldso, cpu);
	}
	if (ldso->system.count == 0)
		default_dirs(ldso);
	const char *first = ldso->system.path[0];
	ldso->lib = xstrndup(first + 1, strlen(first) - 2);
	path_list_add(&ldso->subdir, "");
	ldso->key.named = ldso->named;
	return status;
}

void ldso_release(struct ldso *ldso)
{
	path_list_release(&ldso->system);
	path_list_release(&ldso->subdir);
	free(ldso->lib);
	free(ldso->named);
	*ldso = (struct ldso){ 0 };
}
