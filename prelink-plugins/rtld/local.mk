# The run-time module: freestanding, so the flags that make it so come after the user's.  Every start pays for each
# segment, and each page written, of it: two segments, the second a page of the file, and no RELRO, since it has no
# table of addresses that would have to be kept from being written.
rtld_sources = \
	prelink-plugins/rtld/prelink-rtld.c \
	prelink-plugins/rtld/again.c \
	prelink-plugins/rtld/apply.c \
	prelink-plugins/rtld/bounds.c \
	prelink-plugins/rtld/builtin.c \
	prelink-plugins/rtld/environment.c \
	prelink-plugins/rtld/filtered.c \
	prelink-plugins/rtld/ldso.c \
	prelink-plugins/rtld/learn.c \
	prelink-plugins/rtld/loaded.c \
	prelink-plugins/rtld/memory_identity.c \
	prelink-plugins/rtld/planned.c \
	prelink-plugins/rtld/populate.c \
	prelink-plugins/rtld/static_tls.c \
	prelink-plugins/rtld/store.c \
	prelink-plugins/rtld/text.c
rtld_files = $(rtld_sources) \
	prelink-plugins/rtld/again.h \
	prelink-plugins/rtld/apply.h \
	prelink-plugins/rtld/bounds.h \
	prelink-plugins/rtld/digest.h \
	prelink-plugins/rtld/environment.h \
	prelink-plugins/rtld/filtered.h \
	prelink-plugins/rtld/identity.h \
	prelink-plugins/rtld/ldso.h \
	prelink-plugins/rtld/learn.h \
	prelink-plugins/rtld/loaded.h \
	prelink-plugins/rtld/memory_identity.h \
	prelink-plugins/rtld/plan_format.h \
	prelink-plugins/rtld/planned.h \
	prelink-plugins/rtld/populate.h \
	prelink-plugins/rtld/static_tls.h \
	prelink-plugins/rtld/store.h \
	prelink-plugins/rtld/store_format.h \
	prelink-plugins/rtld/text.h \
	prelink-plugins/rtld/kernel.h \
	prelink-plugins/rtld/rel.h \
	prelink-plugins/rtld/rela.h \
	prelink-plugins/rtld/aarch64/machine.h \
	prelink-plugins/rtld/arm/machine.h \
	prelink-plugins/rtld/i386/machine.h \
	prelink-plugins/rtld/powerpc64le/machine.h \
	prelink-plugins/rtld/riscv64/machine.h \
	prelink-plugins/rtld/s390x/machine.h \
	prelink-plugins/rtld/x86_64/machine.h
# Two pointers stored at once are a constant of 16 bytes, which the module would have to be relocated for.
rtld_scalar = -fno-tree-vectorize -fno-tree-slp-vectorize
rtld_cflags = -std=gnu11 -ffreestanding -fno-builtin $(RTLD_CFLAGS) -fPIC -fvisibility=hidden \
	-fno-stack-protector -fno-sanitize=all -fno-lto -fno-asynchronous-unwind-tables -ffunction-sections \
	$(rtld_scalar) \
	-U_FORTIFY_SOURCE
rtld_ldflags = -shared -nostdlib -Wl,-soname,prelink-rtld.so -Wl,-z,defs -Wl,-z,now -Wl,--gc-sections -Wl,-z,noseparate-code \
	-Wl,-z,norelro \
	-Wl,--hash-style=gnu
EXTRA_DIST += $(rtld_files)

# A module without the marks of a shadow stack turns it off for its process, or is refused (glibc, sysdeps/x86/dl-cet.c,
# sysdeps/aarch64/dl-gcs.c).  Compilers that know aarch64's (gcc 15) mark it so.  No kernel
# tracks the indirect branches of programs on x86: the instructions for that are left out.
rtld_guarded_x86_64 = -fcf-protection=return
rtld_guarded_i386 = -fcf-protection=return
rtld_guarded_aarch64 = -mbranch-protection=standard

# Of machine MACHINE with compiler and flags COMPILER: $(call rtld_link,MACHINE,COMPILER)
rtld_link = $(2) -D_GNU_SOURCE -DSYSTEM_STORE='"$(localstatedir)/lib/prelink/store"' -I$(top_srcdir)/prelink-plugins/rtld \
	-I$(top_srcdir)/prelink-plugins/rtld/$(1) $(WARN_CFLAGS) $(3) $(rtld_cflags) $(rtld_guarded_$(1)) $(rtld_ldflags) -o $@ \
	$(addprefix $(top_srcdir)/,$(rtld_sources)) -lgcc

if RTLD
moduledir = $(pkglibdir)$(RTLD_DIRECTORY)
module_DATA = prelink-plugins/rtld/prelink-rtld.so
CLEANFILES += prelink-plugins/rtld/prelink-rtld.so
prelink-plugins/rtld/prelink-rtld.so: $(rtld_files)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(call rtld_link,$(RTLD_MACHINE),$(CC),$(CFLAGS))

