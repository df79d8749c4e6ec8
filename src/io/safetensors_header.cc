#include "io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/json.h"

namespace qkv {
namespace {

constexpr std::pair<std::string_view, int> kTypes[] = {
    {"F64", 64},    {"F32", 32},        {"F16", 16},        {"BF16", 16},   {"I64", 64},    {"I32", 32}, {"I16", 16},    {"I8", 8},
    {"U64", 64},    {"U32", 32},        {"U16", 16},        {"U8", 8},      {"BOOL", 8},    {"C64", 64}, {"F8_E4M3", 8}, {"F8_E5M2", 8},
    {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4},
};

// Formats a number with thousands separators: "1,234,567".
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), 1, ',');
  return digits;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// A tensor of the header and its first byte in the data.
struct Range {
  const std::string* name;
  StoredTensor* tensor;
  int64_t begin;
};

// Parses the JSON without building a document: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {"key":
// "value"}}. A callback for any other content records a message and stops.
class HeaderParser : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderParser(SafetensorsHeader& header) : header_(header) {}
  const std::string& problem() const { return problem_; }
  std::vector<Range>& ranges() { return ranges_; }

  bool start_object(size_t) override {
    switch (where_) {
      case Where::start: where_ = Where::top; return true;
      case Where::top:
        where_ = key_ == "__metadata__" ? Where::metadata : Where::entry;
        entry_ = {};
        seen_ = {};
        return true;
      default: return unexpected("an object");
    }
  }

  bool key(std::string& name) override {
    key_ = name;
    switch (where_) {
      case Where::top:
        name_ = name;
        if (name == "__metadata__" ? std::exchange(has_metadata_, true) : header_.entries.contains(name)) return twice(name);
        return true;
      case Where::metadata: return header_.metadata.contains(name) ? twice(name) : true;
      default: break;
    }
    const auto field = std::find(kFields.begin(), kFields.end(), name);
    if (field == kFields.end()) return stop(fmt::format("tensor \"{}\" has the unknown key \"{}\"", shortened(name_), shortened(name)));
    if (std::exchange(seen_[field - kFields.begin()], true)) return twice(name);
    return true;
  }

  bool start_array(size_t) override {
    if (where_ != Where::entry || key_ == "dtype") return unexpected("a list");
    where_ = key_ == "shape" ? Where::shape : Where::offsets;
    offsets_.clear();
    return true;
  }

  bool end_array() override {
    if (where_ == Where::offsets) {
      if (offsets_.size() != 2 || offsets_[0] > offsets_[1]) {
        return stop(fmt::format("tensor \"{}\": data_offsets must be two numbers, begin and end", shortened(name_)));
      }
      begin_ = offsets_[0];
      entry_.bytes = offsets_[1] - offsets_[0];
    }
    where_ = Where::entry;
    return true;
  }

  bool end_object() override {
    if (where_ == Where::entry) {
      for (size_t i = 0; i < kFields.size(); ++i) {
        if (!seen_[i]) return stop(fmt::format("tensor \"{}\" has no \"{}\"", shortened(name_), kFields[i]));
      }
      const auto [place, added] = header_.entries.emplace(name_, std::move(entry_));
      ranges_.push_back({&place->first, &place->second, begin_});
    }
    where_ = where_ == Where::top ? Where::end : Where::top;
    return true;
  }

  bool string(std::string& value) override {
    if (where_ == Where::metadata) {
      header_.metadata.emplace(key_, value);
      return true;
    }
    if (where_ != Where::entry || key_ != "dtype") return unexpected("a string");
    if (safetensors_bits(value) == 0)
      return stop(fmt::format("tensor \"{}\" has the unknown type \"{}\"", shortened(name_), shortened(value)));
    entry_.dtype = value;
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (where_ != Where::shape && where_ != Where::offsets) return unexpected("a number");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return stop(fmt::format("tensor \"{}\": {} is too large", shortened(name_), value));
    (where_ == Where::shape ? entry_.shape : offsets_).push_back(static_cast<int64_t>(value));
    return true;
  }

  // The format's own library accepts "__metadata__": null as no metadata.
  bool null() override { return (where_ == Where::top && key_ == "__metadata__") || unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }
  bool number_integer(int64_t) override { return unexpected("a negative number"); }
  bool number_float(double, const std::string&) override { return unexpected("a number that is no whole one"); }
  bool binary(nlohmann::json::binary_t&) override { return unexpected("binary data"); }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) override {
    return stop(fmt::format("the header is not valid JSON at byte {}", 8 + position));
  }

 private:
  enum class Where { start, top, entry, shape, offsets, metadata, end };
  static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};

  bool stop(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    return false;
  }
  bool unexpected(std::string_view what) {
    if (where_ == Where::start) return stop("the header is no JSON object");
    return stop(fmt::format("the header has {} at \"{}\", where the format has none", what, shortened(key_)));
  }
  bool twice(const std::string& name) { return stop(fmt::format("the header has the key \"{}\" twice", shortened(name))); }

  SafetensorsHeader& header_;
  std::string problem_, key_, name_;
  Where where_ = Where::start;
  bool has_metadata_ = false;
  StoredTensor entry_;
  int64_t begin_ = 0;
  std::vector<Range> ranges_;
  std::array<bool, 3> seen_{};
  std::vector<int64_t> offsets_;
};

