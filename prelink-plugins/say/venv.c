/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a virtual environment has; see venv.h. */
#include "say/venv.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "pattern.h"

/* The environment that NAME, of a program, lies in; malloc'ed, NULL where it lies in none. */
static char *environment_of(const struct root *root, const char *name)
{
	const char *last = strrchr(name, '/');
	const char *before = last && last > name ? memrchr(name, '/', (size_t)(last - name)) : NULL;
	struct stat st;

	if (!before || before == name)
		return NULL;
	char *path = xasprintf("%.*s/pyvenv.cfg", (int)(before - name), name);
	bool is = root_stat(root, path, &st) == 0 && S_ISREG(st.st_mode);
	free(path);
	return is ? xstrndup(name, (size_t)(before - name)) : NULL;
}

/* The pattern of all extension modules in ENVIRONMENT, none of whose letters means more
 * than itself; malloc'ed. */
static char *modules_in(const char *environment)
{
	static const char rest[] = "/{lib,lib64}/python*/site-packages/**/*.so";
	char *pattern = xcalloc(1, 2 * strlen(environment) + sizeof rest), *end = pattern;

	for (const char *letter = environment; *letter; letter++) {
		if (strchr("*?[]{}\\", *letter))
			*end++ = '\\';
		*end++ = *letter;
	}
	memcpy(end, rest, sizeof rest);
	return pattern;
}

static bool is_plugin(const struct object *program, const struct object *object)
{
	for (size_t i = 0; i < program->plugin_count; i++)
		if (program->plugin[i].plugin == object)
			return true;
	return false;
}

const char *venv_unnamed_module(struct gather *gather, const struct object *program)
{
	const char *found = NULL;

	for (size_t i = 0; i < program->names.count && !found; i++) {
		char *environment = environment_of(gather->root, program->names.path[i]);
		struct path_list modules = { 0 };

		if (!environment)
			continue;
		char *pattern = modules_in(environment);
		pattern_expand(gather->root, pattern, &modules);
		for (size_t k = 0; k < modules.count && !found; k++) {
			const struct object *module = gather_find(gather, modules.path[k]);

			if (module && !is_plugin(program, module))
				found = module->path;
		}
		path_list_release(&modules);
		free(pattern);
		free(environment);
	}
	return found;
}
