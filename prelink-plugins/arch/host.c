/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The processor that this program runs on; see arch.h.
 *
 * The kernel's list of its capabilities may lack some: a hypervisor's kernel hides what it does not use
 * itself.  ld.so of x86 asks the processor, and so the instruction that asks is repeated here for those
 * capabilities that take no help from the kernel; what takes it (the wide registers) the kernel lists when it
 * gives it. */
#include "arch/arch.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"

#if defined __x86_64__ || defined __i386__
#include <cpuid.h>

/* Words as in /proc/cpuinfo: bit BIT of register REG (0 eax ... 3 edx) of leaf LEAF (Intel SDM and AMD APM,
 * CPUID). */
static const struct {
	const char *word;
	unsigned leaf, reg, bit;
} words[] = {
	{ "pni", 1, 2, 0 },          { "ssse3", 1, 2, 9 },
	{ "cx16", 1, 2, 13 },        { "sse4_1", 1, 2, 19 },
	{ "sse4_2", 1, 2, 20 },      { "movbe", 1, 2, 22 },
	{ "popcnt", 1, 2, 23 },      { "bmi1", 7, 1, 3 },
	{ "bmi2", 7, 1, 8 },         { "lahf_lm", 0x80000001, 2, 0 },
	{ "abm", 0x80000001, 2, 5 },
};

static char *ask_processor(char *text)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		unsigned reg[4];

		if (!__get_cpuid_count(words[i].leaf, 0, &reg[0], &reg[1], &reg[2], &reg[3]) ||
		    !(reg[words[i].reg] >> words[i].bit & 1))
			continue;
		char *longer = xasprintf("%s %s", text, words[i].word);

		free(text);
		text = longer;
	}
	return text;
}
#else
static char *ask_processor(char *text)
{
	return text;
}
#endif

char *arch_host_cpu(void)
{
	char *text = xstrdup(""), line[8192];
	FILE *in = fopen("/proc/cpuinfo", "re");

	/* A paragraph for each processor; the first will do. */
	while (in && fgets(line, sizeof line, in) && line[0] != '\n') {
		char *longer = xasprintf("%s%s", text, line);

		free(text);
		text = longer;
	}
	if (in)
		fclose(in);
	return ask_processor(text);
}
