// BERT's normalizer (Devlin et al. 2018): clean text, spaces around Chinese characters, no accents, lower case.
#pragma once

#include <memory>

#include "formats/json_node.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

std::unique_ptr<Normalizer> make_bert_normalizer(const JsonNode& node);

}  // namespace qkv
