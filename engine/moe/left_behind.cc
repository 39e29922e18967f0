#include "engine/moe/left_behind.h"

#include <mutex>
#include <utility>
#include <vector>

namespace foregate {
namespace {

struct Left {
  std::mutex mutex;
  std::vector<std::shared_ptr<void>> all;  // guarded by mutex
};

Left& TheLeft() {
  static Left* const left = new Left;
  return *left;
}

}  // namespace

void LeaveBehind(std::shared_ptr<void> owned) {
  Left& left = TheLeft();
  const std::lock_guard lock(left.mutex);
  left.all.push_back(std::move(owned));
}

size_t NumLeftBehind() {
  Left& left = TheLeft();
  const std::lock_guard lock(left.mutex);
  return left.all.size();
}

}  // namespace foregate
