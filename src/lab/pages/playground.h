// The playground: two trained networks, tokenizers and FlashAttention's tiles, computed by the page itself.
#pragma once

#include <string>

#include "lab/pages/catalogue.h"

namespace qkv::lab {

struct PlaygroundPage {
  std::string body, style, script;
};
PlaygroundPage playground_page(Language language);

}  // namespace qkv::lab
