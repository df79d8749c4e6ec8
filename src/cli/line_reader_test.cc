#include "cli/line_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "qkv/error.h"

namespace qkv {
namespace {

using Lines = std::vector<std::string>;

class LineReaderTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(pipe(ends), 0); }
  void TearDown() override {
    close(ends[0]);
    close_writer();
  }
  void send(std::string_view text) { ASSERT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size())); }
  void close_writer() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  int ends[2] = {-1, -1};
};

TEST_F(LineReaderTest, LineEndsGoAndAnUnfinishedLastLineCounts) {
  send("a\nb\r\n\n\nlast");
  close_writer();
  LineReader reader(ends[0], "pipe");
  EXPECT_EQ(reader.next(100), (Lines{"a", "b", "", "", "last"}));
  EXPECT_TRUE(reader.next(100).empty());
  EXPECT_TRUE(reader.next(100).empty());
}

TEST_F(LineReaderTest, NoMoreLinesThanAskedFor) {
  send("1\n2\n3\n4\n5\n");
  close_writer();
  LineReader reader(ends[0], "pipe");
  EXPECT_EQ(reader.next(2), (Lines{"1", "2"}));
  EXPECT_EQ(reader.first_line(), 1);
  EXPECT_EQ(reader.next(2), (Lines{"3", "4"}));
  EXPECT_EQ(reader.first_line(), 3);
  EXPECT_EQ(reader.next(2), (Lines{"5"}));
  EXPECT_EQ(reader.first_line(), 5);
}

// A complete line is returned while the pipe stays open and holds the start of another line.
TEST_F(LineReaderTest, LineIsReturnedWhileTheWriterPauses) {
  send("question\nhalf");
  LineReader reader(ends[0], "pipe");
  EXPECT_EQ(reader.next(100), (Lines{"question"}));
  send(" and half\n");
  EXPECT_EQ(reader.next(100), (Lines{"half and half"}));
}

TEST_F(LineReaderTest, LinesLongerThanAPipeAreWhole) {
  const std::string longest(300'000, 'x');
  std::thread writer([&] {
    send(longest + "\n" + longest + "y");
    close_writer();
  });
  LineReader reader(ends[0], "pipe");
  Lines lines;
  for (Lines next = reader.next(10); !next.empty(); next = reader.next(10)) lines.insert(lines.end(), next.begin(), next.end());
  writer.join();
  EXPECT_EQ(lines, (Lines{longest, longest + "y"}));
}

TEST_F(LineReaderTest, WhatIsNoTextIsRefused) {
  send(
      std::string_view("\xff\xfe"
                       "a\0\n\0",
                       6));
  EXPECT_THROW(LineReader(ends[0], "pipe").next(1), Error);
  send(std::string_view("\xfd\x37zXZ\0 packed\n", 14));
  EXPECT_THROW(LineReader(ends[0], "pipe").next(1), Error);
  send("\x1f\x8b\x08 damaged\n");
  EXPECT_THROW(LineReader(ends[0], "pipe").next(1), Error);
  send("one\rtwo\rthree");
  close_writer();
  EXPECT_THROW(LineReader(ends[0], "pipe").next(1), Error);
}

TEST_F(LineReaderTest, ByteOrderMarkIsNoText) {
  send("\xef\xbb\xbf");
  close_writer();
  EXPECT_TRUE(LineReader(ends[0], "pipe").next(1).empty());
}

TEST(LineReader, EndlessLineIsRefused) {
  const int zeros = open("/dev/zero", O_RDONLY);
  LineReader reader(zeros, "zeros");
  EXPECT_THROW(reader.next(1), Error);
  close(zeros);
}

TEST(LineReader, DirectoryOrClosedFileIsAnError) {
  const int directory = open("/", O_RDONLY);
  EXPECT_THROW(LineReader(directory, "directory").next(1), Error);
  close(directory);
  EXPECT_THROW(LineReader(directory, "closed").next(1), Error);
}

}  // namespace
}  // namespace qkv
