#include "server/config/server_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>
#include <utility>

#include "engine/model/weight_rules.h"
#include "google/protobuf/text_format.h"
#include "server/config/config_schema.h"
#include "server/config/cpu_list.h"
#include "server/config/expert_memory_setting.h"
#include "server/text/reply/reply_format.h"

namespace foregate {
namespace {

constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr int64_t kDayMs = 24LL * 3600 * 1000;
constexpr int64_t kPetabyte = int64_t{1} << 50;

struct Range {
  std::string_view path;
  int64_t low;
  int64_t high;
};

// Every numeric field has its row (a test compares with the schema).
constexpr std::array kRanges = {
    Range{"listen.max_connection_age_ms", 0, kMaxInt32},
    Range{"listen.max_connection_age_grace_ms", 0, kMaxInt32},
    Range{"engine.max_batch_tokens", 1, 65536},
    Range{"engine.max_running_requests", 1, 4096},
    Range{"engine.max_queued_requests", 1, 1000000},
    Range{"engine.max_queued_tokens", 1, kMaxInt32},
    Range{"engine.prefill_chunk_tokens", 1, 65536},
    Range{"engine.max_itl_stretch_percent", 0, 100000},
    Range{"engine.expert_affinity_steps", 0, 1000},
    Range{"engine.kv_block_tokens", 1, 1024},
    Range{"engine.kv_bytes", 1, kPetabyte},
    Range{"engine.max_sequence_tokens", 2, 1 << 24},
    Range{"engine.priority_aging_ms", 1, kDayMs},
    Range{"engine.step_wait_timeout_ms", 1, kDayMs},
    Range{"compute.threads", 0, 1024},
    Range{"compute.memory_bytes", 1 << 20, kPetabyte},
    // gRPC counts message bytes in an int.
    Range{"limits.max_request_bytes", 1024, kMaxInt32},
    Range{"limits.max_response_bytes", 1024, kMaxInt32},
    Range{"limits.max_stream_buffer_bytes", 1024, kMaxInt32},
    Range{"limits.text_threads", 1, 256},
    Range{"limits.max_concurrent_calls", 1, 1000000},
    Range{"lifecycle.drain_timeout_ms", 0, kDayMs},
    Range{"lifecycle.drain_notice_ms", 0, kDayMs},
    Range{"lifecycle.stall_timeout_ms", 100, kDayMs},
};

struct Choice {
  std::string_view path;
  std::array<std::string_view, 7> values;  // unused ones are empty
};

constexpr std::array kChoices = {
    Choice{"engine.kv_dtype", {"f32", "bf16"}},
    Choice{"engine.expert_memory_pressure", {"on", "off"}},
    Choice{"engine.expert_eviction", {"expected", "lru", "lfu"}},
    Choice{"engine.expert_prefetch", {"router", "predictor", "committed", "off"}},
    Choice{"compute.isa", {"amx", "avx512bf16", "avx512vnni", "avx512", "avx2", "portable", "scalar"}},
    Choice{"compute.numa", {"none", "interleave", "local"}},
    Choice{"telemetry.log_level", {"trace", "debug", "info", "warn", "error"}},
    Choice{"telemetry.log_format", {"text", "json"}},
};

struct HostPort {
  std::string host;
  int port = -1;
};

// "[::1]:50051" and "localhost:50051"; port -1 when it is no host:port.
HostPort SplitAddress(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return {};
  const std::string_view host = address.substr(0, colon);
  if (host.find(':') != std::string_view::npos && (host.front() != '[' || host.back() != ']')) return {};
  HostPort result{std::string(host), 0};
  const char* const end = address.data() + address.size();
  const auto [rest, error] = std::from_chars(address.data() + colon + 1, end, result.port);
  if (error != std::errc() || rest != end || result.port < 0 || result.port > 65535) return {};
  return result;
}

bool IsLoopback(std::string_view host) { return host == "localhost" || host == "[::1]" || host.starts_with("127."); }

// Collects problems; each names where its value came from.
class ProblemFinder {
 public:
  ProblemFinder(const ServerConfig& config, const ConfigOrigins& origins) : config_(config), origins_(origins) {}

  void Add(const std::string& path, const std::string& what) { problems_.push_back(Origin(path) + ": " + what); }

  void CheckRanges() {
    for (const Range& range : kRanges) {
      const auto value = GetConfigNumber(*FindConfigField(range.path), config_);
      if (value && (*value < range.low || *value > range.high))
        Add(std::string(range.path), std::to_string(*value) + " is not within " + std::to_string(range.low) + " and " +
                                         std::to_string(range.high));
    }
  }

