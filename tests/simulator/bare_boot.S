// Multiboot entry of a machine without an operating system: identity-maps the first GiB, enters 64-bit mode with all
// vector and tile state on, and calls Main (bare_kernel.cc) with the boot loader's information.
  .section .multiboot, "a"
  .align 8
  .long 0x1badb002, 0x3, -(0x1badb002 + 0x3)

  .text
  .code32
  .globl Start
Start:
  cli
  cld
  mov %ebx, multiboot_info
  mov $stack_end, %esp
  // One table of each level; 512 pages of 2 MiB.
  mov $pml4, %edi
  movl $(pdpt + 3), (%edi)
  mov $pdpt, %edi
  movl $(page_directory + 3), (%edi)
  mov $page_directory, %edi
  mov $0x83, %eax
  mov $512, %ecx
1:mov %eax, (%edi)
  add $0x200000, %eax
  add $8, %edi
  loop 1b
  mov $0x40620, %eax            // PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
  mov %eax, %cr4
  mov $pml4, %eax
  mov %eax, %cr3
  mov $0xc0000080, %ecx
  rdmsr
  or $0x101, %eax               // LME, SCE
  wrmsr
  mov $0x80000013, %eax         // PG, ET, MP, PE
  mov %eax, %cr0
  lgdt gdt_pointer
  ljmp $8, $Long
  .code64
Long:
  mov $16, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $0xd, %eax                // x87, SSE, AVX, AVX-512 and tiles, as far as the processor has them
  xor %ecx, %ecx
  cpuid
  and $0x600e7, %eax
  xor %edx, %edx
  xor %ecx, %ecx
  xsetbv
  mov $0xc0000081, %ecx         // STAR: both selectors are ring 0's
  xor %eax, %eax
  mov $0x00080008, %edx
  wrmsr
  mov $0xc0000082, %ecx         // LSTAR
  mov $SystemCall, %eax
  xor %edx, %edx
  wrmsr
  mov $0xc0000084, %ecx         // FMASK
  xor %eax, %eax
  wrmsr
  fninit
  mov multiboot_info, %edi
  call Main
2:hlt
  jmp 2b

  .globl Enter
Enter:                          // rdi: the program's entry, rsi: its stack
  mov %rsi, %rsp
  xor %edx, %edx
  xor %ebp, %ebp
  jmp *%rdi

// Everything runs in ring 0, so a call stays on the caller's stack, below its red zone, and returns by a jump.
SystemCall:
  lea -128(%rsp), %rsp
  push %rcx
  push %r11
  push %rdi
  push %rsi
  push %rdx
  push %r8
  push %r9
  push %r10
  push %rbp
  mov %rsp, %rbp
  and $-16, %rsp
  mov %r10, %r8                 // Handle(number, a, b, c, d)
  mov %rdx, %rcx
  mov %rsi, %rdx
  mov %rdi, %rsi
  mov %rax, %rdi
  call Handle
  mov %rbp, %rsp
  pop %rbp
  pop %r10
  pop %r9
  pop %r8
  pop %rdx
  pop %rsi
  pop %rdi
  pop %r11
  pop %rcx
  lea 128(%rsp), %rsp
  jmp *%rcx

  .data
  .align 8
gdt: .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdt_pointer: .word 23
  .long gdt
  .bss
  .align 4096
pml4: .skip 4096
pdpt: .skip 4096
page_directory: .skip 4096
  .skip 16384
stack_end:
multiboot_info: .skip 4
  .section .note.GNU-stack, "", @progbits
