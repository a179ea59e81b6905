#include "pipeline/crawl/read/source.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <optional>

namespace leam::crawl {
namespace {

constexpr size_t kPlainBlock = 1u << 20;
constexpr size_t kWholeMember = 16u << 20;  // a larger member is streamed
constexpr std::string_view kGzip("\x1F\x8B\x08", 3), kZstd("\x28\xB5\x2F\xFD", 4);

class PlainSource : public ByteSource {
 public:
  PlainSource(std::string_view bytes, uint64_t offset)
      : bytes_(bytes), at_(std::min<uint64_t>(offset, bytes.size())) {}
  bool next(Block& block) override {
    if (at_ >= bytes_.size()) return false;
    block = {bytes_.substr(at_, kPlainBlock), true, at_, false};
    at_ += block.bytes.size();
    return true;
  }
  bool is_plain() const override { return true; }
  uint64_t offset() const override { return at_; }

 private:
  std::string_view bytes_;
  uint64_t at_;
};

struct DecompressorCloser {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

// A gzip stream in pieces, for members too large to hold.
class Inflater {
 public:
  explicit Inflater(std::string_view packed, int window_bits = 15 + 16) : packed_(packed) {
    ok_ = inflateInit2(&z_, window_bits) == Z_OK;
  }
  ~Inflater() {
    if (ok_) inflateEnd(&z_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Some output, "" at the end of the member or on an error.
  std::string_view read() {
    if (!ok_ || done_) return {};
    out_.resize(kPlainBlock);
    z_.next_out = reinterpret_cast<Bytef*>(out_.data());
    z_.avail_out = static_cast<uInt>(out_.size());
    while (z_.avail_out > 0) {
      if (z_.avail_in == 0) {
        const size_t n = std::min<size_t>(packed_.size() - fed_, 1u << 20);
        if (n == 0) {
          done_ = failed_ = true;
          break;
        }
        z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed_.data() + fed_));
        z_.avail_in = static_cast<uInt>(n);
        fed_ += n;
      }
      const int code = inflate(&z_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        done_ = true;
        break;
      }
      if (code != Z_OK) {
        done_ = failed_ = true;
        break;
      }
    }
    return {out_.data(), out_.size() - z_.avail_out};
  }
  bool failed() const { return failed_ || !ok_; }
  size_t consumed() const { return fed_ - z_.avail_in; }

 private:
  std::string_view packed_;
  z_stream z_{};
  std::string out_;
  size_t fed_ = 0;
  bool ok_ = false, done_ = false, failed_ = false;
};

class GzipSource : public ByteSource {
 public:
  GzipSource(std::string_view bytes, uint64_t offset)
      : bytes_(bytes),
        at_(std::min<uint64_t>(offset, bytes.size())),
        tool_(libdeflate_alloc_decompressor()) {}

  bool next(Block& block) override {
    if (stream_ != nullptr && next_of_stream(block)) return true;
    while (at_ < bytes_.size()) {
      if (!bytes_.substr(at_).starts_with(kGzip)) {
        if (bytes_.find_first_not_of('\0', at_) == std::string_view::npos) {  // padding
          at_ = bytes_.size();
          return false;
        }
        lose("no gzip member here");
        continue;
      }
      size_t in = 0, out = 0;
      libdeflate_result code = LIBDEFLATE_BAD_DATA;
      // Most members are small; a member that does not fit is tried again with more room.
      for (size_t room = std::max<size_t>(out_.size(), 1u << 20);; room *= 4) {
        if (room > kWholeMember) room = kWholeMember;
        if (out_.size() < room) out_.resize(room);
        code = libdeflate_gzip_decompress_ex(tool_.get(), bytes_.data() + at_, bytes_.size() - at_,
                                             out_.data(), out_.size(), &in, &out);
        if (code != LIBDEFLATE_INSUFFICIENT_SPACE || room == kWholeMember) break;
      }
      if (code == LIBDEFLATE_SUCCESS) {
        block = {{out_.data(), out}, true, at_, std::exchange(gap_, false)};
        at_ += in;
        return true;
      }
      if (code == LIBDEFLATE_INSUFFICIENT_SPACE) {
        stream_ = std::make_unique<Inflater>(bytes_.substr(at_));
        stream_begin_ = true;
        if (next_of_stream(block)) return true;
        continue;
      }
      lose("damaged or truncated gzip member");
    }
    return false;
  }
  uint64_t offset() const override { return at_; }

 private:
  bool next_of_stream(Block& block) {
    const std::string_view piece = stream_->read();
    if (!piece.empty()) {
      block = {piece, std::exchange(stream_begin_, false), at_, std::exchange(gap_, false)};
      return true;
    }
    const bool failed = stream_->failed();
    const size_t used = stream_->consumed();
    stream_.reset();
    if (failed) {
      lose("damaged or truncated gzip member");
    } else {
      at_ += used;
    }
    return false;
  }

  // Reports the place and goes on at the next member that looks like one.
  void lose(std::string_view what) {
    broken_.push_back({at_, std::string(what)});
    gap_ = true;
    for (size_t from = at_ + 1;; ++from) {
      const size_t next = bytes_.find(kGzip, from);
      if (next == std::string_view::npos) {
        at_ = bytes_.size();
        return;
      }
      // Flags: the upper three bits are reserved and zero.
      if (next + 10 < bytes_.size() && (static_cast<uint8_t>(bytes_[next + 3]) & 0xE0) == 0) {
        at_ = next;
        return;
      }
      from = next;
    }
  }

