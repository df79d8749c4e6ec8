// qkv::Reranker of the public API.
#include <mutex>

#include "embed/option_table.h"
#include "predict/relevance_model.h"
#include "qkv/reranker.h"

namespace qkv {

struct QKV_INTERNAL Reranker::Impl {
  RelevanceModel model;
  std::mutex busy;  // one call at a time: each uses all threads
};

Reranker::Reranker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reranker::Reranker(Reranker&&) noexcept = default;
Reranker& Reranker::operator=(Reranker&&) noexcept = default;
Reranker::~Reranker() = default;

Reranker Reranker::open(const std::filesystem::path& directory, InferenceType dtype) {
  return Reranker(std::unique_ptr<Impl>(new Impl{RelevanceModel(directory, dtype), {}}));
}

int64_t Reranker::max_tokens() const { return impl_->model.max_tokens(); }

RerankScores Reranker::score(std::span<const RerankPair> pairs, const RerankOptions& options) const {
  check_ranges(rerank_option_table(), options);
  const std::lock_guard lock(impl_->busy);
  return impl_->model.score(pairs, options);
}

}  // namespace qkv
