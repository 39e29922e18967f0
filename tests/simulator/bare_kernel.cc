// What a static Linux program needs of a kernel, and no more: memory, output, thread-local storage. It loads the first
// module that the boot loader brings (isa_paths), answers its system calls, and writes to the first serial port.
//
// Memory, of 1 GiB: this kernel and the module below 256 MiB, the program at 256 MiB, its stack below 320 MiB, its
// break at 320 MiB, mapped pages from 384 MiB on.
#include <elf.h>

#include <cstdint>

extern "C" {
[[noreturn]] void Enter(uint64_t entry, uint64_t stack);
uint64_t Handle(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
[[noreturn]] void Main(const uint32_t* info);
}

namespace {

constexpr uint64_t kStack = 0x13ffe000, kFirstPage = 0x18000000, kEndOfPages = 0x3f000000;
constexpr uint16_t kSerial = 0x3f8, kPower = 0x8900;
constexpr uint64_t kNoMemory = static_cast<uint64_t>(-12), kNoSuchCall = static_cast<uint64_t>(-38),
                   kInvalid = static_cast<uint64_t>(-22);
uint64_t next_page = kFirstPage;
uint64_t next_break = 0x14000000;

void Out(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
uint8_t In(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

uint64_t Put(const char* text, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    while ((In(kSerial + 5) & 0x20) == 0) {
    }
    Out(kSerial, static_cast<uint8_t>(text[i]));
  }
  return n;
}

uint64_t PutParts(const uint64_t* parts, uint64_t n) {
  uint64_t total = 0;
  for (uint64_t i = 0; i < n; ++i) total += Put(reinterpret_cast<const char*>(parts[2 * i]), parts[2 * i + 1]);
  return total;
}

// Bochs and others end at this word; elsewhere the machine halts.
[[noreturn]] void PowerOff() {
  for (const char* letter = "Shutdown"; *letter != 0; ++letter) Out(kPower, static_cast<uint8_t>(*letter));
  for (;;) __asm__ volatile("hlt");
}

void Copy(char* to, const char* from, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) to[i] = from[i];
}

// Never given back.
uint64_t Map(uint64_t bytes) {
  const uint64_t page = next_page;
  const uint64_t end = page + ((bytes + 4095) & ~uint64_t{4095});
  if (end > kEndOfPages) return kNoMemory;
  next_page = end;
  return page;
}

uint64_t Control(uint64_t what, uint64_t value) {
  constexpr uint64_t kSetFs = 0x1002, kRequestTiles = 0x1023;
  if (what == kRequestTiles) return 0;
  if (what != kSetFs) return kInvalid;
  constexpr uint32_t kFsBase = 0xc0000100;
  __asm__ volatile("wrmsr" ::"c"(kFsBase), "a"(static_cast<uint32_t>(value)), "d"(static_cast<uint32_t>(value >> 32)));
  return 0;
}

}  // namespace

// The numbers are Linux's.
uint64_t Handle(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t /*d*/) {
  switch (number) {
    case 1:  // write
      return Put(reinterpret_cast<const char*>(b), c);
    case 9:  // mmap
      return Map(b);
    case 12:  // brk
      if (a >= next_break && a < kFirstPage) next_break = a;
      return next_break;
    case 20:  // writev
      return PutParts(reinterpret_cast<const uint64_t*>(b), c);
    case 39:  // getpid: not 1, which would power off through the system
      return 2;
    case 60:   // exit
    case 231:  // exit_group
      PowerOff();
    case 158:  // arch_prctl
      return Control(a, b);
    case 318:  // getrandom: anything will do
      return b;
    case 10:   // mprotect
    case 11:   // munmap
    case 13:   // rt_sigaction
    case 14:   // rt_sigprocmask
    case 28:   // madvise
    case 202:  // futex
    case 218:  // set_tid_address
    case 273:  // set_robust_list
      return 0;
    default:
      return kNoSuchCall;
  }
}

void Main(const uint32_t* info) {
  constexpr uint8_t kEightBits = 3;
  Out(kSerial + 3, kEightBits);
  const auto* module = reinterpret_cast<const uint32_t*>(static_cast<uint64_t>(info[6]));
  const auto* file = reinterpret_cast<const char*>(static_cast<uint64_t>(module[0]));
  const auto* elf = reinterpret_cast<const Elf64_Ehdr*>(file);
  const auto* segments = reinterpret_cast<const Elf64_Phdr*>(file + elf->e_phoff);
  uint64_t headers = 0;
  for (int i = 0; i < elf->e_phnum; ++i) {
    const Elf64_Phdr& segment = segments[i];
    if (segment.p_type != PT_LOAD) continue;
    auto* to = reinterpret_cast<char*>(segment.p_vaddr);
    Copy(to, file + segment.p_offset, segment.p_filesz);
    for (uint64_t j = segment.p_filesz; j < segment.p_memsz; ++j) to[j] = 0;
    if (segment.p_offset == 0) headers = segment.p_vaddr + elf->e_phoff;
  }
  static const char name[] = "isa_paths";
  static const char random[16] = "reproducible";
  const uint64_t words[] = {1,         reinterpret_cast<uint64_t>(name),
                            0,         0,
                            AT_PHDR,   headers,
                            AT_PHNUM,  elf->e_phnum,
                            AT_PHENT,  elf->e_phentsize,
                            AT_PAGESZ, 4096,
                            AT_RANDOM, reinterpret_cast<uint64_t>(random),
                            AT_SECURE, 0,
                            AT_ENTRY,  elf->e_entry,
                            AT_NULL,   0};
  Copy(reinterpret_cast<char*>(kStack), reinterpret_cast<const char*>(words), sizeof words);
  Enter(elf->e_entry, kStack);
}
