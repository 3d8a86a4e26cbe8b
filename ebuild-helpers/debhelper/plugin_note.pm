# SPDX-License-Identifier: LGPL-2.1-or-later
# debhelper sequence: dh --with plugin-note, or Build-Depends: dh-sequence-plugin-note.
# dh evaluates this in a package of its own, which has insert_after().
use strict;
use warnings;

# After strip, so that the debug files have been split off; dh_md5sums comes later.
insert_after('dh_strip', 'dh_plugin_note');

1;
