#!/usr/bin/env bash
# make_image.sh PROGRAM OUT.iso: a CD image that runs the static PROGRAM on a PC without an operating system, with its
# output on the first serial port. See README.md here. Needs Debian's packages g++, isolinux, syslinux-common, xorriso.
set -euo pipefail
[[ $# == 2 ]] || { echo "usage: make_image.sh PROGRAM OUT.iso" >&2; exit 2; }
readonly HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly MODULES=${SYSLINUX_MODULES:-/usr/lib/syslinux/modules/bios} BOOT=${ISOLINUX_BIN:-/usr/lib/ISOLINUX/isolinux.bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/cd/isolinux"

cat >"$work/link.ld" <<'LD'
ENTRY(Start)
SECTIONS {
  . = 0x100000;
  .text : { *(.multiboot) *(.text*) *(.rodata*) }
  .data : { *(.data*) }
  .bss : { *(.bss*) *(COMMON) }
  /DISCARD/ : { *(.note*) *(.eh_frame*) *(.comment) }
}
LD
gcc -c "$HERE/bare_boot.S" -o "$work/boot.o"
g++ -std=c++20 -O1 -Wall -Wextra -mgeneral-regs-only -mno-red-zone -ffreestanding -fno-stack-protector -fno-pic \
  -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns \
  -c "$HERE/bare_kernel.cc" -o "$work/kernel.o"
ld -n --no-warn-rwx-segments -T "$work/link.ld" -o "$work/kernel64" "$work/boot.o" "$work/kernel.o"
# The multiboot loader takes 32-bit files.
objcopy -O elf32-i386 "$work/kernel64" "$work/cd/kernel"
strip -o "$work/cd/program" "$1"

cp "$BOOT" "$MODULES"/{ldlinux,mboot,libcom32}.c32 "$work/cd/isolinux/"
printf 'DEFAULT run\nPROMPT 0\nTIMEOUT 1\nLABEL run\n KERNEL mboot.c32\n APPEND /kernel --- /program\n' \
  >"$work/cd/isolinux/isolinux.cfg"
xorriso -as mkisofs -quiet -o "$2" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 \
  -boot-info-table "$work/cd"
