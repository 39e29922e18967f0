#include "engine/formats/container/container_file.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

bool BeginsAsContainer(const std::string& path) {
  char magic[8] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof(magic));
  return std::string_view(magic, sizeof(magic)) == "FOREGATE";
}

}  // namespace

uint64_t ContainerChecksum(std::span<const std::byte> chunk) { return XXH3_64bits(chunk.data(), chunk.size()); }

uint64_t ContainerHeaderHash(std::string_view directory, std::string_view table, std::span<const uint64_t> checksums) {
  uint64_t hash = XXH3_64bits(directory.data(), directory.size());
  hash = XXH3_64bits_withSeed(table.data(), table.size(), hash);
  return XXH3_64bits_withSeed(checksums.data(), checksums.size_bytes(), hash);
}

absl::StatusOr<std::unique_ptr<const ContainerFile>> ContainerFile::Open(const std::string& path) {
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<ReadOnlyFile> file, ReadOnlyFile::Open(path));
  std::string bytes(std::min<uint64_t>(kContainerPreambleBytes, file->num_bytes()), '\0');
  FOREGATE_RETURN_IF_ERROR(file->Read(0, std::as_writable_bytes(std::span(bytes))));
  FOREGATE_ASSIGN_OR_RETURN(const ContainerPreamble preamble, ParseContainerPreamble(bytes, file->num_bytes(), path));
  std::string directory(preamble.directory_bytes, '\0');
  FOREGATE_RETURN_IF_ERROR(file->Read(kContainerPreambleBytes, std::as_writable_bytes(std::span(directory))));
  std::string table(preamble.table_bytes, '\0');
  FOREGATE_RETURN_IF_ERROR(
      file->Read(kContainerPreambleBytes + directory.size(), std::as_writable_bytes(std::span(table))));
  std::vector<uint64_t> checksums(preamble.num_chunks());
  FOREGATE_RETURN_IF_ERROR(file->Read(preamble.checksums_offset(), std::as_writable_bytes(std::span(checksums))));
  if (ContainerHeaderHash(directory, table, checksums) != preamble.header_hash)
    return absl::DataLossError(path + ": the header's checksum is wrong");
  FOREGATE_ASSIGN_OR_RETURN(std::vector<EmbeddedFile> files, ParseEmbeddedFiles(table, preamble.payload_bytes, path));
  return std::unique_ptr<const ContainerFile>(
      new ContainerFile(std::move(file), preamble, std::move(directory), std::move(files), std::move(checksums)));
}

ContainerFile::ContainerFile(std::unique_ptr<ReadOnlyFile> file, ContainerPreamble preamble, std::string directory,
                             std::vector<EmbeddedFile> files, std::vector<uint64_t> checksums)
    : file_(std::move(file)),
      preamble_(preamble),
      directory_(std::move(directory)),
      files_(std::move(files)),
      checksums_(std::move(checksums)) {}

uint64_t ContainerFile::chunk_bytes(uint64_t chunk) const {
  return std::min(kContainerChunkBytes, preamble_.payload_bytes - chunk * kContainerChunkBytes);
}

absl::Status ContainerFile::CheckChunk(uint64_t chunk, uint64_t checksum) const {
  if (checksum == checksums_[chunk]) return absl::OkStatus();
  return absl::DataLossError(path() + ": chunk " + std::to_string(chunk) + ": its checksum is wrong");
}

absl::Status ContainerFile::ReadChunk(uint64_t chunk, std::span<std::byte> destination) const {
  FOREGATE_RETURN_IF_ERROR(file_->Read(preamble_.payload_offset + chunk * kContainerChunkBytes, destination));
  return CheckChunk(chunk, ContainerChecksum(destination));
}

absl::Status ContainerFile::Read(uint64_t offset, std::span<std::byte> destination) const {
  FOREGATE_CHECK(offset <= preamble_.payload_bytes && destination.size() <= preamble_.payload_bytes - offset);
  std::vector<std::byte> whole;
  while (!destination.empty()) {
    const uint64_t chunk = offset / kContainerChunkBytes;
    const uint64_t skip = offset % kContainerChunkBytes;
    const size_t count = std::min<uint64_t>(destination.size(), chunk_bytes(chunk) - skip);
    if (count == chunk_bytes(chunk)) {
      FOREGATE_RETURN_IF_ERROR(ReadChunk(chunk, destination.first(count)));
    } else {
      whole.resize(chunk_bytes(chunk));
      FOREGATE_RETURN_IF_ERROR(ReadChunk(chunk, whole));
      std::memcpy(destination.data(), whole.data() + skip, count);
    }
    offset += count;
    destination = destination.subspan(count);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> FindContainer(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_regular_file(path, error)) return BeginsAsContainer(path) ? std::optional(path) : std::nullopt;
  if (!fs::is_directory(path, error) || fs::exists(path + "/config.json", error)) return std::nullopt;
  std::vector<std::string> found;
  for (const auto& file : fs::directory_iterator(path, error)) {
    if (!file.is_regular_file(error)) continue;
    if (file.path().extension() == ".gguf") return std::nullopt;
    if (file.path().extension() == kContainerExtension) found.push_back(file.path().string());
  }
  if (found.empty()) return std::nullopt;
  std::sort(found.begin(), found.end());
  if (found.size() > 1)
    return absl::InvalidArgumentError(path + ": has several containers, name the file: " + found[0] + ", " + found[1]);
  return found[0];
}

}  // namespace foregate
