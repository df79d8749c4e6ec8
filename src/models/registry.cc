#include "models/registry.h"

#include <algorithm>

#include "base/error.h"
#include "models/arch/arch.h"

namespace qkv {

std::span<const Architecture> architectures() {
  static const std::vector<Architecture> list = {marian(),         pegasus(),         gpt2(), llama(), mistral(),
                                                 bert_masked_lm(), bert_classifier(), own()};
  return list;
}

const Architecture& find_architecture(const ConfigReader& config) {
  const std::vector<std::string> classes = config.texts("architectures");
  const std::string name = classes.empty() ? config.text("model_type") : classes.front();
  std::string known;
  for (const Architecture& architecture : architectures()) {
    if (name == (classes.empty() ? architecture.model_type : architecture.class_name)) return architecture;
    known += (known.empty() ? "" : ", ") + std::string(architecture.class_name);
  }
  fail(ErrorCode::unsupported, "{}: the architecture \"{}\" is not supported; there are {}", config.file(), shortened(name, 100), known);
}

const Architecture& architecture_for(const TransformerConfig& config) {
  return *std::find_if(architectures().begin(), architectures().end(), [&](const Architecture& a) { return a.holds(config); });
}

}  // namespace qkv
