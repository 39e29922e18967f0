#include "server/generation/tool_call_id.h"

namespace foregate {
namespace {

// The finalizer of splitmix64: every bit of the input reaches every bit of the output.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

std::string MakeToolCallId(std::string_view request_id, int32_t sample, int32_t index) {
  uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a, 64 bits
  for (const char c : request_id) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  hash = Mix(hash ^ Mix(static_cast<uint64_t>(static_cast<uint32_t>(sample)) << 32 | static_cast<uint32_t>(index)));
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string id(9, '0');
  for (char& c : id) {
    c = kAlphabet[hash % kAlphabet.size()];
    hash /= kAlphabet.size();
  }
  return id;
}

}  // namespace foregate
