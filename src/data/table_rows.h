// Rows of tables as text: CSV (RFC 4180; also with semicolons), lines with tabs, or JSON lines, each with named columns.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text_source.h"

namespace qkv {

// One row of a table: the values of the columns that were asked for, and where the row begins in the source's text.
struct TableRow {
  std::vector<std::string> values;
  size_t offset = 0;
};

// True if the text is JSON lines: its first line that is not blank is an object.
bool is_json_lines(std::string_view text);

// Calls `use` for each row of each of the source's files. A file is JSON lines, or has its columns' names in its first row, separated by
// commas, semicolons or tabs; where numbers are asked for ("1", "2") and the first row is not of numbers alone, they count columns of a
// file without names. With tabs, quotation marks are part of a value; otherwise they enclose it, are doubled inside, and it may
// have line ends. In JSON a name with dots leads into objects: translation.en; numbers and booleans are read in JSON's form. Blank
// lines are left out. Throws Error(bad_input) that names the file and line where a row has no such column, another number of columns, or
// is damaged.
void for_each_row(const TextSource& source, const std::vector<std::string>& columns, const std::function<void(TableRow)>& use);

// A column's values as a text of their own: one a line (line ends in them become spaces), or, where `ending` is not empty, as they are with
// `ending` after each. Its parts are the files.
TextSource column_text(const TextSource& source, const std::string& column, std::string_view ending, const TextSourceOptions& options);

}  // namespace qkv
