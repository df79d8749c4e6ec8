// The angles of rotary positions (Su et al. 2021) and the ways to stretch them past the lengths a model was trained on.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/params.h"
#include "tensor/tensor.h"

namespace qkv {

// Names and meanings are those of Hugging Face's `rope_parameters` ("rope_type").
enum class RopeScaling : uint8_t {
  none,
  linear,   // all frequencies divided by `factor` (Chen et al. 2023, "position interpolation")
  dynamic,  // the base grows with the sequence, past `original_max_positions` ("dynamic NTK")
  yarn,     // slow pairs are interpolated, fast ones stay, a ramp between (Peng et al. 2023)
  llama3,   // the same by wavelength, as Llama 3.1 has it
};

struct RopeOptions {
  int rotary_dim = 0;    // columns of a head that turn: twice the number of pairs
  double theta = 10000;  // the base: pair i turns by position * theta^(-2 i / rotary_dim)
  RotaryPairs layout = RotaryPairs::halves;
  RopeScaling scaling = RopeScaling::none;
  double factor = 1;
  int64_t original_max_positions = 0;                // what the model was trained on; dynamic, yarn and llama3 need it
  double low_freq_factor = 1, high_freq_factor = 4;  // llama3
  double beta_fast = 32, beta_slow = 1;              // yarn: turns within the original length that bound the ramp
  double attention_factor = 0;                       // yarn: cosines and sines times this; 0: from `factor` and the mscales
  double mscale = 0, mscale_all_dim = 0;             // yarn; 0: not given
  bool truncate = true;                              // yarn: the ramp's ends are whole numbers

  bool operator==(const RopeOptions&) const = default;
};

// Throws where the numbers give no angles, naming the key and its value. `rotary_dim` is not looked at.
void validate(const RopeOptions& options);

// The options that `scaling` uses; the others as if they were not given.
RopeOptions used_options(const RopeOptions& options);

// Angle per position of each pair, [rotary_dim / 2]. `length`: tokens of the sequence, which `dynamic` alone looks at.
std::vector<double> rope_frequencies(const RopeOptions& options, int64_t length);

// What cosines and sines are multiplied by: 1 but for yarn (Peng et al. 2023, section 3.4).
double rope_attention_factor(const RopeOptions& options);

struct RopeTables {
  Tensor cosines, sines;  // [positions, rotary_dim / 2], f32 (f64 on the reference)
};
// Of the positions first, …, first + count - 1; `length` as above.
RopeTables rope_tables(const RopeOptions& options, int64_t first, int64_t count, int64_t length, Device device = Device::cpu);

}  // namespace qkv
