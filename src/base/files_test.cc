#include "base/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Files : public testing::Test {
 protected:
  fs::path path(const char* name) const { return directory_ / name; }
  size_t entries() const { return static_cast<size_t>(std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator())); }

  TemporaryDirectory directory_;
};

template <typename Call>
std::string message_of(ErrorCode code, Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line";
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

TEST_F(Files, WrittenContentIsReadBackByEveryReader) {
  const std::string content("a\0b\nsecond line", 15);
  write_file_atomically(path("x"), content);
  EXPECT_EQ(read_file(path("x")), content);
  EXPECT_EQ(MappedFile(path("x")).text(), content);
  EXPECT_EQ(entries(), 1u) << "a temporary file is left";
}

TEST_F(Files, PiecesAreAppendedInOrder) {
  std::string expected;
  write_file_atomically(path("x"), [&](const auto& append) {
    for (int i = 0; i < 1000; ++i) {
      const std::string piece = std::to_string(i) + ",";
      append(piece.data(), piece.size());
      expected += piece;
    }
  });
  EXPECT_EQ(read_file(path("x")), expected);
}

TEST_F(Files, FailureInTheMiddleKeepsTheOldContentAndLeavesNothing) {
  write_file_atomically(path("x"), "old");
  EXPECT_THROW(write_file_atomically(path("x"),
                                     [](const auto& append) {
                                       append("half", 4);
                                       fail(ErrorCode::interrupted, "stop");
                                     }),
               Error);
  EXPECT_EQ(read_file(path("x")), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, FullDiskKeepsTheOldContentAndLeavesNothing) {
  write_file_atomically(path("x"), "old");
  // A limit on the size of files stands for the full disk; in a process of its own, as it cannot be raised again.
  const auto child = [&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_file_atomically(path("x"), std::string(5000, 'n'));
    } catch (const Error& error) {
      const bool good = error.code() == ErrorCode::io && std::string(error.what()).find("cannot write") == 0;
      std::_Exit(good ? 7 : 8);
    }
    std::_Exit(9);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
  EXPECT_EQ(read_file(path("x")), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, PlaceThatCannotBeWrittenIsToldBeforeTheWork) {
  write_file_atomically(path("x"), "old");
  fs::create_directory(path("d"));
  fs::create_symlink("nowhere/y", path("l"));
  EXPECT_NO_THROW(check_can_write(path("x")));
  EXPECT_NO_THROW(check_can_write(path("new")));
  EXPECT_NO_THROW(check_can_write("new"));
  EXPECT_NO_THROW(check_can_write("/dev/null"));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { check_can_write(path("d")); }), HasSubstr("is a directory"));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { check_can_write(path("a") / "b"); }), HasSubstr("make its directory first"));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { check_can_write(path("l")); }), HasSubstr("make its directory first"));
  EXPECT_NO_THROW(check_can_write_in(path("a") / "b", "--output"));
  EXPECT_NO_THROW(check_can_write_in("a/b", "--output"));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { check_can_write_in(path("x") / "b", "--output o"); }),
              AllOf(HasSubstr("--output o: "), HasSubstr("is a file")));
  EXPECT_EQ(entries(), 3u);
}

