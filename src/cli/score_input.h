// The lines that `qkv score` reads: texts, columns between tabs, or objects of JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/scorer.h"

namespace qkv {

enum class ScoreFormat { text, tsv, jsonl };

struct ScoreLine {
  std::vector<ScoreInput> inputs;  // one, or the choices
  std::optional<int64_t> answer;   // number of the right choice, from 0
};

// Reads one line. tsv: text, or prompt and text; jsonl: "text", "prompt" and "continuation", or "source" and "target". With choices a
// prompt is followed by two texts or more, or "choices" lists them, with "answer" for the right one. `where`: file and line, for messages.
// Throws Error(bad_input) for other lines.
ScoreLine read_score_line(std::string_view line, ScoreFormat format, bool choices, const std::string& where);

}  // namespace qkv
