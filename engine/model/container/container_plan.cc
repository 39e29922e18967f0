#include "engine/model/container/container_plan.h"

#include <sys/stat.h>
#include <xxhash.h>

#include <cinttypes>
#include <cstdio>
#include <set>
#include <utility>
#include <variant>

#include "engine/model/weights.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

std::string FileStamp(const std::string& path) {
  struct stat info {};
  // A file that is gone has another identity than the one that was read.
  if (::stat(path.c_str(), &info) != 0) return path + " gone\n";
  char text[128];
  std::snprintf(text, sizeof(text), " %lld bytes %lld.%09ld\n", static_cast<long long>(info.st_size),
                static_cast<long long>(info.st_mtim.tv_sec), info.st_mtim.tv_nsec);
  return path.substr(path.rfind('/') + 1) + text;
}

}  // namespace

uint64_t ContainerExpertOffset(const WeightPlan& plan, size_t index) {
  // All blocks are as large as the largest, so that any slot of a tier holds any of them.
  return plan.dense_bytes + index * plan.experts.max_block_bytes();
}

std::string SourceIdentity(const Checkpoint& checkpoint) {
  std::string text;
  std::set<std::string> files;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    text += name + " " + DTypeName(tensor.entry.dtype) + " " + std::to_string(tensor.entry.offset);
    for (const int64_t extent : tensor.entry.shape) text += " " + std::to_string(extent);
    text += "\n";
    files.insert(tensor.file->path());
  }
  for (const std::string& file : files) text += FileStamp(file);
  // Who changes what the base must be asks for a check.
  for (const Checkpoint::BaseFile& base : checkpoint.base_files()) text += base.sha256 + "\n";
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  char hex[33];
  std::snprintf(hex, sizeof(hex), "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
  return hex;
}

ContainerDirectory DescribeContainer(const ModelConfig& config, const WeightPlan& plan, std::string contract,
                                     std::string source) {
  ContainerDirectory directory{.layout = kPackedLayout,
                               .isa = kAnyIsa,
                               .contract = std::move(contract),
                               .source = std::move(source),
                               .tensors = {},
                               .experts = {}};
  ModelWeights weights;
  const std::vector<NamedTensor> wanted = DenseTensors(config, weights);
  FOREGATE_CHECK_EQ(wanted.size(), plan.dense.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    const WeightPlan::Dense& dense = plan.dense[i];
    if (dense.is_shared) continue;
    directory.tensors.push_back({.name = wanted[i].name,
                                 .stored = dense.stored,
                                 .shape = wanted[i].shape,
                                 .format = dense.format,
                                 .offset = dense.offset,
                                 .num_bytes = dense.num_bytes});
  }
  for (size_t i = 0; i < plan.experts.size(); ++i) {
    const ExpertLayout& layout = plan.experts.layout(i);
    const ExpertKey key = plan.experts.key(i);
    ContainerDirectory::Expert expert{
        .layer = key.layer, .expert = key.expert, .hidden = layout.hidden, .width = layout.width, .parts = {}};
    for (const Projection projection : kProjections) {
      expert.parts.push_back({.kind = PartKind::kWhole,
                              .projection = projection,
                              .codec = layout.format(projection),
                              .offset = ContainerExpertOffset(plan, i) + layout.offset(projection),
                              .num_bytes = layout.projection_bytes(projection)});
    }
    directory.experts.push_back(std::move(expert));
  }
  return directory;
}

}  // namespace foregate
