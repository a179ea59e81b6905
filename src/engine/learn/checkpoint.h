// Checkpoints: everything a run needs to go on to the bit. One is a folder step-NNNNNNNN, and a model folder
// that loads as one:
//   config.json, model.safetensors (f32 master weights), optimizer.safetensors (first and second moments by
//   parameter), state.json (step and whatever the caller adds)
// It is written under a temporary name, every file synced, then renamed; the last two are kept. Data position
// and random keys are functions of (seed, step), so the step is all there is to say.
// docs/formats/checkpoint.md.
#pragma once

#include <future>
#include <memory>
#include <string>

#include "base/core/env.h"
#include "base/core/json.h"
#include "engine/learn/trainer.h"

namespace leam::learn {

// Writes checkpoints beside the training: snapshot() copies, a thread of its own writes.
class CheckpointWriter {
 public:
  // `folder` holds the checkpoints of one run.
  CheckpointWriter(Env& env, std::string folder);
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Takes the state before step `step` and begins to write it. Waits for the one before; its error comes
  // back here or from wait().
  Result<void> begin(const Trainer& trainer, int64_t step, const json::object& more);
  Result<void> wait();
  // Bytes that the copy in flight takes.
  static uint64_t copy_bytes(const Parameters& parameters);

 private:
  struct Snapshot;
  static Result<void> write(Env& env, const std::string& folder, const Snapshot& snapshot);
  Env* env_;
  std::string folder_;
  std::unique_ptr<Snapshot> snapshot_;
  std::future<Result<void>> running_;
};

// The newest complete checkpoint's folder in `folder`; empty when there is none.
Result<std::string> newest_checkpoint(const Env& env, const std::string& folder);

struct CheckpointState {
  int64_t step = 0;  // steps done
  json::object more;
};
// Reads one into the trainer, which must have the same shape. Errors name file and tensor.
Result<CheckpointState> read_checkpoint(const Env& env, const std::string& checkpoint, Trainer& trainer);

// The model as a Hugging Face folder's config.json and model.safetensors, weights in the type it was trained
// in (DecoderConfig::to_json says which): what trained, serves and scores are the same bits.
Result<void> write_model(Env& env, const std::string& folder, const Parameters& parameters);

}  // namespace leam::learn
