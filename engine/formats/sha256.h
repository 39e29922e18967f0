// SHA-256, by which files are told apart for good: of tokenizers, and of the weights that an overlay stands on.
#ifndef FOREGATE_ENGINE_FORMATS_SHA256_H_
#define FOREGATE_ENGINE_FORMATS_SHA256_H_

#include <memory>
#include <string>
#include <string_view>

namespace foregate {

// A running SHA-256 (FIPS 180-4). Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // 64 hexadecimal digits. No Update() afterwards.
  std::string Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_SHA256_H_
