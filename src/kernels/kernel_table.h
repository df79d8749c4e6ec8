// A device is a folder beside this file and what it offers: memory, an order of execution, kernels. A null entry means "not on this
// device".
//
// Every pointer in a kernel's parameters is one of the device's memory: views, indices (ids, positions, segments, rows to gather) and the
// places of results that are single numbers. The parameters themselves are plain values of the host.
#pragma once

#include <string_view>
#include <vector>

#include "kernels/params.h"
#include "kernels/sequence_params.h"

namespace qkv {

// `disguised` is the CPU with memory that only its kernels can touch: the proof that nothing else does (kernels/disguised/).
enum class Device : uint8_t { cpu, reference, disguised };

// Sizes are in bytes. Whatever changes or reads device memory takes its place in the order of execution; copies to and from the host are
// done when they return.
struct DeviceMemory {
  bool shared_with_host;               // the host's pointers are the device's, too: the copies below are not needed
  void* (*allocate)(int64_t bytes);    // aligned to 64; null where there is no more
  void (*free)(void*, int64_t bytes);  // once all that was called before has run
  void (*copy_to_host)(const void* from, void* host, int64_t bytes);
  void (*copy_from_host)(const void* host, void* to, int64_t bytes);
  void (*copy_within)(const void* from, void* to, int64_t bytes);
  void (*fill)(void* to, unsigned char value, int64_t bytes);
};

// Calls run in the order in which they are made. Between `begin` and `wait` a call may return before it has run; `wait` returns when all
// have. Sections may be nested: the outermost counts.
struct DeviceStream {
  void (*begin)();
  void (*wait)();
};

struct KernelTable {
  const char* name;
  DeviceMemory memory;
  DeviceStream stream;
  void (*matmul)(const MatmulParams&);
  // The layout in which products with rows of type rows_type read a factor of [depth, columns]; null if the device does not pack.
  PackedLayout (*packed_layout)(int64_t depth, int64_t columns, DType rows_type);
  // Writes op(b) as `layout` says; packed: layout.bytes() bytes, aligned to 64.
  void (*pack)(const PackParams&);
  // Writes b again from what pack made of it: the same values where packed_keeps(layout, type of b).
  void (*unpack)(const PackParams&);
  void (*column_sum)(const ColumnSumParams&);
  void (*activation)(const ActivationParams&);
  void (*activation_backward)(const ActivationBackwardParams&);
  void (*dropout_add)(const DropoutAddParams&);
  void (*copy)(const CopyParams&);
  void (*layer_norm)(const LayerNormParams&);
  void (*layer_norm_backward)(const LayerNormBackwardParams&);
  void (*gated_activation)(const GatedActivationParams&);
  void (*gated_activation_backward)(const GatedActivationBackwardParams&);
  void (*xielu)(const XieluParams&);
  void (*xielu_backward)(const XieluBackwardParams&);
  void (*clamp)(const ClampParams&);
  void (*clamp_backward)(const ClampBackwardParams&);
  void (*rope)(const RopeParams&);
  void (*embedding)(const EmbeddingParams&);
  void (*embedding_backward)(const EmbeddingBackwardParams&);
  void (*attention)(const AttentionParams&);
  void (*attention_backward)(const AttentionBackwardParams&);
  void (*additive_attention)(const AdditiveAttentionParams&);
  void (*additive_attention_backward)(const AdditiveAttentionBackwardParams&);
  void (*attention_map)(const AttentionMapParams&);
  void (*gather_rows)(const GatherRowsParams&);
  void (*transpose)(const TransposeParams&);
  void (*recurrence)(const RecurrenceParams&);
  void (*recurrence_backward)(const RecurrenceBackwardParams&);
  void (*recurrent_step)(const RecurrentStepParams&);
  void (*cross_entropy)(const CrossEntropyParams&);
  void (*log_softmax)(const LogSoftmaxParams&);
  void (*sum_of_squares)(const SumOfSquaresParams&);
  void (*adamw)(const AdamWParams&);
};

const KernelTable& cpu_kernels();        // f32 and bf16, SIMD
const KernelTable& reference_kernels();  // f64, plain loops: the oracle
const KernelTable& disguised_kernels();
const KernelTable& kernels_of(Device device);

// The instruction sets of the CPU kernels. `baseline` is plain x86-64.
enum class Isa { baseline, avx2, avx512, avx512_bf16, amx };
const char* name_of(Isa isa);
Isa parse_isa(std::string_view name);  // throws with the list of names
std::vector<Isa> available_isas();     // those supported by this CPU and operating system, weakest first
Isa current_isa();                     // the strongest one, or the one chosen by QKV_ISA or set_isa
void set_isa(Isa isa);                 // throws if the CPU lacks it; not while kernels run

}  // namespace qkv
