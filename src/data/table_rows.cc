#include "data/table_rows.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/number_text.h"
#include "base/utf8.h"
#include "formats/json.h"

namespace qkv {
namespace {

using Json = nlohmann::json;

// A file of the source while it is read.
struct Cursor {
  const TextSource& source;
  const TextSource::Part& part;
  size_t offset;  // in the source's text

  std::string_view text() const { return source.text().substr(0, part.end); }
  bool at_end() const { return offset >= part.end; }
  template <typename... Args>
  [[noreturn]] void fail_at(size_t place, fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::bad_input, "{}: line {} {}", part.name, source.place(place).line, fmt::format(format, std::forward<Args>(args)...));
  }
};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", name);
  return shortened(list, 400);
}

// The value of a name, which with dots leads into objects; null: there is none.
const Json* find_value(const Json& object, const std::string& name) {
  if (const auto found = object.find(name); found != object.end()) return &*found;
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    const auto found = object.find(name.substr(0, dot));
    if (found != object.end() && found->is_object()) return find_value(*found, name.substr(dot + 1));
  }
  return nullptr;
}

void read_json_lines(Cursor cursor, const std::vector<std::string>& columns, const std::function<void(TableRow)>& use) {
  while (!cursor.at_end()) {
    TableRow row{.offset = cursor.offset};
    const std::string_view line = take_line(cursor.text(), cursor.offset);
    if (is_blank(line)) continue;
    const Json object = Json::parse(line, nullptr, false);
    if (!object.is_object()) cursor.fail_at(row.offset, "is no JSON object");
    for (const std::string& column : columns) {
      const Json* value = find_value(object, column);
      if (!value) {
        std::vector<std::string> names;
        for (const auto& [name, each] : object.items()) names.push_back(name);
        cursor.fail_at(row.offset, "has no \"{}\"; it has {}", column, quoted_list(names));
      }
      if (value->is_null() || value->is_structured()) {
        cursor.fail_at(row.offset, "has no text as \"{}\" but {}", column, value->is_null() ? "null" : "a list or an object");
      }
      row.values.push_back(value->is_string() ? value->get<std::string>() : value->dump());
    }
    use(std::move(row));
  }
}

// The next row's values; an enclosed value may have line ends.
std::vector<std::string> take_row(Cursor& cursor, char delimiter) {
  const std::string_view text = cursor.text();
  const bool quotes = delimiter != '\t';
  std::vector<std::string> values(1);
  size_t& at = cursor.offset;
  for (;;) {
    if (quotes && values.back().empty() && at < text.size() && text[at] == '"') {
      const size_t begin = at++;
      for (;; ++at) {
        const size_t quote = text.find('"', at);
        if (quote == std::string_view::npos) cursor.fail_at(begin, "begins a value with a quotation mark that is never closed");
        values.back() += text.substr(at, quote - at);
        at = quote + 1;
        if (at >= text.size() || text[at] != '"') break;
        values.back() += '"';
      }
    }
    const char ends[] = {delimiter, '\n', '\0'};
    const size_t end = std::min(text.find_first_of(ends, at), text.size());
    values.back() += text.substr(at, end - at);
    at = end;
    if (at == text.size() || text[at] == '\n') break;
    values.emplace_back();
    ++at;
  }
  if (at < text.size()) ++at;
  if (values.back().ends_with('\r')) values.back().pop_back();
  return values;
}

// Where each wanted column is in a header; nullopt: one is missing.
std::optional<std::vector<size_t>> places_of(const std::vector<std::string>& header, const std::vector<std::string>& columns) {
  std::vector<size_t> places;
  for (const std::string& column : columns) {
    const auto found = std::find(header.begin(), header.end(), column);
    if (found == header.end()) return std::nullopt;
    places.push_back(static_cast<size_t>(found - header.begin()));
  }
  return places;
}

bool is_number(const std::string& text) { return whole_number_fault(text, 0, UINT64_MAX).empty(); }

// The columns by their numbers, where there is no header; nullopt: they are names, or the row has fewer.
std::optional<std::vector<size_t>> numbered_places(size_t columns_there, const std::vector<std::string>& columns) {
  std::vector<size_t> places;
  for (const std::string& column : columns) {
    if (!whole_number_fault(column, 1, columns_there).empty()) return std::nullopt;
    places.push_back(static_cast<size_t>(parse_whole(column)) - 1);
  }
  return places;
}

