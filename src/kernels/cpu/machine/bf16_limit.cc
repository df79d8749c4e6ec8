#include "kernels/cpu/machine/bf16_limit.h"

#include <utility>

#include "base/philox.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/bf16_tiles.h"

QKV_BF16_BEGIN
namespace qkv::cpu {
namespace {

struct alignas(64) Numbers {
  bf16 values[8192];
  Numbers() {
    RandomStream random(1, 0);
    for (bf16& value : values) value = to_bf16(random.normal());
  }
};

// Four tiles of sums, from two tiles of a and two of b.
int64_t multiply_tiles(int64_t rounds, const char* numbers) {
  const TileRegisters tiles;
  QKV_TILE_ZERO(4);
  QKV_TILE_ZERO(5);
  QKV_TILE_ZERO(6);
  QKV_TILE_ZERO(7);
  for (int64_t round = 0; round < rounds; ++round) {
    if (numbers) {
      const char* from = numbers + round % 4 * 4096;
      QKV_TILE_LOAD(4, from, int64_t{64});
      QKV_TILE_LOAD(5, from + 1024, int64_t{64});
      QKV_TILE_LOAD(6, from + 2048, int64_t{64});
      QKV_TILE_LOAD(7, from + 3072, int64_t{64});
    }
    QKV_TILE_MULTIPLY(0, 4, 6);
    QKV_TILE_MULTIPLY(1, 4, 7);
    QKV_TILE_MULTIPLY(2, 5, 6);
    QKV_TILE_MULTIPLY(3, 5, 7);
  }
  return rounds * 4 * 2 * 16 * 16 * 32;
}

inline __attribute__((always_inline)) void multiply_vector(__m512& sum, __m512i a, __m512i b) {
  asm volatile("vdpbf16ps %1, %2, %0" : "+v"(sum) : "v"(a), "v"(b));
}

// Enough sums to hide the latency, each in its own register; with a loop over an array the compiler would keep them in memory.
template <size_t... I>
int64_t multiply_vectors(int64_t rounds, const char* numbers, std::index_sequence<I...>) {
  __m512 sums[] = {(static_cast<void>(I), _mm512_setzero_ps())...};
  if (numbers) {
    for (int64_t round = 0; round < rounds; ++round) {
      const __m512i a = _mm512_loadu_si512(numbers + round % 128 * 64), b = _mm512_loadu_si512(numbers + 8192 + round % 128 * 64);
      (multiply_vector(sums[I], a, b), ...);
    }
  } else {
    const __m512i zeros = _mm512_setzero_si512();
    for (int64_t round = 0; round < rounds; ++round) {
      (multiply_vector(sums[I], zeros, zeros), ...);
    }
  }
  return rounds * static_cast<int64_t>(sizeof...(I)) * 2 * 16 * 2;
}

}  // namespace
}  // namespace qkv::cpu
QKV_BF16_END

int64_t qkv::cpu::run_bf16_products(int64_t rounds, Operands operands) {
  static const Numbers numbers;
  const char* read = operands == Operands::read ? reinterpret_cast<const char*>(numbers.values) : nullptr;
  return current_isa() == Isa::amx ? multiply_tiles(rounds, read) : multiply_vectors(rounds, read, std::make_index_sequence<20>());
}
