// Discovery and expert statistics over real sockets, before and after the model is loaded.
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/formats/sha256.h"
#include "foregate/discovery/v1/discovery.grpc.pb.h"
#include "foregate/experts/v1/expert.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/generation/request_limits.h"
#include "server/text/file_manifest.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/integration/rpc/data_server.h"

namespace foregate {
namespace {

namespace wire = discovery::v1;
using ::testing::ElementsAre;

class DiscoveryTest : public testing::Test {
 protected:
  void Start(DataServerOptions options) {
    server_ = std::make_unique<DataServer>(std::move(options));
    discovery_ = wire::DiscoveryService::NewStub(server_->channel());
    experts_ = experts::v1::ExpertService::NewStub(server_->channel());
  }

  std::unique_ptr<DataServer> server_;
  std::unique_ptr<wire::DiscoveryService::Stub> discovery_;
  std::unique_ptr<experts::v1::ExpertService::Stub> experts_;
};

TEST_F(DiscoveryTest, AnswersWhileLoading) {
  Start({.ready = false});
  server_->state().SetProgress(1, 4);
  wire::GetServerInfoResponse info;
  ASSERT_TRUE(discovery_->GetServerInfo(NewContext().get(), {}, &info).ok());
  EXPECT_EQ(info.version(), "test");
  EXPECT_EQ(info.state(), wire::SERVER_STATE_LOADING);
  EXPECT_EQ(info.load_progress().bytes_done(), 1u);
  EXPECT_EQ(info.load_progress().bytes_total(), 4u);
  EXPECT_EQ(info.isa(), "");
  wire::ListModelsResponse models;
  ASSERT_TRUE(discovery_->ListModels(NewContext().get(), {}, &models).ok());
  ASSERT_EQ(models.models_size(), 1);
  EXPECT_EQ(models.models(0).state(), wire::SERVER_STATE_LOADING);
  wire::GetLoadResponse load;
  EXPECT_TRUE(discovery_->GetLoad(NewContext().get(), {}, &load).ok());
  wire::GetModelResponse model;
  const grpc::Status status = discovery_->GetModel(NewContext().get(), {}, &model);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(DetailsOf(status).reason, "MODEL_LOADING");
  experts::v1::GetExpertStatsResponse stats;
  EXPECT_EQ(experts_->GetExpertStats(NewContext().get(), {}, &stats).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(DiscoveryTest, DescribesTheServedModel) {
  Start({.chat_template = "{{ messages[0].content }}"});
  wire::GetModelRequest request;
  wire::GetModelResponse model;
  ASSERT_TRUE(discovery_->GetModel(NewContext().get(), request, &model).ok());
  EXPECT_EQ(model.name(), DataServer::kModelName);
  EXPECT_EQ(model.architecture().family(), "fake_moe");
  EXPECT_EQ(model.architecture().num_moe_layers(), 2);
  EXPECT_EQ(model.architecture().num_experts(), 4);
  EXPECT_EQ(model.limits().max_sequence_tokens(), 1024);
  EXPECT_EQ(model.limits().max_prompt_tokens(), 1023);
  EXPECT_EQ(model.limits().max_samples(), kMaxSamples);
  EXPECT_EQ(model.limits().max_logprobs(), kMaxLogprobs);
  EXPECT_EQ(model.limits().max_request_bytes(), 16 << 20);
  EXPECT_TRUE(model.tokenizer().present());
  EXPECT_EQ(model.tokenizer().vocab_size(), 257);
  EXPECT_EQ(model.tokenizer().eos_token_ids(0), kByteEndToken);
  EXPECT_TRUE(model.capabilities().text_prompts());
  EXPECT_TRUE(model.capabilities().chat());
  EXPECT_FALSE(model.capabilities().tools_in_template());
  request.set_name("other");
  EXPECT_EQ(discovery_->GetModel(NewContext().get(), request, &model).error_code(), grpc::StatusCode::NOT_FOUND);

  wire::GetServerInfoResponse info;
  ASSERT_TRUE(discovery_->GetServerInfo(NewContext().get(), {}, &info).ok());
  EXPECT_EQ(info.state(), wire::SERVER_STATE_READY);
  EXPECT_EQ(info.isa(), "script");
  EXPECT_FALSE(info.has_load_progress());
  wire::GetLoadResponse load;
  ASSERT_TRUE(discovery_->GetLoad(NewContext().get(), {}, &load).ok());
  EXPECT_EQ(load.kv_block_tokens(), 16);
  EXPECT_GT(load.unix_ms(), 0);
}

TEST_F(DiscoveryTest, WithoutTokenizerOnlyTokenPromptsAreOffered) {
  Start({.has_tokenizer = false});
  wire::GetModelResponse model;
  ASSERT_TRUE(discovery_->GetModel(NewContext().get(), {}, &model).ok());
  EXPECT_FALSE(model.tokenizer().present());
  EXPECT_FALSE(model.capabilities().text_prompts());
  EXPECT_FALSE(model.capabilities().chat());
  EXPECT_TRUE(model.capabilities().token_prompts());
}

TEST_F(DiscoveryTest, ExpertStatsCountEveryLayer) {
  Start({});
  const std::vector<TraceRow> rows(2);
  const std::vector<int32_t> experts = {0, 1, 0, 2};  // [2 rows, top 2]
  server_->engine().routing().Record(0, 1, rows, experts);
  experts::v1::GetExpertStatsResponse stats;
  ASSERT_TRUE(experts_->GetExpertStats(NewContext().get(), {}, &stats).ok());
  EXPECT_EQ(stats.num_experts(), 4);
  EXPECT_EQ(stats.experts_per_token(), 2);
  ASSERT_EQ(stats.layers_size(), 2);
  EXPECT_EQ(stats.layers(0).counts(0), 2u);
  EXPECT_EQ(stats.layers(0).counts(3), 0u);
  EXPECT_DOUBLE_EQ(stats.layers(0).imbalance(), 2.0);
  EXPECT_DOUBLE_EQ(stats.layers(1).imbalance(), 0.0);
}

TEST_F(DiscoveryTest, ExpertStatsSayWhereExpertsAre) {
  std::array<ExpertFetch, 2> fetches;
  ExpertBoard board(2, 4);
  ExpertCacheCounters cache;
  FetchCounters store;
  board.SetSlots({&fetches[0], &fetches[1]});
  board.ShowSlot(1, 0);
  board.ShowSlot(6, 1);
  board.ShowLeased(1, true);
  fetches[0].state = FetchState::kPending;
  fetches[1].state = FetchState::kArrived;
  board.layer_of(1).num_late = 1;
  board.layer_of(6).num_hits = 4;
  board.layer_of(6).num_misses = 3;
  board.layer_of(1).num_evictions = 5;
  board.layer_of(6).num_evictions = 2;
  board.layer_of(6).expert_bytes = 4096;
  cache.guess_level = 2;
  cache.memory_bytes = 4096;
  store.silent_since_us = 1;  // since the machine started, nearly
  store.bytes_read[2] = 12345;
  store.num_pending[0] = 1;
  store.expert_seconds[0].Observe(0.25);
  Start({});
  server_->engine().set_expert_tier({.num_experts = 8,
                                     .num_slots = 2,
                                     .slot_bytes = 8192,
                                     .cache = &cache,
                                     .store = &store,
                                     .board = &board,
                                     .source = "m.fgw",
                                     .prefetch = "router"});
  experts::v1::GetExpertStatsResponse stats;
  ASSERT_TRUE(experts_->GetExpertStats(NewContext().get(), {}, &stats).ok());
  EXPECT_THAT(stats.layers(0).residency(),
              ElementsAre(experts::v1::EXPERT_RESIDENCY_ABSENT, experts::v1::EXPERT_RESIDENCY_LOADING,
                          experts::v1::EXPERT_RESIDENCY_ABSENT, experts::v1::EXPERT_RESIDENCY_ABSENT));
  EXPECT_EQ(stats.layers(1).residency(2), experts::v1::EXPERT_RESIDENCY_PINNED);
  EXPECT_EQ(stats.layers(1).expert_bytes(), 4096u);
  EXPECT_EQ(stats.tier().hits(), 4u);
  EXPECT_EQ(stats.tier().late(), 1u);
  EXPECT_EQ(stats.tier().misses(), 3u);
  EXPECT_EQ(stats.tier().evictions(), 7u);
  EXPECT_EQ(stats.tier().guess_level(), 2);
  EXPECT_EQ(stats.tier().memory_bytes(), 4096u);
  EXPECT_GT(stats.tier().silent_us(), 0u);
  EXPECT_FALSE(stats.tier().holds_all());
  ASSERT_EQ(stats.tier().reads_size(), 3);
  EXPECT_EQ(stats.tier().reads(0).read_class(), experts::v1::EXPERT_READ_CLASS_DEMAND);
  EXPECT_EQ(stats.tier().reads(0).pending_experts(), 1u);
  EXPECT_EQ(stats.tier().reads(0).expert_read_us(), 250000u);
  EXPECT_EQ(stats.tier().reads(2).bytes_read(), 12345u);
  wire::GetModelResponse model;
  ASSERT_TRUE(discovery_->GetModel(NewContext().get(), {}, &model).ok());
  EXPECT_EQ(model.architecture().expert_prefetch(), "router");
}

TEST_F(DiscoveryTest, TokensGuardDiscoveryToo) {
  Start({.token = "secret"});
  wire::GetServerInfoResponse info;
  const grpc::Status status = discovery_->GetServerInfo(NewContext().get(), {}, &info);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(info.version(), "");
}

class TokenizerFilesTest : public DiscoveryTest {
 protected:
  TokenizerFilesTest() : directory_(testing::TempDir() + "/tokenizer_files_test") {
    std::filesystem::create_directories(directory_);
    for (const auto& [name, content] : contents_) std::ofstream(directory_ + "/" + name) << content;
    DataServerOptions options;
    options.tokenizer_directory = directory_;
    for (const auto& [name, content] : contents_) options.tokenizer_files.push_back(name);
    Start(std::move(options));
  }

  grpc::Status Read(wire::TokenizerManifest* manifest, std::vector<std::string>* files) {
    const auto context = NewContext();
    const auto reader = discovery_->GetTokenizer(context.get(), {});
    for (wire::GetTokenizerResponse part; reader->Read(&part);) {
      if (part.has_manifest()) {
        *manifest = part.manifest();
        files->resize(static_cast<size_t>(part.manifest().files_size()));
        continue;
      }
      std::string& file = files->at(static_cast<size_t>(part.chunk().file()));
      EXPECT_EQ(part.chunk().offset(), file.size());
      file += part.chunk().data();
    }
    return reader->Finish();
  }

  const std::string directory_;
  const std::vector<std::pair<std::string, std::string>> contents_ = {
      {"tokenizer.json", std::string(1000000, 'x')}, {"tokenizer_config.json", "{}"}, {"chat_template.jinja", ""}};
};

TEST_F(TokenizerFilesTest, EveryFileArrivesWhole) {
  wire::TokenizerManifest manifest;
  std::vector<std::string> files;
  const grpc::Status status = Read(&manifest, &files);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(manifest.files_size(), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(manifest.files(i).name(), contents_[static_cast<size_t>(i)].first);
    EXPECT_EQ(files[static_cast<size_t>(i)], contents_[static_cast<size_t>(i)].second);
    Sha256 digest;
    digest.Update(files[static_cast<size_t>(i)]);
    EXPECT_EQ(manifest.files(i).sha256(), digest.Finish());
  }
  wire::GetModelResponse model;
  ASSERT_TRUE(discovery_->GetModel(NewContext().get(), {}, &model).ok());
  EXPECT_EQ(model.tokenizer().sha256(), manifest.sha256());
}

TEST_F(TokenizerFilesTest, AFileThatChangedIsDataLoss) {
  std::ofstream(directory_ + "/tokenizer.json") << std::string(999999, 'x') << "y";
  wire::TokenizerManifest manifest;
  std::vector<std::string> files;
  const grpc::Status status = Read(&manifest, &files);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(DetailsOf(status).reason, "TOKENIZER_CHANGED");
  EXPECT_NE(status.error_message().find("tokenizer.json"), std::string::npos) << status.error_message();
}

TEST_F(TokenizerFilesTest, AReaderWhoLeavesEndsTheStream) {
  const auto context = NewContext();
  const auto reader = discovery_->GetTokenizer(context.get(), {});
  wire::GetTokenizerResponse part;
  ASSERT_TRUE(reader->Read(&part));
  context->TryCancel();
  while (reader->Read(&part)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(server_->WaitForPermits());
}

TEST_F(DiscoveryTest, TokenizerFilesNeedATokenizer) {
  Start({.has_tokenizer = false});
  const auto context = NewContext();
  const auto reader = discovery_->GetTokenizer(context.get(), {});
  wire::GetTokenizerResponse part;
  EXPECT_FALSE(reader->Read(&part));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(DetailsOf(status).reason, "NO_TOKENIZER");
}

}  // namespace
}  // namespace foregate