# For who links programs that name it: gcc -specs=.  The object must take no hardening from what it is linked into.
module_DATA += prelink-plugins/rtld/link/audit.specs prelink-plugins/rtld/link/tls-room.o
CLEANFILES += prelink-plugins/rtld/link/audit.specs prelink-plugins/rtld/link/tls-room.o
room_hardened_x86_64 = -fcf-protection=full
room_hardened_i386 = -fcf-protection=full
room_hardened_aarch64 = $(rtld_guarded_aarch64)
prelink-plugins/rtld/link/tls-room.o: prelink-plugins/rtld/link/tls_room.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) $(CFLAGS) $(RTLD_CFLAGS) -g0 -fno-lto -fno-sanitize=all -fPIC $(room_hardened_$(RTLD_MACHINE)) -c -o $@ $<
prelink-plugins/rtld/link/audit.specs: prelink-plugins/rtld/link/audit.specs.in Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)sed -e 's|@module[@]|$(moduledir)/prelink-rtld.so|' -e 's|@directory[@]|$(moduledir)|' \
		$(srcdir)/prelink-plugins/rtld/link/audit.specs.in >$@
endif
EXTRA_DIST += prelink-plugins/rtld/link/audit.specs.in prelink-plugins/rtld/link/tls_room.c

# Of other machines: RTLD_FOREIGN is a list of MACHINE:COMPILER.  They go where programs of these machines look for
# them, so that they can be copied into a root with their path.
rtld_machines = $(foreach entry,$(RTLD_FOREIGN),$(firstword $(subst :, ,$(entry))))
rtld_modules = $(patsubst %,prelink-plugins/rtld/%/prelink-rtld.so,$(rtld_machines))
MODULE_CFLAGS = -O2 -g
all-local: $(rtld_modules)
$(rtld_modules): prelink-plugins/rtld/%/prelink-rtld.so: $(rtld_files)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(call rtld_link,$*,$(patsubst $*:%,%,$(filter $*:%,$(RTLD_FOREIGN))),$(MODULE_CFLAGS))

# The stub of the other class, and links by which LD_AUDIT=$(pkglibdir)/$$LIB/prelink-rtld.so finds each class's own: what
# ld.so takes $$LIB for depends on who built it.
rtld_stub = $(patsubst %,prelink-plugins/rtld/%/stub.so,$(RTLD_STUB))
all-local: $(rtld_stub)
$(rtld_stub): prelink-plugins/rtld/stub.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -m32 -O2 $(WARN_CFLAGS) -ffreestanding -fPIC -fcf-protection=none -fno-asynchronous-unwind-tables \
		-shared -nostdlib -Wl,-soname,prelink-rtld.so -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--hash-style=both -o $@ $<
CLEANFILES += $(rtld_stub)
EXTRA_DIST += prelink-plugins/rtld/stub.c
rtld_lib_32 = $(if $(filter lib64,$(RTLD_LIB)),lib lib32,lib32) lib/i386-linux-gnu
rtld_lib_64 = $(sort $(RTLD_LIB) lib64 lib/$(RTLD_MACHINE)-linux-gnu)
# $(call rtld_links,DIRECTORIES,MODULE): a link in each of DIRECTORIES to MODULE, both below $(pkglibdir).
rtld_links = set -e; for lib in $(1); do $(MKDIR_P) "$(DESTDIR)$(pkglibdir)/$$lib"; \
	ln -sf "$$(echo "$$lib" | sed 's|[^/]*|..|g')$(2)/prelink-rtld.so" "$(DESTDIR)$(pkglibdir)/$$lib/prelink-rtld.so"; done
if RTLD
install-exec-hook:
	@$(call rtld_links,$(rtld_lib_64),$(RTLD_DIRECTORY))
	@test -z '$(filter i386,$(RTLD_STUB) $(rtld_machines))' || { $(call rtld_links,$(rtld_lib_32),/i386); }
	@test -z '$(RTLD_STUB)' || { $(MKDIR_P) '$(DESTDIR)$(pkglibdir)/i386' && \
		$(INSTALL_DATA) $(rtld_stub) '$(DESTDIR)$(pkglibdir)/i386/prelink-rtld.so'; }
uninstall-hook:
	@for lib in $(rtld_lib_64) $(rtld_lib_32) $(RTLD_STUB); do rm -f "$(DESTDIR)$(pkglibdir)/$$lib/prelink-rtld.so"; \
		rmdir "$(DESTDIR)$(pkglibdir)/$$lib" 2>/dev/null || :; done
	@rmdir "$(DESTDIR)$(pkglibdir)/lib" 2>/dev/null || :
endif
install-exec-local:
	@for machine in $(rtld_machines); do \
		$(MKDIR_P) "$(DESTDIR)$(pkglibdir)/$$machine" && $(INSTALL_DATA) prelink-plugins/rtld/$$machine/prelink-rtld.so \
		"$(DESTDIR)$(pkglibdir)/$$machine/prelink-rtld.so" || exit 1; done
uninstall-local: uninstall-modules
uninstall-modules:
	@for machine in $(rtld_machines); do rm -f "$(DESTDIR)$(pkglibdir)/$$machine/prelink-rtld.so"; done
.PHONY: uninstall-modules
CLEANFILES += prelink-plugins/rtld/*/prelink-rtld.so
