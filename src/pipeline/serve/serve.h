// The served model: an OpenAI-compatible API with keys, metering and prices, on one model folder.
// docs/serve.md is its chapter.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/core/config.h"
#include "base/core/context.h"
#include "base/core/power.h"
#include "base/store/ledger.h"

namespace leam::serve {

struct Config {
  std::string model = "model";  // Hugging Face folder with tokenizer.json
  std::string name;             // what clients call the model; empty: the folder's own name
  std::string host = "127.0.0.1";
  int port = 8080;                        // 0: any free one
  std::string ledger = "ledger.db";       // usage rows and API keys
  store::Price price = {10'000, 10'000};  // micro-euros for 1,000 tokens: LEAM's assumption of 0.01 €
  std::string dtype = "auto";             // of the computation: auto, f32, bf16
  int max_concurrent = 8;                 // requests in a step
  int queue = 64;                         // requests waiting for a place
  int64_t max_context = 0;                // tokens of prompt and answer; 0: the model's
  int64_t prefill_rows = 256;             // prompt tokens a step
  int64_t max_body = 1 << 20;             // bytes of a request
  int max_connections = 512;
  double drain_seconds = 30;  // for running requests after Ctrl-C
  EnergyAssumptions energy;   // [energy]

  // Reads [serve] and [energy].
  static Result<Config> from(const leam::Config& file);
};

// "http://127.0.0.1:8080": called once, when requests are taken.
using Listening = std::function<void(const std::string& address)>;

// Serves until ctx.stop is set; then takes nothing new, finishes what runs (at most drain_seconds) and
// returns without error.
Result<void> run(const Config& config, Context& ctx, const Listening& on_listening);

}  // namespace leam::serve
