// ExpertKey: the only name of an expert.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_KEY_H_
#define FOREGATE_ENGINE_MOE_EXPERT_KEY_H_

#include <compare>
#include <cstdint>
#include <string>

namespace foregate {

struct ExpertKey {
  int32_t layer = 0;  // model layer
  int32_t expert = 0;
  friend auto operator<=>(const ExpertKey&, const ExpertKey&) = default;
};

inline std::string ToString(ExpertKey key) {
  return "layer " + std::to_string(key.layer) + " expert " + std::to_string(key.expert);
}

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_KEY_H_
