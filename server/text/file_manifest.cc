#include "server/text/file_manifest.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "engine/formats/sha256.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr size_t kReadBytes = 256 << 10;

}  // namespace

absl::StatusOr<FileManifest> MakeFileManifest(ModelFiles source, const std::vector<std::string>& names) {
  FileManifest manifest;
  manifest.source = std::move(source);
  Sha256 all;
  std::string buffer(kReadBytes, '\0');
  for (const std::string& name : names) {
    FOREGATE_ASSIGN_OR_RETURN(const ModelFiles::Stream file, manifest.source.Open(name));
    ManifestFile entry{name, 0, ""};
    Sha256 digest;
    while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
      digest.Update(std::string_view(buffer).substr(0, size));
      entry.size_bytes += size;
    }
    if (std::ferror(file.get()))
      return absl::InvalidArgumentError(manifest.source.PathOf(name) + ": " + std::strerror(errno));
    entry.sha256 = digest.Finish();
    all.Update(entry.sha256 + "  " + name + "\n");
    manifest.files.push_back(std::move(entry));
  }
  if (!manifest.files.empty()) manifest.sha256 = all.Finish();
  return manifest;
}

struct ManifestReader::OpenFile {
  explicit OpenFile(ModelFiles::Stream opened) : file(std::move(opened)) {}

  ModelFiles::Stream file;
  uint64_t offset = 0;
  Sha256 digest;
};

ManifestReader::ManifestReader(const FileManifest* manifest) : manifest_(manifest) {}

ManifestReader::~ManifestReader() = default;

absl::Status ManifestReader::Changed(std::string_view how) const {
  return absl::DataLossError(manifest_->source.PathOf(manifest_->files[file_].name) + " " + std::string(how) +
                             " since the server loaded it");
}

absl::StatusOr<bool> ManifestReader::Next(size_t max_bytes, Piece* piece) {
  if (file_ == manifest_->files.size()) return false;
  const ManifestFile& expected = manifest_->files[file_];
  if (open_ == nullptr) {
    auto file = manifest_->source.Open(expected.name);
    if (!file.ok()) return Changed("cannot be read any more (" + std::string(file.status().message()) + ")");
    open_ = std::make_unique<OpenFile>(*std::move(file));
  }
  piece->file = static_cast<int>(file_);
  piece->offset = open_->offset;
  const uint64_t left = expected.size_bytes - open_->offset;
  piece->data.resize(static_cast<size_t>(std::min<uint64_t>(left, max_bytes)));
  if (std::fread(piece->data.data(), 1, piece->data.size(), open_->file.get()) != piece->data.size()) {
    return Changed("has been cut");
  }
  open_->digest.Update(piece->data);
  open_->offset += piece->data.size();
  if (open_->offset < expected.size_bytes) return true;
  if (std::fgetc(open_->file.get()) != EOF) return Changed("has grown");
  if (open_->digest.Finish() != expected.sha256) return Changed("has changed");
  open_.reset();
  ++file_;
  return true;
}

}  // namespace foregate
