// Decoders of tokens that stand for bytes: the byte-level alphabet, and <0xNN> tokens.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_DECODER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_DECODER_H_

#include <string>

#include "server/text/tokenizer/decoder.h"

namespace foregate {

// Bytes that form no character read as U+FFFD. All tokens become one.
class ByteLevelDecoder final : public Decoder {
 public:
  void Prepare(std::string* token) const override;
  DecodeStage* Start(DecodeStage* next, bool prepared, DecodeStages* stages) const override;
  void Respell(std::string* token) const override { Prepare(token); }
  bool fuses() const override { return true; }
};

// A run of byte tokens is text when all of it is well formed, else one U+FFFD for each byte.
class ByteFallbackDecoder final : public Decoder {
 public:
  DecodeStage* Start(DecodeStage* next, bool prepared, DecodeStages* stages) const override;
  void Respell(std::string* token) const override;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_DECODER_H_
