################################################################################
#
# prelink-plugins
#
################################################################################

PRELINK_PLUGINS_VERSION = 0.1
PRELINK_PLUGINS_SOURCE = prelink-plugins-$(PRELINK_PLUGINS_VERSION).tar.xz
# What `make dist' makes, in the directory dist of this tree.
PRELINK_PLUGINS_SITE = $(BR2_EXTERNAL_PRELINK_PLUGINS_PATH)/dist
PRELINK_PLUGINS_SITE_METHOD = file
PRELINK_PLUGINS_LICENSE = LGPL-2.1+
PRELINK_PLUGINS_LICENSE_FILES = COPYING

# The target's compiler makes the module, beside the prelinker for the host.
PRELINK_PLUGINS_DEPENDENCIES = host-prelink-plugins
HOST_PRELINK_PLUGINS_DEPENDENCIES = \
	host-elfutils \
	host-libyaml \
	host-nettle \
	host-pkgconf \
	host-prelink-plugins-jansson \
	host-zlib \
	toolchain

# What prelink is told of paths is where they are in an image.
HOST_PRELINK_PLUGINS_CONF_OPTS = \
	--prefix=/usr \
	--exec-prefix=/usr \
	--libdir=/usr/lib \
	--sysconfdir=/etc \
	--localstatedir=/var \
	--with-modules="$(notdir $(patsubst %-,%,$(TARGET_CROSS)))"
HOST_PRELINK_PLUGINS_INSTALL_OPTS = \
	DESTDIR=$(HOST_DIR)/lib/prelink-plugins/image install

# As prelink-plugins/arch names machines.
PRELINK_PLUGINS_MACHINE = $(call qstrip,$(BR2_ARCH))/
ifeq ($(BR2_i386),y)
PRELINK_PLUGINS_MACHINE = i386/
endif
ifeq ($(BR2_x86_64),y)
PRELINK_PLUGINS_MACHINE =
endif
PRELINK_PLUGINS_BUILT = $(HOST_DIR)/lib/prelink-plugins/image/usr
PRELINK_PLUGINS_MODULE = \
	lib/prelink-plugins/$(PRELINK_PLUGINS_MACHINE)prelink-rtld.so

define PRELINK_PLUGINS_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0644 $(PRELINK_PLUGINS_BUILT)/$(PRELINK_PLUGINS_MODULE) \
		$(TARGET_DIR)/usr/$(PRELINK_PLUGINS_MODULE)
	mkdir -p $(TARGET_DIR)/usr/share/prelink-plugins
	cp -R $(PRELINK_PLUGINS_BUILT)/share/prelink-plugins/manifests \
		$(TARGET_DIR)/usr/share/prelink-plugins
endef

$(eval $(generic-package))
$(eval $(host-autotools-package))
