#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/artifact/documents.h"
#include "base/artifact/frames_internal.h"

namespace leam::artifact {
namespace {

constexpr const char* kWhere = "artifact.frames";

struct FreeCCtx {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};
struct FreeDCtx {
  void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
};

uint64_t count_lines(std::string_view text) {
  return static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

Error damaged(const std::string& path, uint64_t offset, std::string_view what) {
  return Error(ErrorCode::kCorrupt, kWhere, fmt::format("{} at byte {}: {}", path, offset, what),
               "restore the file, or delete its folder and run the stage that made it again");
}

class ZstdFrameWriter : public FrameWriter {
 public:
  ZstdFrameWriter(Env& env, std::string path, Options options, std::unique_ptr<OutFile> file)
      : env_(env), path_(std::move(path)), options_(options), file_(std::move(file)) {}

  Result<void> add_line(std::string_view line) override {
    bug_if(line.find('\n') != std::string_view::npos, "a line holds a newline");
    if (!pending_.empty() && pending_.size() + line.size() + 1 > options_.frame_bytes) LEAM_TRY(flush());
    pending_ += line;
    pending_ += '\n';
    ++lines_;
    return {};
  }

  Result<void> add_frame(const PackedFrame& frame) override {
    LEAM_TRY(flush());
    lines_ += frame.lines;
    return put(frame);
  }

  Result<void> close() override {
    // A file without a line still holds a frame, so that a file of 0 bytes is always a damaged one.
    if (!pending_.empty() || index_.frames.empty()) LEAM_TRY(flush(true));
    LEAM_TRY(file_->sync());
    LEAM_TRY(file_->close());
    LEAM_TRY(env_.write_atomic(index_path(path_), write_index(index_)));
    return env_.rename(path_ + ".tmp", path_);
  }

  uint64_t lines() const override { return lines_; }

 private:
  Result<void> flush(bool even_empty = false) {
    if (pending_.empty() && !even_empty) return {};
    LEAM_TRY(put(LEAM_TRY(pack_frame(pending_, options_.level))));
    pending_.clear();
    return {};
  }
  Result<void> put(const PackedFrame& frame) {
    index_.frames.push_back({index_.file_size, frame.data.size(), frame.lines, frame.bytes});
    index_.file_size += frame.data.size();
    return file_->write(frame.data);
  }

  Env& env_;
  std::string path_;
  Options options_;
  std::unique_ptr<OutFile> file_;
  FrameIndex index_;
  std::string pending_;
  uint64_t lines_ = 0;
};

class ZstdFrameReader : public FrameReader {
 public:
  ZstdFrameReader(std::string path, std::unique_ptr<MappedFile> file)
      : path_(std::move(path)), file_(std::move(file)) {}

  const std::vector<Frame>& frames() const override { return frames_; }

  Result<std::string> read_frame(size_t index) const override {
    const Frame& f = frames_.at(index);
    std::string text(f.bytes, '\0');
    const std::string_view data = file_->bytes().substr(f.offset, f.size);
    const size_t n = ZSTD_decompress(text.data(), text.size(), data.data(), data.size());
    if (ZSTD_isError(n) != 0) return damaged(path_, f.offset, ZSTD_getErrorName(n));
    if (n != f.bytes)
      return damaged(path_, f.offset, fmt::format("the frame holds {} bytes, not {}", n, f.bytes));
    if (!text.empty() && text.back() != '\n') text += '\n';
    if (count_lines(text) != f.lines) return damaged(path_, f.offset, "the frame does not fit its index");
    return text;
  }

  // True when the index names frames that are where it says.
  bool use(const FrameIndex& index) {
    const std::string_view data = file_->bytes();
    if (index.file_size != data.size()) return false;
    for (const Frame& f : index.frames) {
      const std::string_view frame = data.substr(f.offset, f.size);
      if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != f.bytes || f.bytes > kMaxFrameBytes)
        return false;
    }
    frames_ = index.frames;
    return true;
  }

  Result<void> walk() {
    const std::string_view data = file_->bytes();
    if (data.empty()) return damaged(path_, 0, "the file is empty");
    std::unique_ptr<ZSTD_DCtx, FreeDCtx> context(ZSTD_createDCtx());
    bug_if(context == nullptr, "zstd gave no context");
    std::string buffer(ZSTD_DStreamOutSize(), '\0');
    uint64_t offset = 0;
    while (offset < data.size()) {
      if (!frames_.empty() && !ends_with_newline_) {
        return Error(ErrorCode::kInvalid, kWhere,
                     fmt::format("{} at byte {}: a line goes on in another zstd frame", path_, offset),
                     "write it anew: zstd -dc FILE | zstd > NEW, and name NEW as an input of [crawl]");
      }
      const size_t size = ZSTD_findFrameCompressedSize(data.data() + offset, data.size() - offset);
      if (ZSTD_isError(size) != 0)
        return damaged(path_, offset, fmt::format("no whole zstd frame ({})", ZSTD_getErrorName(size)));
      LEAM_TRY(measure(*context, {offset, size, 0, 0}, buffer));
      offset += size;
    }
    return {};
  }

 private:
  // Decompresses a frame without keeping it: its bytes, its lines, its checksum.
  Result<void> measure(ZSTD_DCtx& context, Frame f, std::string& buffer) {
    ZSTD_DCtx_reset(&context, ZSTD_reset_session_only);
    ZSTD_inBuffer in{file_->bytes().data() + f.offset, f.size, 0};
    char last = '\n';
    size_t left = 1;
    while (left != 0) {
      ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
      left = ZSTD_decompressStream(&context, &out, &in);
      if (ZSTD_isError(left) != 0) return damaged(path_, f.offset, ZSTD_getErrorName(left));
      f.lines += count_lines(std::string_view(buffer).substr(0, out.pos));
      f.bytes += out.pos;
      if (out.pos > 0) last = buffer[out.pos - 1];
      if (f.bytes > kMaxFrameBytes) {
        return Error(
            ErrorCode::kInvalid, kWhere,
            fmt::format("{} at byte {}: a frame of more than {} bytes", path_, f.offset, kMaxFrameBytes),
            "cut it into smaller files");
      }
    }
    if (f.bytes == 0 && f.size > 0 && !frames_.empty()) return {};  // a skippable or an empty frame
    ends_with_newline_ = last == '\n';
    if (!ends_with_newline_) ++f.lines;
    frames_.push_back(f);
    return {};
  }

  std::string path_;
  std::unique_ptr<MappedFile> file_;
  std::vector<Frame> frames_;
  bool ends_with_newline_ = true;
};

}  // namespace

Result<PackedFrame> pack_frame(std::string_view lines, int level) {
  bug_if(!lines.empty() && lines.back() != '\n', "a frame must end with a newline");
  if (lines.size() > kMaxFrameBytes) {
    return Error(ErrorCode::kInvalid, kWhere,
                 fmt::format("a document of {} bytes is longer than the {} that a frame may hold",
                             lines.size(), kMaxFrameBytes));
  }
  thread_local std::unique_ptr<ZSTD_CCtx, FreeCCtx> context(ZSTD_createCCtx());
  bug_if(context == nullptr, "zstd gave no context");
  ZSTD_CCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  PackedFrame frame;
  frame.data.resize(ZSTD_compressBound(lines.size()));
  const size_t n =
      ZSTD_compress2(context.get(), frame.data.data(), frame.data.size(), lines.data(), lines.size());
  bug_if(ZSTD_isError(n) != 0, ZSTD_getErrorName(n));
  frame.data.resize(n);
  frame.lines = count_lines(lines);
  frame.bytes = lines.size();
  return frame;
}

Result<std::unique_ptr<FrameWriter>> FrameWriter::create(Env& env, const std::string& path, Options options) {
  auto file = LEAM_TRY(env.create(path + ".tmp"));
  return std::unique_ptr<FrameWriter>(std::make_unique<ZstdFrameWriter>(env, path, options, std::move(file)));
}

Result<std::unique_ptr<FrameWriter>> FrameWriter::create(Env& env, const std::string& path) {
  return create(env, path, Options{});
}

Result<std::unique_ptr<FrameReader>> FrameReader::open(const Env& env, const std::string& path) {
  auto reader = std::make_unique<ZstdFrameReader>(path, LEAM_TRY(env.map(path)));
  const auto index_text = env.read_file(index_path(path));
  if (index_text.ok()) {
    const auto index = read_index(*index_text);
    if (index && reader->use(*index)) return std::unique_ptr<FrameReader>(std::move(reader));
  }
  LEAM_TRY(reader->walk());
  return std::unique_ptr<FrameReader>(std::move(reader));
}

}  // namespace leam::artifact
