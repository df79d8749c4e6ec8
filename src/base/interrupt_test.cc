#include "base/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "base/error.h"

namespace qkv {
namespace {

// Each in a process of its own: the flag stays set.
TEST(Interrupt, FirstSignalOnlySetsTheFlag) {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    const auto child = [&] {
      std::signal(SIGHUP, SIG_DFL);  // the tests themselves may run under nohup
      catch_interrupts();
      if (interrupted()) std::_Exit(1);
      throw_if_interrupted();
      std::raise(signal_number);
      if (!interrupted()) std::_Exit(2);
      try {
        throw_if_interrupted();
      } catch (const Error& error) {
        std::_Exit(error.code() == ErrorCode::interrupted ? 7 : 3);
      }
      std::_Exit(4);
    };
    EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
  }
}

TEST(Interrupt, SecondSignalEndsTheProcess) {
  const auto child = [] {
    catch_interrupts();
    std::raise(SIGINT);
    std::raise(SIGTERM);
    std::_Exit(0);
  };
  EXPECT_EXIT(child(), testing::KilledBySignal(SIGTERM), "");
}

TEST(Interrupt, LimitOfTimeMayBeToldAgainAndAgain) {
  const auto child = [] {
    catch_interrupts();
    for (int i = 0; i < 3; ++i) std::raise(SIGXCPU);
    std::_Exit(interrupted() ? 7 : 1);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
}

TEST(Interrupt, HangupStaysIgnoredUnderNohup) {
  const auto child = [] {
    std::signal(SIGHUP, SIG_IGN);
    catch_interrupts();
    std::raise(SIGHUP);
    std::_Exit(interrupted() ? 1 : 7);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "");
}

TEST(Interrupt, AcknowledgementIsWrittenWhenTheSignalComes) {
  const auto child = [] {
    catch_interrupts("stopping soon\n");
    std::raise(SIGTERM);
    std::_Exit(7);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(7), "^stopping soon\n$");
}

}  // namespace
}  // namespace qkv
