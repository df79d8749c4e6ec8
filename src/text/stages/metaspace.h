// Spaces written as a visible character, ▁ (U+2581), as in SentencePiece.
#pragma once

#include <memory>

#include "formats/json_node.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

struct MetaspaceOptions {
  enum class Prepend { first, always, never };  // pieces that get a prepended replacement: those that start the input, all, none
  std::string replacement = "\xE2\x96\x81";     // one character
  Prepend prepend = Prepend::always;
  bool split = true;  // cut before each replacement
};

MetaspaceOptions metaspace_options(const JsonNode& node);  // also reads the older form with "add_prefix_space"
std::unique_ptr<PreTokenizer> make_metaspace_pre_tokenizer(MetaspaceOptions options);
std::unique_ptr<Decoder> make_metaspace_decoder(MetaspaceOptions options);

}  // namespace qkv
