// TokenizerFiles: puts the files that GetTokenizer streams into a directory, each only when it is whole.
#ifndef FOREGATE_CLIENT_CLI_TOKENIZER_FILES_H_
#define FOREGATE_CLIENT_CLI_TOKENIZER_FILES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "foregate/discovery/v1/discovery.pb.h"

namespace foregate {

// Used from one thread. A file of the same name is replaced when the new one has arrived and its SHA-256 is right.
class TokenizerFiles {
 public:
  // Empty: nothing is written, only the manifest is kept.
  explicit TokenizerFiles(std::string directory);
  ~TokenizerFiles();
  TokenizerFiles(const TokenizerFiles&) = delete;
  TokenizerFiles& operator=(const TokenizerFiles&) = delete;

  // Keeps the first failure and ignores what follows it: INTERNAL or DATA_LOSS for a broken stream, UNKNOWN naming the
  // path that cannot be written.
  void Add(const discovery::v1::GetTokenizerResponse& response);
  // After the stream's end: that failure, or DATA_LOSS when a file is not complete.
  absl::Status Finish();

  const discovery::v1::TokenizerManifest& manifest() const { return manifest_; }

 private:
  struct OpenFile;

  absl::Status AddManifest(const discovery::v1::TokenizerManifest& manifest);
  absl::Status AddChunk(const discovery::v1::TokenizerChunk& chunk);
  absl::Status Open(const discovery::v1::TokenizerFile& file);
  absl::Status Close(const discovery::v1::TokenizerFile& file);

  const std::string directory_;
  discovery::v1::TokenizerManifest manifest_;
  int next_file_ = 0;  // the one that is being received
  std::unique_ptr<OpenFile> open_;
  absl::Status failure_;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_TOKENIZER_FILES_H_
