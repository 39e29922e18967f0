// The decoder stage of tokenizer.json, from tokens back to text, in a form that works on a stream of tokens.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_DECODER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_DECODER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer/decode_stage.h"

namespace foregate {

// Immutable and thread-safe; makes the stages of a stream.
class Decoder {
 public:
  virtual ~Decoder() = default;

  // Does to one token what depends on no other token, so that it is done once at load: the stages of Start() are given
  // prepared tokens. A decoder that is not the first of a sequence is not asked.
  virtual void Prepare(std::string*) const {}
  // Whether Prepare() is all that this decoder does.
  virtual bool tokenwise() const { return false; }

  // Stages that lead to `next`, which must outlive them; the first of them is the last in `stages`, or `next` itself.
  // `prepared` says whether tokens come as Prepare() left them.
  virtual DecodeStage* Start(DecodeStage* next, bool prepared, DecodeStages* stages) const = 0;
  // Turns one token into the bytes that it stands for, without regard to its neighbours.
  virtual void Respell(std::string* token) const = 0;
  // Whether all tokens become one, which then arrives in fragments.
  virtual bool fuses() const { return false; }
  // Whether fragments of a token, cut between characters, are as good as the token.
  virtual bool accepts_fragments() const { return false; }
};

// ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace, WordPiece, BPEDecoder, CTC, Sequence.
// INVALID_ARGUMENT naming file and component for any other.
absl::StatusOr<std::unique_ptr<const Decoder>> MakeDecoder(const JsonNode& json);

// What happens without a decoder: tokens are joined by blanks.
std::unique_ptr<const Decoder> MakeJoinDecoder();

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_DECODER_H_
