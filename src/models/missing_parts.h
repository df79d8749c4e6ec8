// Kinds of models that qkv does not have, by the part that it lacks, for messages.
#pragma once

#include <string_view>

namespace qkv {

// "layers of experts" for "mixtral"; empty for other types.
std::string_view missing_part(std::string_view model_type);

}  // namespace qkv
