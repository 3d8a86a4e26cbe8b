/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looking for libraries; see libsearch.h.
 *
 * Five trees remember what was done: names (strings), expansions (a list of directories, in which an object
 * means itself by $ORIGIN), directories (which of their subdirectories exist), contexts (a set of directories
 * to search, in order) and answers (context and name: the file). */
#include "search/libsearch.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"
#include "search/ldconf.h"

/* A list of directories, as the object at one path means it. */
struct expansion {
	const char *list, *path; /* known by where they are: both stay while the search lasts */
	const struct ldso *ldso;
	const struct name *result; /* NULL: none is left */
};

/* A directory of a search path, for one dynamic linker. */
struct directory {
	const struct ldso *ldso;
	const struct name *path;    /* with a slash at its end */
	const struct name **exists; /* it, and its subdirectories for better processors, as far as they
				       exist, in the order in which to try them; owned */
	size_t count;
};

/* What the search for a name depends on: everything but the name. */
struct context {
	const struct ldso *ldso;
	const struct name *chain, *library_path, *runpath; /* NULL where there is none */
	bool no_default_libs;                              /* DF_1_NODEFLIB */
	struct directory **dir; /* of all three, in order; NULL ends a list; owned */
	size_t count;
	bool beyond; /* there would be more of them than limit.h says */
};

struct answer {
	const struct context *context;
	const struct name *name;
	const struct name *file;       /* NULL: there is none */
	const struct name *no_library; /* then: see search_no_library() */
};