  void CheckChoices() {
    for (const Choice& choice : kChoices) {
      const auto value = GetConfigField(*FindConfigField(choice.path), config_);
      if (!value || (!value->empty() && std::count(choice.values.begin(), choice.values.end(), *value) > 0)) continue;
      std::string expected;
      for (std::string_view name : choice.values) {
        if (!name.empty()) expected += (expected.empty() ? "" : ", ") + std::string(name);
      }
      Add(std::string(choice.path), "\"" + *value + "\" is none of " + expected);
    }
  }

  void CheckListener(const std::string& name, const std::string& address, const config::v1::TlsConfig& tls,
                     bool is_insecure) {
    const HostPort target = SplitAddress(address);
    if (target.port < 0) Add(name + ".address", "\"" + address + "\" is not host:port with a port from 0 to 65535");
    if (tls.cert_file().empty() != tls.key_file().empty())
      Add(name + (tls.cert_file().empty() ? ".tls.key_file" : ".tls.cert_file"),
          "certificate and key go together, but " + name +
              (tls.cert_file().empty() ? ".tls.cert_file" : ".tls.key_file") + " is not set");
    if (!tls.client_ca_file().empty() && tls.cert_file().empty() && tls.key_file().empty())
      Add(name + ".tls.client_ca_file", "asks clients for certificates, but " + name + ".tls.cert_file is not set");
    const bool has_tls = !tls.cert_file().empty() && !tls.key_file().empty();
    if (target.port >= 0 && !IsLoopback(target.host) && !has_tls && !is_insecure)
      Add(name + ".address", "\"" + address + "\" is reachable from outside this machine without TLS; set " + name +
                                 ".tls, or allow it with " + (name == "listen" ? "--insecure" : "--admin.insecure"));
  }

  void CheckReplyFormat() {
    const std::string& name = config_.model().reply_format();
    if (name == "auto") return;
    if (const auto format = ReplyFormat::Find(name); !format.ok()) {
      Add("model.reply_format", std::string(format.status().message()));
    }
  }

  void CheckWeights() {
    if (const auto rules = WeightRules::ForAll(config_.model().weights()); !rules.ok()) {
      Add("model.weights", std::string(rules.status().message()));
    }
    if (!config_.model().weight_rules_file().empty() && config_.model().weights() != "stored")
      Add("model.weight_rules_file",
          "takes the place of model.weights, which is \"" + config_.model().weights() + "\"");
  }

  void CheckAffinity() {
    const std::string& affinity = config_.compute().affinity();
    if (affinity == "none" || affinity == "auto") return;
    const absl::StatusOr<std::vector<int>> cpus = ParseCpuList(affinity);
    if (!cpus.ok()) {
      Add("compute.affinity", "\"" + affinity + "\" is neither none nor auto nor a list of CPUs such as 0-3,8: " +
                                  std::string(cpus.status().message()));
      return;
    }
    if (config_.compute().threads() > static_cast<int32_t>(cpus->size()))
      Add("compute.affinity", affinity + " names " + std::to_string(cpus->size()) +
                                  " CPUs for compute.threads = " + std::to_string(config_.compute().threads()));
  }

  void CheckCombinations() {
    CheckListener("listen", config_.listen().address(), config_.listen().tls(), config_.listen().insecure());
    CheckListener("admin", config_.admin().address(), config_.admin().tls(), config_.admin().insecure());
    const std::string& metrics = config_.telemetry().metrics_address();
    if (!metrics.empty() && SplitAddress(metrics).port < 0)
      Add("telemetry.metrics_address", "\"" + metrics + "\" is not host:port with a port from 0 to 65535");
    CheckDistinct("listen.address", "admin.address");
    CheckDistinct("listen.address", "telemetry.metrics_address");
    CheckDistinct("admin.address", "telemetry.metrics_address");
    const auto& engine = config_.engine();
    if (engine.prefill_chunk_tokens() > engine.max_batch_tokens())
      Add("engine.prefill_chunk_tokens", std::to_string(engine.prefill_chunk_tokens()) +
                                             " is more than a step holds: engine.max_batch_tokens is " +
                                             std::to_string(engine.max_batch_tokens()));
    const int32_t stretch = engine.max_itl_stretch_percent();
    if (stretch >= 1 && stretch <= 100)
      Add("engine.max_itl_stretch_percent", std::to_string(stretch) +
                                                " leaves a prompt no time beside running streams; it is above 100, or "
                                                "0 to hold no prompt back");
    if (const absl::Status parsed = ParseExpertMemory(engine.expert_memory()).status(); !parsed.ok())
      Add("engine.expert_memory", std::string(parsed.message()));
    if (engine.has_kv_bytes() && config_.compute().has_memory_bytes() &&
        engine.kv_bytes() >= config_.compute().memory_bytes())
      Add("engine.kv_bytes", std::to_string(engine.kv_bytes()) + " leaves nothing of compute.memory_bytes " +
                                 std::to_string(config_.compute().memory_bytes()) + " for weights");
    if (config_.limits().max_stream_buffer_bytes() > config_.limits().max_response_bytes())
      Add("limits.max_stream_buffer_bytes", std::to_string(config_.limits().max_stream_buffer_bytes()) +
                                                " could not be sent in one message: limits.max_response_bytes is " +
                                                std::to_string(config_.limits().max_response_bytes()));
  }

