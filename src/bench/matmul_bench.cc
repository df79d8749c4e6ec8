#include "bench/matmul_bench.h"

#include "base/philox.h"
#include "base/timing.h"
#include "kernels/bf16.h"

namespace qkv {
namespace {

// A matrix of random values with a row stride of `stride` values.
class Values {
 public:
  Values(int64_t rows, int64_t cols, DType type, uint32_t stream, int64_t stride = 0)
      : view_{nullptr, rows, cols, stride ? stride : cols, type}, bytes_(static_cast<size_t>(rows * view_.stride * size_of(type))) {
    view_.data = bytes_.data();
    RandomStream random(1, stream);
    std::vector<float> some(4099);  // a prime number, so that columns differ
    for (float& value : some) value = 0.1f * random.normal();
    for (int64_t r = 0, at = 0; r < rows; ++r) {
      for (int64_t c = 0; c < cols; ++c, at = at + 1 == 4099 ? 0 : at + 1) {
        if (type == DType::f32) {
          view_.row<float>(r)[c] = some[static_cast<size_t>(at)];
        } else {
          view_.row<bf16>(r)[c] = to_bf16(some[static_cast<size_t>(at)]);
        }
      }
    }
  }
  const View& view() const { return view_; }

 private:
  View view_;
  std::vector<char> bytes_;
};

}  // namespace

const char* name_of(LinearPass pass) {
  constexpr const char* names[] = {"forward", "input_gradient", "weight_gradient"};
  return names[static_cast<int>(pass)];
}

std::vector<LinearShape> transformer_shapes(const std::vector<int64_t>& rows) {
  std::vector<LinearShape> shapes;
  for (const int64_t count : rows) {
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{128, 128},
                                  {128, 512},
                                  {256, 256},
                                  {256, 1024},
                                  {512, 512},
                                  {512, 2048},
                                  {2048, 512},
                                  {1024, 1024},
                                  {2048, 2048}})
      shapes.push_back({count, in, out});
    if (count <= 512) shapes.push_back({count, 256, kVocabulary});  // the loss processes some hundred rows at a time
  }
  return shapes;
}

double bench_matmul(const MatmulBenchOptions& options) {
  const auto [rows, in, out] = options.shape;
  const bool loss = out >= kVocabulary;
  const DType y_type = loss ? DType::f32 : options.dtype;
  const Values x(rows, in, options.dtype, 1), weight(out, in, DType::f32, 2), bias(1, out, DType::f32, 3), y(rows, out, y_type, 4),
      dy(rows, out, options.dtype, 5, loss ? out * 4 / size_of(options.dtype) : 0), dx(rows, in, options.dtype, 6);
  const KernelTable& kernels = cpu_kernels();
  const bool forward = options.pass == LinearPass::forward;
  MatmulParams product;
  std::vector<char> packed;
  if (options.pass == LinearPass::weight_gradient) {
    product = {.a = dy.view(), .b = x.view(), .out = weight.view(), .transpose_a = true, .accumulate = true};
  } else {
    product = forward ? MatmulParams{.a = x.view(), .b = weight.view(), .out = y.view(), .bias = bias.view(), .transpose_b = true}
                      : MatmulParams{.a = dy.view(), .b = weight.view(), .out = dx.view()};
    const PackedLayout layout = kernels.packed_layout(product.a.cols, product.out.cols, options.dtype);
    packed.resize(static_cast<size_t>(layout.bytes()) + 64);
    void* aligned = packed.data() + (64 - reinterpret_cast<uintptr_t>(packed.data()) % 64) % 64;
    kernels.pack({weight.view(), forward, layout, aligned});
    product.packed_b = {layout, aligned};
  }
  kernels.matmul(product);
  const double once = shortest_seconds(2, [&] { kernels.matmul(product); });
  const auto times = static_cast<int64_t>(options.least_seconds / once) + 1;
  const double seconds = shortest_seconds(options.runs, [&] {
    for (int64_t i = 0; i < times; ++i) kernels.matmul(product);
  });
  return seconds / static_cast<double>(times);
}

}  // namespace qkv
