#include "engine/formats/container/container_format.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"

namespace foregate {
namespace {

constexpr std::string_view kMagic = "FOREGATE";

template <typename T>
T ReadLittleEndian(std::string_view bytes, size_t offset) {
  T value = 0;
  for (size_t i = sizeof(T); i-- > 0;) value = static_cast<T>(value << 8 | static_cast<uint8_t>(bytes[offset + i]));
  return value;
}

template <typename T>
void AppendLittleEndian(std::string& bytes, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

// One part of a name between slashes.
bool IsPlainPart(std::string_view part) {
  return !part.empty() && part[0] != '.' &&
         std::all_of(part.begin(), part.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

absl::StatusOr<ContainerPreamble> ParseContainerPreamble(std::string_view bytes, uint64_t file_bytes,
                                                         const std::string& file) {
  if (bytes.size() < 12 || bytes.substr(0, kMagic.size()) != kMagic)
    return absl::InvalidArgumentError(file + ": not a packed container");
  const auto version = ReadLittleEndian<uint32_t>(bytes, 8);
  if (version != kContainerVersion)
    return absl::InvalidArgumentError(file + ": container version " + std::to_string(version) + ", this build reads " +
                                      std::to_string(kContainerVersion) + "; pack the model again");
  if (bytes.size() < kContainerPreambleBytes) return absl::InvalidArgumentError(file + ": truncated container");
  ContainerPreamble preamble;
  preamble.directory_bytes = ReadLittleEndian<uint32_t>(bytes, 12);
  preamble.table_bytes = ReadLittleEndian<uint32_t>(bytes, 16);
  preamble.payload_offset = ReadLittleEndian<uint64_t>(bytes, 24);
  preamble.payload_bytes = ReadLittleEndian<uint64_t>(bytes, 32);
  preamble.header_hash = ReadLittleEndian<uint64_t>(bytes, 40);
  if (ReadLittleEndian<uint32_t>(bytes, 20) != 0)
    return absl::InvalidArgumentError(file + ": byte 20: reserved bytes are not zero");
  if (preamble.directory_bytes > kMaxContainerDirectoryBytes)
    return absl::InvalidArgumentError(file + ": a directory of " + std::to_string(preamble.directory_bytes) + " bytes");
  if (preamble.payload_offset > file_bytes || preamble.payload_bytes != file_bytes - preamble.payload_offset)
    return absl::InvalidArgumentError(file + ": " + std::to_string(file_bytes) + " bytes, the header promises " +
                                      std::to_string(preamble.payload_bytes) + " from " +
                                      std::to_string(preamble.payload_offset) + " on (truncated file?)");
  if (preamble.payload_offset % kContainerAlignment != 0 || preamble.payload_offset < preamble.header_bytes())
    return absl::InvalidArgumentError(file + ": payload offset " + std::to_string(preamble.payload_offset) +
                                      " is not aligned or inside the header");
  return preamble;
}

std::string SerializeContainerPreamble(const ContainerPreamble& preamble) {
  std::string bytes(kMagic);
  AppendLittleEndian(bytes, kContainerVersion);
  AppendLittleEndian(bytes, static_cast<uint32_t>(preamble.directory_bytes));
  AppendLittleEndian(bytes, static_cast<uint32_t>(preamble.table_bytes));
  AppendLittleEndian(bytes, uint32_t{0});
  AppendLittleEndian(bytes, preamble.payload_offset);
  AppendLittleEndian(bytes, preamble.payload_bytes);
  AppendLittleEndian(bytes, preamble.header_hash);
  return bytes;
}

bool IsEmbeddedFileName(std::string_view name) {
  if (name.size() > kMaxEmbeddedNameBytes) return false;
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return IsPlainPart(name);
  const std::string_view rest = name.substr(slash + 1);
  return IsPlainPart(name.substr(0, slash)) && IsPlainPart(rest) && rest.find('/') == std::string_view::npos;
}

absl::StatusOr<std::vector<EmbeddedFile>> ParseEmbeddedFiles(std::string_view table, uint64_t payload_bytes,
                                                             const std::string& file) {
  const auto fail = [&](size_t index, const char* what) {
    return absl::InvalidArgumentError(file + ": embedded file " + std::to_string(index) + ": " + what);
  };
  if (table.size() < sizeof(uint32_t)) return absl::InvalidArgumentError(file + ": the table of files is cut");
  const size_t count = ReadLittleEndian<uint32_t>(table, 0);
  table.remove_prefix(sizeof(uint32_t));
  if (count > kMaxEmbeddedFiles)
    return absl::InvalidArgumentError(file + ": " + std::to_string(count) + " embedded files, want at most " +
                                      std::to_string(kMaxEmbeddedFiles));
  std::vector<EmbeddedFile> files;
  std::set<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    if (table.size() < sizeof(uint32_t)) return fail(i, "is cut");
    const size_t name_bytes = ReadLittleEndian<uint32_t>(table, 0);
    table.remove_prefix(sizeof(uint32_t));
    if (name_bytes > kMaxEmbeddedNameBytes || table.size() < name_bytes + 2 * sizeof(uint64_t))
      return fail(i, "a name of impossible length");
    EmbeddedFile entry{.name = std::string(table.substr(0, name_bytes)),
                       .offset = ReadLittleEndian<uint64_t>(table, name_bytes),
                       .num_bytes = ReadLittleEndian<uint64_t>(table, name_bytes + sizeof(uint64_t))};
    table.remove_prefix(name_bytes + 2 * sizeof(uint64_t));
    if (!IsEmbeddedFileName(entry.name)) return fail(i, "a name that no file of a model has");
    if (!names.insert(entry.name).second) return fail(i, "has the name of another");
    if (entry.num_bytes > kMaxEmbeddedFileBytes) return fail(i, "is too large");
    if (entry.offset > payload_bytes || entry.num_bytes > payload_bytes - entry.offset)
      return fail(i, "lies beyond the payload");
    files.push_back(std::move(entry));
  }
  if (!table.empty()) return absl::InvalidArgumentError(file + ": bytes behind the table of files");
  return files;
}

std::string SerializeEmbeddedFiles(const std::vector<EmbeddedFile>& files) {
  std::string table;
  AppendLittleEndian(table, static_cast<uint32_t>(files.size()));
  for (const EmbeddedFile& file : files) {
    AppendLittleEndian(table, static_cast<uint32_t>(file.name.size()));
    table += file.name;
    AppendLittleEndian(table, file.offset);
    AppendLittleEndian(table, file.num_bytes);
  }
  return table;
}

}  // namespace foregate
