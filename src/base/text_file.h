// What a text file is: UTF-8, with or without a byte-order mark.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace qkv {

// Bytes of U+FEFF at the start of a file's content, 3 or 0. Some editors write it; it is no part of the text.
size_t byte_order_mark_size(std::string_view content);

// Does the reader part the text into lines, or take it as it is?
enum class TextShape { lines, whole };

// Throws Error(bad_input) that says what the file is and what to do, where its content is UTF-16 or UTF-32, packed (gzip, zip, xz, tar
// and others), or, for lines, where they end with a carriage return alone. Single invalid bytes are left to the reader, who knows their
// line. Looks at the beginning only.
void check_is_text(const std::filesystem::path& path, std::string_view content, TextShape shape);

}  // namespace qkv
