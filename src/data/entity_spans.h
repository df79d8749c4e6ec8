// Entities that labels of tokens or words describe: IOB (Ramshaw and Marcus 1995), IOB2 and BIOES, also with "L-" and "U-" for its ends.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

class EntityScheme {
 public:
  // "E-PER" ends an entity if every label but "O" has such a prefix; otherwise it is a name like any other.
  explicit EntityScheme(std::span<const std::string> labels);

  // The label without the prefix that says where in an entity it stands; "O" stands in none.
  const std::string& name(size_t label) const { return tags_[label].name; }
  bool is_outside(size_t label) const { return tags_[label].name == "O"; }
  // Whether `label` belongs to the entity of the label before it.
  bool continues(size_t before, size_t label) const;

 private:
  enum class Place : uint8_t { begin, inside, end, single };
  struct Tag {
    Place place;
    std::string name;
  };
  static Tag tag_of(std::string_view label, bool marks_ends);

  std::vector<Tag> tags_;
};

// Tokens or words [begin, end) and their entity's name.
struct EntitySpan {
  size_t begin, end;
  std::string_view name;  // of the scheme
  bool operator==(const EntitySpan&) const = default;
};
std::vector<EntitySpan> entity_spans(std::span<const int32_t> labels, const EntityScheme& scheme);

}  // namespace qkv
