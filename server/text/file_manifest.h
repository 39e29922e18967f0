// Which files made a tokenizer, and their SHA-256: what GetTokenizer streams and a router compares.
#ifndef FOREGATE_SERVER_TEXT_FILE_MANIFEST_H_
#define FOREGATE_SERVER_TEXT_FILE_MANIFEST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/formats/model_files.h"

namespace foregate {

struct ManifestFile {
  std::string name;  // as ModelFiles names it
  uint64_t size_bytes = 0;
  std::string sha256;  // hexadecimal
};

// A value.
struct FileManifest {
  ModelFiles source;
  std::vector<ManifestFile> files;
  std::string sha256;  // of the lines that sha256sum prints for the files; empty without files
};

// Reads every file once. NOT_FOUND or INVALID_ARGUMENT naming the file that cannot be read.
absl::StatusOr<FileManifest> MakeFileManifest(ModelFiles source, const std::vector<std::string>& names);

// Reads the files of a manifest again, piece by piece and in order, and holds them to it. Not thread-safe; the manifest
// must outlive it.
class ManifestReader {
 public:
  explicit ManifestReader(const FileManifest* manifest);
  ~ManifestReader();
  ManifestReader(const ManifestReader&) = delete;
  ManifestReader& operator=(const ManifestReader&) = delete;

  struct Piece {
    int file = 0;         // index into the manifest
    uint64_t offset = 0;  // of `data` in the file
    std::string data;
  };
  // The next piece of at most max_bytes; false when all files were given. An empty file has one empty piece. DATA_LOSS
  // naming the file when it is not the one of the manifest; its last piece is then never given.
  absl::StatusOr<bool> Next(size_t max_bytes, Piece* piece);

 private:
  absl::Status Changed(std::string_view how) const;

  struct OpenFile;
  const FileManifest* manifest_;
  size_t file_ = 0;  // index of the current one
  std::unique_ptr<OpenFile> open_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_FILE_MANIFEST_H_
