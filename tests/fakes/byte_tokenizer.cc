#include "tests/fakes/byte_tokenizer.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "kernels/base/check.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// The printable stand-in of a byte in byte-level vocabularies: itself where it is a visible Latin-1 character, else the
// next free code point from 256 on.
std::vector<char32_t> StandIns() {
  std::vector<char32_t> stand_ins(256);
  char32_t next = 256;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    stand_ins[byte] = visible ? byte : next++;
  }
  return stand_ins;
}

}  // namespace

std::unique_ptr<const Tokenizer> MakeByteTokenizer() {
  nlohmann::json vocab = nlohmann::json::object();
  const std::vector<char32_t> stand_ins = StandIns();
  for (size_t byte = 0; byte < stand_ins.size(); ++byte) {
    std::string text;
    AppendUtf8(stand_ins[byte], &text);
    vocab[text] = byte;
  }
  const nlohmann::json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  const nlohmann::json end_token = {{"id", kByteEndToken}, {"content", kByteEndText}, {"single_word", false},
                                    {"lstrip", false},     {"rstrip", false},         {"normalized", false},
                                    {"special", true}};
  const nlohmann::json tokenizer = {{"version", "1.0"},
                                    {"truncation", nullptr},
                                    {"padding", nullptr},
                                    {"added_tokens", nlohmann::json::array({end_token})},
                                    {"normalizer", nullptr},
                                    {"pre_tokenizer", byte_level},
                                    {"post_processor", nullptr},
                                    {"decoder", byte_level},
                                    {"model",
                                     {{"type", "BPE"},
                                      {"dropout", nullptr},
                                      {"unk_token", nullptr},
                                      {"continuing_subword_prefix", nullptr},
                                      {"end_of_word_suffix", nullptr},
                                      {"fuse_unk", false},
                                      {"byte_fallback", false},
                                      {"ignore_merges", false},
                                      {"vocab", vocab},
                                      {"merges", nlohmann::json::array()}}}};
  auto parsed = Tokenizer::Parse(tokenizer.dump(), "byte tokenizer");
  if (!parsed.ok()) std::fprintf(stderr, "%s\n", parsed.status().ToString().c_str());
  FOREGATE_CHECK(parsed.ok());
  return *std::move(parsed);
}

std::vector<int32_t> ByteIds(std::string_view text) {
  std::vector<int32_t> ids;
  for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

}  // namespace foregate
