// How long an update takes.
#pragma once

#include <functional>
#include <memory>

#include "evaluate/batch_source.h"
#include "models/model.h"
#include "train/gradient_exchange.h"
#include "train/output/output_directory.h"

namespace qkv {

struct UpdateTime {
  double seconds = 0;   // of an update, the mean
  int64_t updates = 0;  // that were timed
};

// Makes updates with a model that is thrown away, so that the training begins from the start with all that follows from the speed. The
// first one, which finds cold caches, is not timed; then as many as take `seconds`, at least two. Throws Error(interrupted) where it is
// cancelled.
UpdateTime measure_update(const TrainOptions& options, const OutputDirectory& output, std::unique_ptr<Model> model,
                          const BatchSource& batches, const GradientExchange& exchange, double seconds);

}  // namespace qkv
