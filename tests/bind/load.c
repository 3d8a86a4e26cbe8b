/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens plugins one after the other: load local|global|deepbind FILE...  Says what could not be opened. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **word)
{
	int mode = RTLD_NOW;

	if (count > 1 && strcmp(word[1], "global") == 0)
		mode |= RTLD_GLOBAL;
	if (count > 1 && strcmp(word[1], "deepbind") == 0)
		mode |= RTLD_DEEPBIND;
	for (int i = 2; i < count; i++)
		if (!dlopen(word[i], mode))
			printf("%s\n", dlerror());
	fflush(stdout);
	return 0;
}
