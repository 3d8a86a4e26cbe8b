/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where an object's dependencies are looked for, and found; see kinds.h. */
#include "alloc.h"
#include "advise/kinds.h"

#include <stdlib.h>
#include <string.h>

/* True if others can put something into the directory PATH (with or without a slash at its end), or make it.
 * A directory above may be sticky: what is there stays whose it is. */
static bool others_can_write(const struct root *root, const char *path)
{
	char *copy = xstrdup(path);
	bool open = false, below = false; /* something that matters lies below, and is there */
	struct stat st;

	for (size_t length = strlen(copy); length && !open; copy[length] = '\0') {
		while (length > 1 && copy[length - 1] == '/')
			length--;
		copy[length] = '\0';
		bool there = root_stat(root, copy, &st) == 0;
		open = there && (st.st_mode & S_IWOTH) && !(below && (st.st_mode & S_ISVTX));
		below |= there;
		if (length == 1)
			break;
		while (length > 1 && copy[length - 1] != '/')
			length--;
	}
	free(copy);
	return open;
}

/* True if PART of a search path, or a name with a slash, depends on the directory that
 * a program is started in. */
static bool is_relative(const char *part)
{
	return *part != '/' && strncmp(part, "$ORIGIN", 7) != 0 && strncmp(part, "${ORIGIN}", 9) != 0;
}

struct places {
	struct advice *advice;
	const struct object *object;
	const struct ldso *ldso;
	struct place place;
	struct finding *relative, *writable;
};

static void add_relative(struct places *p, const char *part, const char *where)
{
	if (!p->relative)
		p->relative = finding_add(&p->advice->findings, FINDING_RPATH, p->object,
					  "has %s%s in its %s",
					  *part ? "the relative path " : "an empty part", part, where);
	finding_detail(p->relative, *part ? part : "(empty)",
		       "in %s: the directory in which the program is started", where);
}

static void add_writable(struct places *p, const char *directory, const char *why)
{
	if (!others_can_write(p->advice->root, directory))
		return;
	if (!p->writable)
		p->writable = finding_add(&p->advice->findings, FINDING_WRITABLE, p->object,
					  "%s %s, which others can write", why, directory);
	finding_detail(p->writable, directory, "%s", why);
}

/* fillin_rpath() of glibc's elf/dl-load.c; an RPATH without any text is none. */
static void look_at_path(struct places *p, const char *list, const char *where)
{
	char *copy = list && *list ? xstrdup(list) : NULL, *rest = copy, *part;

	while ((part = strsep(&rest, ":"))) {
		if (is_relative(part)) {
			add_relative(p, part, where);
			continue;
		}
		const struct name *directory = search_expand(p->advice->search, p->ldso, &p->place, part);
		if (directory && *directory->text == '/')
			add_writable(p, directory->text, "looks for libraries in");
	}
	free(copy);
}

static void look_at_needed(struct places *p, const struct witness *witness, size_t index)
{
	const struct needed *needed = &p->object->needed[index];
	const struct object *found = witness->needed[index].object;

	if (strchr(needed->name, '/') && is_relative(needed->name))
		add_relative(p, needed->name, needed->tag == DT_NEEDED ? "dependencies" : "filters");
	if (found && strrchr(found->path, '/') > found->path) {
		char *directory = xstrndup(found->path, (size_t)(strrchr(found->path, '/') - found->path));
		add_writable(p, directory, "has a library in");
		free(directory);
	}
	if (found || needed->tag == DT_NEEDED)
		return;
	struct finding *finding = finding_add(&p->advice->findings, FINDING_FILTER, p->object,
					      "is a%s filter of %s, which is not there",
					      needed->tag == DT_AUXILIARY ? "n auxiliary" : "", needed->name);
	finding->price.programs = witness->startups + witness->plugins;
	finding_detail(finding, needed->name, "%s",
		       needed->tag == DT_AUXILIARY ? "DT_AUXILIARY" : "DT_FILTER");
}

static void look(struct advice *advice, const struct witness *witness)
{
	const struct object *object = witness->by->object;
	struct places places = { .advice = advice,
				 .object = object,
				 .ldso = search_ldso(advice->search, object, object->interp) };

	places.place = search_place(advice->search, places.ldso, (struct object *)(uintptr_t)object, NULL,
				    NULL);
	if (object->missing && object_is_program(object)) {
		struct finding *finding = finding_add(&advice->findings, FINDING_MISSING, object,
						      "does not find %s", object->missing);
		finding->price.programs = 1;
		finding_detail(finding, object->missing, "the first that is not found");
	}
	look_at_path(&places, object->rpath, "RPATH");
	look_at_path(&places, object->runpath, "RUNPATH");
	for (size_t i = 0; i < object->needed_count; i++)
		look_at_needed(&places, witness, i);
}

void advise_places(struct advice *advice)
{
	const struct witness *witness;

	for (size_t i = 0; (witness = advice_next(advice, &i));)
		look(advice, witness);
}
