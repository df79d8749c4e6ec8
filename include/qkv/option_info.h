// An option as data; qkv/options.h has the tables. Thread safety: values, no shared state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qkv {

enum class OptionType {
  flag,      // "true" or "false"
  integer,   // a whole number in [least, most]
  number,    // a finite number in [low, high], or below `high` where below_high says so
  text,      // any text; \n, \t and \\ are written with a backslash where the help says so
  path,      // of a file or directory, not empty
  choice,    // one of `choices`
  composite  // a short form that sets several members
};

struct OptionInfo {
  std::string name;   // on a command line and in config files: "beam-size"
  std::string field;  // the member that it sets: "num_beams"
  std::string group;  // heading in a help text
  OptionType type = OptionType::flag;
  std::string value;          // what stands for the value in a help text: "N"; empty: a flag
  std::string help;           // one sentence, without a full stop
  std::string default_value;  // as text; empty: nothing, or what the model's files say
  int64_t least = 0, most = 0;
  double low = 0, high = 0;
  bool below_high = false;
  std::vector<std::string> choices;
};

}  // namespace qkv
