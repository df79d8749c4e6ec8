#include "base/text_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <thread>

#include "base/error.h"
#include "base/packed_test_data.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using namespace std::string_literals;

class Source : public testing::Test {
 protected:
  TextSource open(std::vector<fs::path> files, const TextSourceOptions& options = {}) { return TextSource::open(files, options); }
  std::string message(std::vector<fs::path> files, ErrorCode code = ErrorCode::bad_input) {
    try {
      open(std::move(files)).check(TextShape::lines);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    return "no error";
  }
  // Opens a pipe that a thread fills with the content.
  TextSource open_pipe(const std::string& content, const TextSourceOptions& options = {}) {
    const fs::path pipe = directory_ / "pipe";
    fs::remove(pipe);
    EXPECT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const std::jthread writer([&] { write_file_atomically(pipe, content); });
    return open({pipe}, options);
  }

  TemporaryDirectory directory_;
};

TEST_F(Source, PlainPackedAndPipedTextsAreTheSame) {
  const std::string text = "one\r\ntwo\nthree";
  EXPECT_EQ(open({directory_.write("a", text)}).text(), text);
  EXPECT_EQ(open({directory_.write("a.gz", gzip(text))}).text(), text);
  EXPECT_EQ(open({directory_.write("a.zst", zstd(text))}).text(), text);
  EXPECT_EQ(open({directory_.write("packed without a name for it", zstd(text))}).text(), text);
  EXPECT_EQ(open_pipe(text).text(), text);
  EXPECT_EQ(open_pipe(gzip(text)).text(), text);
  EXPECT_EQ(open({directory_.write("none", "")}).text(), "");
  EXPECT_THAT(read_lines(directory_ / "a.gz"), testing::ElementsAre("one", "two", "three"));
}

TEST_F(Source, SeveralFilesAreJoinedAtLineEndsAndKeepTheirPlaces) {
  const fs::path a = directory_.write("a", "one\ntwo"), b = directory_.write("b.gz", gzip("three\nfour\n")),
                 c = directory_.write("c", "five");
  const TextSource source = open({a, b, c});
  EXPECT_EQ(source.text(), "one\ntwo\nthree\nfour\nfive");
  EXPECT_EQ(source.name(), a.string() + " and 2 more files");
  ASSERT_EQ(source.parts().size(), 3u);
  EXPECT_EQ(source.text_of(source.parts()[1]), "three\nfour\n");
  for (const auto& [word, file, line] :
       {std::tuple("two", a, 2), std::tuple("three", b, 1), std::tuple("four", b, 2), std::tuple("five", c, 1)}) {
    const TextSource::Place place = source.place(source.text().find(word));
    EXPECT_EQ(place.name, file.string());
    EXPECT_EQ(place.line, line);
  }
  EXPECT_THAT(message({a, directory_.write("none", "")}), HasSubstr("none is empty; leave it out"));
}

TEST_F(Source, ByteOrderMarksAreLeftOutWithANote) {
  const std::string mark = "\xef\xbb\xbf";
  const fs::path a = directory_.write("a", mark + "one\n"), b = directory_.write("b.gz", gzip(mark + "two\n"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(open({a}).text(), "one\n");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("a: the byte-order mark at its beginning is left out"));
  EXPECT_EQ(open({a, b}).text(), "one\ntwo\n");
  EXPECT_EQ(open({directory_.write("mark", mark)}).text(), "");
}

TEST_F(Source, BadFilesAreNamedEachByItsOwnName) {
  const fs::path good = directory_.write("good", "one\n");
  EXPECT_THAT(message({good, directory_.write("wide", "\xff\xfe\x41\0b\0"s)}), AllOf(HasSubstr("wide is UTF-16"), HasSubstr("iconv")));
  EXPECT_THAT(message({good, directory_.write("cut.gz", gzip(std::string(1000, 'x')).substr(0, 20))}), HasSubstr("cut.gz was cut"));
  EXPECT_THAT(message({directory_.write("cut.zst", zstd("abc").substr(0, 8))}), HasSubstr("cut.zst was cut"));
  EXPECT_THAT(message({directory_.write("wide.gz", gzip("\xff\xfe\x41\0b\0"s))}), HasSubstr("wide.gz is UTF-16"));
  EXPECT_THAT(message({directory_.write("twice.gz", gzip(gzip("a")))}), HasSubstr("twice.gz is no text but packed with gzip"));
  EXPECT_THAT(message({good, directory_.write("mac", "a\rb\rc")}), HasSubstr("mac: its lines end with a carriage return"));
  EXPECT_THAT(message({good, directory_ / "nowhere"}, ErrorCode::io), HasSubstr("nowhere: No such file"));
  EXPECT_THAT(message({good, directory_.path()}, ErrorCode::io), HasSubstr("is a directory"));
  EXPECT_THAT(message({good, "/dev/zero"}, ErrorCode::io), HasSubstr("it is a device"));
}

TEST_F(Source, PipedTextsAreKeptAndFoundAgain) {
  const TextSourceOptions first{.directory = [&] { return directory_.path(); }, .keep_as = "source.text"};
  EXPECT_TRUE(open_pipe("one\n", first).kept());
  EXPECT_EQ(read_file(directory_ / "source.text"), "one\n");
  TextSourceOptions again = first;
  again.reuse_kept = true;
  const TextSource kept = open_pipe("", again);
  EXPECT_EQ(kept.text(), "one\n");
  EXPECT_EQ(open_pipe("another\n", again).text(), "another\n") << "what comes counts, and is compared by whoever resumes";
  EXPECT_EQ(read_file(directory_ / "source.text"), "one\n") << "and what was kept stays";
  EXPECT_EQ(open({"/dev/fd/999999"}, again).text(), "one\n") << "a pipe of an earlier process";
  EXPECT_THROW(open({"/dev/fd/999999"}, first), Error);
  EXPECT_FALSE(open({directory_.write("file", "two\n")}, first).kept()) << "a file can be read again";
}

TEST_F(Source, NothingIsLeftBehind) {
  const fs::path place = directory_ / "place";
  fs::create_directory(place);
  const TextSourceOptions options{.directory = [&] { return place; }, .keep_as = "kept"};
  {
    const TextSource source = open({directory_.write("a.gz", gzip("one\n"))}, options);
    EXPECT_EQ(source.text(), "one\n");
  }
  EXPECT_THROW(open_pipe(gzip("one\n").substr(0, 15), options), Error);
  EXPECT_TRUE(fs::is_empty(place));
  const TextSourceOptions nowhere{.directory = [&] { return directory_ / "nowhere"; }};
  EXPECT_THROW(open({directory_ / "a.gz"}, nowhere), Error);
}

}  // namespace
}  // namespace qkv
