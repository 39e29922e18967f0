// The special tokens that the files beside a tokenizer name: tokenizer_config.json, special_tokens_map.json and
// added_tokens.json, read together as transformers 5 reads them.
#ifndef FOREGATE_SERVER_TEXT_SPECIAL_TOKENS_H_
#define FOREGATE_SERVER_TEXT_SPECIAL_TOKENS_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/config_file.h"

namespace foregate {

// A token as the "added_tokens" of a tokenizer.json describe it, without its id.
struct TokenDescription {
  std::string content;
  bool special = true;
  bool normalized = false;
  bool lstrip = false;
  bool rstrip = false;
  bool single_word = false;
};

// Plain data.
struct SpecialTokens {
  std::map<std::string, TokenDescription> named;  // "bos_token", ..., also a model's own, such as "image_token"
  std::vector<TokenDescription> extra;            // extra_special_tokens, or additional_special_tokens
  std::map<int32_t, TokenDescription> by_id;      // added_tokens_decoder, else added_tokens.json
  bool by_id_wins = false;                        // over tokenizer.json: true for an added_tokens_decoder

  // The text of a named token, empty when there is none.
  std::string Text(const std::string& name) const;
};

// Where tokenizer_config.json has an added_tokens_decoder it is the newest of the files and the two others are not
// looked at; else what special_tokens_map.json says wins over the configuration. INVALID_ARGUMENT naming file and key.
absl::StatusOr<SpecialTokens> ReadSpecialTokens(const ConfigFile& tokenizer_config,
                                                const ConfigFile& special_tokens_map, const ConfigFile& added_tokens);

// Adds the tokens that `document`, shaped as tokenizer.json, lacks: by id, then the named ones (those that every
// tokenizer knows first), then the extra ones. An added_tokens_decoder also changes the flags of those that are there.
void AmendAddedTokens(const SpecialTokens& tokens, nlohmann::json* document);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_SPECIAL_TOKENS_H_
