// Describes an option as data; qkv/options.h has the tables. Thread safety: values, no shared state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qkv {

enum class OptionType {
  flag,      // "true" or "false"
  integer,   // a whole number in [least, most]
  number,    // a finite number in [low, high], or in [low, high) if below_high is set
  text,      // any text; \n, \t and \\ are written with a backslash if the help says so
  path,      // a file or directory name; not empty
  choice,    // one of `choices`
  composite  // a short form that sets several members
};

struct OptionInfo {
  std::string name;   // on a command line and in config files: "beam-size"
  std::string field;  // struct member that it sets: "num_beams"
  std::string group;  // heading in the help text
  OptionType type = OptionType::flag;
  std::string value;          // placeholder of the value in the help text: "N"; empty: a flag
  std::string help;           // one sentence, without a full stop
  std::string default_value;  // as text; empty: none, or the value in the model's files
  int64_t least = 0, most = 0;
  double low = 0, high = 0;
  bool below_high = false;
  bool several = false;  // a list of file names; in a text a NUL character stands between them, as a name may have line breaks
  std::vector<std::string> choices;
};

}  // namespace qkv