TEST_F(Files, FileMovedIntoPlaceTakesThePermissionsAndLinkThatAreThere) {
  write_file_atomically(path("x"), "old");
  fs::permissions(path("x"), fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("x", path("link"));
  write_file_atomically(path("new"), "new");
  move_into_place(path("new"), path("link"));
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("x")), "new");
  EXPECT_EQ(fs::status(path("x")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  write_file_atomically(path("new"), "more");
  move_into_place(path("new"), path("y"));
  EXPECT_EQ(read_file(path("y")), "more");
}

TEST_F(Files, LinkToWhatIsNotThereYetStaysALink) {
  fs::create_directory(path("d"));
  fs::create_symlink("d/y", path("one"));
  fs::create_symlink(path("one"), path("two"));
  write_file_atomically(path("two"), "new");
  EXPECT_TRUE(fs::is_symlink(path("one")) && fs::is_symlink(path("two")));
  EXPECT_EQ(read_file(path("d") / "y"), "new");
}

TEST_F(Files, EmptyDirectoriesAreThoseToBeFilled) {
  EXPECT_TRUE(is_empty_directory(directory_.path()));
  fs::create_directory(path("lost+found"));
  EXPECT_TRUE(is_empty_directory(directory_.path()));
  write_file_atomically(path("x"), "x");
  EXPECT_FALSE(is_empty_directory(directory_.path()));
  EXPECT_FALSE(is_empty_directory(path("x")));
}

TEST_F(Files, ContentOfUnknownSizeIsNotTakenForNone) {
  EXPECT_THAT(message_of(ErrorCode::io, [] { MappedFile("/proc/self/status"); }), HasSubstr("size is not known"));
  EXPECT_THAT(read_input("/proc/self/status"), HasSubstr("Pid:"));
  EXPECT_EQ(read_input("/dev/null"), "");
}

TEST_F(Files, ReaderWhileWritingSeesTheOldContentOrTheNew) {
  const std::string a(100000, 'a'), b(100000, 'b');
  write_file_atomically(path("x"), a);
  std::thread writer([&] {
    for (int i = 0; i < 30; ++i) write_file_atomically(path("x"), i % 2 ? a : b);
  });
  for (int i = 0; i < 300; ++i) {
    const std::string seen = read_file(path("x"));
    EXPECT_TRUE(seen == a || seen == b) << "a mixture of " << seen.size() << " bytes";
  }
  writer.join();
}

TEST_F(Files, LinkStaysALinkAndItsTargetIsReplaced) {
  write_file_atomically(path("target"), "old");
  fs::create_symlink("target", path("link"));
  write_file_atomically(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("target")), "new");
}

TEST_F(Files, DeviceIsWrittenInPlace) {
  write_file_atomically("/dev/null", "gone");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const std::string message = message_of(ErrorCode::io, [] { write_file_atomically("/dev/full", "x"); });
  EXPECT_THAT(message, AllOf(HasSubstr("/dev/full"), HasSubstr("No space left"), HasSubstr("free some space")));
}

TEST_F(Files, MessagesNameThePathAndWhatTheSystemSaid) {
  EXPECT_THAT(message_of(ErrorCode::io, [&] { read_file(path("none")); }), AllOf(HasSubstr(path("none")), HasSubstr("No such file")));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { MappedFile mapped(path("none")); }), HasSubstr(path("none")));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { read_lines(directory_.path()); }), HasSubstr("is a directory"));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { write_file_atomically(directory_.path(), "x"); }), HasSubstr("is a directory"));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { write_file_atomically(path("none") / "x", "x"); }),
              AllOf(HasSubstr("No such file"), HasSubstr("make its directory")));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { sync_directory(path("none")); }), HasSubstr(path("none")));
  EXPECT_NO_THROW(sync_directory(directory_.path()));
}

TEST_F(Files, InputMayBeAPipe) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  const std::string content(100000, 'p');  // more than a pipe holds
  std::thread writer([&] { write_file_atomically(path("pipe"), content); });
  const std::string seen = read_input(path("pipe"));
  writer.join();
  EXPECT_EQ(seen, content);
  EXPECT_THAT(message_of(ErrorCode::io, [] { read_input("/dev/zero"); }), HasSubstr("/dev/zero: it is a device"));
  EXPECT_THAT(message_of(ErrorCode::io, [] { read_lines("/dev/zero"); }), HasSubstr("it is a device"));
}