  std::string_view bytes_;
  uint64_t at_;
  std::unique_ptr<libdeflate_decompressor, DecompressorCloser> tool_;
  std::string out_;
  std::unique_ptr<Inflater> stream_;
  bool stream_begin_ = false;
  bool gap_ = false;
};

struct ZstdCloser {
  void operator()(ZSTD_DStream* d) const { ZSTD_freeDStream(d); }
};

class ZstdSource : public ByteSource {
 public:
  ZstdSource(std::string_view bytes, uint64_t offset)
      : bytes_(bytes), at_(std::min<uint64_t>(offset, bytes.size())), tool_(ZSTD_createDStream()) {
    ZSTD_DCtx_setParameter(tool_.get(), ZSTD_d_windowLogMax, 27);
    out_.resize(kPlainBlock);
  }
  bool next(Block& block) override {
    while (at_ < bytes_.size()) {
      if (frame_start_) frame_ = at_;
      ZSTD_inBuffer in{bytes_.data() + at_, std::min<size_t>(bytes_.size() - at_, 1u << 20), 0};
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      const size_t code = ZSTD_decompressStream(tool_.get(), &out, &in);
      if (ZSTD_isError(code)) {
        lose(fmt::format("zstd: {}", ZSTD_getErrorName(code)));
        continue;
      }
      at_ += in.pos;
      const bool began = std::exchange(frame_start_, code == 0);
      if (code != 0 && out.pos == 0 && in.pos == 0) {
        lose("zstd frame makes no progress");
        continue;
      }
      // A frame whose header gave no bytes yet still begins with the first bytes it gives.
      pending_start_ = pending_start_ || began;
      if (out.pos == 0) continue;
      block = {
          {out_.data(), out.pos}, std::exchange(pending_start_, false), frame_, std::exchange(gap_, false)};
      return true;
    }
    if (!frame_start_) {
      // All input is read but the frame may hold back output.
      ZSTD_inBuffer in{nullptr, 0, 0};
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      const size_t code = ZSTD_decompressStream(tool_.get(), &out, &in);
      if (!ZSTD_isError(code) && out.pos > 0) {
        frame_start_ = code == 0;
        block = {
            {out_.data(), out.pos}, std::exchange(pending_start_, false), frame_, std::exchange(gap_, false)};
        return true;
      }
      broken_.push_back({frame_, "truncated zstd frame"});
      frame_start_ = true;
    }
    return false;
  }
  uint64_t offset() const override { return at_; }

 private:
  void lose(std::string what) {
    broken_.push_back({frame_, std::move(what)});
    gap_ = true;
    frame_start_ = true;
    ZSTD_DCtx_reset(tool_.get(), ZSTD_reset_session_only);
    const size_t next = bytes_.find(kZstd, std::max(frame_, at_ > frame_ ? at_ - 1 : frame_) + 1);
    at_ = next == std::string_view::npos ? bytes_.size() : next;
  }

  std::string_view bytes_;
  uint64_t at_, frame_ = 0;
  std::unique_ptr<ZSTD_DStream, ZstdCloser> tool_;
  std::string out_;
  bool frame_start_ = true, pending_start_ = false, gap_ = false;
};

// Keeps the mapped file alive under a source.
class OwningSource : public ByteSource {
 public:
  OwningSource(std::unique_ptr<MappedFile> file, uint64_t offset)
      : file_(std::move(file)), inner_(ByteSource::over(file_->bytes(), offset)) {}
  bool next(Block& block) override {
    const bool more = inner_->next(block);
    for (Broken& b : inner_->take_broken()) broken_.push_back(std::move(b));
    return more;
  }
  bool is_plain() const override { return inner_->is_plain(); }
  uint64_t offset() const override { return inner_->offset(); }

 private:
  std::unique_ptr<MappedFile> file_;
  std::unique_ptr<ByteSource> inner_;
};

}  // namespace

std::unique_ptr<ByteSource> ByteSource::over(std::string_view bytes, uint64_t offset) {
  if (bytes.starts_with(kGzip)) return std::make_unique<GzipSource>(bytes, offset);
  if (bytes.starts_with(kZstd)) return std::make_unique<ZstdSource>(bytes, offset);
  return std::make_unique<PlainSource>(bytes, offset);
}

Result<std::unique_ptr<ByteSource>> ByteSource::open(const Env& env, const std::string& path,
                                                     uint64_t offset) {
  auto file = LEAM_TRY(env.map(path));
  return std::unique_ptr<ByteSource>(std::make_unique<OwningSource>(std::move(file), offset));
}

bool unpack_all(std::string_view packed, size_t limit, std::string& out, bool& truncated) {
  truncated = false;
  const auto source = ByteSource::over(packed);
  Block block;
  bool any = false;
  while (source->next(block)) {
    any = true;
    const size_t room = limit - out.size();
    out.append(block.bytes.substr(0, room));
    if (block.bytes.size() > room) {
      truncated = true;
      return true;
    }
  }
  return any && source->take_broken().empty();
}

bool inflate_http(std::string_view packed, size_t limit, std::string& out, bool& truncated) {
  truncated = false;
  for (const int window : {15, -15}) {
    out.clear();
    Inflater z(packed, window);
    for (std::string_view piece; !(piece = z.read()).empty();) {
      const size_t room = limit - out.size();
      out.append(piece.substr(0, room));
      if (piece.size() > room) {
        truncated = true;
        return true;
      }
    }
    if (!z.failed()) return true;
  }
  return false;
}

}  // namespace leam::crawl
