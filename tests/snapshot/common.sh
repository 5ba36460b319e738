# common.sh: file systems on loop devices in a mount namespace of their own, for the scripts of this directory.
# Sourced first: it starts the script again within the namespace. $work is scratch, removed at the end with everything mounted below it.

set -u
cd "$(dirname "$0")/../.." || exit 2
tool=${SNAPTOOL:-$PWD/build/release/tools/snaptool}
name=${0##*/}

# needs PROGRAM...: without one of them, or without loop devices, there is nothing to test.
needs() {
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || { echo "skip - $name ($p is not installed)"; exit 0; }
	done
	[ "$(id -u)" = 0 ] || { echo "skip - $name (only root mounts file systems)"; exit 0; }
	losetup -f >/dev/null 2>&1 || { echo "skip - $name (no loop devices)"; exit 0; }
}

if [ -z "${IN_NAMESPACE:-}" ] && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	IN_NAMESPACE=1 exec unshare -m --propagation private "$0" "$@"
fi

. tests/snapshot/say.sh
work=$(mktemp -d)
loops=
finish() {
	local d
	[ -z "${holder:-}" ] || kill -9 "$holder" 2>/dev/null
	if mountpoint -q "${work:?}/m" 2>/dev/null; then umount -R "$work/m"; fi
	for d in $loops $(losetup -n -O NAME,BACK-FILE | awk -v w="$work/" 'index($2, w) == 1 { print $1 }'); do
		losetup -d "$d" 2>/dev/null
	done
	rm -rf --one-file-system "${work:?}"
}
trap finish EXIT

# All mounts of a test lie below one, so that one umount takes them.
places() {
	mkdir "$work/m"
	mount -t tmpfs tmpfs "$work/m"
}

# loop FILE SIZE: a device of this size over a sparse file; its name in $device.
loop() {
	truncate -s "$2" "$1"
	device=$(losetup -f --show "$1") || exit 2
	loops="$loops $device"
}
