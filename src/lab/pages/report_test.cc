#include "lab/pages/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "lab/record/experiment.h"

namespace qkv::lab {
namespace {

using testing::HasSubstr;
using testing::Not;

// A directory with the kept record of one experiment.
void copy_record(const char* experiment, const std::filesystem::path& to) {
  std::filesystem::copy(std::filesystem::path(QKV_SOURCE_DIR) / "docs/lab" / experiment, to / experiment,
                        std::filesystem::copy_options::recursive);
}

TEST(Report, DirectoryWithoutRecordsIsRefused) {
  const TemporaryDirectory directory;
  try {
    write_report(directory.path(), kLanguages);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_THAT(error.what(), HasSubstr("no finished experiment"));
  }
}

TEST(Report, PagesOfBothLanguagesLinkToEachOtherAndLoadNothing) {
  const TemporaryDirectory directory;
  copy_record("score_scale", directory.path());
  EXPECT_EQ(write_report(directory.path(), kLanguages).experiments, 1);
  const std::string en = read_file(directory.path() / "en/scaling.html"), zh = read_file(directory.path() / "zh/scaling.html");
  EXPECT_THAT(en, HasSubstr("<a href=\"../zh/scaling.html\" lang=\"zh-CN\""));
  EXPECT_THAT(zh, HasSubstr("<a href=\"../en/scaling.html\" lang=\"en\""));
  EXPECT_THAT(zh, HasSubstr("<html lang=\"zh-CN\">"));
  for (const std::string& html : {en, zh}) {
    for (const char* loads : {"<script", "<link", " src=", "@import", "url("}) EXPECT_THAT(html, Not(HasSubstr(loads)));
  }
}

TEST(Report, OneLanguageHasNoSwitch) {
  const TemporaryDirectory directory;
  copy_record("score_scale", directory.path());
  const Language only[] = {Language::zh};
  write_report(directory.path(), only);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "en"));
  EXPECT_THAT(read_file(directory.path() / "zh/scaling.html"), Not(HasSubstr("../en/")));
}

TEST(Experiments, NamesAreFileNames) {
  const auto plain = [](const std::string& name) {
    return !name.empty() && std::all_of(name.begin(), name.end(),
                                        [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; });
  };
  for (const Experiment& each : experiments()) {
    EXPECT_TRUE(plain(each.name)) << each.name;
    const std::string source = each.source.empty() ? each.name + ".cc" : each.source;
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(QKV_SOURCE_DIR) / "src/lab/questions" / source)) << each.name;
    for (std::string arm : each.arms) {
      std::erase_if(arm, [](char c) { return c == '@' || c == '.'; });  // of a learning rate: "lstm@0.01"
      EXPECT_TRUE(plain(arm)) << each.name << ": " << arm;
    }
  }
}

}  // namespace
}  // namespace qkv::lab
