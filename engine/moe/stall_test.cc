// What happens to the rows of a layer when experts do not come, and to the cache meanwhile. No test sleeps: the store
// is a fake that answers at once, with or without the expert.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <string>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/moe_layer.h"
#include "kernels/ref/ref_backend.h"
#include "kernels/weights/pack.h"

namespace foregate {
namespace {

using std::chrono::steady_clock;

constexpr int kRows = 6, kHidden = 8, kWidth = 5, kExperts = 6, kTopK = 2, kLayer = 3;

// Brings what is not held at once; what is held stays pending until it is let go.
class HoldingStore : public ExpertStore {
 public:
  explicit HoldingStore(const ExpertDirectory& directory) : directory_(directory) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal(0, 0.7f);
    for (size_t expert = 0; expert < directory.size(); ++expert) {
      std::vector<std::byte>& block = blocks_.emplace_back(directory.max_block_bytes());
      const ExpertWeights weights = directory.layout(expert).Weights(block.data(), static_cast<int32_t>(expert));
      for (const WeightMatrix& matrix : {weights.gate, weights.up, weights.down}) {
        std::vector<float> values(static_cast<size_t>(matrix.num_outputs * matrix.num_inputs));
        for (float& value : values) value = normal(random);
        PackRows(TensorView(values.data(), DType::kF32, {matrix.num_outputs, matrix.num_inputs}), 0, matrix);
      }
    }
  }

  void Hold(std::set<int32_t> experts) { held_ = std::move(experts); }
  void LetGo() {
    held_.clear();
    for (ExpertFetch* fetch : std::exchange(pending_, {})) Arrive(*fetch);
  }
  // Whether Cancel finds a fetch that had not begun.
  bool is_begun = true;

  absl::Status Begin(ExpertFetch& fetch, Stream& /*stream*/) override {
    fetch.state = FetchState::kPending;
    num_begun_.push_back(static_cast<int32_t>(fetch.expert));
    if (held_.contains(static_cast<int32_t>(fetch.expert))) {
      pending_.push_back(&fetch);
    } else {
      Arrive(fetch);
    }
    return absl::OkStatus();
  }
  void Raise(ExpertFetch& fetch, FetchClass urgency) override { fetch.urgency = std::min(fetch.urgency, urgency); }
  bool Cancel(ExpertFetch& fetch) override {
    if (is_begun) return false;
    std::erase(pending_, &fetch);
    fetch.state = FetchState::kIdle;
    return true;
  }
  uint64_t num_ended() const override { return num_ended_; }
  absl::Status WaitForEnd(uint64_t seen, steady_clock::time_point /*deadline*/) override {
    return num_ended_ > seen ? absl::OkStatus() : absl::DeadlineExceededError("the disk is silent");
  }
  const std::vector<int32_t>& begun() const { return num_begun_; }

 private:
  void Arrive(ExpertFetch& fetch) {
    std::memcpy(fetch.destination, blocks_[fetch.expert].data(), directory_.max_block_bytes());
    fetch.state = FetchState::kArrived;
    ++num_ended_;
  }
  const ExpertDirectory& directory_;
  std::vector<std::vector<std::byte>> blocks_;
  std::set<int32_t> held_;
  std::vector<ExpertFetch*> pending_;
  std::vector<int32_t> num_begun_;
  uint64_t num_ended_ = 0;
};

// Waits until `deadline`; rows are dropped one by one, in this order, each time it is asked.
struct ScriptedRows : WaitingRows {
  steady_clock::time_point deadline = steady_clock::time_point::max();
  std::vector<size_t> drops;
  size_t num_polls = 0;

