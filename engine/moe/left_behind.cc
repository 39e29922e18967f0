#include "engine/moe/left_behind.h"

#include <mutex>
#include <utility>
#include <vector>

namespace foregate {

void LeaveBehind(std::shared_ptr<void> owned) {
  static std::mutex* const mutex = new std::mutex;
  static auto* const all = new std::vector<std::shared_ptr<void>>;
  const std::lock_guard lock(*mutex);
  all->push_back(std::move(owned));
}

}  // namespace foregate
