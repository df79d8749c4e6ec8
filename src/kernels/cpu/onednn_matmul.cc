#include "kernels/cpu/onednn_matmul.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>
#include <type_traits>

#include "base/parallel.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/flat.h"
#include "kernels/cpu/scratch.h"

namespace qkv::cpu {
namespace {

using dnnl::memory;

constexpr int64_t kSlab = 128;   // rows of a per call
constexpr int64_t kDepth = 256;  // tokens per call where tokens are summed over

dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

memory::data_type type_of(DType type) { return type == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32; }

// One shape of call. Strides are in elements; b_packed: b has oneDNN's own layout.
struct Shape {
  int64_t rows, columns, depth;
  DType a_type, b_type, out_type;
  int64_t a_row_step, a_depth_step, b_depth_step, b_column_step, out_step;
  bool b_packed, bias, accumulate;
  Activation activation;
  auto operator<=>(const Shape&) const = default;
};

dnnl::primitive_attr attributes(const Shape& s) {
  dnnl::post_ops ops;
  if (s.accumulate) ops.append_sum(1.0f);
  switch (s.activation) {
    case Activation::relu: ops.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0); break;
    case Activation::gelu: ops.append_eltwise(1, dnnl::algorithm::eltwise_gelu_erf, 0, 0); break;
    case Activation::gelu_tanh: ops.append_eltwise(1, dnnl::algorithm::eltwise_gelu_tanh, 0, 0); break;
    case Activation::silu: ops.append_eltwise(1, dnnl::algorithm::eltwise_swish, 1, 0); break;
    case Activation::sigmoid: ops.append_eltwise(1, dnnl::algorithm::eltwise_logistic, 0, 0); break;
    case Activation::tanh: ops.append_eltwise(1, dnnl::algorithm::eltwise_tanh, 0, 0); break;
    default: break;
  }
  dnnl::primitive_attr attr;
  attr.set_post_ops(ops);
  return attr;
}

memory::desc packed_layout(int64_t depth, int64_t columns, DType a_type);

dnnl::matmul::primitive_desc describe(const Shape& s) {
  const memory::desc a({s.rows, s.depth}, type_of(s.a_type), memory::dims{s.a_row_step, s.a_depth_step});
  const memory::desc b = s.b_packed ? packed_layout(s.depth, s.columns, s.b_type)
                                    : memory::desc({s.depth, s.columns}, type_of(s.b_type), memory::dims{s.b_depth_step, s.b_column_step});
  const memory::desc out({s.rows, s.columns}, type_of(s.out_type), memory::dims{s.out_step, 1});
  const memory::desc bias({1, s.columns}, memory::data_type::f32, memory::format_tag::ab);
  const dnnl::matmul::desc desc = s.bias ? dnnl::matmul::desc(a, b, bias, out) : dnnl::matmul::desc(a, b, out);
  return {desc, attributes(s), engine()};
}

// A primitive with its memory objects; data handles are set at each call.
struct Call {
  explicit Call(const Shape& s)
      : pd(describe(s)),
        primitive(pd),
        a(pd.src_desc(), engine(), nullptr),
        b(pd.weights_desc(), engine(), nullptr),
        out(pd.dst_desc(), engine(), nullptr),
        bias(s.bias ? memory(pd.bias_desc(), engine(), nullptr) : memory()),
        stream(engine()) {}

  void run(const void* a_data, const void* b_data, const void* bias_data, void* out_data) {
    a.set_data_handle(const_cast<void*>(a_data));
    b.set_data_handle(const_cast<void*>(b_data));
    out.set_data_handle(out_data);
    std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, out}};
    if (bias_data) {
      bias.set_data_handle(const_cast<void*>(bias_data));
      arguments.emplace(DNNL_ARG_BIAS, bias);
    }
    primitive.execute(stream, arguments);
    stream.wait();
  }

  dnnl::matmul::primitive_desc pd;
  dnnl::matmul primitive;
  memory a, b, out, bias;
  dnnl::stream stream;
};

extern "C" void omp_set_num_threads(int) __attribute__((weak));

// Threads make primitives one at a time: what they find in oneDNN's cache is then theirs to read, as the thread sanitizer sees it too,
// which does not see the library's own locks.
std::recursive_mutex& making() {
  static std::recursive_mutex instance;
  return instance;
}

Call& call_for(const Shape& shape) {
  thread_local std::map<Shape, Call> calls = [] {
    if (omp_set_num_threads) omp_set_num_threads(1);  // oneDNN's own threads stay out of the way
    return std::map<Shape, Call>();
  }();
  if (const auto found = calls.find(shape); found != calls.end()) return found->second;
  const std::scoped_lock lock(making());
  return calls.try_emplace(shape, shape).first->second;
}