  std::vector<std::string> Take() { return std::move(problems_); }

 private:
  std::string Origin(const std::string& path) const {
    const auto found = origins_.find(path);
    return found == origins_.end() ? path : found->second;
  }

  void CheckDistinct(const std::string& a, const std::string& b) {
    const std::string address = *GetConfigField(*FindConfigField(a), config_);
    if (address == *GetConfigField(*FindConfigField(b), config_) && SplitAddress(address).port > 0)
      Add(b, "\"" + address + "\" is also " + a);
  }

  const ServerConfig& config_;
  const ConfigOrigins& origins_;
  std::vector<std::string> problems_;
};

}  // namespace

ServerConfig DefaultServerConfig() {
  ServerConfig config;
  config.mutable_model()->set_reply_format("auto");
  config.mutable_model()->set_weights("stored");
  auto* listen = config.mutable_listen();
  listen->set_address("127.0.0.1:50051");
  listen->set_insecure(false);
  listen->set_max_connection_age_ms(0);
  listen->set_max_connection_age_grace_ms(60000);
  auto* admin = config.mutable_admin();
  admin->set_address("127.0.0.1:50052");
  admin->set_insecure(false);
  auto* engine = config.mutable_engine();
  engine->set_max_batch_tokens(512);
  engine->set_max_running_requests(64);
  engine->set_max_queued_requests(256);
  engine->set_max_queued_tokens(131072);
  engine->set_prefill_chunk_tokens(256);
  engine->set_max_itl_stretch_percent(180);
  engine->set_kv_block_tokens(64);
  engine->set_kv_dtype("f32");
  engine->set_expert_memory("auto");
  engine->set_expert_eviction("expected");
  engine->set_expert_prefetch("router");
  engine->set_expert_memory_pressure("on");
  engine->set_expert_affinity_steps(0);
  engine->set_prefix_cache(true);
  engine->set_priority_aging_ms(1000);
  engine->set_step_wait_timeout_ms(30000);
  auto* compute = config.mutable_compute();
  compute->set_threads(0);
  compute->set_affinity("none");
  compute->set_numa("none");
  auto* limits = config.mutable_limits();
  limits->set_max_request_bytes(16 << 20);
  limits->set_max_response_bytes(64 << 20);
  limits->set_max_stream_buffer_bytes(4 << 20);
  // Two: one stays free for running streams while the other tokenizes a huge prompt.
  limits->set_text_threads(2);
  limits->set_max_concurrent_calls(1024);
  auto* telemetry = config.mutable_telemetry();
  telemetry->set_metrics_address("127.0.0.1:9464");
  telemetry->set_log_level("info");
  telemetry->set_log_format("text");
  telemetry->set_access_log(true);
  auto* lifecycle = config.mutable_lifecycle();
  lifecycle->set_drain_timeout_ms(30000);
  lifecycle->set_drain_notice_ms(0);
  lifecycle->set_stall_timeout_ms(120000);
  return config;
}

std::vector<std::string> FindConfigProblems(const ServerConfig& config, const ConfigOrigins& origins,
                                            bool needs_model) {
  ProblemFinder finder(config, origins);
  if (needs_model && config.model().dir().empty())
    finder.Add("model.dir", "not set; name a checkpoint with --model DIR");
  finder.CheckRanges();
  finder.CheckChoices();
  finder.CheckReplyFormat();
  finder.CheckWeights();
  finder.CheckAffinity();
  finder.CheckCombinations();
  return finder.Take();
}

std::string PrintServerConfig(const ServerConfig& config) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(config, &text);
  std::string automatic;
  for (const ConfigField& field : ConfigFields()) {
    if (!GetConfigField(field, config)) automatic += "# " + field.path + " is not set. " + field.comment + "\n";
  }
  return text + automatic;
}

}  // namespace foregate
