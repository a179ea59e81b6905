#include "pipeline/eval/zstd_baseline.h"

#include <zdict.h>
#include <zstd.h>

#include <string>
#include <vector>

namespace leam::eval {
namespace {

// Magic number 4, frame header descriptor 1, window descriptor 1 (RFC 8878, 3.1.1): with neither content
// size, checksum nor dictionary id in the frame.
constexpr uint64_t kFrameHeader = 6;

size_t checked(size_t code) {
  bug_if(ZSTD_isError(code) != 0, std::string("zstd: ") + ZSTD_getErrorName(code));
  return code;
}

}  // namespace

std::string train_dictionary(std::span<const std::string> texts, uint64_t bytes) {
  std::string joined;
  std::vector<size_t> sizes;
  for (const std::string& t : texts) {
    joined += t;
    sizes.push_back(t.size());
  }
  std::string dictionary(bytes, '\0');
  const size_t n = ZDICT_trainFromBuffer(dictionary.data(), dictionary.size(), joined.data(), sizes.data(),
                                         static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(n) != 0) return "";
  dictionary.resize(n);
  return dictionary;
}

std::string raw_dictionary(std::span<const std::string> texts, uint64_t bytes) {
  std::string out;
  for (size_t i = texts.size(); i-- > 0 && out.size() < bytes;) {
    const std::string& t = texts[i];
    out.insert(0, t.size() <= bytes - out.size() ? t : t.substr(t.size() - (bytes - out.size())));
  }
  return out;
}

struct ZstdCompressor::State {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string buffer;
};

ZstdCompressor::ZstdCompressor(std::string_view dictionary) : state_(std::make_unique<State>()) {
  if (state_->context == nullptr) throw std::bad_alloc();
  ZSTD_CCtx* c = state_->context;
  checked(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, kZstdLevel));
  checked(ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0));
  checked(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 0));
  checked(ZSTD_CCtx_setParameter(c, ZSTD_c_dictIDFlag, 0));
  if (!dictionary.empty()) checked(ZSTD_CCtx_loadDictionary(c, dictionary.data(), dictionary.size()));
}

ZstdCompressor::~ZstdCompressor() {
  ZSTD_freeCCtx(state_->context);
}

uint64_t ZstdCompressor::compressed_bytes(std::string_view text) {
  std::string& out = state_->buffer;
  if (out.size() < ZSTD_compressBound(text.size())) out.resize(ZSTD_compressBound(text.size()));
  const size_t n = checked(ZSTD_compress2(state_->context, out.data(), out.size(), text.data(), text.size()));
  bug_if(n < kFrameHeader || out[4] != 0, "zstd wrote another frame header than it was asked for");
  return n - kFrameHeader;
}

}  // namespace leam::eval
