// What the pages that show matrices have in common.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace qkv {

// The scripts of the viewer, for an element <script>.
std::string viewer_script();
// JSON for an element <script type="application/json">: "</" is escaped.
std::string inline_json(const nlohmann::ordered_json& json);

}  // namespace qkv
