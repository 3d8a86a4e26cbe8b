# SPDX-License-Identifier: LGPL-2.1-or-later
# Prelinks an image: `inherit prelink' in its recipe, or IMAGE_CLASSES += "prelink" for all.  See prelink-image(8).

# "store", "slots", or "slots store": the last on machines where only a store has plans, to save memory, too.
PRELINK_IMAGE ?= "store"
# Options of prelink(8), as "-b /usr/bin/odd" or "-R --seed=5".
PRELINK_IMAGE_FLAGS ?= ""

IMAGE_INSTALL:append = " prelink-plugins-module"
do_image[depends] += "prelink-plugins-native:do_populate_sysroot"

# Before what is appended to it: image.bbclass sets all times to one then.
IMAGE_PREPROCESS_COMMAND += "prelink_image;"

prelink_image () {
	if [ -n "${REPRODUCIBLE_TIMESTAMP_ROOTFS}" ]; then
		SOURCE_DATE_EPOCH="${REPRODUCIBLE_TIMESTAMP_ROOTFS}"
		export SOURCE_DATE_EPOCH
	fi
	prelink-image "${IMAGE_ROOTFS}" ${PRELINK_IMAGE} -- ${PRELINK_IMAGE_FLAGS} ||
		bbfatal "the image could not be prelinked, see above; PRELINK_IMAGE_FLAGS = \"-b FILE\" leaves a file out"
}
