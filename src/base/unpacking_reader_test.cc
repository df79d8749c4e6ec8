#include "base/unpacking_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "base/error.h"
#include "base/packed_test_data.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::HasSubstr;

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format("line {} of {}\n", i, i * 7919 % 1000);
  return text;
}

class Unpacking : public testing::Test {
 protected:
  std::string read(const std::string& content, size_t piece = 4096) {
    const int fd = ::open(directory_.write("file", content).c_str(), O_RDONLY);
    UnpackingReader reader(fd, "file");
    std::string all, buffer(piece, '\0');
    try {
      while (const size_t got = reader.read(buffer.data(), piece)) all.append(buffer, 0, got);
    } catch (...) {
      ::close(fd);
      throw;
    }
    ::close(fd);
    return all;
  }
  std::string message(const std::string& content) {
    try {
      read(content);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory_;
};

TEST_F(Unpacking, ContentDecidesWhatIsUnpacked) {
  const std::string text = lines(20000);
  for (const size_t piece : {size_t{1}, size_t{17}, size_t{1} << 20}) {
    const std::string part = piece == 1 ? lines(200) : text;
    EXPECT_EQ(read(part, piece), part);
    EXPECT_EQ(read(gzip(part), piece), part);
    EXPECT_EQ(read(zstd(part), piece), part);
  }
  for (const std::string& plain : {""s, "\x1f"s, "\x28\xb5"s, "\x28\xb5\x2f"s, "P"s, "\x50\x2a\x4d"s}) EXPECT_EQ(read(plain), plain);
}

TEST_F(Unpacking, MembersAndFramesFollowEachOther) {
  EXPECT_EQ(read(gzip("one\n") + gzip("two\n") + gzip("")), "one\ntwo\n");
  EXPECT_EQ(read(zstd("one\n") + zstd("two\n")), "one\ntwo\n");
  const std::string skipped = "\x50\x2a\x4d\x18\x03\0\0\0abc"s;
  EXPECT_EQ(read(skipped + zstd("one\n") + skipped), "one\n");
  EXPECT_EQ(read(gzip("padded") + std::string(1000, '\0')), "padded") << "as tapes and block devices leave it";
}

TEST_F(Unpacking, CutFilesAreNamedAtEachPlace) {
  for (const std::string& packed : {gzip(lines(50)), zstd(lines(50))}) {
    for (size_t size = 4; size < packed.size(); ++size) {
      EXPECT_THAT(message(packed.substr(0, size)), AllOf(HasSubstr("file was cut"), HasSubstr("fetch it again"))) << size;
    }
  }
}

TEST_F(Unpacking, DamagedFilesAreNamed) {
  for (const std::string& packed : {gzip(lines(50)), zstd(lines(50))}) {
    for (const size_t place : {packed.size() / 2, packed.size() - 3}) {
      std::string damaged = packed;
      damaged[place] = static_cast<char>(damaged[place] ^ 0x55);
      EXPECT_THAT(message(damaged), testing::AnyOf(HasSubstr("file is damaged"), HasSubstr("file was cut"))) << place;
    }
    EXPECT_THAT(message(packed + "something else"), HasSubstr("file is damaged"));
  }
}

TEST_F(Unpacking, MemoryStaysBounded) {
  const std::string bomb = zstd(std::string(size_t{256} << 20, 'a'));
  ASSERT_LT(bomb.size(), 100'000u);
  const int fd = ::open(directory_.write("bomb", bomb).c_str(), O_RDONLY);
  UnpackingReader reader(fd, "bomb");
  std::string buffer(1000, '\0');
  size_t total = 0;
  while (const size_t got = reader.read(buffer.data(), buffer.size())) {
    ASSERT_LE(got, buffer.size());
    total += got;
  }
  ::close(fd);
  EXPECT_EQ(total, size_t{256} << 20);
  EXPECT_THAT(message(zstd(lines(10), 28)), HasSubstr("a window of more than 128 MiB; pack it without --long"));
}

TEST_F(Unpacking, PipesComeInPieces) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string text = lines(30000), packed = gzip(text);
  std::thread writer([&] {
    for (size_t i = 0; i < packed.size(); i += 977) {
      const std::string piece = packed.substr(i, 977);
      ASSERT_EQ(::write(ends[1], piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
    }
    ::close(ends[1]);
  });
  const CancellationToken token;
  UnpackingReader reader(ends[0], "pipe", &token);
  std::string all, buffer(5000, '\0');
  while (const size_t got = reader.read(buffer.data(), buffer.size())) all.append(buffer, 0, got);
  writer.join();
  ::close(ends[0]);
  EXPECT_EQ(all, text);
}

TEST_F(Unpacking, WaitingForAPipeCanBeCancelled) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  CancellationToken token;
  token.cancel();
  UnpackingReader reader(ends[0], "pipe", &token);
  char byte;
  EXPECT_THROW(reader.read(&byte, 1), Error);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace qkv
