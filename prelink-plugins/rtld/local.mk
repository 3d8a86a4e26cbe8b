# The run-time module: freestanding, so the flags that make it so come after the user's.
rtld_sources = \
	prelink-plugins/rtld/prelink-rtld.c \
	prelink-plugins/rtld/bounds.c \
	prelink-plugins/rtld/environment.c \
	prelink-plugins/rtld/ldso.c \
	prelink-plugins/rtld/learn.c \
	prelink-plugins/rtld/memory_identity.c \
	prelink-plugins/rtld/planned.c \
	prelink-plugins/rtld/static_tls.c \
	prelink-plugins/rtld/store.c \
	prelink-plugins/rtld/text.c
rtld_files = $(rtld_sources) \
	prelink-plugins/rtld/bounds.h \
	prelink-plugins/rtld/digest.h \
	prelink-plugins/rtld/environment.h \
	prelink-plugins/rtld/identity.h \
	prelink-plugins/rtld/ldso.h \
	prelink-plugins/rtld/learn.h \
	prelink-plugins/rtld/memory_identity.h \
	prelink-plugins/rtld/plan_format.h \
	prelink-plugins/rtld/planned.h \
	prelink-plugins/rtld/static_tls.h \
	prelink-plugins/rtld/store.h \
	prelink-plugins/rtld/store_format.h \
	prelink-plugins/rtld/text.h \
	prelink-plugins/rtld/x86_64/machine.h
rtld_cflags = -std=gnu11 -ffreestanding -fno-builtin $(RTLD_CFLAGS) -fPIC -fvisibility=hidden \
	-fno-stack-protector -fno-sanitize=all -fno-lto -fno-asynchronous-unwind-tables -fcf-protection=none \
	-U_FORTIFY_SOURCE
rtld_ldflags = -shared -nostdlib -Wl,-soname,prelink-rtld.so -Wl,-z,defs -Wl,-z,now -Wl,-z,noseparate-code \
	-Wl,--hash-style=gnu
EXTRA_DIST += $(rtld_files)

if RTLD
moduledir = $(pkglibdir)
module_DATA = prelink-plugins/rtld/prelink-rtld.so
CLEANFILES += prelink-plugins/rtld/prelink-rtld.so
prelink-plugins/rtld/prelink-rtld.so: $(rtld_files)
	@$(MKDIR_P) prelink-plugins/rtld
	$(AM_V_CCLD)$(CC) -D_GNU_SOURCE -DSYSTEM_STORE='"$(localstatedir)/lib/prelink/store"' -I$(top_srcdir)/prelink-plugins/rtld/$(RTLD_MACHINE) $(WARN_CFLAGS) \
		$(CFLAGS) $(rtld_cflags) $(rtld_ldflags) -o $@ \
		$(addprefix $(top_srcdir)/,$(rtld_sources))
endif
