#include "decode/beam.h"

#include <algorithm>
#include <cmath>

#include "decode/strategies.h"

namespace qkv {

Beams::Beams(const SearchOptions& options, int max_length, std::span<const int32_t> end_tokens)
    : num_beams_(options.num_beams),
      max_length_(max_length),
      end_tokens_(end_tokens),
      length_penalty_(options.length_penalty),
      early_stopping_(options.early_stopping),
      running_{{0.0f, -1, 0}} {}

float Beams::normalized(float score, int generated) const {
  return score / static_cast<float>(std::pow(static_cast<double>(generated), static_cast<double>(length_penalty_)));
}

// The candidates_per_beam() best continuations over all running hypotheses; ties are ordered by beam, then by id.
std::vector<Beams::Continuation> Beams::best_continuations(std::span<const Candidate> candidates) const {
  const size_t per_beam = static_cast<size_t>(candidates_per_beam(num_beams_, end_tokens_.size()));
  std::vector<Continuation> all;
  all.reserve(candidates.size());
  for (size_t beam = 0; beam < running_.size(); ++beam) {
    for (const Candidate& next : candidates.subspan(beam * per_beam, per_beam)) {
      if (next.id < 0) break;
      all.push_back({next.log_probability + running_[beam].score, static_cast<int32_t>(beam), next});
    }
  }
  // Each beam's list is sorted already, so a stable sort by score keeps ties ordered by beam and id.
  std::stable_sort(all.begin(), all.end(), [](const Continuation& a, const Continuation& b) { return a.score > b.score; });
  if (all.size() > per_beam) all.resize(per_beam);
  return all;
}

void Beams::finish(float score, int32_t node) {
  const auto place =
      std::upper_bound(finished_.begin(), finished_.end(), score, [](float value, const Finished& f) { return value > f.score; });
  finished_.insert(place, {score, node});
  if (static_cast<int>(finished_.size()) > num_beams_) finished_.pop_back();
}

// True if no running hypothesis is expected to beat the worst finished one (transformers' _check_early_stop_heuristic).
bool Beams::cannot_improve(int generated) const {
  const int assumed = early_stopping_ == EarlyStopping::never && length_penalty_ > 0 ? max_length_ - 1 : generated;
  return normalized(running_.front().score, assumed) <= finished_.back().score;
}

void Beams::advance(std::span<const Candidate> candidates, int length) {
  const bool last = length + 1 >= max_length_;
  const int generated = length;  // tokens of a continuation, excluding the decoder start
  const std::vector<Continuation> continuations = best_continuations(candidates);
  std::vector<Running> next;
  for (size_t rank = 0; rank < continuations.size(); ++rank) {
    const Continuation& each = continuations[rank];
    const bool ends = last || std::find(end_tokens_.begin(), end_tokens_.end(), each.next.id) != end_tokens_.end();
    // Only continuations ranked among the first num_beams may finish; later ones that end are dropped, and the others fill the beam.
    const bool wanted = ends ? static_cast<int>(rank) < num_beams_ : static_cast<int>(next.size()) < num_beams_;
    if (!wanted) continue;
    const int32_t node = static_cast<int32_t>(nodes_.size());
    nodes_.push_back({running_[each.beam].node, each.next.id, each.next.log_probability});
    if (ends) {
      finish(normalized(each.score, generated), node);
    } else {
      next.push_back({each.score, node, each.beam});
    }
  }
  running_ = std::move(next);
  const bool full = static_cast<int>(finished_.size()) == num_beams_;
  done_ = running_.empty() || (full && (early_stopping_ == EarlyStopping::yes || cannot_improve(generated)));
}

std::vector<Hypothesis> Beams::best(int count) const {
  std::vector<Hypothesis> result;
  for (size_t i = 0; i < finished_.size() && static_cast<int>(i) < count; ++i) {
    Hypothesis& hypothesis = result.emplace_back();
    hypothesis.score = finished_[i].score;
    for (int32_t node = finished_[i].node; node >= 0; node = nodes_[node].parent) {
      hypothesis.ids.push_back(nodes_[node].token);
      hypothesis.token_scores.push_back(nodes_[node].log_probability);
    }
    std::reverse(hypothesis.ids.begin(), hypothesis.ids.end());
    std::reverse(hypothesis.token_scores.begin(), hypothesis.token_scores.end());
  }
  if (result.empty()) result.emplace_back();  // every token was suppressed from the start
  return result;
}

namespace {

// An active source with the sequences of its running hypotheses.
struct Source {
  Beams beams;
  std::vector<Sequence> sequences;
};

// Updates the sequences after Beams::advance: the last hypothesis that continues a sequence takes it over, the others fork it.
void follow(Step& step, Source& source) {
  std::vector<int> children(source.sequences.size(), 0);
  for (const Beams::Running& each : source.beams.running()) ++children[each.parent];
  std::vector<Sequence> next;
  for (const Beams::Running& each : source.beams.running()) {
    Sequence& parent = source.sequences[each.parent];
    next.push_back(--children[each.parent] > 0 ? step.fork(parent) : std::move(parent));
    next.back().append(source.beams.last_token(each));
  }
  source.sequences = std::move(next);
}

// `per_beam` candidates for each row: the forced tokens or the likeliest ones.
std::vector<Candidate> next_candidates(Step& step, const NextTokens& next_tokens, std::span<Sequence* const> batch, int per_beam) {
  const std::vector<Candidate> forced = next_tokens.forced(batch.front()->new_tokens());
  if (forced.empty()) {
    const Tensor logits = step.run(batch);
    return next_tokens.best(logits, histories_of(batch), per_beam);
  }
  std::vector<Candidate> candidates(batch.size() * per_beam, {-1, 0.0f});
  const size_t count = std::min(forced.size(), static_cast<size_t>(per_beam));
  for (size_t row = 0; row < batch.size(); ++row) std::copy_n(forced.begin(), count, candidates.begin() + row * per_beam);
  return candidates;
}

}  // namespace

// Each source has its own beams, and one step processes the running hypotheses of all sources. Finished sources leave the batch.
std::vector<std::vector<Hypothesis>> beam_search(SearchInput input) {
  const TransformerConfig& config = input.config;
  const NextTokens next_tokens(input.options, config);
  const int per_beam = Beams::candidates_per_beam(input.options.num_beams, config.eos_token_ids.size());
  std::vector<Source> sources;
  for (size_t i = 0; i < input.sources.size(); ++i) {
    Source& source = sources.emplace_back(Beams(input.options, input.max_lengths[i], config.eos_token_ids));
    source.sequences.push_back(input.step.join({input.decoder_start}, {}, {}, std::move(input.sources[i])));
  }
  std::vector<Source*> active;
  for (Source& each : sources) active.push_back(&each);

  while (!active.empty()) {
    if (input.options.on_step) input.options.on_step();
    std::vector<Sequence*> batch;
    for (Source* each : active) {
      for (Sequence& sequence : each->sequences) batch.push_back(&sequence);
    }
    const int length = static_cast<int>(batch.front()->tokens().size());  // equal for all hypotheses, which started together
    const std::vector<Candidate> candidates = next_candidates(input.step, next_tokens, batch, per_beam);
    std::span<const Candidate> rest = candidates;
    std::erase_if(active, [&](Source* each) {
      const size_t mine = each->sequences.size() * per_beam;
      each->beams.advance(rest.first(mine), length);
      rest = rest.subspan(mine);
      if (!each->beams.done()) {
        follow(input.step, *each);
        return false;
      }
      each->sequences.clear();
      return true;
    });
  }

  std::vector<std::vector<Hypothesis>> result;
  for (const Source& each : sources) result.push_back(each.beams.best(input.options.num_return_sequences));
  return result;
}

}  // namespace qkv
