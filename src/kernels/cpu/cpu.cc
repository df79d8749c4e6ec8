#include "kernels/cpu/cpu.h"

#include <cpuid.h>
#include <fmt/format.h>
#include <hwy/targets.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "base/error.h"
#include "kernels/cpu/vector/scratch.h"
#include "kernels/host_memory.h"
#include "kernels/limits.h"

namespace qkv {
bool cpu::has_bf16_instructions = false;

namespace {

// Instructions that bf16_tiles.h needs: AVX-512 bf16, VBMI's byte look-up and VBMI2's shifts.
bool has_avx512_bf16() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & (1u << 5))) return false;
  constexpr uint32_t kVbmi = 1u << 1, kVbmi2 = 1u << 6;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & kVbmi) && (c & kVbmi2);
}

// AMX needs the processor's bits (tile, bf16) and the kernel's permission for the tile registers (Linux 5.16: arch_prctl).
bool has_amx() {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  if (!(d & (1u << 24)) || !(d & (1u << 22))) return false;
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

constexpr Isa kAll[] = {Isa::baseline, Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx};

int64_t highway_targets(Isa isa) {
  switch (isa) {
    case Isa::baseline: return HWY_STATIC_TARGET;
    case Isa::avx2: return HWY_AVX2 | HWY_STATIC_TARGET;
    default: return HWY_AVX3 | HWY_AVX2 | HWY_STATIC_TARGET;
  }
}

Isa chosen_at_start() {
  const std::vector<Isa> available = available_isas();
  const char* wanted = std::getenv("QKV_ISA");
  if (!wanted || !*wanted) return available.back();
  const Isa isa = parse_isa(wanted);
  if (std::find(available.begin(), available.end(), isa) == available.end()) {
    fail(ErrorCode::unsupported, "QKV_ISA={}: this machine has no {}; its best is {}", wanted, name_of(isa), name_of(available.back()));
  }
  return isa;
}

std::atomic<int> chosen{-1};

void choose(Isa isa) {
  hwy::SetSupportedTargetsForTest(0);
  const int64_t real = hwy::SupportedTargets();
  hwy::SetSupportedTargetsForTest(real & highway_targets(isa));
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  cpu::has_bf16_instructions = isa >= Isa::avx512_bf16;
  chosen = static_cast<int>(isa);
}

}  // namespace

const char* name_of(Isa isa) {
  constexpr const char* names[] = {"baseline", "avx2", "avx512", "avx512_bf16", "amx"};
  return names[static_cast<int>(isa)];
}

Isa parse_isa(std::string_view name) {
  for (Isa isa : kAll) {
    if (name == name_of(isa)) return isa;
  }
  fail(ErrorCode::invalid_argument, "QKV_ISA={}: there is no such instruction set; possible: baseline, avx2, avx512, avx512_bf16, amx",
       name);
}

std::vector<Isa> available_isas() {
  static const std::vector<Isa> found = [] {
    const int64_t targets = hwy::SupportedTargets();
    std::vector<Isa> isas{Isa::baseline};
    if (targets & HWY_AVX2) isas.push_back(Isa::avx2);
    if (targets & HWY_AVX3) isas.push_back(Isa::avx512);
    if ((targets & HWY_AVX3) && has_avx512_bf16()) isas.push_back(Isa::avx512_bf16);
    if (isas.back() == Isa::avx512_bf16 && has_amx()) isas.push_back(Isa::amx);
    return isas;
  }();
  return found;
}

Isa current_isa() {
  if (chosen.load() < 0) choose(chosen_at_start());
  return static_cast<Isa>(chosen.load());
}

void set_isa(Isa isa) {
  const std::vector<Isa> available = available_isas();
  if (std::find(available.begin(), available.end(), isa) == available.end()) {
    fail(ErrorCode::unsupported, "this machine has no {}; its best is {}", name_of(isa), name_of(available.back()));
  }
  choose(isa);
}

int64_t kernel_working_memory() { return cpu::scratch_bytes_held; }

const KernelTable& cpu_kernels() {
  if (chosen.load(std::memory_order_relaxed) < 0) current_isa();
  static const KernelTable table{
      .name = "cpu",
      .memory = host_memory(),
      .stream = host_stream(),
      .matmul = cpu::matmul,
      .packed_layout = cpu::packed_layout,
      .pack = cpu::pack,
      .unpack = cpu::unpack,
      .column_sum = cpu::column_sum,
      .activation = cpu::activation,
      .activation_backward = cpu::activation_backward,
      .dropout_add = cpu::dropout_add,
      .copy = cpu::copy,
      .layer_norm = cpu::layer_norm,
      .layer_norm_backward = cpu::layer_norm_backward,
      .gated_activation = cpu::gated_activation,
      .gated_activation_backward = cpu::gated_activation_backward,
      .xielu = cpu::xielu,
      .xielu_backward = cpu::xielu_backward,
      .clamp = cpu::clamp,
      .clamp_backward = cpu::clamp_backward,
      .rope = cpu::rope,
      .embedding = cpu::embedding,
      .embedding_backward = cpu::embedding_backward,
      .attention = cpu::attention,
      .attention_backward = cpu::attention_backward,
      .additive_attention = cpu::additive_attention,
      .additive_attention_backward = cpu::additive_attention_backward,
      .attention_map = cpu::attention_map,
      .gather_rows = cpu::gather_rows,
      .transpose = cpu::transpose,
      .recurrence = cpu::recurrence,
      .recurrence_backward = cpu::recurrence_backward,
      .recurrent_step = cpu::recurrent_step,
      .cross_entropy = cpu::cross_entropy,
      .log_softmax = cpu::log_softmax,
      .sum_of_squares = cpu::sum_of_squares,
      .adamw = cpu::adamw,
  };
  return table;
}

}  // namespace qkv
