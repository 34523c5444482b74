#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# Lays out a Rust toolchain that also has std for musl, for both architectures, and prints its path.
#
# Debian ships rustc with std for its own C library only. The sources of std come from Debian too
# (rust-web-src, with the crates they need), so std is built here, offline, with the switch that
# rustc's own build uses. musl 1.2.5 comes from a newer Debian release through a private apt
# configuration that leaves the system's sources alone; apt checks its signatures.
# Why it is done like this: docs/decisions/0010-toolchain.md.
#
# Usage: toolchain.sh CACHE       writes CACHE/toolchain-<hash>, nothing when it is there
set -euo pipefail

cache=$(realpath -m "$1")
here=$(dirname "$(realpath "$0")")
architectures="x86_64 aarch64"
rust_library=/usr/lib/rustlib/src/rust/library
musl_release=trixie
musl_version=1.2.5
mirror=${ICHOR_DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

version=$(/usr/bin/rustc -V | cut -d' ' -f2)
case $(dpkg-query -Wf '${Version}' rust-web-src) in
"$version"*) ;;
*)
	echo "toolchain: rust-web-src is not of the same version as rustc $version" >&2
	exit 1
	;;
esac

# Everything that the result depends on. Raise the recipe when this script makes something else.
recipe=1
hash=$({
	echo "$recipe $musl_version $cache"
	dpkg-query -Wf '${Package} ${Version}\n' rustc-web rust-web-src gcc-12 gcc-14 2>/dev/null || true
	aarch64-linux-gnu-gcc --version
	cat "$here/toolchain/find_object.c"
} | sha256sum | cut -c1-16)
final=$cache/toolchain-$hash
# One at a time: a second caller waits and then finds it complete.
mkdir -p "$cache"
exec 9>"$cache/toolchain.lock"
flock 9
if [ -e "$final/complete" ]; then
	echo "$final"
	exit 0
fi

say() { echo "$@" >&2; }
say "==> Rust toolchain with musl for $architectures (about 2 minutes)"
started=$SECONDS
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The path is compiled into its scripts, so it is laid out in place and marked complete at the end.
prefix=$final
rm -rf "$prefix"
mkdir -p "$prefix"/{bin,lib/rustlib,musl}

# musl's headers and objects, for both architectures.
fetch_musl() {
	local apt=$work/apt
	mkdir -p "$apt"/{lists/partial,archives/partial,parts}
	echo "deb [signed-by=$keyring] $mirror $musl_release main" >"$apt/sources.list"
	local options=(
		-o "Dir::Etc::sourcelist=$apt/sources.list" -o "Dir::Etc::sourceparts=$apt/parts"
		-o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives"
		-o "APT::Architectures=amd64,arm64" -o "APT::Sandbox::User=$(id -un)"
		-o "Acquire::Languages=none" -o "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false"
	)
	say "    fetch musl $musl_version (Debian $musl_release, signed by $keyring)"
	apt-get "${options[@]}" -qq update >&2
	(cd "$apt" && apt-get "${options[@]}" -qq download "musl-dev:amd64=$musl_version*" "musl-dev:arm64=$musl_version*" >&2)
	for package in "$apt"/musl-dev_*.deb; do
		dpkg -x "$package" "$prefix/musl"
	done
}

# Debian's programs, told to look for libraries here.
link_programs() {
	local name
	for target in /usr/lib/rustlib/*-unknown-linux-gnu /usr/lib/rustlib/src /usr/lib/rustlib/etc; do
		[ -e "$target" ] && ln -sfn "$target" "$prefix/lib/rustlib/$(basename "$target")"
	done
	for name in cargo cargo-fmt rustfmt; do
		ln -sfn "/usr/bin/$name" "$prefix/bin/$name"
	done
	# It looks for clippy-driver beside its own file, so a link would find Debian's.
	cp /usr/bin/cargo-clippy "$prefix/bin/"
	for name in rustc rustdoc; do
		printf '#!/bin/sh\nexec /usr/bin/%s --sysroot %s "$@"\n' "$name" "$prefix" >"$prefix/bin/$name"
	done
	printf '#!/bin/sh\nSYSROOT=%s exec /usr/bin/clippy-driver "$@"\n' "$prefix" >"$prefix/bin/clippy-driver"
	# C code of crates (ring): musl's headers, never those of the host's C library.
	for arch in $architectures; do
		printf '#!/bin/sh\nexec %s-linux-gnu-gcc -nostdinc -isystem %s -isystem "$(%s-linux-gnu-gcc -print-file-name=include)" "$@"\n' \
			"$arch" "$prefix/musl/usr/include/$arch-linux-musl" "$arch" >"$prefix/bin/$arch-musl-cc"
	done
	chmod +x "$prefix"/bin/*
}

# An empty crate, because cargo builds std only as part of something.
prepare_std() {
	mkdir -p "$work/empty/src"
	echo '#![no_std]' >"$work/empty/src/lib.rs"
	printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$work/empty/Cargo.toml"
	# panic_abort must itself abort; all other crates of std unwind.
	cat >"$work/wrapper" <<-'W'
		#!/bin/sh
		case " $* " in *" --crate-name panic_abort "*) exec "$@" -C panic=abort ;; esac
		exec "$@"
	W
	chmod +x "$work/wrapper"
}

build_std() {
	local arch=$1 target=$1-unknown-linux-musl
	say "    build std for $target"
	(
		cd "$work/empty"
		# Only this step may use unstable switches of the stable compiler.
		export RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTC_WRAPPER=$work/wrapper
		export CARGO_TARGET_DIR=$work/target CARGO_HOME=$work/home
		export RUSTFLAGS="-Cembed-bitcode=yes -Zforce-unstable-if-unmarked --remap-path-prefix=$rust_library=/rustc/$version/library"
		/usr/bin/cargo build -q --release --offline --target "$target" \
			-Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test \
			-Zbuild-std-features=backtrace,panic-unwind \
			--config 'source.crates-io.replace-with="debian"' \
			--config "source.debian.directory=\"$rust_library/vendor\"" >&2
	)
	local libraries=$prefix/lib/rustlib/$target/lib
	local start=$libraries/self-contained
	mkdir -p "$start"
	cp "$work/target/$target/release/deps"/*.rlib "$libraries/"
	rm -f "$libraries"/libempty-*
	# What rustc links around a static musl program.
	local gcc=$arch-linux-gnu-gcc file
	cp "$prefix/musl/usr/lib/$arch-linux-musl"/{crt1.o,rcrt1.o,Scrt1.o,crti.o,crtn.o,libc.a} "$start/"
	for file in crtbegin.o crtbeginS.o crtbeginT.o crtend.o crtendS.o libgcc.a; do
		cp "$($gcc -print-file-name=$file)" "$start/"
	done
	cp "$($gcc -print-file-name=libgcc_eh.a)" "$start/libunwind.a"
	"$prefix/bin/$arch-musl-cc" -Os -ffunction-sections -c "$here/toolchain/find_object.c" -o "$work/find_object.o"
	ar rD "$start/libunwind.a" "$work/find_object.o" 2>/dev/null
}

fetch_musl
link_programs
prepare_std
for arch in $architectures; do
	build_std "$arch"
done
touch "$prefix/complete"
say "    Rust toolchain: done in $((SECONDS - started)) s"
echo "$prefix"
