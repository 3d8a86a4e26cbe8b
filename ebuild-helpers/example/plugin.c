/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plugin of greet, with a table of pointers: that is what makes loading it work for ld.so, and worth
 * prelinking. */
#define FOUR(x) x, x, x, x
#define MANY(x) FOUR(FOUR(FOUR(FOUR(FOUR(FOUR(FOUR(x)))))))

const char *const greetings[] = { MANY(GREETING) };

const char *greeting(unsigned which)
{
	return greetings[which % (sizeof greetings / sizeof *greetings)];
}