// Bytes of a tensor of this shape and type; -1 if they are not a whole number or overflow.
int64_t bytes_of(const StoredTensor& tensor) {
  int64_t bits = count_values(tensor.shape);
  if (bits < 0 || __builtin_mul_overflow(bits, int64_t{safetensors_bits(tensor.dtype)}, &bits)) return -1;
  return bits % 8 == 0 ? bits / 8 : -1;
}

// Checks the ranges and sets each tensor's place in `data`.
void place_tensors(const std::string& file, std::vector<Range>& ranges, std::string_view data) {
  const auto data_bytes = static_cast<int64_t>(data.size());
  for (const auto& [name, tensor, begin] : ranges) {
    const int64_t bytes = bytes_of(*tensor);
    if (bytes != tensor->bytes) {
      fail(ErrorCode::bad_input, "{}: tensor \"{}\" says {} {} ({} bytes) but its range holds {}; the file is damaged or was cut", file,
           shortened(*name), shortened(to_string(tensor->shape)), lower(tensor->dtype),
           bytes < 0 ? "more than can be counted" : grouped(bytes), grouped(tensor->bytes));
    }
    if (begin > data_bytes || tensor->bytes > data_bytes - begin) {
      fail(ErrorCode::bad_input, "{}: tensor \"{}\" ends at byte {} of the data, the file has {}; it was cut or not wholly copied", file,
           shortened(*name), grouped(begin + tensor->bytes), grouped(data_bytes));
    }
    tensor->data = data.data() + begin;
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return std::pair(a.begin, a.tensor->bytes) < std::pair(b.begin, b.tensor->bytes); });
  int64_t end = 0;
  for (const auto& [name, tensor, begin] : ranges) {
    if (begin != end) {
      fail(ErrorCode::bad_input,
           "{}: tensor \"{}\" begins at byte {} of the data, {} bytes {} the end of the one before; the header is damaged", file,
           shortened(*name), grouped(begin), grouped(begin > end ? begin - end : end - begin), begin > end ? "after" : "before");
    }
    end = begin + tensor->bytes;
  }
  if (end != data_bytes) {
    fail(ErrorCode::bad_input, "{}: {} bytes follow the last tensor; the file is damaged", file, grouped(data_bytes - end));
  }
}

}  // namespace

int safetensors_bits(std::string_view dtype) {
  for (const auto& [name, bits] : kTypes) {
    if (name == dtype) return bits;
  }
  return 0;
}

SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view json, std::string_view data) {
  SafetensorsHeader header;
  HeaderParser parser(header);
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &parser)) {
    fail(ErrorCode::bad_input, "{}: {}; the file is damaged or is no safetensors file", file, parser.problem());
  }
  place_tensors(file, parser.ranges(), data);
  return header;
}

}  // namespace qkv
