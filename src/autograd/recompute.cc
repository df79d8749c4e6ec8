#include "autograd/recompute.h"

#include "autograd/backward.h"

namespace qkv {

void record_recomputed(const Tensor& y, std::initializer_list<Tensor> inputs, std::function<Tensor()> run) {
  record(y, inputs, [run = std::move(run)](const Tensor& dy) {
    Tape tape;
    Tensor again;
    {
      RecordScope recording(&tape);
      again = run();
    }
    backward_from(tape, again, dy);
  });
}

}  // namespace qkv
