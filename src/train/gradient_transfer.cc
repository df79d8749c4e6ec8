#include "train/gradient_transfer.h"

namespace qkv {

GradientTransfer::GradientTransfer(const GradientExchange& exchange, const ParameterRow& row, const Stopwatch& clock)
    : exchange_(exchange),
      row_(row),
      clock_(clock),
      values_(Tensor::zeros({row.size(), 1}, DType::f32)),
      slots_(row.views(values_)),
      missing_(row.buckets()) {
  for (size_t i = 0; i < slots_.size(); ++i) ++missing_[row.bucket_of(i)];
  thread_ = std::thread([this] { run(); });
}

GradientTransfer::~GradientTransfer() {
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void GradientTransfer::put(size_t parameter, const Tensor& gradient) {
  if (gradient) kernels_for(values_).copy({.x = gradient.view(), .out = slots_[parameter].view()});
  {
    const std::lock_guard lock(mutex_);
    --missing_[row_.bucket_of(parameter)];
  }
  changed_.notify_all();
}

Tensor GradientTransfer::finish() {
  thread_.join();
  if (error_) std::rethrow_exception(error_);
  return values_;
}

void GradientTransfer::run() {
  try {
    for (size_t bucket = row_.buckets(); bucket-- > 0;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return missing_[bucket] == 0 || abandoned_; });
        if (missing_[bucket] > 0) return;
      }
      const double begin = clock_.seconds();
      exchange_.add(row_, bucket, values_);
      spans_.push_back({begin, clock_.seconds()});
    }
  } catch (...) {
    error_ = std::current_exception();
  }
}

}  // namespace qkv
