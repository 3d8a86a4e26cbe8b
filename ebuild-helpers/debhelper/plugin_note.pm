# SPDX-License-Identifier: LGPL-2.1-or-later
# debhelper sequence: dh --with plugin-note, or Build-Depends: dh-sequence-plugin-note.
package Debian::Debhelper::Sequence::plugin_note;

use strict;
use warnings;
use Debian::Debhelper::Dh_Lib;

# After strip, so that the debug files have been split off; dh_md5sums comes later.
insert_after('dh_strip', 'dh_plugin_note');

1;