  steady_clock::time_point wait_deadline() const override { return deadline; }
  void FindDropped(std::span<uint8_t> is_dropped) override {
    ++num_polls;
    std::fill(is_dropped.begin(), is_dropped.end(), 0);
    for (size_t i = 0; i < std::min(num_polls, drops.size()); ++i) is_dropped[drops[i]] = 1;
  }
};

class StallTest : public testing::Test {
 protected:
  StallTest()
      : backend_(MakeRefBackend()),
        stream_(backend_.device->NewStream()),
        directory_({kLayer}, kExperts,
                   std::vector<ExpertLayout>(kExperts, {.hidden = kHidden, .width = kWidth, .formats = {}})),
        store_(directory_) {
    x_ = New(DType::kF32, {kRows, kHidden});
    std::mt19937 random(5);
    std::normal_distribution<float> normal(0, 1);
    for (int64_t i = 0; i < x_.num_elements(); ++i) x_.as<float>()[i] = normal(random);
    weights_.gate = {.data = New(DType::kF32, {64, kHidden}).data(),
                     .format = WeightFormat::kF32,
                     .num_outputs = kExperts,
                     .num_inputs = kHidden};
    const TensorView gate = New(DType::kF32, {kExperts, kHidden});
    for (int64_t i = 0; i < gate.num_elements(); ++i) gate.as<float>()[i] = normal(random);
    PackRows(gate, 0, weights_.gate);
    buffers_.routing = {.logits = New(DType::kF32, {kRows, kExperts}),
                        .expert_ids = New(DType::kI32, {kRows, kTopK}),
                        .weights = New(DType::kF32, {kRows, kTopK}),
                        .token_of = New(DType::kI32, {kRows * kTopK}),
                        .slot_of = New(DType::kI32, {kRows * kTopK}),
                        .offsets = New(DType::kI32, {kExperts + 1}),
                        .host_expert_ids = New(DType::kI32, {kRows, kTopK}),
                        .host_weights = New(DType::kF32, {kRows, kTopK})};
    buffers_.dispatch = {.scratch = New(DType::kF32, {kRows * kTopK, 2 * kWidth}),
                         .y = New(DType::kF32, {kRows * kTopK, kHidden})};
    out_ = New(DType::kF32, {kRows, kHidden});
  }

  TensorView New(DType dtype, std::initializer_list<int64_t> shape) {
    memory_.push_back(*backend_.device->Allocate(TensorView(nullptr, dtype, shape).num_bytes(), MemorySpace::kDevice));
    return TensorView(memory_.back()->data(), dtype, shape);
  }
  void Open(size_t num_slots) {
    cache_ = *ExpertCache::Create(directory_, PlanEqualSlots(directory_, num_slots), &store_, EvictLeastRecentlyUsed,
                                  *backend_.device);
    dispatcher_ = std::make_unique<Dispatcher>(*cache_, nullptr, backend_);
  }
  absl::Status Run(WaitingRows& rows) {
    return MoeLayer(kLayer, {}, weights_, x_, buffers_, out_, *dispatcher_, rows, backend_, *stream_);
  }
  std::vector<float> Row(size_t row) const {
    const float* values = out_.as<float>() + row * kHidden;
    return {values, values + kHidden};
  }
  // Of the layer when every expert comes.
  std::vector<std::vector<float>> RightRows() {
    Open(kExperts);
    ScriptedRows rows;
    EXPECT_TRUE(Run(rows).ok());
    std::vector<std::vector<float>> right;
    for (size_t row = 0; row < kRows; ++row) right.push_back(Row(row));
    return right;
  }
  bool Chose(size_t row, int32_t expert) const {
    const int32_t* ids = buffers_.routing.host_expert_ids.as<int32_t>() + row * kTopK;
    return ids[0] == expert || ids[1] == expert;
  }
  // After a run: the rows that chose an expert.
  std::vector<size_t> RowsOf(int32_t expert) const {
    std::vector<size_t> rows;
    for (size_t row = 0; row < kRows; ++row)
      if (Chose(row, expert)) rows.push_back(row);
    return rows;
  }
  std::set<int32_t> Failed() const {
    std::set<int32_t> experts;
    for (const ExpertFailure& failure : dispatcher_->failures()) experts.insert(failure.expert);
    return experts;
  }
  // An expert that some rows chose and others did not.
  int32_t SharedExpert() const {
    for (int32_t expert = 0; expert < kExperts; ++expert)
      if (RowsOf(expert).size() >= 2 && RowsOf(expert).size() < kRows) return expert;
    ADD_FAILURE() << "no such expert";
    return 0;
  }

