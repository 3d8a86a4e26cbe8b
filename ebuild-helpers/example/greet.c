/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* greet: says what its plugins have to say.  An example of a program for which a package has a manifest. */
#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>

int main(void)
{
	glob_t plugins;

	if (glob(PLUGINS "/*.so", 0, NULL, &plugins))
		return 1;
	for (size_t i = 0; i < plugins.gl_pathc; i++) {
		void *plugin = dlopen(plugins.gl_pathv[i], RTLD_NOW);
		const char *(*greeting)(unsigned) = NULL;

		if (plugin)
			greeting = (const char *(*)(unsigned))dlsym(plugin, "greeting");
		puts(greeting ? greeting(0) : dlerror());
	}
	globfree(&plugins);
	return 0;
}
