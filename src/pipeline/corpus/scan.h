// Pass 1: reads every document once and keeps of each a record of 64 bytes, and of those that pass their
// own rules a MinHash signature. Records are in the order of the input.
//
// The input is cut into batches of whole frames by its frame index alone. Each batch becomes one file in the
// work folder, written atomically; a batch whose file is there is not read again.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/artifact/documents.h"
#include "base/core/context.h"
#include "pipeline/corpus/corpus.h"

namespace leam::corpus {

// Of the same layout on disk and in memory.
struct Record {
  Hash128 id;    // of the document's id, see id_hash()
  Hash128 text;  // normalised_hash()
  uint32_t chars = 0;
  uint32_t line_bytes = 0;
  char lang[15] = {};  // zero-padded; cut when longer
  Rule dropped = Rule::kNone;
  uint32_t signature = 0;  // its number among the batch's signatures
  uint32_t reserved = 0;

  std::string_view language() const;
  bool kept() const { return dropped == Rule::kNone; }
};
static_assert(sizeof(Record) == 64);

// An id of 32 hex digits is its own hash.
Hash128 id_hash(std::string_view id);

// Frames [begin, end) of the input.
struct Batch {
  size_t begin = 0, end = 0;
};
std::vector<Batch> cut_batches(const artifact::FrameSet& input, uint64_t batch_bytes);
uint64_t bytes_of(const artifact::FrameSet& input, Batch batch);

class Scan {
 public:
  // Finished batches are read from `work_folder`, the others made.
  static Result<Scan> make(const Config& c, const artifact::FrameSet& input, const std::string& work_folder,
                           Context& ctx);

  const std::vector<Batch>& batches() const { return batches_; }
  std::vector<Record>& records() { return records_; }
  const std::vector<Record>& records() const { return records_; }
  // The first record of frame i; there is one more entry than frames.
  const std::vector<uint64_t>& frame_start() const { return frame_start_; }
  std::span<const uint32_t> signature(size_t record) const;

 private:
  Result<void> load(const Env& env, const std::string& path, size_t batch);
  size_t places_ = 0;
  std::vector<Batch> batches_;
  std::vector<Record> records_;
  std::vector<uint64_t> frame_start_;
  std::vector<uint64_t> batch_start_;  // first record of each batch
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<const uint32_t*> signatures_;  // of each batch, in its file
};

// Runs task(i) for i in [0, n) on the pool. The error of the lowest task that failed; nothing new is begun
// after a failure or once a stop was asked for.
Result<void> run_tasks(Context& ctx, size_t n, const std::function<Result<void>(size_t)>& task);

}  // namespace leam::corpus
