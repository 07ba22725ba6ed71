#!/bin/sh
# Installs what the tests need, on Debian, as root. Safe to run again: it looks
# first and does only what is missing. Go and Node must be there already.
set -eu

minio_version=v0.0.0-20260212201848-7aac2a2c5b7c
bin="${HOME:?HOME is not set}/.cache/lieciba-dev/bin"
packages='postgresql ffmpeg chromium gir1.2-gst-rtsp-server-1.0 python3-gi
gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
gstreamer1.0-libav fonts-dejavu-core iproute2'

say() { printf 'install: %s\n' "$*"; }
fail() {
	printf 'install: %s\n' "$*" >&2
	exit 1
}

installed() {
	status=$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) && [ "$status" = installed ]
}

install_packages() {
	set --
	for package in $packages; do
		installed "$package" || set -- "$@" "$package"
	done
	if [ $# -eq 0 ]; then
		say 'Debian packages: all there'
		return
	fi
	[ "$(id -u)" -eq 0 ] || fail "these packages are missing and only root can install them: $*"
	say "apt-get install $*"
	apt-get update -q
	# A package may start its service; the tests start servers of their own.
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

install_minio() {
	if [ -x "$bin/minio" ] || command -v minio >/dev/null 2>&1; then
		say 'MinIO: there'
		return
	fi
	command -v go >/dev/null 2>&1 || fail 'Go is missing: install the version that go.mod names'
	say "building MinIO $minio_version into $bin (once, some minutes)"
	mkdir -p "$bin"
	(cd / && GOBIN="$bin" CGO_ENABLED=0 go install "github.com/minio/minio@$minio_version")
}

command -v dpkg-query >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 ||
	fail 'this script knows Debian only; elsewhere install the packages that it names by hand'
install_packages
install_minio
say 'done'