static int compare_pointers(const void *a, const void *b)
{
	return (a > b) - (a < b);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static int compare_expansions(const void *a, const void *b)
{
	const struct expansion *left = a, *right = b;
	int order = compare_pointers(left->list, right->list);

	if (!order)
		order = compare_pointers(left->path, right->path);
	return order ? order : compare_pointers(left->ldso, right->ldso);
}

static int compare_directories(const void *a, const void *b)
{
	const struct directory *left = a, *right = b;
	int order = compare_pointers(left->path, right->path);

	return order ? order : compare_pointers(left->ldso, right->ldso);
}

static int compare_contexts(const void *a, const void *b)
{
	const struct context *left = a, *right = b;
	int order = compare_pointers(left->runpath, right->runpath);

	if (!order)
		order = compare_pointers(left->chain, right->chain);
	if (!order)
		order = compare_pointers(left->ldso, right->ldso);
	if (!order)
		order = compare_pointers(left->library_path, right->library_path);
	return order ? order : left->no_default_libs - right->no_default_libs;
}

static int compare_answers(const void *a, const void *b)
{
	const struct answer *left = a, *right = b;
	int order = compare_pointers(left->name, right->name);

	return order ? order : compare_pointers(left->context, right->context);
}

/* tsearch() that cannot fail. */
static void *find_or_add(void *key, void **tree, int (*compare)(const void *, const void *))
{
	void *node = tsearch(key, tree, compare);

	if (!node) {
		diag_error(NULL, "out of memory while searching libraries");
		exit(EXIT_FAILURE);
	}
	return *(void **)node;
}

struct name *search_intern(struct search *search, const char *text)
{
	struct name key = { .text = (char *)(uintptr_t)text };
	struct name **found = tfind(&key, &search->names, compare_names);

	if (found)
		return *found;
	struct name *name = xcalloc(1, sizeof *name);
	name->text = xstrdup(text);
	name->id = (uint32_t)search->name_count;
	ALLOC_NEXT(search->name, search->name_count);
	search->name[search->name_count++] = name;
	return find_or_add(name, &search->names, compare_names);
}

/* --- expansion ------------------------------------------------------------------------------------ */

/* Length of the token REF at TEXT (behind the `$`), with or without braces; 0 where it is not there. */
static size_t token_length(const char *text, const char *ref)
{
	size_t length = strlen(ref);
	bool curly = *text == '{';

	if (strncmp(text + curly, ref, length) != 0)
		return 0;
	char next = text[curly + length];
	if (curly)
		return next == '}' ? length + 2 : 0;
	return isalnum((unsigned char)next) || next == '_' ? 0 : length;
}

/* A stream into memory, as open_memstream(). */
static FILE *open_text(char **text, size_t *size)
{
	FILE *out = open_memstream(text, size);

	if (!out) {
		diag_error(NULL, "out of memory while searching libraries");
		exit(EXIT_FAILURE);
	}
	return out;
}

/* TEXT with its tokens replaced, allocated; empty where one of them has no value (_dl_dst_substitute). */
static char *substitute(const struct ldso *ldso, const char *origin, const char *text)
{
	const struct {
		const char *token, *value;
	} tokens[] = { { "ORIGIN", origin }, { "PLATFORM", ldso->platform }, { "LIB", ldso->lib } };
	char *result = NULL;
	size_t size = 0;
	FILE *out = open_text(&result, &size);

	while (*text) {
		size_t length = 0;
		const char *value = NULL;

		for (size_t i = 0; *text == '$' && length == 0 && i < 3; i++)
			if ((length = token_length(text + 1, tokens[i].token)))
				value = tokens[i].value;
		if (length && !value) {
			fclose(out);
			free(result);
			return xstrdup("");
		}
		if (value)
			fputs(value, out);
		if (length == 0)
			putc_unlocked(*text, out);
		text += 1 + length;
	}
	fclose(out);
	return result;
}

/* The path of the file at PLACE as ld.so knows it: it is not made real, but for a program's,
 * which the kernel gives. */
static const char *path_of(const struct place *place)
{
	return place->path ? place->path->text : place->object->path;
}

/* The directory of that file, allocated. */
static char *origin_of(const struct place *place)
{
	const char *path = path_of(place);
	size_t length = (size_t)(strrchr(path, '/') - path);

	return length ? xstrndup(path, length) : xstrdup("/");
}

const struct name *search_expand(struct search *search, const struct ldso *ldso, const struct place *place,
				 const char *name)
{
	if (!strchr(name, '$'))
		return search_intern(search, name);
	char *origin = origin_of(place), *text = substitute(ldso, origin, name);
	const struct name *result = *text ? search_intern(search, text) : NULL;
	free(text);
	free(origin);
	return result;
}

/* Writes the directories of LIST, separated by any of SEPARATORS, to OUT: each with one slash at its end and
 * a colon behind it.  (fillin_rpath) */
static void put_list(FILE *out, const struct ldso *ldso, const struct place *place, const char *list,
		     const char *separators)
{
	char *origin = origin_of(place), *copy = xstrdup(list), *rest = copy, *element;

	while ((element = strsep(&rest, separators))) {
		char *path = substitute(ldso, origin, element);
		size_t length = strlen(path);

		while (length > 1 && path[length - 1] == '/')
			length--;
		if (path[0] == '/') /* else it depends on the working directory */
			fprintf(out, "%.*s%s:", (int)length, path, length > 1 ? "/" : "");
		free(path);
	}
	free(copy);
	free(origin);
}

/* LIST as the object at PLACE means it, in the form of put_list(); NULL where none is left.  Done once: the
 * libraries of a process are looked for over and over, and a list may be long. */
static const struct name *expand_list(struct search *search, const struct ldso *ldso,
				      const struct place *place, const char *list, const char *separators)
{
	struct expansion key = { .list = list, .path = path_of(place), .ldso = ldso };
	struct expansion **found = tfind(&key, &search->expansions, compare_expansions);
	char *text;

	if (found)
		return (*found)->result;
	FILE *out = open_text(&text, &(size_t){ 0 });
	put_list(out, ldso, place, list, separators);
	fclose(out);
	struct expansion *expansion = xmalloc(sizeof *expansion);
	*expansion = key;
	expansion->result = *text ? search_intern(search, text) : NULL;
	free(text);
	return ((struct expansion *)find_or_add(expansion, &search->expansions, compare_expansions))->result;
}

struct place search_place(struct search *search, const struct ldso *ldso, struct object *object,
			  const struct name *path, const struct place *loader)
{
	struct place place = { .object = object, .path = path, .chain = loader ? loader->chain : NULL };
	const struct name *own = object->rpath ? expand_list(search, ldso, &place, object->rpath, ":") : NULL;

	if (own && place.chain && strlen(own->text) + strlen(place.chain->text) > LIMIT_RPATHS) {
		place.beyond = true;
	} else if (own && place.chain) {
		/* An empty element stands between lists. */
		char *both = xasprintf("%s:%s", own->text, place.chain->text);

		place.chain = search_intern(search, both);
		free(both);
	} else if (own) {
		place.chain = own;
	}
	return place;
}

/* --- directories and contexts --------------------------------------------------------------------- */

static bool is_directory(const struct search *search, const char *path)
{
	struct stat st;

	return root_stat(search->gather->root, path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Which of the subdirectories of DIRECTORY exist.  Most have none of them: the first component is looked
 * at before what is below it. */
static void look_around(struct search *search, struct directory *directory)
{
	const struct path_list *subdir = &directory->ldso->subdir;
	char absent[8][32] = { "" };
	size_t absent_count = 0;

	if (!is_directory(search, directory->path->text))
		return;
	directory->exists = xcalloc(subdir->count, sizeof *directory->exists);
	for (size_t i = 0; i < subdir->count; i++) {
		const char *sub = subdir->path[i];
		int length = (int)strcspn(sub, "/");
		bool known = false;

		for (size_t k = 0; k < absent_count; k++)
			known |= strncmp(absent[k], sub, (size_t)length) == 0 && absent[k][length] == '\0';
		if (known)
			continue;
		char *path = xasprintf("%s%s", directory->path->text, sub);
		char *first = xasprintf("%s%.*s", directory->path->text, length, sub);
		if (is_directory(search, path))
			directory->exists[directory->count++] = search_intern(search, path);
		else if (absent_count < 8 && length < 32 && !is_directory(search, first))
			snprintf(absent[absent_count++], sizeof absent[0], "%.*s", length, sub);
		free(first);
		free(path);
	}
}

static struct directory *get_directory(struct search *search, const struct ldso *ldso, const char *path)
{
	struct directory key = { .ldso = ldso, .path = search_intern(search, path) };
	struct directory **found = tfind(&key, &search->directories, compare_directories);

	if (found)
		return *found;
	struct directory *directory = xmalloc(sizeof *directory);
	*directory = key;
	look_around(search, directory);
	return find_or_add(directory, &search->directories, compare_directories);
}

/* Adds the directories of LIST (expand_list()'s form, or several joined), and an end. */
static void add_list(struct search *search, struct context *context, const struct name *list)
{
	if (!list)
		return;
	char *copy = xstrdup(list->text), *rest = copy, *element;

	while ((element = strsep(&rest, ":")) && !(context->beyond = context->count >= LIMIT_DIRECTORIES)) {
		ALLOC_NEXT(context->dir, context->count);
		context->dir[context->count++] = *element ? get_directory(search, context->ldso, element) :
							    NULL;
	}
	free(copy);
}

static struct context *get_context(struct search *search, const struct ldso *ldso, const struct place *place,
				   const struct place *program)
{
	const struct object *object = place->object;
	struct context key = { .ldso = ldso, .no_default_libs = object->flags_1 & DF_1_NODEFLIB };

	if (object->runpath)
		key.runpath = expand_list(search, ldso, place, object->runpath, ":");
	else
		key.chain = place->chain;
	if (search->library_path)
		key.library_path = expand_list(search, ldso, program, search->library_path, ":;");
	struct context **found = tfind(&key, &search->contexts, compare_contexts);
	if (found)
		return *found;
	struct context *context = xmalloc(sizeof *context);
	*context = key;
	add_list(search, context, key.chain);
	add_list(search, context, key.library_path);
	add_list(search, context, key.runpath);
	return find_or_add(context, &search->contexts, compare_contexts);
}

/* --- the search ----------------------------------------------------------------------------------- */

/* The object at PATH, which is opened the first time. */
static struct object *open_once(struct search *search, struct name *path)
{
	if (!path->opened) {
		path->object = gather_find(search->gather, path->text);
		path->error = path->object ? 0 : errno;
		path->opened = true;
	}
	return path->object;
}

int search_open(struct search *search, const struct ldso *ldso, const struct name *path)
{
	const struct object *object = open_once(search, search->name[path->id]);

	if (!object)
		return path->error;
	if (object->arch != ldso->arch || object->big_endian != ldso->big_endian)
		return ENOENT;
	return object->kind == OBJECT_EXEC || object->kind == OBJECT_PIE ? ENOEXEC : 0;
}

/* Tries NAME in DIRECTORY.  0 and the path in FILE, or errno. */
static int try_directory(struct search *search, const struct ldso *ldso, const struct directory *directory,
			 const struct name *name, const struct name **file)
{
	int error = ENOENT;

	search->tries += directory->count;
	for (size_t i = 0; i < directory->count; i++) {
		char *path = xasprintf("%s%s", directory->exists[i]->text, name->text);

		*file = search_intern(search, path);
		free(path);
		error = search_open(search, ldso, *file);
		if (error == 0 || error == ENOEXEC)
			return error;
	}
	return directory->count ? error : ENOENT;
}

/* Tries the COUNT directories at DIR, lists that end with NULL.  An error other than that the file is not
 * there ends its list (open_path). */
static int try_lists(struct search *search, const struct ldso *ldso, struct directory *const *dir,
		     size_t count, const struct name *name, const struct name **file)
{
	for (size_t i = 0; i < count; i++) {
		if (!dir[i])
			continue;
		int error = try_directory(search, ldso, dir[i], name, file);
		if (error == 0 || error == ENOEXEC)
			return error;
		if (error != ENOENT && error != EACCES)
			while (i + 1 < count && dir[i + 1])
				i++;
	}
	return ENOENT;
}

static int try_path_list(struct search *search, const struct ldso *ldso, const struct path_list *list,
			 const struct name *name, const struct name **file)
{
	int error = ENOENT;

	for (size_t i = 0; i < list->count && (error == ENOENT || error == EACCES); i++)
		error = try_directory(search, ldso, get_directory(search, ldso, list->path[i]), name, file);
	return error == 0 || error == ENOEXEC ? error : ENOENT;
}

/* ld.so.cache, or what ldconfig would put into it. */
static int try_cache(struct search *search, const struct context *context, const struct name *name,
		     const struct name **file)
{
	const struct ldso *ldso = context->ldso;

	if (!search->cache.present)
		return try_path_list(search, ldso, &search->conf, name, file);
	const char *path = ldcache_lookup(&search->cache, &ldso->key, name->text);
	if (!path || path[0] != '/')
		return ENOENT;
	for (size_t i = 0; context->no_default_libs && i < ldso->system.count; i++)
		if (strncmp(path, ldso->system.path[i], strlen(ldso->system.path[i])) == 0)
			return ENOENT;
	*file = search_intern(search, path);
	return search_open(search, ldso, *file);
}

/* Sets what ANSWER is to its context and name. */
static void look_for(struct search *search, struct answer *answer)
{
	const struct context *context = answer->context;
	const struct name *name = answer->name;
	const struct name *file = NULL;
	int error = try_lists(search, context->ldso, context->dir, context->count, name, &file);

	if (error && error != ENOEXEC)
		error = try_cache(search, context, name, &file);
	if (error && error != ENOEXEC && !context->no_default_libs)
		error = try_path_list(search, context->ldso, &context->ldso->system, name, &file);
	answer->file = error ? NULL : file;
	answer->no_library = error == ENOEXEC ? file : NULL;
}

const struct name *search_file(struct search *search, const struct ldso *ldso, struct place *place,
			       const struct place *program, const struct name *name)
{
	if (strchr(name->text, '/'))
		return name->text[0] == '/' && search_open(search, ldso, name) == 0 ? name : NULL;
	if (!place->context)
		place->context = get_context(search, ldso, place, program);
	place->beyond |= place->context->beyond || search->tries > LIMIT_TRIES;

	struct answer key = { .context = place->context, .name = name };
	struct answer **found = tfind(&key, &search->answers, compare_answers);
	if (found)
		return (*found)->file;
	struct answer *answer = xmalloc(sizeof *answer);
	*answer = key;
	look_for(search, answer);
	find_or_add(answer, &search->answers, compare_answers);
	return answer->file;
}

const struct name *search_no_library(const struct search *search, const struct place *place,
				     const struct name *name)
{
	struct answer key = { .context = place->context, .name = name };

	if (strchr(name->text, '/'))
		return name->text[0] == '/' && name->error == ENOEXEC ? name : NULL;
	struct answer **found = tfind(&key, &search->answers, compare_answers);
	return found ? (*found)->no_library : NULL;
}

void search_begin_note(struct search *search)
{
	pattern_tree_begin(search->patterns);
}

const struct name *search_pattern(struct search *search, const char *pattern)
{
	struct name *name = search_intern(search, pattern);
	struct path_list list = { 0 };

	if (name->expanded)
		return name;
	name->expanded = true;
	pattern_tree_expand(search->patterns, pattern, &list);
	name->match = xcalloc(list.count, sizeof *name->match);
	for (size_t i = 0; i < list.count; i++) {
		struct name *path = search_intern(search, list.path[i]);

		if (open_once(search, path))
			name->match[name->match_count++] = path;
		else if (path->error == ENOEXEC && !name->no_library)
			name->no_library = path;
	}
	path_list_release(&list);
	return name;
}

/* --- beginning and end ---------------------------------------------------------------------------- */

/* True if FILE, which the PT_INTERP of a program names, can be a dynamic linker for OBJECT.  The kernel
 * starts it at its entry point, with nobody to relocate it or to load what it needs.  No other library is
 * like that, so that no program keeps one from being prelinked by naming it. */
static bool is_linker(const struct object *file, const struct object *object)
{
	return file->arch == object->arch && file->big_endian == object->big_endian && file->has_entry &&
	       !file->interp && !file->needed_count &&
	       (file->kind == OBJECT_LIBRARY || file->kind == OBJECT_LOADER);
}

const struct ldso *search_ldso(struct search *search, const struct object *object, const char *interp)
{
	const char *path = search->dynamic_linker     ? search->dynamic_linker :
			   interp && interp[0] == '/' ? interp :
							object->arch->interpreter;
	struct object *file = open_once(search, search_intern(search, path));

	if (file && !is_linker(file, object))
		file = NULL;
	for (size_t i = 0; i < search->ldso_count; i++) {
		struct ldso *known = search->ldso[i];

		if (known->object == file && known->arch == object->arch &&
		    known->big_endian == object->big_endian)
			return known;
	}
	if (file)
		file->kind = OBJECT_LOADER;
	struct ldso *ldso = xmalloc(sizeof *ldso);
	ALLOC_NEXT(search->ldso, search->ldso_count);
	search->ldso[search->ldso_count++] = ldso;
	ldso_init(ldso, search->gather->root, object->arch, object->big_endian, file, search->cpu);
	if (file) {
		file->knows_liblist = ldso->liblist;
		file->audit_lazy = ldso->audit_lazy;
	}
	return ldso;
}

int search_init(struct search *search, struct gather *gather)
{
	*search = (struct search){ .gather = gather,
				   .library_path = gather->options->ld_library_path,
				   .dynamic_linker = gather->options->dynamic_linker,
				   .cpu = arch_host_cpu(),
				   .patterns = pattern_tree_new(gather->root) };
	if (ldcache_open(&search->cache, gather->root))
		return -1;
	return search->cache.present ? 0 : ldconf_read(&search->conf, gather->root);
}

static void release_directory(void *node)
{
	free(((struct directory *)node)->exists);
	free(node);
}

static void release_context(void *node)
{
	free(((struct context *)node)->dir);
	free(node);
}

static void release_nothing(void *node)
{
	(void)node;
}

void search_release(struct search *search)
{
	tdestroy(search->answers, free);
	tdestroy(search->contexts, release_context);
	tdestroy(search->expansions, free);
	tdestroy(search->directories, release_directory);
	tdestroy(search->names, release_nothing);
	for (size_t i = 0; i < search->name_count; i++) {
		free(search->name[i]->text);
		free(search->name[i]->match);
		free(search->name[i]);
	}
	free(search->name);
	for (size_t i = 0; i < search->ldso_count; i++) {
		ldso_release(search->ldso[i]);
		free(search->ldso[i]);
	}
	free(search->ldso);
	path_list_release(&search->conf);
	pattern_tree_free(search->patterns);
	ldcache_release(&search->cache);
	free(search->cpu);
	*search = (struct search){ 0 };
}