void read_delimited(Cursor cursor, const std::vector<std::string>& columns, const std::function<void(TableRow)>& use) {
  std::optional<std::vector<size_t>> places;
  std::vector<std::string> header;  // as the delimiter reads it that parts it into most columns
  char delimiter = ',';
  size_t begin = cursor.offset;
  for (const char each : {',', '\t', ';'}) {
    Cursor attempt{cursor.source, cursor.part, begin};
    const std::vector<std::string> names = take_row(attempt, each);
    const auto found = places_of(names, columns);
    if ((found && (!places || names.size() > header.size())) || (!places && names.size() > header.size())) {
      header = names;
      places = found;
      delimiter = each;
      cursor.offset = attempt.offset;
    }
  }
  if (!places) {  // no header: a tab decides, as commas may be part of the texts
    const std::string_view text = cursor.text();
    if (text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin).find('\t') != std::string_view::npos) {
      Cursor attempt{cursor.source, cursor.part, begin};
      header = take_row(attempt, delimiter = '\t');
    }
  }
  const bool header_of_numbers = std::all_of(header.begin(), header.end(), is_number);  // otherwise "1" in the first row is a value
  if (const auto numbered = numbered_places(header.size(), columns); numbered && !(places && header_of_numbers)) {
    places = numbered;
    cursor.offset = begin;
  }
  if (!places) {
    const auto missing = std::find_if(columns.begin(), columns.end(), [&](const std::string& column) {
      return std::find(header.begin(), header.end(), column) == header.end();
    });
    cursor.fail_at(begin, "has no column \"{}\"; its columns are {} (if that is no header, a number names a column: 1, 2, ...)", *missing,
                   quoted_list(header));
  }
  while (!cursor.at_end()) {
    TableRow row{.offset = cursor.offset};
    std::vector<std::string> values = take_row(cursor, delimiter);
    if (values.size() == 1 && is_blank(values[0]) && header.size() > 1) continue;
    if (values.size() != header.size()) cursor.fail_at(row.offset, "has {} columns, the first one {}", values.size(), header.size());
    for (const size_t place : *places) row.values.push_back(values[place]);
    for (const std::string& value : row.values) {
      if (!is_valid_utf8(value)) cursor.fail_at(row.offset, "is not valid UTF-8; convert the file with iconv");
    }
    use(std::move(row));
  }
}

}  // namespace

bool is_json_lines(std::string_view text) {
  for (size_t offset = 0; offset < text.size();) {
    const std::string_view line = take_line(text, offset);
    if (is_blank(line)) continue;
    return line[line.find_first_not_of(" \t")] == '{' && Json::parse(line, nullptr, false).is_object();
  }
  return false;
}

namespace {

// An array of objects.
bool is_json_array(std::string_view text) {
  const size_t next = text.starts_with('[') ? text.find_first_not_of(" \t\r\n", 1) : std::string_view::npos;
  return next != std::string_view::npos && text[next] == '{';
}

}  // namespace

void for_each_row(const TextSource& source, const std::vector<std::string>& columns, const std::function<void(TableRow)>& use) {
  source.check(TextShape::lines);
  for (const TextSource::Part& part : source.parts()) {
    const std::string_view text = source.text_of(part);
    const Cursor cursor{source, part, part.begin};
    if (is_blank(text.substr(0, std::min<size_t>(text.size(), 1))) && is_blank(text)) continue;
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first != std::string_view::npos && is_json_array(text.substr(first))) {
      fail(ErrorCode::bad_input, "{} is one array of JSON; write an object a line: jq -c '.[]'", part.name);
    }
    if (first != std::string_view::npos && text[first] == '{') {
      read_json_lines(cursor, columns, use);
    } else {
      read_delimited(cursor, columns, use);
    }
    source.release(part.begin, part.end);
  }
}

TextSource column_text(const TextSource& source, const std::string& column, std::string_view ending, const TextSourceOptions& options) {
  TextSourceWriter writer(options);
  const TextSource::Part* part = nullptr;
  for_each_row(source, {column}, [&](TableRow row) {
    while (!part || row.offset >= part->end) {
      part = part ? part + 1 : source.parts().data();
      writer.begin_part(part->name);
    }
    std::string& value = row.values[0];
    if (ending.empty()) {
      std::replace_if(
          value.begin(), value.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
      writer.append(value + "\n");
    } else {
      writer.append(value);
      writer.end_with(ending);
    }
  });
  return writer.finish(source.name());
}

}  // namespace qkv
