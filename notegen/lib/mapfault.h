/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files are read through mappings (elf_image.h).  Where somebody makes one shorter meanwhile, or the disk
 * fails to deliver it, reading memory raises SIGBUS.  Sizes were right when they were checked, so no check of
 * ours prevents that; this makes a proper end of it:
 *
 *     mapfault_catch();      // once, in main(), before any file is opened
 *
 * From then on such a fault ends the process with exit status 1 and one line that names the file, as
 * diag_error() would have said it.  Files that are being replaced stay what they were, and no temporary is
 * left (outfile_stop()). */
#ifndef MAPFAULT_H
#define MAPFAULT_H

void mapfault_catch(void);

#endif
