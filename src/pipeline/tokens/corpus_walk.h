// Walking a corpus frame by frame on many threads, with a bounded number of frames in memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/artifact/documents.h"
#include "base/core/context.h"

namespace leam::tokens {

struct CorpusPart {
  std::string path;     // of part-NNNNN.jsonl.zst
  uint64_t number = 0;  // NNNNN
  uint64_t bytes = 0;   // of its text lines
};

// The parts to train on, in order; an error when there is none.
Result<std::vector<CorpusPart>> corpus_parts(const Env& env, const std::string& folder);

// Calls read(frame, documents) for every frame of a part on any thread, then done(frame) in frame order on
// the calling one. Frames are taken a few at a time; between those the stop flag is looked at, and
// `bytes_done` grows by the frames' bytes and is reported.
struct FrameWalk {
  std::string_view what;  // for progress and for the error when stopped: "counting words"
  uint64_t* bytes_done;
  uint64_t bytes_total;
};
Result<void> walk_frames(
    const CorpusPart& part, Context& context, const FrameWalk& walk,
    const std::function<Result<void>(size_t slot, std::vector<artifact::Document>&&)>& read,
    const std::function<Result<void>(size_t slot)>& done, size_t slots);

}  // namespace leam::tokens
