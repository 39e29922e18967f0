#include "client/cli/tokenizer_files.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace foregate {
namespace {

namespace pb = ::foregate::discovery::v1;

constexpr char kPartialSuffix[] = ".partial";

using Digest = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

std::string Hexadecimal(EVP_MD_CTX* digest) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(digest, bytes, &size);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

// A server must not be able to write anywhere but below the directory.
bool StaysBelow(const std::filesystem::path& name) {
  if (name.empty() || name.is_absolute() || !name.has_filename()) return false;
  for (const auto& part : name) {
    if (part == ".." || part == ".") return false;
  }
  return true;
}

absl::Status Unwritable(const std::filesystem::path& path, const std::string& why) {
  return absl::UnknownError(path.string() + ": " + why);
}

}  // namespace

struct TokenizerFiles::OpenFile {
  std::filesystem::path path;
  std::ofstream stream;
  Digest digest{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  uint64_t size = 0;
};

TokenizerFiles::TokenizerFiles(std::string directory) : directory_(std::move(directory)) {}

TokenizerFiles::~TokenizerFiles() {
  if (open_ == nullptr) return;
  std::error_code ignored;
  std::filesystem::remove(open_->path.string() + kPartialSuffix, ignored);
}

void TokenizerFiles::Add(const pb::GetTokenizerResponse& response) {
  if (!failure_.ok()) return;
  if (response.has_manifest()) {
    failure_ = AddManifest(response.manifest());
  } else if (!directory_.empty()) {
    failure_ = AddChunk(response.chunk());
  }
}

absl::Status TokenizerFiles::AddManifest(const pb::TokenizerManifest& manifest) {
  for (const pb::TokenizerFile& file : manifest.files()) {
    if (!StaysBelow(file.name())) return absl::InternalError("the server sent the file name \"" + file.name() + "\"");
  }
  manifest_ = manifest;
  return absl::OkStatus();
}

absl::Status TokenizerFiles::Open(const pb::TokenizerFile& file) {
  open_ = std::make_unique<OpenFile>();
  open_->path = std::filesystem::path(directory_) / file.name();
  std::error_code error;
  std::filesystem::create_directories(open_->path.parent_path(), error);
  if (error) return Unwritable(open_->path.parent_path(), error.message());
  open_->stream.open(open_->path.string() + kPartialSuffix, std::ios::binary | std::ios::trunc);
  if (!open_->stream.good()) return Unwritable(open_->path, std::strerror(errno));
  EVP_DigestInit_ex(open_->digest.get(), EVP_sha256(), nullptr);
  return absl::OkStatus();
}

absl::Status TokenizerFiles::AddChunk(const pb::TokenizerChunk& chunk) {
  if (chunk.file() != next_file_ || chunk.file() >= manifest_.files_size()) {
    return absl::InternalError("the server sent file " + std::to_string(chunk.file()) + ", expected " +
                               std::to_string(next_file_) + " of " + std::to_string(manifest_.files_size()));
  }
  const pb::TokenizerFile& file = manifest_.files(chunk.file());
  if (open_ == nullptr) {
    if (absl::Status status = Open(file); !status.ok()) return status;
  }
  open_->stream.write(chunk.data().data(), static_cast<std::streamsize>(chunk.data().size()));
  if (!open_->stream.good()) return Unwritable(open_->path, std::strerror(errno));
  EVP_DigestUpdate(open_->digest.get(), chunk.data().data(), chunk.data().size());
  open_->size += chunk.data().size();
  return open_->size >= file.size_bytes() ? Close(file) : absl::OkStatus();
}

absl::Status TokenizerFiles::Close(const pb::TokenizerFile& file) {
  open_->stream.close();
  if (!open_->stream.good()) return Unwritable(open_->path, std::strerror(errno));
  if (Hexadecimal(open_->digest.get()) != file.sha256()) {
    return absl::DataLossError(file.name() + " arrived with another SHA-256 than announced");
  }
  std::error_code error;
  std::filesystem::rename(open_->path.string() + kPartialSuffix, open_->path, error);
  if (error) return Unwritable(open_->path, error.message());
  open_.reset();
  ++next_file_;
  return absl::OkStatus();
}

absl::Status TokenizerFiles::Finish() {
  if (!failure_.ok() || directory_.empty()) return failure_;
  if (next_file_ < manifest_.files_size()) {
    return absl::DataLossError(manifest_.files(next_file_).name() + " did not arrive");
  }
  return absl::OkStatus();
}

}  // namespace foregate
