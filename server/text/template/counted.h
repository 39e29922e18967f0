// Reference counting for the values of one rendering, which one thread owns: the counts are not atomic.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_COUNTED_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_COUNTED_H_

#include <cstdint>
#include <limits>
#include <utility>

namespace foregate::jinja {

// What many handles share. A frozen one is shared by threads (constants of a template, global functions): its count
// stands still, so that reading it is no race, and its owner ends it by Thaw().
class Counted {
 public:
  Counted() = default;
  virtual ~Counted() = default;
  Counted(const Counted&) : Counted() {}
  Counted& operator=(const Counted&) { return *this; }

  void Retain() const {
    if (count_ != kFrozen) ++count_;
  }
  void Release() const {
    if (count_ != kFrozen && --count_ == 0) delete this;
  }
  // Only while a single handle exists.
  void Freeze() const { count_ = kFrozen; }
  void Thaw() const { count_ = 1; }
  bool is_shared() const { return count_ > 1; }

 private:
  static constexpr uint32_t kFrozen = std::numeric_limits<uint32_t>::max();
  mutable uint32_t count_ = 0;
};

// A handle.
template <typename T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->Retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <typename U>
  Ref(const Ref<U>& other) : Ref(other.get()) {}  // NOLINT: a handle of a base class
  ~Ref() {
    if (object_ != nullptr) object_->Release();
  }
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

template <typename T, typename... Arguments>
Ref<T> MakeRef(Arguments&&... arguments) {
  return Ref<T>(new T(std::forward<Arguments>(arguments)...));
}

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_COUNTED_H_
