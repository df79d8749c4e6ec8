// What a reranker reads of a pair where its directory has a chat template with the roles "query" and "document", as CrossEncoder of
// sentence-transformers makes it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "predict/cross_encoder_files.h"
#include "qkv/chat.h"
#include "qkv/reranker.h"
#include "qkv/tokenizer.h"

namespace qkv {

class PairTemplate {
 public:
  // Nothing if there is no template or it leaves out one of the roles; Error(unsupported) if the files ask for it nevertheless.
  static std::optional<PairTemplate> find(const std::filesystem::path& directory, const PairFormat& format, const Tokenizer& tokenizer);

  // The tokens of a pair after the system's message `prompt` (empty: none), uncut.
  std::vector<int32_t> encode(const Tokenizer& tokenizer, const RerankPair& pair, const std::string& prompt) const;
  // The last tokens, which do not depend on the pair.
  std::vector<int32_t> ending(const Tokenizer& tokenizer, const std::string& prompt) const;

 private:
  PairTemplate(ChatTemplate chat, const PairFormat& format, bool parts) : chat_(std::move(chat)), format_(format), parts_(parts) {}

  std::string render(const RerankPair& pair, const std::string& prompt) const;
  // The template's text before, between and after query and document; nothing if it changes them.
  std::vector<std::string> around(const RerankPair& pair, const std::string& prompt, std::string_view rendered) const;

  ChatTemplate chat_;
  PairFormat format_;
  bool parts_;
  std::vector<std::string> special_tokens_;
};

}  // namespace qkv
