/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The run-time module for the other class of a machine, where the real one was not built: it has ld.so go
 * on without it. ld.so prints a line where it finds no module, or one of another class; of one that
 * declines it says nothing. */
unsigned int la_version(unsigned int version);
unsigned int la_version(unsigned int version)
{
	(void)version;
	return 0;
}
