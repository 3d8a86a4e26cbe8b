# SPDX-License-Identifier: LGPL-2.1-or-later
# Portage hook: adds plugin notes to every package that is built.  Source it from /etc/portage/bashrc:
#
#     source /usr/share/prelink-plugins/gentoo/plugin-note.bashrc
#
# PLUGIN_NOTE=no in package.env keeps a package out; PLUGIN_NOTE_STRICT=yes stops a build where it fails.
if [[ -z ${_PLUGIN_NOTE_BASHRC} ]]; then
_PLUGIN_NOTE_BASHRC=1

_plugin_note_post_src_install() {
	[[ ${PLUGIN_NOTE:-yes} == yes ]] || return 0
	type -P add-plugin-note >/dev/null || return 0
	local image=${ED:-${D}}
	if [[ ${PLUGIN_NOTE_STRICT:-no} == yes ]]; then
		add-plugin-note --strict "${image}" || die "adding plugin notes failed"
	else
		add-plugin-note "${image}" || ewarn "adding plugin notes failed"
	fi
}

# Another hook may be there already: it runs first.
if [[ $(type -t post_src_install) == function ]]; then
	eval "_plugin_note_earlier_$(declare -f post_src_install)"
	post_src_install() {
		_plugin_note_earlier_post_src_install
		_plugin_note_post_src_install
	}
else
	post_src_install() {
		_plugin_note_post_src_install
	}
fi

fi
