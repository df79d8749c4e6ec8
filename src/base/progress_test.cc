#include "base/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "base/log.h"

namespace qkv {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A pseudo-terminal: what is written to `stream` is read by read_all().
class Terminal {
 public:
  explicit Terminal(unsigned short columns) {
    master_ = posix_openpt(O_RDWR | O_NOCTTY);
    EXPECT_TRUE(master_ >= 0 && grantpt(master_) == 0 && unlockpt(master_) == 0);
    stream = fdopen(open(ptsname(master_), O_RDWR | O_NOCTTY), "w");
    resize(columns);
  }
  ~Terminal() {
    std::fclose(stream);
    close(master_);
  }
  void resize(unsigned short columns) const {
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(fileno(stream), TIOCSWINSZ, &size);
  }
  // All that comes within the time.
  std::string read_all(int milliseconds) const {
    std::string text;
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    while (std::chrono::steady_clock::now() < end) {
      pollfd ready{master_, POLLIN, 0};
      char buffer[4096];
      if (poll(&ready, 1, 20) > 0) text.append(buffer, static_cast<size_t>(std::max<ssize_t>(read(master_, buffer, sizeof buffer), 0)));
    }
    return text;
  }

  std::FILE* stream;

 private:
  int master_;
};

constexpr const char* kErase = "\r\033[J";

// The text of the last drawing.
std::string last_line(const std::string& written) {
  const size_t at = written.rfind(kErase);
  return at == std::string::npos ? "" : written.substr(at + std::string_view(kErase).size());
}

TEST(Progress, DurationsReadLikeAClock) {
  EXPECT_EQ(format_duration(0), "0 s");
  EXPECT_EQ(format_duration(59.4), "59 s");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(754), "12:34");
  EXPECT_EQ(format_duration(11045), "3:04:05");
}

TEST(Progress, AFileThatIsNoTerminalGetsNothing) {
  std::FILE* file = std::tmpfile();
  {
    ProgressLine line(file);
    EXPECT_FALSE(line.visible());
    line.show("step 1");
  }
  EXPECT_EQ(std::ftell(file), 0);
  std::fclose(file);
}

TEST(Progress, MovesByItselfWhileNothingIsSaid) {
  const Terminal terminal(80);
  ProgressLine line(terminal.stream);
  ASSERT_TRUE(line.visible());
  line.begin("reading");
  EXPECT_EQ(terminal.read_all(250), "");  // short work shows nothing
  const std::string first = last_line(terminal.read_all(700));
  EXPECT_THAT(first, HasSubstr("reading"));
  const std::string later = last_line(terminal.read_all(700));
  EXPECT_THAT(later, HasSubstr("reading"));
  EXPECT_NE(first, later);
}

TEST(Progress, LineFitsATerminalThatShrinksAndLeavesNoRowBehind) {
  const Terminal terminal(60);
  ProgressLine line(terminal.stream);
  line.show(std::string(200, 'x'));
  // The cursor rests in the first column, where a wrapped line begins: erasing to the end of the screen takes all of its rows.
  const std::string wide = last_line(terminal.read_all(100));
  EXPECT_EQ(wide.size(), 60u);
  EXPECT_THAT(wide, EndsWith("\r"));
  terminal.resize(20);
  const std::string narrow = terminal.read_all(500);
  EXPECT_THAT(narrow, StartsWith(kErase));
  EXPECT_EQ(last_line(narrow).size(), 20u);
}

TEST(Progress, MessagesStandOnLinesOfTheirOwn) {
  const Terminal terminal(60);
  ProgressLine line(terminal.stream);
  line.show("step 1");
  terminal.read_all(50);
  {
    const ProgressPause pause;
    std::fputs("something\n", terminal.stream);
    std::fflush(terminal.stream);
    std::this_thread::sleep_for(std::chrono::milliseconds(400));  // the line would come back meanwhile
  }
  const std::string written = terminal.read_all(500);
  EXPECT_THAT(written, HasSubstr(std::string(kErase) + "something\r\n" + kErase));
  EXPECT_THAT(last_line(written), HasSubstr("step 1"));
  line.clear();
  EXPECT_EQ(terminal.read_all(500), kErase);
}

TEST(Progress, TextIsCutBetweenCharactersAndHasNoControls) {
  EXPECT_EQ(cut_to_columns("abc", 3), "abc");
  EXPECT_EQ(cut_to_columns("abcd", 3), "abc");
  EXPECT_EQ(cut_to_columns("h\u00e4\u00e4x", 3), "h\u00e4\u00e4");
  EXPECT_EQ(cut_to_columns("\u65e5\u672c\u8a9e", 5), "\u65e5\u672c");  // two columns each
  EXPECT_EQ(cut_to_columns("a\n\033[Jb\u009bc", 20), "a  [Jb c");
  EXPECT_EQ(cut_to_columns("", 5), "");
}

}  // namespace
}  // namespace qkv
