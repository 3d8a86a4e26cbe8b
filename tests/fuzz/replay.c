/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a harness without libFuzzer: on each file named, and on COUNT damaged forms of it, which are the
 * same in every run.
 *
 *     HARNESS COUNT FILE... */
#include "fuzz.h"

#include <string.h>

static uint64_t state;

/* xorshift64* (Marsaglia, Vigna): all we need is that it is the same everywhere. */
static uint64_t dice(uint64_t sides)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull >> 16) % sides;
}

/* Values that bounds checks get wrong. */
static const uint64_t interesting[] = { 0,          1,           7,          0x7f,
					0xff,       0x7fff,      0xfeff,     0xff00,
					0xffff,     0x7fffffff,  0x80000000, 0xfffffff0,
					0xffffffff, 0x100000000, INT64_MAX,  UINT64_MAX };

/* Damages the SIZE bytes at DATA in one of several ways.  Returns the new size. */
static size_t damage(uint8_t *data, size_t size)
{
	size_t at = dice(size), width = (size_t)1 << dice(4), from = dice(size), length = 1 + dice(64);
	uint64_t value = interesting[dice(sizeof interesting / sizeof *interesting)];

	/* Half of the time among the first bytes, where the headers are. */
	if (dice(2))
		at %= 256;
	switch (dice(5)) {
	case 0: data[at] ^= (uint8_t)(1u << dice(8)); break;
	case 1: data[at] = (uint8_t)dice(256); break;
	case 2:
		if (at + width <= size)
			memcpy(data + at, &value, width);
		break;
	case 3:
		if (at + length <= size && from + length <= size)
			memmove(data + at, data + from, length);
		break;
	case 4: return dice(8) ? size : at + 1;
	}
	return size;
}

static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");

	if (!file || fseek(file, 0, SEEK_END)) {
		perror(path);
		exit(2);
	}
	*size = (size_t)ftell(file);
	rewind(file);
	uint8_t *data = malloc(*size + 1);
	if (fread(data, 1, *size, file) != *size) {
		perror(path);
		exit(2);
	}
	fclose(file);
	return data;
}

int main(int argc, char **argv)
{
	unsigned long runs = 0, count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	for (int i = 2; i < argc; i++) {
		size_t size;
		uint8_t *data = read_file(argv[i], &size), *copy = malloc(size + 1);

		LLVMFuzzerTestOneInput(data, size);
		state = 0x9e3779b97f4a7c15ull + (uint64_t)i;
		for (unsigned long n = 0; n < count && size > 8; n++, runs++) {
			size_t left = size;

			memcpy(copy, data, size);
			for (uint64_t times = 1 + dice(4); times && left > 8; times--)
				left = damage(copy, left);
			LLVMFuzzerTestOneInput(copy, left);
		}
		free(copy);
		free(data);
	}
	printf("%d files, %lu damaged forms\n", argc - 2, runs);
	return 0;
}
