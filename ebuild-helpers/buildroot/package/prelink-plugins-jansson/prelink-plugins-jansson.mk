################################################################################
#
# prelink-plugins-jansson
#
################################################################################

# Buildroot's jansson, for the host: it has none of its own.
PRELINK_PLUGINS_JANSSON_VERSION = $(JANSSON_VERSION)
PRELINK_PLUGINS_JANSSON_SOURCE = $(JANSSON_SOURCE)
PRELINK_PLUGINS_JANSSON_SITE = $(JANSSON_SITE)
PRELINK_PLUGINS_JANSSON_LICENSE = $(JANSSON_LICENSE)
PRELINK_PLUGINS_JANSSON_LICENSE_FILES = $(JANSSON_LICENSE_FILES)
HOST_PRELINK_PLUGINS_JANSSON_CONF_ENV = $(JANSSON_CONF_ENV)

$(eval $(host-autotools-package))
