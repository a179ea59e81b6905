#include "pipeline/serve/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/artifact/manifest.h"
#include "base/core/machine.h"
#include "base/core/units.h"
#include "engine/tensor/dispatch.h"
#include "pipeline/serve/service.h"

namespace leam::serve {
namespace {

tensor::DType compute_type(const std::string& dtype, const Machine& machine) {
  if (dtype == "bf16") return tensor::DType::kBF16;
  if (dtype == "f32") return tensor::DType::kF32;
  return machine.avx512_bf16 || machine.amx_bf16 ? tensor::DType::kBF16 : tensor::DType::kF32;
}

// The folder's identity for the ledger: its manifest's content hash, or a fresh one for a foreign folder.
Result<std::string> model_hash(const Env& env, const std::string& folder) {
  if (env.exists(path_join(folder, artifact::kManifestName))) {
    return LEAM_TRY(artifact::read_manifest(env, folder)).content;
  }
  return LEAM_TRY(artifact::content_hash(env, folder)).hex();
}

// Memory is planned before the first request: a server that would not fit says so now.
Result<void> check_memory(const nn::Decoder& decoder, const infer::SchedulerOptions& options,
                          const Machine& machine) {
  const uint64_t weights = decoder.weight_bytes(), cache = infer::cache_bytes(decoder, options);
  if (machine.memory_bytes == 0 || weights + cache <= machine.memory_bytes / 10 * 9) return {};
  return Error(ErrorCode::kFull, "serve",
               fmt::format("weights need {} and {} caches {}; this machine has {}",
                           human_bytes(static_cast<double>(weights)), options.max_running,
                           human_bytes(static_cast<double>(cache)),
                           human_bytes(static_cast<double>(machine.memory_bytes))),
               "lower max_concurrent or max_context in [serve]");
}

// One full step and one short one, so that the first client does not wait for kernels to be prepared.
void warm_up(const nn::Decoder& decoder, const tensor::Exec& exec, const infer::SchedulerOptions& options) {
  const std::vector<int32_t> ids(
      static_cast<size_t>(std::min(options.prefill_rows, decoder.config().max_context - 1)));
  nn::KvSlot slot = decoder.make_slot(exec.memory, static_cast<int64_t>(ids.size()) + 1);
  const nn::Chunk prompt{ids, 0, &slot, nn::Want::kLast};
  decoder.logits(exec, {&prompt, 1});
  const nn::Chunk next{std::span(ids).first(1), static_cast<int64_t>(ids.size()), &slot, nn::Want::kLast};
  decoder.logits(exec, {&next, 1});
}

}  // namespace

Result<Config> Config::from(const leam::Config& file) {
  Config c;
  Section s = file.section("serve");
  c.model = s.path("model", c.model);
  c.name = s.string("name", c.name);
  c.host = s.string("host", c.host);
  c.port = static_cast<int>(s.integer("port", c.port, 0, 65535));
  c.ledger = s.path("ledger", c.ledger);
  c.price.prompt_per_1k = s.integer("price_per_1k_prompt_micro_eur", c.price.prompt_per_1k, 0, 1'000'000'000);
  c.price.completion_per_1k =
      s.integer("price_per_1k_completion_micro_eur", c.price.completion_per_1k, 0, 1'000'000'000);
  c.dtype = s.choice("dtype", c.dtype, {"auto", "f32", "bf16"});
  c.max_concurrent = static_cast<int>(s.integer("max_concurrent", c.max_concurrent, 1, 4096));
  c.queue = static_cast<int>(s.integer("queue", c.queue, 0, 1'000'000));
  c.max_context = s.integer("max_context", c.max_context, 0, INT32_MAX);
  c.prefill_rows = s.integer("prefill_rows", c.prefill_rows, 1, 1'000'000);
  c.max_body = s.integer("max_body", c.max_body, 1024, 1 << 30);
  c.max_connections = static_cast<int>(s.integer("max_connections", c.max_connections, 1, 100'000));
  c.drain_seconds = s.seconds("drain", c.drain_seconds, 0, 86'400);
  LEAM_TRY(s.finish());
  c.energy = LEAM_TRY(EnergyAssumptions::from(file));
  return c;
}

Result<void> run(const Config& config, Context& ctx, const Listening& on_listening) {
  const Machine machine = this_machine();
  tensor::Memory memory;
  const tensor::Dispatch dispatch(LEAM_TRY(tensor::kernel_choice(std::getenv("LEAM_KERNEL"))));
  const tensor::Exec exec{ctx.pool, memory, dispatch};
  const auto tokenizer = LEAM_TRY(text::Tokenizer::load(ctx.env, config.model));
  const auto decoder =
      LEAM_TRY(nn::Decoder::load(ctx.env, exec, config.model, compute_type(config.dtype, machine)));
  const nn::DecoderConfig& shape = decoder->config();
  if (tokenizer.vocab_size() > static_cast<size_t>(shape.vocab)) {
    return Error(ErrorCode::kInvalid, "serve",
                 fmt::format("{}: the tokenizer has {} tokens, the model {}", config.model,
                             tokenizer.vocab_size(), shape.vocab),
                 "they do not belong together");
  }
  const infer::SchedulerOptions options{config.max_concurrent, config.queue, config.max_context,
                                        config.prefill_rows};
  LEAM_TRY(check_memory(*decoder, options, machine));

  const auto ledger = LEAM_TRY(store::Ledger::open(ctx.env, config.ledger));
  if (ledger->recovered() > 0) {
    ctx.reporter.note(fmt::format("{}: {} requests were cut off when the last server ended; not charged",
                                  config.ledger, ledger->recovered()));
  }
  const Keys keys = LEAM_TRY(Keys::open(ctx.env, config.ledger));
  const auto all_keys = LEAM_TRY(keys.list());
  if (std::ranges::none_of(all_keys, [](const Key& k) { return k.revoked_us == 0; })) {
    ctx.reporter.warn(
        "there is no API key yet, so every request will be refused; make one with "
        "`leam serve key add NAME`");
  }
  warm_up(*decoder, exec, options);
  auto scheduler = LEAM_TRY(infer::Scheduler::start(*decoder, exec, options));

  Offer offer;
  offer.name = config.name.empty() ? path_base(config.model) : config.name;
  offer.hash = LEAM_TRY(model_hash(ctx.env, config.model));
  offer.created = ctx.env.now_us() / 1'000'000;
  offer.vocab = shape.vocab;
  offer.eos_ids.assign(shape.eos_ids.begin(), shape.eos_ids.end());
  offer.price = config.price;
  offer.energy = config.energy;
  Service service(ctx.env, std::move(offer), tokenizer, *scheduler, *ledger, keys);

  http::ServerOptions http;
  http.host = config.host;
  http.port = static_cast<uint16_t>(config.port);
  http.limits.body_bytes = static_cast<size_t>(config.max_body);
  http.limits.connections = config.max_connections;
  http.refusal = [](int status, std::string_view what) {
    return to_response(status >= 500 ? server_error(status, std::string(what))
                                     : ApiError{.status = status, .message = std::string(what)});
  };
  auto server = LEAM_TRY(http::Server::start(
      std::move(http), [&service](std::shared_ptr<http::Exchange> x) { service.handle(x); }));
  service.set_server(server.get());
  on_listening(server->address());

  while (!ctx.stop.requested()) std::this_thread::sleep_for(std::chrono::milliseconds(20));

  // Take nothing new, finish what runs, cancel what is too slow; then every reservation is closed before
  // the ledger is.
  const bool finished = server->drain(config.drain_seconds);
  if (!finished) ctx.reporter.warn("some requests were not finished in time and are cut off");
  scheduler->stop();
  if (!finished) server->drain(1);
  service.set_server(nullptr);
  server.reset();
  service.wait_idle();
  scheduler.reset();
  return {};
}

}  // namespace leam::serve
