// One encoding. Private to this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/text/tokenizer/data_internal.h"
#include "base/text/tokenizer/word_cache_internal.h"

namespace leam::text::detail {

struct EncoderState {
  WordCache cache;
  BpeScratch bpe;
  std::vector<uint32_t> ids, bytes;            // of one word
  std::string repaired, normalized, prefixed;  // texts that had to be changed
};

void encode(const TokenizerData& data, EncoderState& state, std::string_view text,
            const EncodeOptions& options, std::vector<TokenId>& out);
void encode(const TokenizerData& data, EncoderState& state, std::string_view text,
            const EncodeOptions& options, Encoding& out);

}  // namespace leam::text::detail
