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

// The candidates_per_beam() best continuations of all running hypotheses together; of equal ones the lower beam, then the lower id first.
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
  // Lists come sorted, beam after beam: a stable order by score alone keeps beams, and ids within a beam, in order.
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

// Is no running hypothesis expected to beat the worst finished one? (transformers' _check_early_stop_heuristic)
bool Beams::cannot_improve(int generated) const {
  const int assumed = early_stopping_ == EarlyStopping::never && length_penalty_ > 0 ? max_length_ - 1 : generated;
  return normalized(running_.front().score, assumed) <= finished_.back().score;
}

void Beams::advance(std::span<const Candidate> candidates, int length) {
  const bool last = length + 1 >= max_length_;
  const int generated = length;  // tokens of a continuation, without the decoder start
  const std::vector<Continuation> continuations = best_continuations(candidates);
  std::vector<Running> next;
  for (size_t rank = 0; rank < continuations.size(); ++rank) {
    const Continuation& each = continuations[rank];
    const bool ends = last || std::find(end_tokens_.begin(), end_tokens_.end(), each.next.id) != end_tokens_.end();
    // An ending counts among the first num_beams only; behind them it is lost, and the others are there to keep the beam full.
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

// The rows of the next decoder step: all running hypotheses of the sources that are not done.
struct Rows {
  std::vector<int32_t> tokens, parents, sources;
};

Rows gather_rows(const std::vector<Beams>& beams, std::span<const int32_t> active, std::span<const int32_t> first_row,
                 int32_t decoder_start) {
  Rows rows;
  for (size_t i = 0; i < active.size(); ++i) {
    const Beams& mine = beams[active[i]];
    for (const Beams::Running& hypothesis : mine.running()) {
      rows.tokens.push_back(mine.last_token(hypothesis, decoder_start));
      rows.parents.push_back(first_row[i] + hypothesis.parent);
      rows.sources.push_back(active[i]);
    }
  }
  return rows;
}

}  // namespace

// Every source has its own beams; a step feeds the running hypotheses of all of them at once. Sources that are done leave the batch.
std::vector<std::vector<Hypothesis>> beam_search(const SearchInput& input) {
  const TransformerConfig& config = input.network.config();
  const NextTokens next_tokens(input.options, config);
  const int per_beam = Beams::candidates_per_beam(input.options.num_beams, config.eos_token_ids.size());
  std::vector<Beams> beams;
  for (const int max_length : input.max_lengths) beams.emplace_back(input.options, max_length, config.eos_token_ids);
  std::vector<int32_t> active(beams.size()), first_row(beams.size(), 0);  // first row of each active source in the last step
  for (size_t i = 0; i < active.size(); ++i) active[i] = static_cast<int32_t>(i);

  for (int length = 1; length < input.options.max_length && !active.empty(); ++length) {
    if (input.options.on_step) input.options.on_step();
    const Rows rows = gather_rows(beams, active, first_row, config.decoder_start_token_id);
    std::vector<Candidate> candidates;
    if (const std::vector<Candidate> forced = next_tokens.forced(length); !forced.empty()) {
      candidates.assign(rows.tokens.size() * per_beam, {-1, 0.0f});
      const size_t count = std::min(forced.size(), static_cast<size_t>(per_beam));
      for (size_t row = 0; row < rows.tokens.size(); ++row) std::copy_n(forced.begin(), count, candidates.begin() + row * per_beam);
    } else {
      candidates =
          next_tokens.best(input.network.step(input.state, rows.tokens, rows.parents, rows.sources, input.context), length, per_beam);
    }
    std::vector<int32_t> still_active, still_first_row;
    int32_t row = 0;
    for (const int32_t source : active) {
      const int32_t count = static_cast<int32_t>(beams[source].running().size());
      beams[source].advance(std::span(candidates).subspan(static_cast<size_t>(row) * per_beam, static_cast<size_t>(count) * per_beam),
                            length);
      if (!beams[source].done()) {
        still_active.push_back(source);
        still_first_row.push_back(row);
      }
      row += count;
    }
    active = std::move(still_active);
    first_row = std::move(still_first_row);
  }

  std::vector<std::vector<Hypothesis>> result;
  for (const Beams& each : beams) result.push_back(each.best(input.options.num_return_sequences));
  return result;
}

}  // namespace qkv