// The layout of b that oneDNN likes for a whole slab; the calls of all slabs share it.
memory::desc packed_layout(int64_t depth, int64_t columns, DType a_type) {
  thread_local std::map<std::tuple<int64_t, int64_t, DType>, memory::desc> layouts;
  const auto [found, added] = layouts.try_emplace({depth, columns, a_type});
  if (added) {
    const std::scoped_lock lock(making());
    const memory::desc a({kSlab, depth}, type_of(a_type), memory::format_tag::ab),
        out({kSlab, columns}, memory::data_type::f32, memory::format_tag::ab);
    const memory::desc b({depth, columns}, type_of(a_type), memory::format_tag::any);
    found->second = dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, out), engine()).weights_desc();
  }
  return found->second;
}

// The rows of `from` as those of `to`, which may be of another type.
void convert_rows(const View& from, const View& to) {
  with_type(from.dtype, [&](auto* from_type) {
    with_type(to.dtype, [&](auto* to_type) {
      using From = std::remove_pointer_t<decltype(from_type)>;
      using To = std::remove_pointer_t<decltype(to_type)>;
      for (int64_t r = 0; r < from.rows; ++r) {
        const From* x = from.row<const From>(r);
        To* y = to.row<To>(r);
        if constexpr (std::is_same_v<From, To>) {
          std::memcpy(y, x, static_cast<size_t>(from.cols) * sizeof(To));
        } else if constexpr (std::is_same_v<To, float>) {
          for (int64_t c = 0; c < from.cols; ++c) y[c] = to_float(x[c]);
        } else {
          for (int64_t c = 0; c < from.cols; ++c) y[c] = to_bf16(x[c]);
        }
      }
    });
  });
}

// A matrix of `rows` rows in scratch.
View scratch_rows(Scratch purpose, int64_t rows, int64_t columns, DType type) {
  return {scratch_bytes(purpose, rows * columns * size_of(type)), rows, columns, columns, type};
}

// Rows [first, first + rows) of x in scratch as `type`, zero past x's end.
View padded_rows(Scratch purpose, const View& x, int64_t first, int64_t rows, DType type) {
  const int64_t present = std::min(rows, x.rows - first);
  const View copy = scratch_rows(purpose, rows, x.cols, type);
  convert_rows(x.rows_from(first, present), copy);
  std::memset(copy.rows_from(present, 0).data, 0, static_cast<size_t>((rows - present) * x.cols * size_of(type)));
  return copy;
}

// b in a's type, where it has another: the weights of a bf16 product that were not packed.
View converted_b(const MatmulParams& p) {
  if (p.packed_b || p.b.dtype == p.a.dtype) return p.b;
  View copy{scratch_bytes(Scratch::packed_b, p.b.rows * p.b.cols * size_of(p.a.dtype)), p.b.rows, p.b.cols, p.b.cols, p.a.dtype};
  cpu::copy({.x = p.b, .out = copy});
  return copy;
}

// x W: tokens are rows. Whole slabs are read where they lie, the last one from a padded copy. oneDNN writes bf16 for rows in bf16 alone:
// sums of f32 rows stay f32 in scratch until they are rounded into a bf16 output.
void product_of_rows(const MatmulParams& p) {
  const View b = converted_b(p);
  const int64_t depth = p.a.cols, columns = p.out.cols;
  // In bf16 oneDNN sums a single row in another order than several.
  const int64_t least = p.a.dtype == DType::bf16 ? 16 : 1;
  const int64_t slab = std::min<int64_t>(kSlab, std::bit_ceil(static_cast<uint64_t>(std::max(least, p.a.rows))));
  const DType sums_type = p.a.dtype == DType::f32 ? DType::f32 : p.out.dtype;
  const Shape shape{slab,
                    columns,
                    depth,
                    p.a.dtype,
                    p.a.dtype,
                    sums_type,
                    p.a.stride,
                    1,
                    p.transpose_b ? 1 : b.stride,
                    p.transpose_b ? b.stride : 1,
                    p.out.stride,
                    p.packed_b != nullptr,
                    static_cast<bool>(p.bias),
                    p.accumulate,
                    p.accumulate ? Activation::none : p.activation};
  parallel_for((p.a.rows + slab - 1) / slab, [&](int64_t i) {
    const int64_t first = i * slab, rows = std::min(slab, p.a.rows - first);
    const void* weights = p.packed_b ? p.packed_b : b.data;
    const bool whole = rows == slab, in_place = whole && sums_type == p.out.dtype;
    const View a = whole ? p.a.rows_from(first, rows) : padded_rows(Scratch::rows_a, p.a, first, slab, p.a.dtype);
    const View out = p.out.rows_from(first, rows);
    const View sums = in_place       ? out
                      : p.accumulate ? padded_rows(Scratch::sums, p.out, first, slab, sums_type)
                                     : scratch_rows(Scratch::sums, slab, columns, sums_type);
    Shape call = shape;
    call.a_row_step = a.stride;
    call.out_step = sums.stride;
    call_for(call).run(a.data, weights, p.bias.data, sums.data);
    if (!in_place) convert_rows(sums.rows_from(0, rows), out);
  });
}

