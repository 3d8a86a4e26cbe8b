/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Versions that are not there, and two versions of one library; see kinds.h. */
#include "alloc.h"
#include "advise/kinds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "elf/versions.h"

/* --- version --- */

/* The library that FILE means to the object of WITNESS; NULL where that is not known. */
static const struct bind_object *provider(const struct advice *advice, const struct witness *witness,
					  const char *file)
{
	const struct object *object = witness->by->object;

	for (size_t i = 0; i < object->scope.count; i++)
		if (object->scope.member[i]->soname && strcmp(object->scope.member[i]->soname, file) == 0) {
			const struct witness *there = evidence_of(advice->evidence, object->scope.member[i]);
			return there ? there->by : NULL;
		}
	for (size_t i = 0; i < object->needed_count; i++)
		if (witness->needed[i].object && strcmp(object->needed[i].name, file) == 0) {
			const struct witness *there = evidence_of(advice->evidence,
								  witness->needed[i].object);
			return there ? there->by : NULL;
		}
	return NULL;
}

/* Versions that an object defines, sorted. */
struct definitions {
	bool read;
	char **name; /* owned, as each of them is */
	size_t count;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_definitions(struct definitions *definer, const struct bind_object *by)
{
	struct versions defined = versions_defined(&by->dynamic, &by->image);
	size_t room = 0;

	definer->read = true;
	while (versions_next(&defined)) {
		ALLOC_GROW(definer->name, definer->count + 1, room);
		definer->name[definer->count++] = xstrdup(defined.name);
	}
	if (definer->count)
		qsort(definer->name, definer->count, sizeof *definer->name, compare_names);
}

/* DEFINER is what is known of BY, if that was asked for before. */
static bool defines(struct definitions *definer, const struct bind_object *by, const char *name)
{
	if (!definer->read)
		read_definitions(definer, by);
	return definer->count &&
	       bsearch(&name, definer->name, definer->count, sizeof *definer->name, compare_names);
}

static void release_definitions(struct definitions *definer, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < definer[i].count; k++)
			free(definer[i].name[k]);
		free(definer[i].name);
	}
	free(definer);
}

/* As _dl_check_map_versions() of glibc's elf/dl-version.c. */
static void look_for_versions(struct advice *advice, const struct witness *witness,
			      struct definitions *definer)
{
	const struct bind_object *by = witness->by;
	struct versions needed = versions_needed(&by->dynamic, &by->image);
	struct finding *finding = NULL;

	while (versions_next(&needed)) {
		const struct bind_object *there = provider(advice, witness, needed.file);
		if (!there || defines(&definer[there->object->index], there, needed.name))
			continue;
		if (!finding) {
			finding = finding_add(&advice->findings, FINDING_VERSION, by->object,
					      "needs version %s of %s, which does not have it", needed.name,
					      needed.file);
			finding->price.programs = witness->startups + witness->plugins;
		}
		finding_detail(finding, needed.name, "of %s: %s", there->object->path,
			       !there->dynamic.verdef      ? "it has no versions at all" :
			       needed.flags & VER_FLG_WEAK ? "weak, ld.so only warns" :
							     "ld.so refuses to load it");
	}
}

/* --- two-versions --- */

/* Length of "-1.0" or the like at TEXT; 0 where there is none. */
static size_t dotted(const char *text)
{
	size_t length = 1;
	bool dot = false;

	if (*text != '-' || !isdigit((unsigned char)text[1]))
		return 0;
	for (; isdigit((unsigned char)text[length]) || text[length] == '.'; length++) {
		if (text[length] == '.' && !isdigit((unsigned char)text[length + 1]))
			break;
		dot |= text[length] == '.';
	}
	return dot ? length : 0;
}

/* SONAME without its version, allocated: libfoo.so of libfoo.so.1, and of libfoo-1.0.so.
 * NULL where it has none. */
static char *stem(const char *soname)
{
	const char *so = soname ? strstr(soname, ".so") : NULL;
	size_t tail = 0;

	if (!so || so == soname)
		return NULL;
	for (const char *c = soname; c < so && !tail; c++)
		if (dotted(c) && c + dotted(c) == so)
			tail = dotted(c);
	if (!tail && (so[3] != '.' || !isdigit((unsigned char)so[4])))
		return NULL;
	return xasprintf("%.*s.so", (int)((size_t)(so - soname) - tail), soname);
}

/* Two of one stem, and where. */
struct pair {
	const struct object *first, *second, *program,
		*plugin; /* `plugin` brought the second; NULL: at start */
	size_t programs;
};

struct pairs {
	struct pair *item;
	size_t count;
	char **stem; /* by object->index; owned */
};

static void add_pair(struct pairs *pairs, const struct object *a, const struct object *b,
		     const struct object *program, const struct object *plugin)
{
	const struct object *first = a->index < b->index ? a : b, *second = first == a ? b : a;

	for (size_t i = 0; i < pairs->count; i++) {
		struct pair *pair = &pairs->item[i];
		if (pair->first != first || pair->second != second)
			continue;
		if (pair->program != program) {
			pair->programs++;
			pair->program = program;
		}
		pair->plugin = plugin ? pair->plugin : NULL;
		return;
	}
	ALLOC_NEXT(pairs->item, pairs->count);
	pairs->item[pairs->count++] = (struct pair){ first, second, program, plugin, 1 };
}

