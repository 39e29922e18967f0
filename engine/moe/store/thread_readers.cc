#include <pthread.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/moe/store/piece_readers.h"

namespace foregate {
namespace {

class ThreadReaders final : public PieceReaders {
 public:
  ThreadReaders(FetchQueue& queue, FileRead read, int depth) : queue_(queue), read_(std::move(read)) {
    for (int i = 0; i < depth; ++i) {
      threads_.emplace_back([this] { ReadPieces(); });
      pthread_setname_np(threads_.back().native_handle(), ("expert-read-" + std::to_string(i)).c_str());
    }
  }
  ~ThreadReaders() override {
    for (std::thread& thread : threads_) thread.join();
  }

  void Detach() override {
    for (std::thread& thread : threads_) thread.detach();
  }

 private:
  void ReadPieces() {
    while (const std::optional<ReadPiece> piece = queue_.Take())
      queue_.Return(*piece, read_(piece->file_offset, {piece->destination, piece->num_bytes}));
  }

  FetchQueue& queue_;
  const FileRead read_;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<PieceReaders> MakeThreadReaders(FetchQueue& queue, FileRead read, int depth) {
  return std::make_unique<ThreadReaders>(queue, std::move(read), depth);
}

}  // namespace foregate
