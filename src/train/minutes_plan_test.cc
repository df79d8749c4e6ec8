#include "train/minutes_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "train/options/option_table.h"

namespace qkv {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

TrainOptions options_of(const char* preset, double minutes = 10) {
  TrainOptions options;
  apply_preset(options, preset);
  options.max_minutes = minutes;
  return options;
}

void set_option(TrainOptions& options, const std::string& name, const std::string& text) {
  find_train_option(name)->set(options, text, "--" + name);
}

PlanBasis basis_of(double updates_that_fit, int64_t per_epoch, int64_t batch_tokens) {
  // 0.9 of the time is for updates where the time of a validation is not known.
  return {.seconds_per_update = 0.9, .seconds = updates_that_fit + 1e-6, .updates_per_epoch = per_epoch, .batch_tokens = batch_tokens};
}

TEST(MinutesPlan, TimeAloneSetsTheSchedule) {
  TrainOptions options = options_of("small");
  EXPECT_TRUE(follows_minutes(options));
  options.max_minutes = 0;
  EXPECT_FALSE(follows_minutes(options));
  for (const auto& [name, text] :
       {std::pair{"max-steps", "100"}, {"schedule", "inverse-sqrt"}, {"schedule", "constant"}, {"schedule-steps", "50"}}) {
    options = options_of("small");
    set_option(options, name, text);
    EXPECT_FALSE(follows_minutes(options)) << name << ' ' << text;
  }
  options = options_of("small");
  set_option(options, "schedule", "cosine");
  EXPECT_TRUE(follows_minutes(options));
  EXPECT_TRUE(follows_minutes(options_of("char-gpt")));  // its 5,000 updates are the preset's, nobody's wish
}

TEST(MinutesPlan, MemberThatDiffersFromThePresetOrWasSetAsTextIsGiven) {
  TrainOptions options = options_of("small");
  EXPECT_FALSE(is_given(options, "dropout"));
  options.dropout = 0.15;
  EXPECT_TRUE(is_given(options, "dropout"));
  options = options_of("small");
  set_option(options, "dropout", "0.3");  // as the preset has it
  EXPECT_TRUE(is_given(options, "dropout"));
}

TEST(MinutesPlan, SmallBatchesComeFirst) {
  EXPECT_THAT(batch_choices(options_of("small")), ElementsAre(512, 1024));
  EXPECT_THAT(batch_choices(options_of("tiny")), ElementsAre(1024, 2048, 4096));
  EXPECT_THAT(batch_choices(options_of("base")), ElementsAre(16384));
  TrainOptions options = options_of("small");
  options.max_length = 800;  // a pair of that length must fit
  EXPECT_THAT(batch_choices(options), ElementsAre(1024));
  set_option(options, "batch-tokens", "1024");
  EXPECT_THAT(batch_choices(options), ElementsAre(1024));
}

// The tuned recipe for Multi30k, in its 14 minutes: 7,500 updates of 512 tokens, 9 passes, dropout 0.1, warm-up 400, rate 1.5e-3.
TEST(MinutesPlan, IsNearTheRecipeThatWasTuned) {
  TrainOptions options = options_of("small", 14);
  const std::vector<std::string> lines = apply_plan(options, basis_of(7500, 830, 512));
  EXPECT_EQ(options.schedule, LearningRateSchedule::cosine);
  EXPECT_EQ(options.schedule_steps, 7500);
  EXPECT_EQ(options.batch_tokens, 512);
  EXPECT_EQ(options.dropout, 0.1);
  EXPECT_EQ(options.warmup_steps, 400);
  EXPECT_EQ(options.learning_rate, 0.0013);  // 4 * 2e-3 * sqrt(400 / 7500) * sqrt(512 / 1024) = 1.306e-3
  EXPECT_EQ(options.validate_every, 1500);
  EXPECT_THAT(lines, Contains(HasSubstr("7500 updates fit")));
  EXPECT_EQ(options_of_plan(options),
            "--max-steps 7500 --schedule cosine --batch-tokens 512 --dropout 0.1 --lr 0.0013 --warmup-steps 400 --validate-every 1500");
}

// Letters to phonemes: warm-up 400 of 8,000 updates of 1,024 tokens halved the errors of batches of 4,096 and a long warm-up.
TEST(MinutesPlan, WordListGetsSmallBatchesAndAShortWarmUp) {
  TrainOptions options = options_of("tiny", 4.5);
  apply_plan(options, basis_of(8000, 1100, 1024));
  EXPECT_EQ(options.batch_tokens, 1024);
  EXPECT_EQ(options.warmup_steps, 400);
  EXPECT_EQ(options.learning_rate, 2.7e-3);  // 4 * 3e-3 * sqrt(400 / 8000)
}

TEST(MinutesPlan, ManyPassesNeedDropout) {
  TrainOptions options = options_of("small");
  apply_plan(options, basis_of(7500, 500, 512));
  EXPECT_EQ(options.dropout, 0.2);
  options = options_of("small");
  apply_plan(options, basis_of(7500, 300, 512));
  EXPECT_EQ(options.dropout, 0.3);
}

TEST(MinutesPlan, TheFewWeightsOfTinyNeedLessDropout) {
  TrainOptions options = options_of("tiny");
  apply_plan(options, basis_of(18000, 880, 1024));
  EXPECT_EQ(options.dropout, 0.1);  // 20.4 passes
  options = options_of("tiny");
  apply_plan(options, basis_of(18000, 400, 1024));
  EXPECT_EQ(options.dropout, 0.2);
}

TEST(MinutesPlan, WhatIsGivenStays) {
  TrainOptions options = options_of("small");
  for (const auto& [name, text] :
       {std::pair{"dropout", "0.3"}, {"lr", "0.001"}, {"warmup-steps", "900"}, {"batch-tokens", "2048"}, {"validate-every", "77"}})
    set_option(options, name, text);
  const std::vector<std::string> lines = apply_plan(options, basis_of(700, 100, 2048));
  EXPECT_EQ(options.dropout, 0.3);
  EXPECT_EQ(options.learning_rate, 0.001);
  EXPECT_EQ(options.warmup_steps, 900);
  EXPECT_EQ(options.batch_tokens, 2048);
  EXPECT_EQ(options.validate_every, 77);
  EXPECT_THAT(lines, Contains(HasSubstr("the warm-up of 900 updates is longer than the time")));
}

TEST(MinutesPlan, OtherPresetsKeepTheirRecipe) {
  TrainOptions options = options_of("char-gpt");
  EXPECT_EQ(updates_that_fit(options, basis_of(9000, 10, 16384)), 5000);  // the preset's, at most
  apply_plan(options, basis_of(1000, 10, 16384));
  EXPECT_EQ(options.schedule_steps, 1000);
  EXPECT_EQ(options.warmup_steps, 100);
  EXPECT_EQ(options.dropout, 0.2);
  EXPECT_EQ(options.learning_rate, 1e-3);
  EXPECT_EQ(options.validate_every, 250);
}

TEST(MinutesPlan, EpochsAndValidationsCount) {
  TrainOptions options = options_of("small");
  options.max_epochs = 3;
  EXPECT_EQ(updates_that_fit(options, basis_of(9000, 100, 512)), 300);
  options.max_epochs = 0;
  // A validation takes 2 * 0.05 * 0.1 * 1000 = 10 s: three take a tenth of 301 s. Left are 0.97 * 301 - 30 = 261.97 s.
  PlanBasis basis{.seconds_per_update = 0.1, .seconds = 301, .updates_per_epoch = 1000, .batch_tokens = 512, .validation_share = 0.05};
  EXPECT_EQ(updates_that_fit(options, basis), 2619);
  apply_plan(options, basis);
  EXPECT_EQ(options.validate_every, 873);
  basis.seconds = 1;  // there is always one update
  EXPECT_EQ(updates_that_fit(options_of("small"), basis), 1);
}

TEST(MinutesPlan, ResumedTrainingTakesWhatWasDecided) {
  TrainOptions options = options_of("small");
  set_option(options, "dropout", "0.25");
  adopt_plan(options, {{"schedule", "cosine"}, {"schedule-steps", "1234"}, {"dropout", "0.1"}, {"lr", "0.0015"}, {"warmup-steps", "61"}},
             false);
  EXPECT_EQ(options.schedule, LearningRateSchedule::cosine);
  EXPECT_EQ(options.schedule_steps, 1234);
  EXPECT_EQ(options.learning_rate, 0.0015);
  EXPECT_EQ(options.warmup_steps, 61);
  EXPECT_EQ(options.dropout, 0.25);  // check_continues() will say so
  options = options_of("small", 0);
  adopt_plan(options, {{"schedule", "cosine"}}, false);
  EXPECT_EQ(options.schedule, LearningRateSchedule::inverse_sqrt);
  adopt_plan(options, {{"schedule", "cosine"}}, true);
  EXPECT_EQ(options.schedule, LearningRateSchedule::cosine);
}

}  // namespace
}  // namespace qkv