// a^T b: tokens are summed over, in slabs of kDepth in their order; threads take rows of the result. The sum stays f32 from slab to slab,
// in scratch where the output is bf16.
void product_over_rows(const MatmulParams& p) {
  const int64_t tokens = p.a.rows, slabs = std::max<int64_t>(1, (tokens + kDepth - 1) / kDepth), tail = (slabs - 1) * kDepth;
  const View b = converted_b(p);
  const bool padded = tokens != slabs * kDepth, in_place = p.out.dtype == DType::f32;
  const View last_a = padded ? padded_rows(Scratch::keys, p.a, tail, kDepth, p.a.dtype) : p.a.rows_from(tail, kDepth);
  const View last_b = padded ? padded_rows(Scratch::values, b, tail, kDepth, b.dtype) : b.rows_from(tail, kDepth);
  parallel_for((p.out.rows + kSlab - 1) / kSlab, [&](int64_t i) {
    const int64_t first = i * kSlab, rows = std::min(kSlab, p.out.rows - first);
    const View out = p.out.rows_from(first, rows);
    const View sums = in_place       ? out
                      : p.accumulate ? padded_rows(Scratch::sums, p.out, first, rows, DType::f32)
                                     : scratch_rows(Scratch::sums, rows, p.out.cols, DType::f32);
    for (int64_t s = 0; s < slabs; ++s) {
      const View tokens_of_a = s == slabs - 1 ? last_a : p.a.rows_from(s * kDepth, kDepth);
      const View tokens_of_b = s == slabs - 1 ? last_b : b.rows_from(s * kDepth, kDepth);
      const Shape shape{rows,
                        p.out.cols,
                        kDepth,
                        p.a.dtype,
                        p.a.dtype,
                        DType::f32,
                        1,
                        tokens_of_a.stride,
                        tokens_of_b.stride,
                        1,
                        sums.stride,
                        false,
                        false,
                        s > 0 || p.accumulate,
                        Activation::none};
      const char* columns_of_a = tokens_of_a.as<char>() + first * size_of(p.a.dtype);
      call_for(shape).run(columns_of_a, tokens_of_b.data, nullptr, sums.data);
    }
    if (!in_place) convert_rows(sums, out);
  });
}

}  // namespace

bool onednn_supports(DType a_type) {
  if (a_type == DType::f32) return true;
  // Instruction sets are sets of bits there: AVX2 with VNNI is a larger number than AVX-512.
  constexpr unsigned kAvx512 = static_cast<unsigned>(dnnl::cpu_isa::avx512_core);
  static const bool bf16 = (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kAvx512) == kAvx512;
  return a_type == DType::bf16 && bf16;
}

int64_t onednn_packed_b_size(const View& b, bool transpose_b, DType a_type) {
  if (b.rows == 0 || b.cols == 0) return 0;
  return static_cast<int64_t>((transpose_b ? packed_layout(b.cols, b.rows, a_type) : packed_layout(b.rows, b.cols, a_type)).get_size());
}

void onednn_pack_b(const View& b, bool transpose_b, DType a_type, void* packed) {
  const int64_t depth = transpose_b ? b.cols : b.rows, columns = transpose_b ? b.rows : b.cols;
  const memory::desc plain({depth, columns}, type_of(b.dtype), transpose_b ? memory::dims{1, b.stride} : memory::dims{b.stride, 1});
  memory from(plain, engine(), b.data);
  memory to(packed_layout(depth, columns, a_type), engine(), packed);
  dnnl::stream stream(engine());
  const dnnl::reorder reorder = [&] {
    const std::scoped_lock lock(making());
    return dnnl::reorder(from, to);
  }();
  reorder.execute(stream, from, to);
  stream.wait();
}

void onednn_matmul(const MatmulParams& p) {
  try {
    if (p.transpose_a) return product_over_rows(p);
    product_of_rows(p);
  } catch (const dnnl::error& error) {
    fail(ErrorCode::internal, "oneDNN refuses a product of [{}, {}] and [{}, {}] in {}: {}", p.a.rows, p.a.cols, p.b.rows, p.b.cols,
         name_of(p.a.dtype), error.what());
  }
}

}  // namespace qkv::cpu
