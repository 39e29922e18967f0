#include "engine/formats/model_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// What a stream over a container's file reads from: a verified piece at a time.
struct EmbeddedStream {
  std::shared_ptr<const ContainerFile> container;
  EmbeddedFile file;
  uint64_t position = 0;
  std::vector<std::byte> piece = {};
  uint64_t piece_begin = 0;
};

ssize_t ReadEmbedded(void* cookie, char* to, size_t size) {
  auto& stream = *static_cast<EmbeddedStream*>(cookie);
  if (stream.position >= stream.file.num_bytes) return 0;
  if (stream.position >= stream.piece_begin + stream.piece.size()) {
    stream.piece.resize(std::min(kContainerChunkBytes, stream.file.num_bytes - stream.position));
    stream.piece_begin = stream.position;
    if (!stream.container->Read(stream.file.offset + stream.position, stream.piece).ok()) {
      stream.piece.clear();
      errno = EIO;
      return -1;
    }
  }
  const uint64_t skip = stream.position - stream.piece_begin;
  const size_t count = std::min<uint64_t>(size, stream.piece.size() - skip);
  std::memcpy(to, stream.piece.data() + skip, count);
  stream.position += count;
  return static_cast<ssize_t>(count);
}

int CloseEmbedded(void* cookie) {
  delete static_cast<EmbeddedStream*>(cookie);
  return 0;
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

const EmbeddedFile* ModelFiles::Find(std::string_view name) const {
  const auto found = std::find_if(container_->files().begin(), container_->files().end(),
                                  [&](const EmbeddedFile& file) { return file.name == name; });
  return found == container_->files().end() ? nullptr : &*found;
}

std::string ModelFiles::PathOf(const std::string& name) const {
  if (container_ != nullptr) return container_->path() + ": " + name;
  std::string path = directory_ + "/" + name;
  if (base_directory_.empty() || Exists(path)) return path;
  std::string below = base_directory_ + "/" + name;
  return Exists(below) ? below : path;
}

bool ModelFiles::Has(const std::string& name) const {
  return container_ == nullptr ? Exists(PathOf(name)) : Find(name) != nullptr;
}

std::vector<std::string> ModelFiles::List(const std::string& folder) const {
  std::vector<std::string> names;
  if (container_ != nullptr) {
    const std::string prefix = folder.empty() ? "" : folder + "/";
    for (const EmbeddedFile& file : container_->files()) {
      if (file.name.starts_with(prefix) && file.name.find('/', prefix.size()) == std::string::npos)
        names.push_back(file.name.substr(prefix.size()));
    }
  } else {
    for (const std::string& directory : {directory_, base_directory_}) {
      if (directory.empty()) continue;
      std::error_code error;
      for (const auto& file : std::filesystem::directory_iterator(directory + "/" + folder, error)) {
        if (file.is_regular_file(error)) names.push_back(file.path().filename().string());
      }
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

absl::StatusOr<ModelFiles::Stream> ModelFiles::Open(const std::string& name) const {
  if (container_ == nullptr) {
    Stream stream(std::fopen(PathOf(name).c_str(), "rb"), &std::fclose);
    if (stream != nullptr) return stream;
    const std::string message = PathOf(name) + ": " + std::strerror(errno);
    return errno == ENOENT ? absl::NotFoundError(message) : absl::InvalidArgumentError(message);
  }
  const EmbeddedFile* file = Find(name);
  if (file == nullptr) return absl::NotFoundError(PathOf(name) + ": no such file");
  auto* cookie = new EmbeddedStream{.container = container_, .file = *file};
  Stream stream(
      ::fopencookie(cookie, "rb", {.read = ReadEmbedded, .write = nullptr, .seek = nullptr, .close = CloseEmbedded}),
      &std::fclose);
  if (stream == nullptr) {
    CloseEmbedded(cookie);
    return absl::ResourceExhaustedError(PathOf(name) + ": " + std::strerror(errno));
  }
  return stream;
}

absl::StatusOr<std::string> ModelFiles::ReadText(const std::string& name, size_t max_bytes) const {
  const auto too_large = [&] {
    return absl::InvalidArgumentError(PathOf(name) + ": larger than the limit of " + std::to_string(max_bytes) +
                                      " bytes");
  };
  if (container_ != nullptr) {
    const EmbeddedFile* file = Find(name);
    if (file == nullptr) return absl::NotFoundError(PathOf(name) + ": no such file");
    if (file->num_bytes > max_bytes) return too_large();
    std::string text(file->num_bytes, '\0');
    FOREGATE_RETURN_IF_ERROR(container_->Read(file->offset, std::as_writable_bytes(std::span(text))));
    return text;
  }
  FOREGATE_ASSIGN_OR_RETURN(const Stream stream, Open(name));
  std::string text;
  char buffer[1 << 16];
  while (const size_t size = std::fread(buffer, 1, sizeof(buffer), stream.get())) {
    text.append(buffer, size);
    if (text.size() > max_bytes) return too_large();
  }
  if (std::ferror(stream.get()) != 0) return absl::InvalidArgumentError(PathOf(name) + ": " + std::strerror(errno));
  return text;
}

}  // namespace foregate
