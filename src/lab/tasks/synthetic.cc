#include "lab/tasks/synthetic.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/cancellation.h"
#include "base/error.h"

namespace qkv::lab {
namespace {

using Tokens = std::vector<int32_t>;

// One sequence under construction, with the target at each of its rows.
struct Example {
  Tokens tokens, targets;
  void add(int32_t token, int32_t target = -1) {
    tokens.push_back(token);
    targets.push_back(target);
  }
};

Tokens answer(Task task, Tokens sequence) {
  if (task == Task::reverse) std::reverse(sequence.begin(), sequence.end());
  if (task == Task::sort) std::sort(sequence.begin(), sequence.end());
  if (task == Task::left) {
    sequence.insert(sequence.begin(), -1);  // the first one has no left neighbour
    sequence.pop_back();
  }
  return sequence;
}

Example transduction(const TaskOptions& options, int length, RandomStream& random) {
  Tokens sequence;
  for (int i = 0; i < length; ++i) sequence.push_back(static_cast<int32_t>(random.below(options.symbols)));
  const Tokens wanted = answer(options.task, sequence);
  Example example;
  if (!options.continued) {
    for (int i = 0; i < length; ++i) example.add(sequence[i], wanted[i]);
    return example;
  }
  for (const int32_t token : sequence) example.add(token);
  for (int i = 0; i < length; ++i) example.add(i == 0 ? options.symbols : wanted[i - 1], wanted[i]);
  return example;
}

// 0 to count - 1 in an order of their own.
Tokens shuffled(int count, RandomStream& random) {
  Tokens order(count);
  std::iota(order.begin(), order.end(), 0);
  for (int i = count - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
  return order;
}

// Keys are the lower half of the symbols, values the upper half.
Example recall(const TaskOptions& options, int pairs, RandomStream& random) {
  const int keys = options.symbols / 2;
  const Tokens order = shuffled(keys, random);
  Tokens values;
  Example example;
  for (int i = 0; i < pairs; ++i) {
    values.push_back(keys + static_cast<int32_t>(random.below(keys)));
    example.add(order[i]);
    example.add(values[i]);
  }
  example.add(options.symbols);
  for (const int32_t i : shuffled(pairs, random)) example.add(order[i], values[i]);
  return example;
}

// Values are the upper half of the symbols.
Example distant(const TaskOptions& options, int length, RandomStream& random) {
  const int others = options.symbols / 2;
  const auto value = others + static_cast<int32_t>(random.below(options.symbols - others));
  Example example;
  example.add(value);
  for (int i = 1; i < length; ++i) example.add(static_cast<int32_t>(random.below(others)));
  example.add(options.symbols, value);
  return example;
}

int draw_length(const TaskOptions& options, RandomStream& random) {
  if (options.task != Task::distant) return options.min_length + static_cast<int>(random.below(options.length - options.min_length + 1));
  const double low = std::log(options.min_length), high = std::log(options.length + 1);
  return std::clamp(static_cast<int>(std::exp(low + (high - low) * random.uniform())), options.min_length, options.length);
}

// Opening brackets are even; the matching closing bracket is the next number. Every closing bracket is predicted from the row before it.
Example brackets(const TaskOptions& options, int length, RandomStream& random) {
  Example example;
  Tokens open;
  for (int i = 0; i < 2 * length; ++i) {
    const int left = 2 * length - i;
    const bool close = !open.empty() && (std::ssize(open) >= left || random.below(2) == 0);
    if (close) {
      if (!example.targets.empty()) example.targets.back() = open.back() + 1;
      example.add(open.back() + 1);
      open.pop_back();
    } else {
      open.push_back(static_cast<int32_t>(2 * random.below(options.symbols / 2)));
      example.add(open.back());
    }
  }
  return example;
}

Example cycle(const TaskOptions& options, int ids, RandomStream& random) {
  const int values = options.symbols / ids;
  const Tokens order = shuffled(ids, random);
  Tokens value_of;
  for (int id = 0; id < ids; ++id) value_of.push_back(static_cast<int32_t>(random.below(values)));
  Example example;
  for (const int32_t id : order) example.add(id * values + value_of[id], value_of[(id + 1) % ids]);
  return example;
}

Example make_example(const TaskOptions& options, RandomStream& random) {
  const int length = draw_length(options, random);
  switch (options.task) {
    case Task::recall: return recall(options, length, random);
    case Task::distant: return distant(options, length, random);
    case Task::brackets: return brackets(options, length, random);
    case Task::cycle: return cycle(options, options.length, random);
    default: return transduction(options, length, random);
  }
}

}  // namespace

int vocabulary(const TaskOptions& options) { return options.symbols + 1; }

int longest(const TaskOptions& options) {
  if (options.task == Task::recall) return 3 * options.length + 1;
  if (options.task == Task::distant) return options.length + 1;
  if (options.task == Task::brackets) return 2 * options.length;
  return options.continued ? 2 * options.length : options.length;
}

Batch make_batch(const TaskOptions& options, int64_t sequences, RandomStream random) {
  QKV_REQUIRE(options.task != Task::recall || options.length <= options.symbols / 2, "[recall] {} pairs of {} keys", options.length,
              options.symbols / 2);
  QKV_REQUIRE(options.task != Task::left || !options.continued, "[left] neighbours are named where they stand, not afterwards");
  Batch batch;
  std::vector<int32_t> lengths;
  for (int64_t i = 0; i < sequences; ++i) {
    const Example example = make_example(options, random);
    batch.input.ids.insert(batch.input.ids.end(), example.tokens.begin(), example.tokens.end());
    batch.targets.insert(batch.targets.end(), example.targets.begin(), example.targets.end());
    lengths.push_back(static_cast<int32_t>(example.tokens.size()));
  }
  batch.input.segments = Segments::of_lengths(lengths);
  return batch;
}

namespace {

void add(Judgement& sum, const Tensor& logits, std::span<const int32_t> targets) {
  const int64_t classes = logits.cols();
  for (size_t row = 0; row < targets.size(); ++row) {
    if (targets[row] < 0) continue;
    const float* scores = logits.host<float>() + static_cast<int64_t>(row) * classes;
    const float* best = std::max_element(scores, scores + classes);
    double total = 0;
    for (int64_t c = 0; c < classes; ++c) total += std::exp(static_cast<double>(scores[c]) - *best);
    sum.loss += std::log(total) + *best - scores[targets[row]];
    sum.accuracy += best - scores == targets[row];
    ++sum.targets;
  }
}

}  // namespace

Judgement judge(const CancellationToken* cancellation, const Network& network, int64_t count, const std::function<Batch(int64_t)>& batch,
                DType dtype) {
  const RecordScope no_gradient(nullptr);
  Judgement sum;
  for (int64_t i = 0; i < count; ++i) {
    throw_if_cancelled(cancellation);
    const Batch b = batch(i);
    ForwardContext context{.dtype = dtype};
    add(sum, network.logits(network.forward(b.input, context)), b.targets);
  }
  sum.loss /= static_cast<double>(sum.targets);
  sum.accuracy /= static_cast<double>(sum.targets);
  return sum;
}

}  // namespace qkv::lab