  Backend backend_;
  std::unique_ptr<Stream> stream_;
  ExpertDirectory directory_;
  HoldingStore store_;
  std::vector<std::unique_ptr<DeviceBuffer>> memory_;
  TensorView x_, out_;
  MoeWeights weights_;
  MoeBuffers buffers_;
  std::unique_ptr<ExpertCache> cache_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

TEST_F(StallTest, EndsOnlyTheRowsThatChoseTheMissingExpert) {
  const auto right = RightRows();
  const int32_t missing = SharedExpert();
  Open(kExperts);
  store_.Hold({missing});
  ScriptedRows rows;
  rows.deadline = steady_clock::now();
  ASSERT_TRUE(Run(rows).ok());
  ASSERT_EQ(dispatcher_->failures().size(), 1u);
  EXPECT_EQ(dispatcher_->failures()[0].expert, missing);
  const absl::Status& status = dispatcher_->failures()[0].status;
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("layer 3 expert " + std::to_string(missing)), std::string::npos) << status;
  EXPECT_NE(status.message().find(" ms: the disk is silent"), std::string::npos) << status;
  for (size_t row = 0; row < kRows; ++row) {
    if (!Chose(row, missing)) {
      EXPECT_EQ(Row(row), right[row]) << row;
    }
  }
  // Its fetch goes on, and what it brings is used.
  EXPECT_EQ(cache_->state({kLayer, missing}), ExpertState::kLoading);
  EXPECT_TRUE(cache_->is_stalled());
  store_.LetGo();
  EXPECT_FALSE(cache_->is_stalled());
  EXPECT_EQ(cache_->state({kLayer, missing}), ExpertState::kResident);
  ASSERT_TRUE(Run(rows).ok());
  EXPECT_TRUE(dispatcher_->failures().empty());
  for (size_t row = 0; row < kRows; ++row) EXPECT_EQ(Row(row), right[row]) << row;
}

// Deadlines are for ever: without a memory of the stall, the second run would not return.
TEST_F(StallTest, IsRememberedUntilAFetchEnds) {
  RightRows();
  const int32_t missing = SharedExpert();
  Open(kExperts);
  store_.Hold({missing});
  ScriptedRows rows;
  rows.deadline = steady_clock::now();
  ASSERT_TRUE(Run(rows).ok());
  rows.deadline = steady_clock::time_point::max();
  ASSERT_TRUE(Run(rows).ok());
  EXPECT_EQ(Failed(), std::set<int32_t>{missing});
  // An expert that does come ends it, whoever wanted it: what is missing is waited for again.
  store_.LetGo();
  EXPECT_FALSE(cache_->is_stalled());
}

// What else arrives tells nothing of it. Deadlines are for ever here, too.
TEST_F(StallTest, AnExpertThatHangsIsRememberedWhateverElseArrives) {
  const auto right = RightRows();
  const int32_t missing = SharedExpert();
  Open(3);  // fewer than a step wants: there is always something to fetch
  store_.Hold({missing});
  ScriptedRows rows;
  rows.deadline = steady_clock::now();
  ASSERT_TRUE(Run(rows).ok());
  EXPECT_TRUE(cache_->is_overdue({kLayer, missing}));
  rows.deadline = steady_clock::time_point::max();
  for (int run = 0; run < 2; ++run) {
    const uint64_t num_ended = cache_->num_ended();
    ASSERT_TRUE(Run(rows).ok());
    EXPECT_EQ(Failed(), std::set<int32_t>{missing});
    EXPECT_GT(cache_->num_ended(), num_ended);
    EXPECT_FALSE(cache_->is_stalled()) << "the store works";
  }
  store_.LetGo();
  EXPECT_FALSE(cache_->is_overdue({kLayer, missing}));
  ASSERT_TRUE(Run(rows).ok());
  EXPECT_TRUE(dispatcher_->failures().empty());
  for (size_t row = 0; row < kRows; ++row) EXPECT_EQ(Row(row), right[row]) << row;
}

TEST_F(StallTest, TwoSlotsThatHangFailEveryRowAndServeAgain) {
  const auto right = RightRows();
  const size_t num_begun = store_.begun().size();
  Open(2);
  store_.Hold({0, 1, 2, 3, 4, 5});
  ScriptedRows rows;
  rows.deadline = steady_clock::now();
  for (int run = 0; run < 2; ++run) {
    ASSERT_TRUE(Run(rows).ok());
    std::set<int32_t> chosen;
    for (int32_t expert = 0; expert < kExperts; ++expert)
      if (!RowsOf(expert).empty()) chosen.insert(expert);
    EXPECT_EQ(Failed(), chosen);
    EXPECT_EQ(store_.begun().size(), num_begun + 2) << "what hangs is not asked for twice";
  }
  store_.LetGo();
  ASSERT_TRUE(Run(rows).ok());
  EXPECT_TRUE(dispatcher_->failures().empty());
  for (size_t row = 0; row < kRows; ++row) EXPECT_EQ(Row(row), right[row]) << row;
}

TEST_F(StallTest, LeavesResidentExpertsTheirSlots) {
  Open(4);
  const auto is_loading = [&](int32_t expert) { return cache_->state({kLayer, expert}) == ExpertState::kLoading; };
  for (const int32_t expert : {0, 1}) ASSERT_TRUE(cache_->Acquire({kLayer, expert}, *stream_).ok());
  store_.Hold({2, 3, 4, 5});
  for (const int32_t expert : {2, 3}) ASSERT_TRUE(cache_->Acquire({kLayer, expert}, *stream_).ok());
  cache_->MarkStalled(cache_->num_ended());
  // Two of four slots are being filled: no more of what is resident goes, neither for a demand nor for a prefetch.
  EXPECT_EQ(cache_->Acquire({kLayer, 4}, *stream_).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(*cache_->Prefetch({kLayer, 5}, FetchClass::kCommitted, 1, *stream_));
  EXPECT_EQ(cache_->state({kLayer, 0}), ExpertState::kResident);
  EXPECT_EQ(cache_->state({kLayer, 1}), ExpertState::kResident);
  // A fetch that nobody waits for and that has not begun gives up its place.
  store_.is_begun = false;
  ASSERT_TRUE(cache_->Acquire({kLayer, 4}, *stream_).ok());
  EXPECT_NE(is_loading(2), is_loading(3));
  EXPECT_TRUE(is_loading(4));
  store_.is_begun = true;
  store_.LetGo();
  ASSERT_TRUE(cache_->Acquire({kLayer, 5}, *stream_).ok());
}

TEST_F(StallTest, IsNotWaitedForByRowsThatNobodyWants) {
  const auto right = RightRows();
  const int32_t missing = SharedExpert();
  Open(kExperts);
  store_.Hold({missing});
  ScriptedRows rows;
  rows.drops = RowsOf(missing);
  ASSERT_TRUE(Run(rows).ok());
  EXPECT_EQ(rows.num_polls, rows.drops.size()) << "as long as one row wants it, it is waited for";
  EXPECT_TRUE(dispatcher_->failures().empty());
  EXPECT_FALSE(cache_->is_stalled());
  EXPECT_EQ(cache_->state({kLayer, missing}), ExpertState::kLoading);
  for (size_t row = 0; row < kRows; ++row) {
    if (!Chose(row, missing)) {
      EXPECT_EQ(Row(row), right[row]) << row;
    }
  }
}

TEST_F(StallTest, ForgetsWhatHasNoSlotYetAsWell) {
  RightRows();
  Open(2);
  store_.Hold({0, 1, 2, 3, 4, 5});
  ScriptedRows rows;
  for (size_t row = 0; row < kRows; ++row) rows.drops.push_back(row);
  ASSERT_TRUE(Run(rows).ok());
  EXPECT_TRUE(dispatcher_->failures().empty());
  EXPECT_EQ(rows.num_polls, size_t{kRows});
}

}  // namespace
}  // namespace foregate
