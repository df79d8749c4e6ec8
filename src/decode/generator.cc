#include "decode/generator.h"

#include <algorithm>

#include "base/error.h"
#include "models/model.h"

namespace qkv {
namespace {

// The network with the tokens it has read.
class Reader {
 public:
  Reader(const Transformer& network, DType dtype) : network_(network), most_(static_cast<size_t>(context_of(network.config()))) {
    context_.dtype = dtype;
  }

  // The logits after the last of all tokens, of which `fresh` are new.
  Tensor read(std::span<const int32_t> all, size_t fresh) {
    if (state_.layers.empty() || (most_ > 0 && seen_ + fresh > most_)) {
      state_ = network_.start({}, {}, context_);
      seen_ = 0;
      fresh = most_ == 0 || all.size() <= most_ ? all.size() : std::max<size_t>(1, most_ * 3 / 4);
    }
    seen_ += fresh;
    const auto length = static_cast<int32_t>(fresh);
    constexpr int32_t kSelf = 0;
    const std::span<const int32_t> ids = all.last(fresh);
    return network_.advance(state_, {{ids.begin(), ids.end()}, Segments::of_lengths(std::span(&length, 1))}, std::span(&kSelf, 1), {},
                            context_);
  }

 private:
  const Transformer& network_;
  const size_t most_;  // tokens that it can see; 0: any number
  ForwardContext context_;
  DecoderState state_;
  size_t seen_ = 0;  // tokens in the state
};

}  // namespace

int64_t context_of(const TransformerConfig& config) {
  switch (config.position) {
    case Position::sinusoidal:
    case Position::learned:
    case Position::rope: return config.max_position_embeddings;
    default: return 0;  // distances alone matter
  }
}

GeneratedTokens generate(const Transformer& network, std::span<const int32_t> prompt, const GenerateOptions& options,
                         const std::function<void(int32_t)>& on_token) {
  QKV_CHECK(!network.config().has_encoder(), "[generate] the network has an encoder; it {}", use_of(network.config()));
  QKV_CHECK(!prompt.empty(), "[generate] the prompt has no tokens");
  validate(options.sampling);
  const RecordScope no_gradient(nullptr);
  Reader reader(network, options.dtype);
  std::vector<int32_t> all(prompt.begin(), prompt.end());
  GeneratedTokens result;
  for (size_t fresh = all.size(); std::ssize(result.ids) < options.max_new_tokens; fresh = 1) {
    if (options.on_step) options.on_step();
    const Tensor logits = reader.read(all, fresh);
    const Draw draw{options.seed, options.sample, static_cast<uint32_t>(result.ids.size())};
    const int32_t next = draw_token({logits.as<float>(), static_cast<size_t>(logits.cols())}, options.sampling, draw);
    if (next == options.end_token) {
      result.end = GenerationEnd::end_of_text;
      break;
    }
    all.push_back(next);
    result.ids.push_back(next);
    if (on_token) on_token(next);
  }
  return result;
}

}  // namespace qkv
