#include "train/moments_file.h"

#include "base/error.h"
#include "base/shared_file.h"
#include "io/safetensors.h"
#include "tensor/host_values.h"

namespace qkv {
namespace {

constexpr const char* kFile = "optimizer.safetensors";

SafetensorsLayout layout_of(const ParameterStore& parameters) {
  std::vector<std::pair<std::string, Shape>> tensors;
  for (const Parameter& parameter : parameters.all()) {
    for (const char* moment : {"m.", "v."}) tensors.emplace_back(moment + parameter.name, parameter.value.shape());
  }
  return layout_safetensors(kFile, tensors);
}

// Reads values [piece.begin, piece.begin + piece.count) of the file's tensor.
void read_piece(const TensorFile& file, const std::string& name, const Shape& shape, const ParameterPiece& piece, const Tensor& moments) {
  const auto found = file.entries().find(name);
  if (found == file.entries().end()) fail(ErrorCode::bad_input, "{} has no tensor \"{}\"", file.path().string(), name);
  StoredTensor part = found->second;
  if (part.shape != shape || part.dtype != "F32" || !part.strides.empty()) {
    fail(ErrorCode::bad_input, "{}: tensor \"{}\" is {} {}, F32 {} is wanted", file.path().string(), name, part.dtype,
         to_string(part.shape), to_string(shape));
  }
  part.shape = {piece.count, 1};
  part.data += piece.begin * size_of(DType::f32);
  part.bytes = piece.count * size_of(DType::f32);
  QKV_CHECK(read_values(part, moments.row_range(piece.own, piece.count)), "[moments] moments in {}", name_of(moments.dtype()));
  file.release(part);
}

}  // namespace

void write_moments(const std::filesystem::path& directory, const ParameterStore& parameters, const AdamW& optimizer,
                   const GradientExchange& exchange) {
  const SafetensorsLayout layout = layout_of(parameters);
  ProcessGroup& group = exchange.group();
  const std::filesystem::path own = directory / kFile;
  if (group.first()) make_shared_file(own, layout.header, layout.size);
  const std::filesystem::path path = group.broadcast(own.string());
  const HostValues<float> m(optimizer.m_values()), v(optimizer.v_values());
  SharedFile file(path);
  for (const ParameterPiece& piece : optimizer.row().pieces(exchange.first_part(), exchange.last_part())) {
    const auto bytes = static_cast<size_t>(piece.count) * sizeof(float);
    const auto at = [&](size_t moment) { return layout.begins[2 * piece.parameter + moment] + piece.begin * int64_t{sizeof(float)}; };
    file.write(at(0), m.data() + piece.own, bytes);
    file.write(at(1), v.data() + piece.own, bytes);
  }
  file.close();
  group.wait_for_all();
}

void read_moments(const std::filesystem::path& directory, const ParameterStore& parameters, AdamW& optimizer,
                  const GradientExchange& exchange) {
  const TensorFile file = open_safetensors(directory / kFile);
  for (const ParameterPiece& piece : optimizer.row().pieces(exchange.first_part(), exchange.last_part())) {
    const Parameter& parameter = parameters.all()[piece.parameter];
    read_piece(file, "m." + parameter.name, parameter.value.shape(), piece, optimizer.m_values());
    read_piece(file, "v." + parameter.name, parameter.value.shape(), piece, optimizer.v_values());
  }
}

}  // namespace qkv
