// Runs a fuzz target once per file named on the command line: the corpus as a regression test, without libFuzzer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "%s: no corpus file was named, so nothing would be tested\n", argv[0]);
    return 1;
  }
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file.is_open()) {
      std::fprintf(stderr, "%s: cannot read %s\n", argv[0], argv[i]);
      return 1;
    }
    const std::string input((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    // A buffer of the exact size, which std::string is not: the address sanitizer sees a read beyond its end.
    const auto exact = std::make_unique<uint8_t[]>(input.size());
    std::copy(input.begin(), input.end(), exact.get());
    std::printf("%s: %zu bytes\n", argv[i], input.size());
    std::fflush(stdout);  // names the input that crashes
    LLVMFuzzerTestOneInput(exact.get(), input.size());
  }
  std::printf("%d inputs\n", argc - 1);
  return 0;
}
