#include "cli/score_input.h"

#include "base/error.h"
#include "formats/json.h"
#include "formats/json_node.h"

namespace qkv {
namespace {

std::vector<std::string> columns_of(std::string_view line) {
  std::vector<std::string> columns;
  for (size_t begin = 0;;) {
    const size_t end = std::min(line.find('\t', begin), line.size());
    columns.emplace_back(line.substr(begin, end - begin));
    if (end == line.size()) return columns;
    begin = end + 1;
  }
}

ScoreLine read_columns(std::string_view line, bool choices, const std::string& where) {
  const std::vector<std::string> columns = columns_of(line);
  if (choices && columns.size() < 3) {
    fail(ErrorCode::bad_input, "{}: {} columns; a prompt and two choices or more are needed, with a tab between each", where,
         columns.size());
  }
  if (!choices && columns.size() > 2) {
    fail(ErrorCode::bad_input, "{}: {} columns; there is a text, or a prompt, a tab and a text; --choices ranks more", where,
         columns.size());
  }
  if (columns.size() == 1) return {{{columns[0], std::nullopt}}, std::nullopt};
  ScoreLine result;
  for (size_t i = 1; i < columns.size(); ++i) result.inputs.push_back({columns[i], columns[0]});
  return result;
}

ScoreLine read_object(const JsonNode& object, bool choices) {
  const auto prompt = object.find("prompt");
  if (choices) {
    ScoreLine result;
    const JsonNode list = object.at("choices");
    for (const JsonNode& choice : list.items()) {
      result.inputs.push_back({choice.string(), prompt ? std::optional(prompt->string()) : std::nullopt});
    }
    if (result.inputs.size() < 2) list.fail("must have two texts or more");
    if (const auto answer = object.find("answer")) {
      result.answer = answer->integer();
      if (*result.answer < 0 || *result.answer >= std::ssize(result.inputs)) answer->fail("is no number of a choice, counted from 0");
    }
    return result;
  }
  if (prompt) return {{{object.at("continuation").string(), prompt->string()}}, std::nullopt};
  if (const auto source = object.find("source")) return {{{object.at("target").string(), source->string()}}, std::nullopt};
  return {{{object.at("text").string(), std::nullopt}}, std::nullopt};
}

}  // namespace

ScoreLine read_score_line(std::string_view line, ScoreFormat format, bool choices, const std::string& where) {
  if (format == ScoreFormat::text) return {{{std::string(line), std::nullopt}}, std::nullopt};
  if (format == ScoreFormat::tsv) return read_columns(line, choices, where);
  const nlohmann::json json = parse_json(line, where);
  if (!json.is_object()) fail(ErrorCode::bad_input, "{}: is no object of JSON", where);
  return read_object(JsonNode(json, where), choices);
}

}  // namespace qkv
