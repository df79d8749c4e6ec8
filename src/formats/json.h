// nlohmann::json, whose parser and serializer are compiled once, in json.cc: as templates they cost each file that uses them 2 to 4 s, with
// sanitizers 9 s.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#define QKV_JSON_PARSER(linkage, json, iterator)                                                            \
  linkage template class nlohmann::detail::lexer<json, nlohmann::detail::iterator_input_adapter<iterator>>; \
  linkage template class nlohmann::detail::parser<json, nlohmann::detail::iterator_input_adapter<iterator>>

#define QKV_JSON(linkage, json)                                                \
  linkage template class nlohmann::detail::serializer<json>;                   \
  linkage template class nlohmann::detail::json_sax_dom_parser<json>;          \
  linkage template class nlohmann::detail::json_sax_dom_callback_parser<json>; \
  QKV_JSON_PARSER(linkage, json, const char*);                                 \
  QKV_JSON_PARSER(linkage, json, std::string::const_iterator)

QKV_JSON(extern, nlohmann::json);
QKV_JSON(extern, nlohmann::ordered_json);
