// The decoder stage of tokenizer.json, from tokens back to text, in a form that works on a stream of tokens.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_DECODER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_DECODER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"

namespace foregate {

// One stage of a running decoder. A stage may give one token in several fragments as it becomes certain.
class DecodeStage {
 public:
  virtual ~DecodeStage() = default;
  // `begins_token` is false when `text` continues the token before it.
  virtual void Push(std::string_view text, bool begins_token) = 0;
  // No token follows. Gives what was held back and finishes the next stage.
  virtual void Finish() = 0;
};

// Immutable and thread-safe; makes the stages of a stream.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // Stages that lead to `next`, which must outlive them; the first of them is the last in `stages`.
  virtual DecodeStage* Start(DecodeStage* next, std::vector<std::unique_ptr<DecodeStage>>* stages) const = 0;
  // Turns one token into the bytes that it stands for, without regard to its neighbours.
  virtual void Respell(std::string* token) const = 0;
  // Whether all tokens become one, after which only a stage that can work on fragments may follow.
  virtual bool fuses() const { return false; }
  virtual bool accepts_fragments() const { return false; }
};

// ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace, Sequence.
// INVALID_ARGUMENT naming file and component for any other.
absl::StatusOr<std::unique_ptr<const Decoder>> MakeDecoder(const JsonNode& json);

// What happens without a decoder: tokens are joined by blanks.
std::unique_ptr<const Decoder> MakeJoinDecoder();

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_DECODER_H_
