# What each application loads; notegen reads them from here (docs: manifests/README, plugin-manifest(5)).
manifestsdir = $(pkgdatadir)/manifests
dist_manifests_DATA = \
	manifests/apache-httpd.yaml \
	manifests/gio.yaml \
	manifests/gobject-introspection.yaml \
	manifests/graphics.yaml \
	manifests/gstreamer.yaml \
	manifests/gtk.yaml \
	manifests/imagemagick.yaml \
	manifests/kde-frameworks.yaml \
	manifests/kde-frameworks-6.yaml \
	manifests/libc.yaml \
	manifests/libreoffice.yaml \
	manifests/nginx.yaml \
	manifests/nss.yaml \
	manifests/openssl.yaml \
	manifests/pam.yaml \
	manifests/perl.yaml \
	manifests/php.yaml \
	manifests/plasma.yaml \
	manifests/postgresql.yaml \
	manifests/python.yaml \
	manifests/qt5.yaml \
	manifests/qt6.yaml \
	manifests/r.yaml \
	manifests/ruby.yaml \
	manifests/sdl.yaml \
	manifests/sound.yaml \
	manifests/tcl.yaml \
	manifests/vlc.yaml \
	manifests/xine-lib.yaml
EXTRA_DIST += manifests/README
