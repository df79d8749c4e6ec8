#include "train/speed.h"

#include "base/cancellation.h"
#include "base/timing.h"
#include "train/gradient_step.h"
#include "train/training_store.h"

namespace qkv {

UpdateTime measure_update(const TrainOptions& options, const OutputDirectory& output, std::unique_ptr<Model> model,
                          const BatchSource& batches, const GradientExchange& exchange, double seconds) {
  TrainingStore store(options, output, std::move(model));
  GradientStep step(store.model(), store.averaged(), options, exchange);
  BatchFeed feed(batches, options.accumulate, DataPlace{0, 0});
  int64_t made = 0, used_batches = 0;
  Stopwatch watch;
  const auto make_update = [&] {
    throw_if_cancelled(options.cancellation);
    const Update update = feed.next();
    in_stream(store.model().parameters.device(), [&] {
      const StepResult result = step.compute(update, used_batches, made + 1);
      used_batches += result.batches;
      if (result.finite()) step.apply(result);
    });
    ++made;
  };
  make_update();
  watch = Stopwatch();
  const auto goes_on = [&] { return made < 3 || exchange.group().broadcast(watch.seconds() < seconds ? 1.0 : 0.0) > 0; };
  while (goes_on()) make_update();
  return {.seconds = exchange.group().broadcast(watch.seconds() / static_cast<double>(made - 1)), .updates = made - 1};
}

}  // namespace qkv
