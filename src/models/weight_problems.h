// The differences between the weights that a config.json asks for and those in the files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace qkv {

class WeightProblems {
 public:
  void add_missing(const std::string& name);
  void add_misshapen(const std::string& name, const Shape& stored, const Shape& wanted);
  void add_unknown(const std::string& name);
  bool empty() const { return missing_.empty() && misshapen_.empty() && unknown_.empty(); }

  // One line. Names that differ only in the number of a layer are listed together, "encoder.layer.{0-11}.output.dense.bias"; of each kind
  // at most five lists are given, and the number of the others.
  std::string text(std::string_view weights, std::string_view config, std::string_view class_name) const;

 private:
  // Names that are equal but for one number.
  struct Group {
    std::string before, after;  // around the number
    std::string note;           // the shapes
    std::vector<int64_t> numbers;
  };
  static void add(std::vector<Group>& groups, const std::string& name, std::string note);
  static std::string list(const std::vector<Group>& groups);

  std::vector<Group> missing_, misshapen_, unknown_;
};

}  // namespace qkv