static void compare_scopes(struct pairs *pairs, const struct object_list *more,
			   const struct object_list *scope, const struct object *program,
			   const struct object *plugin)
{
	for (size_t i = 0; i < more->count; i++) {
		const struct object *a = more->member[i];
		if (!pairs->stem[a->index] || (plugin && object_list_has(scope, a)))
			continue;
		for (size_t k = plugin ? 0 : i + 1; k < scope->count; k++) {
			const struct object *b = scope->member[k];
			if (pairs->stem[b->index] &&
			    strcmp(pairs->stem[a->index], pairs->stem[b->index]) == 0 && a->soname &&
			    b->soname && strcmp(a->soname, b->soname) != 0)
				add_pair(pairs, a, b, program, plugin);
		}
	}
}

/* Names that both define without a version, or with the same one: calls for one may arrive in the other. */
static size_t in_common(const struct advice *advice, const struct pair *pair)
{
	const struct witness *first = evidence_of(advice->evidence, pair->first);
	const struct witness *second = evidence_of(advice->evidence, pair->second);
	struct opened *opened = advice->evidence->bind->opened;
	struct definition found;
	size_t count = 0;
	GElf_Sym sym;

	for (uint32_t i = 1; first && second && i < first->by->symbols.count; i++) {
		const struct binding reference = { .symbol = i, .kind = RELOC_WORD };
		symbols_get(&first->by->symbols, i, &sym);
		if (sym.st_shndx == SHN_UNDEF || sym.st_shndx == SHN_ABS ||
		    GELF_ST_BIND(sym.st_info) == STB_LOCAL)
			continue;
		uint32_t number = binding_number(opened, (struct bind_object *)(uintptr_t)first->by,
						 &reference);
		count += definition_in(opened, (struct bind_object *)(uintptr_t)second->by, number,
				       SYMBOL_ANY, &found);
	}
	return count;
}

/* Who in the start-up scope of the pair's program, or what its plugin brings, asks for OBJECT. */
static const struct object *who_needs(const struct advice *advice, const struct pair *pair,
				      const struct object *object)
{
	const struct object_list *scope[2] = { &pair->program->scope,
					       pair->plugin ? &pair->plugin->scope : NULL };

	for (size_t which = 0; which < 2 && scope[which]; which++)
		for (size_t i = 0; i < scope[which]->count; i++) {
			const struct object *member = scope[which]->member[i];
			const struct witness *witness = evidence_of(advice->evidence, member);
			for (size_t k = 0; witness && k < member->needed_count; k++)
				if (witness->needed[k].object == object)
					return member;
		}
	return pair->plugin ? pair->plugin : pair->program;
}

static void tell_pair(struct advice *advice, const struct pair *pair)
{
	struct finding *finding = finding_add(&advice->findings, FINDING_TWO_VERSIONS, pair->program,
					      "%s both %s and %s (%zu names in both)",
					      pair->plugin ? "can come to have" : "has", pair->first->soname,
					      pair->second->soname, in_common(advice, pair));

	finding->price.programs = pair->programs;
	finding_detail(finding, pair->first->soname, "%s, for %s", pair->first->path,
		       who_needs(advice, pair, pair->first)->path);
	finding_detail(finding, pair->second->soname, "%s, for %s", pair->second->path,
		       who_needs(advice, pair, pair->second)->path);
	if (pair->plugin)
		finding_detail(finding, "plugin", "%s", pair->plugin->path);
}

static void look_for_pairs(struct advice *advice)
{
	struct pairs pairs = { 0 };
	const struct object_table *table = advice->evidence->table;
	size_t count = advice->evidence->count;

	pairs.stem = xcalloc(count + 1, sizeof *pairs.stem);
	for (size_t i = 0; i < count; i++)
		pairs.stem[i] = stem(table->object[i]->soname);
	for (size_t i = 0; i < count; i++) {
		const struct object *object = table->object[i];
		if (!advice_about(advice, i))
			continue;
		compare_scopes(&pairs, &object->scope, &object->scope, object, NULL);
		for (size_t k = 0; k < object->plugin_count; k++)
			compare_scopes(&pairs, &object->plugin[k].scope, &object->scope, object,
				       object->plugin[k].plugin);
	}
	for (size_t i = 0; i < pairs.count; i++)
		tell_pair(advice, &pairs.item[i]);
	for (size_t i = 0; i < count; i++)
		free(pairs.stem[i]);
	free(pairs.stem);
	free(pairs.item);
}

void advise_versions(struct advice *advice)
{
	size_t count = advice->evidence->count;
	struct definitions *definer = xcalloc(count + 1, sizeof *definer); /* by object->index */
	const struct witness *witness;

	for (size_t i = 0; (witness = advice_next(advice, &i));)
		look_for_versions(advice, witness, definer);
	release_definitions(definer, count);
	look_for_pairs(advice);
}
