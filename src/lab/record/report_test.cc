#include "lab/record/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"

namespace qkv::lab {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Document, MarkdownAndHtmlEscapeWhatMeansSomethingThere) {
  const Document document{Heading{2, "a < b"}, Paragraph{"Label.", "x_1 * y | z"}, Table{{"a|b"}, {{"<c>"}, {Cell("d", "page")}}}};
  EXPECT_EQ(to_markdown(document), "## a &lt; b\n\n**Label.** x_1 \\* y \\| z\n\n| a\\|b |\n| --- |\n| &lt;c> |\n| [d](page.md) |\n");
  EXPECT_EQ(to_html(document, "."),
            "<h2>a &lt; b</h2>\n<p><b>Label.</b> x_1 * y | z</p>\n<table>\n<tr><th>a|b</th></tr>\n<tr><td>&lt;c&gt;</td></tr>\n"
            "<tr><td><a href=\"#page\">d</a></td></tr>\n</table>\n");
}

TEST(Document, HtmlHoldsItsPictures) {
  const TemporaryDirectory directory;
  directory.write("x.svg", "<?xml version=\"1.0\"?>\n<svg><circle/></svg>");
  const std::string html = to_html({Picture{"x.svg", "title"}}, directory.path());
  EXPECT_THAT(html, HasSubstr("<svg><circle/></svg>"));
  EXPECT_THAT(html, Not(HasSubstr("<?xml")));
}

TEST(Figure, ScriptQuotesTextAndLeavesOutWhatIsNoNumber) {
  const Figure figure{
      .name = "f", .title = "a \"quoted\" title", .x_label = "x", .y_label = "y", .curves = {{"one", {{1, 2, 0.5}, {2, 1.0 / 0.0}}}}};
  const std::string script = gnuplot_script(figure, "out.svg");
  EXPECT_THAT(script, HasSubstr("set title \"a \\\"quoted\\\" title\""));
  EXPECT_THAT(script, HasSubstr("1 2 0.5\n2 NaN 0\n"));
}

TEST(Report, DirectoryWithoutRecordsIsRefused) {
  const TemporaryDirectory directory;
  try {
    write_report(directory.path(), [](const std::string&) {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_THAT(error.what(), HasSubstr("no finished experiment"));
  }
}

TEST(Experiments, PagesStayBelowThreeHundredWords) {
  for (const Experiment& each : experiments()) {
    const std::string text = each.question + " " + each.claim + " " + each.formula + " " + each.setup + " " + each.reading;
    size_t words = 40;  // the line about the record's origin
    for (const Claim& claim : each.claims) words += static_cast<size_t>(std::count(claim.text.begin(), claim.text.end(), ' ')) + 3;
    words += static_cast<size_t>(std::count(text.begin(), text.end(), ' ')) + 1;
    EXPECT_LE(words, 300u) << each.name;
  }
}

TEST(Experiments, NamesAreFileNames) {
  const auto plain = [](const std::string& name) {
    return !name.empty() && std::all_of(name.begin(), name.end(),
                                        [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; });
  };
  for (const Experiment& each : experiments()) {
    EXPECT_TRUE(plain(each.name)) << each.name;
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(QKV_SOURCE_DIR) / "src/lab/questions" / (each.name + ".cc"))) << each.name;
    for (const std::string& arm : each.arms) EXPECT_TRUE(plain(arm)) << each.name << ": " << arm;
  }
}

}  // namespace
}  // namespace qkv::lab
