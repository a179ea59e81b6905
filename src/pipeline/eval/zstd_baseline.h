// How well a general compressor does on the same texts: what a language model has to beat before its bits
// per byte mean anything.
//
// The rule is fair to zstd: level 19, one dictionary a language of up to 112,640 bytes (the default of
// `zstd --train`) from the texts the model was trained on, and a frame's header (magic number, descriptor,
// window: six bytes that carry nothing about the text) is not counted.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/core/result.h"

namespace leam::eval {

inline constexpr int kZstdLevel = 19;

// A dictionary of at most `bytes` bytes by ZDICT_trainFromBuffer; empty where zstd cannot make one from so
// few or so short texts.
std::string train_dictionary(std::span<const std::string> texts, uint64_t bytes);

// The last `bytes` bytes of the texts, to be used as they are: the better dictionary when there is little
// text.
std::string raw_dictionary(std::span<const std::string> texts, uint64_t bytes);

class ZstdCompressor {
 public:
  explicit ZstdCompressor(std::string_view dictionary);  // copied; may be empty
  ~ZstdCompressor();
  ZstdCompressor(const ZstdCompressor&) = delete;
  ZstdCompressor& operator=(const ZstdCompressor&) = delete;

  // Bytes of the text as one frame, its header not counted.
  uint64_t compressed_bytes(std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace leam::eval
