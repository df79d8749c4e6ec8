// Errors about members of an options struct. Thread safety: values, no shared state.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "qkv/error.h"
#include "qkv/export.h"

namespace qkv {

// what() names the members as in C++ ("num_beams 0 is too small"). A program with other names for its users, such as command-line options
// or keys of a request, uses message() instead.
class QKV_API OptionError : public Error {
 public:
  // The position of a name in what(): bytes [begin, end).
  struct Place {
    size_t begin = 0, end = 0;
  };

  OptionError(ErrorCode code, const std::string& message, std::vector<Place> fields)
      : Error(code, message), fields_(std::make_shared<const std::vector<Place>>(std::move(fields))) {}

  // Positions of member names in what(), in the order of the text.
  const std::vector<Place>& fields() const { return *fields_; }

  // what() with each member name replaced by rename("num_beams") and so on.
  std::string message(const std::function<std::string(std::string_view field)>& rename) const {
    const std::string_view text = what();
    std::string result;
    size_t done = 0;
    for (const auto& [begin, end] : fields()) {
      result += text.substr(done, begin - done);
      result += rename(text.substr(begin, end - begin));
      done = end;
    }
    return result.append(text.substr(done));
  }

 private:
  std::shared_ptr<const std::vector<Place>> fields_;  // shared, so that copying an exception never throws
};

}  // namespace qkv
