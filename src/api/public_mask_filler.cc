// qkv::MaskFiller of the public API.
#include <algorithm>
#include <mutex>
#include <numeric>
#include <set>

#include "api/model_checks.h"
#include "base/log.h"
#include "base/option_error.h"
#include "data/masking.h"
#include "evaluate/encoder_outputs.h"
#include "predict/option_table.h"
#include "qkv/mask_filler.h"

namespace qkv {

struct QKV_INTERNAL MaskFiller::Impl {
  ModelParts parts;
  int32_t mask = -1;
  std::mutex busy;  // one call at a time: each uses all threads

  EncoderInputs encode(std::span<const std::string> texts) const;
  std::vector<int32_t> candidates(const FillMaskOptions& options) const;
  std::vector<MaskCandidate> best(std::span<const double> p, std::span<const int32_t> candidates, int64_t top_k) const;
};

MaskFiller::MaskFiller(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MaskFiller::MaskFiller(MaskFiller&&) noexcept = default;
MaskFiller& MaskFiller::operator=(MaskFiller&&) noexcept = default;
MaskFiller::~MaskFiller() = default;

MaskFiller MaskFiller::open(const std::filesystem::path& directory, InferenceType dtype) {
  std::unique_ptr<Impl> impl(new Impl{open_head(directory, dtype, {Head::masked_lm}, "fills in no masks")});
  impl->mask = find_token(impl->parts.tokenizer, {"[MASK]", "<mask>"}, "filling in what it hides");
  return MaskFiller(std::move(impl));
}

const std::string& MaskFiller::mask() const { return impl_->parts.tokenizer.id_to_token(impl_->mask); }
int64_t MaskFiller::max_tokens() const { return impl_->parts.model->config.max_position_embeddings; }

EncoderInputs MaskFiller::Impl::encode(std::span<const std::string> texts) const {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  EncoderInputs inputs{.ids = parts.tokenizer.encode_batch(views), .cut = std::vector<bool>(texts.size())};
  const auto most = static_cast<size_t>(parts.model->config.max_position_embeddings);
  for (size_t i = 0; i < texts.size(); ++i) {
    if (inputs.ids[i].size() <= most) continue;
    inputs.ids[i] = parts.tokenizer.encode(texts[i], {.truncation = Truncation{.max_length = most}});
    inputs.cut[i] = true;
  }
  return inputs;
}

// The ids to choose from, ascending.
std::vector<int32_t> MaskFiller::Impl::candidates(const FillMaskOptions& options) const {
  if (options.targets.empty()) {
    std::vector<int32_t> all(static_cast<size_t>(parts.tokenizer.vocab_size()));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  std::set<int32_t> ids;
  for (const std::string& target : options.targets) {
    int32_t id = parts.tokenizer.token_to_id(target);
    if (id < 0) {
      const std::vector<int32_t> pieces = parts.tokenizer.encode(target, false);
      QKV_CHECK_OPTION(!pieces.empty(), "`targets`: \"{}\" has no token", shortened(target, 60));
      id = pieces.front();
      log_warning("\"{}\" is no token of the model; its first token \"{}\" stands for it", shortened(target, 60),
                  parts.tokenizer.id_to_token(id));
    }
    ids.insert(id);
  }
  return {ids.begin(), ids.end()};
}

std::vector<MaskCandidate> MaskFiller::Impl::best(std::span<const double> p, std::span<const int32_t> candidates, int64_t top_k) const {
  std::vector<int32_t> order(candidates.begin(), candidates.end());
  const auto middle = order.begin() + std::min<int64_t>(top_k, std::ssize(order));
  std::partial_sort(order.begin(), middle, order.end(), [&](int32_t a, int32_t b) {
    const double x = p[static_cast<size_t>(a)], y = p[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  });
  std::vector<MaskCandidate> best;
  for (auto id = order.begin(); id != middle; ++id) {
    best.push_back({.token = *id, .text = parts.tokenizer.decode(std::span(&*id, 1), false), .score = p[static_cast<size_t>(*id)]});
  }
  return best;
}

std::vector<FilledText> MaskFiller::fill(std::span<const std::string> texts, const FillMaskOptions& options) const {
  check_ranges(fill_mask_option_table(), options);
  const std::lock_guard lock(impl_->busy);
  const std::vector<int32_t> candidates = impl_->candidates(options);
  const EncoderInputs inputs = impl_->encode(texts);
  std::vector<std::vector<int32_t>> rows(texts.size());
  std::vector<FilledText> result(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    result[i].cut = inputs.cut[i];
    for (size_t at = 0; at < inputs.ids[i].size(); ++at) {
      if (inputs.ids[i][at] == impl_->mask) rows[i].push_back(static_cast<int32_t>(at));
    }
  }
  const Model& model = *impl_->parts.model;
  const auto vocabulary = static_cast<size_t>(model.config.vocab_size);
  for_each_output(model.network, inputs, rows,
                  {.batch_tokens = options.batch_tokens, .dtype = activation_type(model), .cancellation = options.cancellation},
                  [&](size_t text, std::span<const float> logits) {
                    std::vector<int32_t> ids = inputs.ids[text];
                    for (size_t mask = 0; mask < rows[text].size(); ++mask) {
                      const std::vector<double> p = softmax(logits.subspan(mask * vocabulary, vocabulary));
                      int32_t& place = ids[static_cast<size_t>(rows[text][mask])];
                      std::vector<MaskCandidate> best = impl_->best(p, candidates, options.top_k);
                      for (MaskCandidate& candidate : best) {
                        place = candidate.token;
                        candidate.sequence = impl_->parts.tokenizer.decode(ids, rows[text].size() == 1);
                      }
                      place = impl_->mask;
                      result[text].masks.push_back(std::move(best));
                    }
                  });
  return result;
}

}  // namespace qkv
