#include "base/option_error.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace qkv {
namespace {

std::string in_brackets(std::string_view field) { return fmt::format("<{}>", field); }

OptionError caught(auto&& call) {
  try {
    call();
  } catch (const OptionError& error) {
    return error;
  }
  return {ErrorCode::internal, "nothing was thrown", {}};
}

TEST(OptionError, NamesFieldsAsThePublicStructsDo) {
  const OptionError error = caught([] { QKV_CHECK_OPTION(1 > 2, "`n_best` {} is more than `num_beams` {}; make it larger", 3, 2); });
  EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
  EXPECT_STREQ(error.what(), "n_best 3 is more than num_beams 2; make it larger");
  ASSERT_EQ(error.fields().size(), 2u);
  EXPECT_EQ(error.message(in_brackets), "<n_best> 3 is more than <num_beams> 2; make it larger");
}

TEST(OptionError, NameMayBeAnArgument) {
  const OptionError error = caught([] { fail_option(ErrorCode::bad_input, "`{}` is missing", "valid_text"); });
  EXPECT_STREQ(error.what(), "valid_text is missing");
  EXPECT_EQ(error.message(in_brackets), "<valid_text> is missing");
}

TEST(OptionError, ValuesAreNeverTakenForFields) {
  const OptionError error = caught([] { fail_option(ErrorCode::io, "`output` {}: no", "`num_beams` \n num_beams"); });
  EXPECT_STREQ(error.what(), "output `num_beams`   num_beams: no");
  EXPECT_EQ(error.message(in_brackets), "<output> `num_beams`   num_beams: no");
}

TEST(OptionError, LongValueLeavesTheNamesBeforeIt) {
  const OptionError error = caught([] { fail_option(ErrorCode::io, "`output` {}: give `overwrite`", std::string(9000, 'x')); });
  const std::string message = error.message(in_brackets);
  EXPECT_TRUE(message.starts_with("<output> xxx")) << message.substr(0, 40);
  EXPECT_TRUE(message.ends_with("give overwrite")) << message.substr(message.size() - 40);
}

TEST(OptionError, MarksThatAreNoPairBecomeSpaces) {
  EXPECT_STREQ(option_error(ErrorCode::io,
                            "a \x1F"
                            "b c\x1F")
                   .what(),
               "a  b c ");
}

TEST(Log, WarningsNameFieldsAsTheProgramSays) {
  set_field_names(in_brackets);
  testing::internal::CaptureStderr();
  log_warning("the warm-up is longer than `{}` {}", "max_steps", 5);
  set_field_names(nullptr);
  log_warning("`tiktoken_pattern` names another");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: the warm-up is longer than <max_steps> 5\nwarning: tiktoken_pattern names another\n");
}

}  // namespace
}  // namespace qkv
