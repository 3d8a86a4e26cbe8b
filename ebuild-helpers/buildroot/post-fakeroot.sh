#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Prelinks an image: in BR2_ROOTFS_POST_FAKEROOT_SCRIPT, as $(BR2_EXTERNAL_PRELINK_PLUGINS_PATH)/post-fakeroot.sh.  It runs
# for each file system, on a copy of the target's files.  What is done to them is in the configuration.
set -eu

chosen() {
	sed -n "s/^BR2_PACKAGE_PRELINK_PLUGINS_$1=\"*\([^\"]*\)\"*\$/\1/p" "$BR2_CONFIG"
}

ways=""
[ "$(chosen SLOTS)" != y ] || ways="$ways slots"
[ "$(chosen STORE)" != y ] || ways="$ways store"
[ -n "$ways" ] || exit 0

built=$HOST_DIR/lib/prelink-plugins/image/usr
PRELINK=$built/sbin/prelink
export PRELINK
# Words, both.
# shellcheck disable=SC2046,SC2086
exec "$built/sbin/prelink-image" "$1" $ways -- $(chosen FLAGS)