TEST_F(Files, PipeOrDeviceInPlaceOfAFileIsRefusedAtOnce) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  alarm(30);  // instead of waiting for a writer for ever
  EXPECT_THAT(message_of(ErrorCode::io, [&] { read_file(path("pipe")); }), AllOf(HasSubstr(path("pipe")), HasSubstr("not a regular file")));
  EXPECT_THAT(message_of(ErrorCode::io, [&] { MappedFile mapped(path("pipe")); }), HasSubstr("it is a pipe"));
  EXPECT_THAT(message_of(ErrorCode::io, [] { read_file("/dev/zero"); }), HasSubstr("it is a device"));
  EXPECT_THAT(message_of(ErrorCode::io, [] { MappedFile mapped("/dev/null"); }), HasSubstr("it is a device"));
  alarm(0);
}

TEST_F(Files, FileWrittenOverKeepsItsPermissions) {
  const auto mode = [&] {
    struct stat status {};
    EXPECT_EQ(stat(path("x").c_str(), &status), 0);
    return status.st_mode & 07777;
  };
  const mode_t before = umask(022);
  write_file_atomically(path("x"), "new");
  EXPECT_EQ(mode(), 0644u);
  for (const mode_t each : {0600, 0640, 0666, 0755}) {
    ASSERT_EQ(chmod(path("x").c_str(), each), 0);
    write_file_atomically(path("x"), "again");
    EXPECT_EQ(mode(), each);
  }
  umask(before);
}

TEST_F(Files, FileThatRootWritesOverStaysItsOwners) {
  if (geteuid() != 0) GTEST_SKIP() << "root alone can give files away";
  write_file_atomically(path("x"), "old");
  ASSERT_EQ(chown(path("x").c_str(), 65534, 65534), 0);
  ASSERT_EQ(chmod(path("x").c_str(), 0640), 0);
  write_file_atomically(path("x"), "new");
  struct stat status {};
  ASSERT_EQ(stat(path("x").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 65534u);
  EXPECT_EQ(status.st_gid, 65534u);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(Files, PrivateFileIsNeverReadableForOthersWhileItIsWritten) {
  write_file_atomically(path("x"), "old");
  ASSERT_EQ(chmod(path("x").c_str(), 0600), 0);
  write_file_atomically(path("x"), [&](const auto& append) {
    append("new", 3);
    for (const fs::directory_entry& entry : fs::directory_iterator(directory_.path())) {
      EXPECT_EQ(entry.status().permissions(), fs::perms::owner_read | fs::perms::owner_write) << entry.path();
    }
  });
}

TEST_F(Files, MovedMappingHasOneOwner) {
  write_file_atomically(path("x"), "xx");
  write_file_atomically(path("y"), "y");
  MappedFile x(path("x")), y(path("y"));
  MappedFile z(std::move(x));
  EXPECT_EQ(x.size(), 0u);
  EXPECT_EQ(z.text(), "xx");
  z = std::move(y);
  EXPECT_EQ(z.text(), "y");
}

TEST_F(Files, ReleasedBytesAreReadAgain) {
  std::string content;
  for (int i = 0; i < 20000; ++i) content += std::to_string(i);
  write_file_atomically(path("x"), content);
  const MappedFile mapped(path("x"));
  EXPECT_EQ(mapped.text(), content);
  mapped.release(0, content.size());
  mapped.release(5000, 20000);
  mapped.release(7, 3);
  mapped.release(0, content.size() * 2);
  EXPECT_EQ(mapped.text(), content);
}

TEST_F(Files, LinesEndWithNewlineOrCarriageReturnAndNewline) {
  const auto lines = [&](std::string_view content) {
    write_file_atomically(path("x"), content);
    return read_lines(path("x"));
  };
  EXPECT_THAT(lines(""), IsEmpty());
  EXPECT_EQ(MappedFile(path("x")).text(), "");
  EXPECT_THAT(lines("\n"), ElementsAre(""));
  EXPECT_THAT(lines("a\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(lines("a\r\n\r\nb\rc\n\n"), ElementsAre("a", "", "b\rc", ""));
  EXPECT_THAT(lines("\xef\xbb\xbf"
                    "a\n\xef\xbb\xbf"
                    "b"),
              ElementsAre("a",
                          "\xef\xbb\xbf"
                          "b"))
      << "only the first is a byte-order mark";
}

}  // namespace
}  // namespace qkv
