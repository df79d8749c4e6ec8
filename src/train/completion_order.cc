#include "train/completion_order.h"

#include "autograd/backward.h"
#include "base/error.h"
#include "tensor/gradient_watch.h"

namespace qkv {

CompletionOrder::CompletionOrder(const ParameterStore& parameters) {
  for (size_t i = 0; i < parameters.all().size(); ++i) numbers_[&parameters.all()[i].value.impl()] = i;
}

void CompletionOrder::backward(Tape& tape, const Tensor& loss, const std::function<void(size_t parameter)>& completed) {
  const auto found = known_.find(tape.nodes.size());
  if (found == known_.end()) {
    const size_t length = tape.nodes.size();
    known_[length] = learn(tape, loss);
    return;
  }
  std::vector<bool> done(numbers_.size());
  const GradientWatch watch([&](const Tensor& x) {
    const auto parameter = numbers_.find(&x.impl());
    QKV_CHECK(parameter == numbers_.end() || !done[parameter->second], "[completion order] gradient {} was complete too early",
              parameter->second);
  });
  watched_backward(tape, loss, [&](size_t nodes_left) {
    for (const size_t parameter : found->second[nodes_left]) {
      done[parameter] = true;
      completed(parameter);
    }
  });
}

CompletionOrder::Completed CompletionOrder::learn(Tape& tape, const Tensor& loss) const {
  constexpr size_t kNever = SIZE_MAX;
  std::vector<size_t> last(numbers_.size(), kNever);
  Completed completed(tape.nodes.size());
  const GradientWatch watch([&](const Tensor& x) {
    const auto parameter = numbers_.find(&x.impl());
    if (parameter != numbers_.end()) last[parameter->second] = tape.nodes.size();
  });
  watched_backward(tape, loss, [](size_t) {});
  for (size_t i = 0; i < last.size(); ++i) {
    if (last[i] != kNever) completed[last[i]].push_back(i);
  }
  return completed;
}

}  // namespace qkv
