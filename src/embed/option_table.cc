#include "embed/option_table.h"

namespace qkv {

using namespace option_kinds;

namespace {

TableOption<EmbedOptions> prompt_option() {
  using O = EmbedOptions;
  TableOption<O> option =
      start<O>({"prompt", "Put the model's prompt of this name before each text (default: the model's)", false, "prompt_name"},
               OptionType::text, "NAME");
  option.fault = [](const std::string&) { return std::string(); };
  option.assign = [](O& options, const std::string& text, const std::string&) { options.prompt_name = text; };
  option.get = [](const O& options) { return options.prompt_name.value_or(""); };
  return option;
}

}  // namespace

std::span<const TableOption<EmbedOptions>> embed_option_table() {
  using O = EmbedOptions;
  static const std::vector<TableOption<O>> table = {
      prompt_option(),
      integer({"truncate-dim", "Keep the first N values of each vector; 0: as the model says, or all"}, &O::truncate_dim, 0),
      flag({"normalize", "Make vectors of length 1, after --truncate-dim"}, &O::normalize),
      integer({"batch-tokens", "Tokens computed at once"}, &O::batch_tokens, 1),
  };
  return table;
}

std::span<const TableOption<OpenEmbedderOptions>> open_embedder_option_table() {
  using O = OpenEmbedderOptions;
  static const std::vector<TableOption<O>> table = {
      choice({"pooling", "How the vectors of a text's tokens become one (default: the model's, or else mean, lasttoken for a decoder)",
              false, nullptr, "MODE"},
             &O::pooling,
             {{"automatic", PoolingMode::automatic},
              {"cls", PoolingMode::cls},
              {"max", PoolingMode::max},
              {"mean", PoolingMode::mean},
              {"mean_sqrt_len_tokens", PoolingMode::mean_sqrt_len_tokens},
              {"weightedmean", PoolingMode::weightedmean},
              {"lasttoken", PoolingMode::lasttoken}}),
      choice({"dtype", "Compute in f32, bf16, or as the model's files say (default: f32)", false, nullptr, "TYPE"}, &O::dtype,
             {{"f32", InferenceType::f32}, {"bf16", InferenceType::bf16}, {"file", InferenceType::file}}),
  };
  return table;
}

std::span<const TableOption<RerankOptions>> rerank_option_table() {
  using O = RerankOptions;
  static const std::vector<TableOption<O>> table = {
      text(
          {"instruction",
           "Of --rerank: what makes a document relevant, for a language model (default: the prompt of the model's files, or a web search)"},
          &O::instruction),
      flag({"logits", "Of --rerank: scores without the sigmoid function"}, &O::logits),
      integer({"batch-tokens", "Tokens computed at once"}, &O::batch_tokens, 1),
  };
  return table;
}

}  // namespace qkv
