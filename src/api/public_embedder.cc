// qkv::Embedder of the public API, and what is done with its vectors.
#include <mutex>

#include "base/error.h"
#include "base/files.h"
#include "embed/option_table.h"
#include "embed/sentence_encoder.h"
#include "embed/similarity.h"
#include "formats/npy.h"
#include "qkv/embedder.h"

namespace qkv {

struct QKV_INTERNAL Embedder::Impl {
  SentenceEncoder encoder;
  std::mutex busy;  // one call at a time: each uses all threads
};

Embedder::Embedder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Embedder::Embedder(Embedder&&) noexcept = default;
Embedder& Embedder::operator=(Embedder&&) noexcept = default;
Embedder::~Embedder() = default;

Embedder Embedder::open(const std::filesystem::path& directory, const OpenEmbedderOptions& options) {
  return Embedder(std::unique_ptr<Impl>(new Impl{SentenceEncoder(directory, options), {}}));
}

int64_t Embedder::size() const { return impl_->encoder.size(); }
int64_t Embedder::max_tokens() const { return impl_->encoder.max_tokens(); }
const std::vector<std::pair<std::string, std::string>>& Embedder::prompts() const { return impl_->encoder.description().prompts; }
const std::string& Embedder::default_prompt() const { return impl_->encoder.description().default_prompt; }
Similarity Embedder::similarity() const { return impl_->encoder.description().similarity; }

Embeddings Embedder::embed(std::span<const std::string> texts, const EmbedOptions& options) const {
  check_ranges(embed_option_table(), options);
  const std::lock_guard lock(impl_->busy);
  return impl_->encoder.embed(texts, options);
}

std::vector<double> pair_similarities(const Embeddings& a, const Embeddings& b, Similarity measure) {
  QKV_REQUIRE(a.count() == b.count() && a.size == b.size, "[similarity] {} vectors of {} values and {} of {}", a.count(), a.size, b.count(),
              b.size);
  std::vector<double> result;
  for (int64_t i = 0; i < a.count(); ++i) result.push_back(similarity_of(a.row(i), b.row(i), measure));
  return result;
}

std::vector<std::vector<Neighbour>> nearest_neighbours(const Embeddings& queries, const Embeddings& among, int64_t k, Similarity measure,
                                                       const CancellationToken* cancellation) {
  QKV_REQUIRE(k >= 1, "[neighbours] {} is too few", k);
  QKV_REQUIRE(queries.size == among.size, "[neighbours] vectors of {} values and of {}", queries.size, among.size);
  return find_neighbours(queries, among, k, measure, cancellation);
}

void write_npy(const std::filesystem::path& path, const Embeddings& embeddings) {
  write_file_atomically(path, [&](const auto& append) {
    const std::string header = npy_header(embeddings.count(), embeddings.size);
    append(header.data(), header.size());
    append(embeddings.values.data(), embeddings.values.size() * sizeof(float));
  });
}

}  // namespace qkv
