// Documents and corpora: one JSON object a line in the layout that Dolma and datatrove read, in
// *.jsonl.zst files made of independent zstd frames of about 4 MiB of text each.
//
//   part-00000.jsonl.zst        frames one after another; any zstd reads the whole file
//   part-00000.jsonl.zst.idx    the frame index: where each frame starts, its documents, its bytes
//
// So a reader can start at any frame, a worker can take a range of them, and an erasure rewrites one
// frame. Byte-level page: docs/formats/documents.md.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/core/context.h"
#include "base/core/hash.h"
#include "base/core/json.h"

namespace leam::artifact {

// One document. Empty strings are left out of the file.
struct Document {
  std::string id;       // 32 hex digits: hash128 of the source locator (URL, or file path and offset)
  std::string text;     // UTF-8, paragraphs separated by one newline
  std::string source;   // which collection: the input's name in leam.toml
  std::string created;  // of the page itself, ISO 8601, if it says
  std::string added;    // when it was fetched (WARC-Date), if known

  // metadata
  std::string url, title, lang;     // lang: ISO 639-1 where there is one ("de"), "und" when unknown
  double lang_score = 0;            // 0 … 1
  std::string licence;              // SPDX or URL as stated by the page
  std::string tdm;                  // "reserved", "allowed", "" (nothing said)
  std::string robots;               // robots meta / X-Robots-Tag as found, lower case ("noindex, nofollow")
  std::string security = "public";  // public, internal, confidential, personal
  json::object extra;               // anything else, kept as it came; a name from above is left out
};

// A dropped document: which stage and rule, the value it had and the threshold it missed.
struct Drop {
  std::string id, url, lang, stage, rule;
  double value = 0, threshold = 0;
  uint64_t chars = 0;  // code points of text lost
  std::string detail;  // e.g. the id of the document it duplicates, or a parse error with its offset
};

// One JSON object, no newline; the same document gives the same bytes. Bytes that are not UTF-8 become
// U+FFFD; a score or value that is not finite is a bug of the caller.
std::string to_line(const Document& d);
std::string to_line(const Drop& d);
// `where` names file and line in errors. A document needs an id and a text; members of metadata are also
// understood at the top level, null is like absent, what is unknown goes to `extra`.
Result<Document> document_from_line(std::string_view line, std::string_view where);
Result<Drop> drop_from_line(std::string_view line, std::string_view where);

// A finished zstd frame (content size and checksum in it) of whole lines. Frames can be packed on any
// thread and are then added in order, so that a part's bytes do not depend on the number of threads.
struct PackedFrame {
  std::string data;
  uint64_t lines = 0, bytes = 0;  // uncompressed
};
inline constexpr int kFrameLevel = 4;                // zstd: 7 % larger than 6 at half the time
inline constexpr size_t kFrameBytes = 4u << 20;      // of text before compression; a longer line is a frame
inline constexpr uint64_t kMaxFrameBytes = 1 << 30;  // what a reader accepts
// `lines`: each with its newline.
Result<PackedFrame> pack_frame(std::string_view lines, int level = kFrameLevel);

// Writes one *.jsonl.zst with its index. Both appear under their names only in close(), the index first:
// before that they are `<path>.tmp`, and a crash leaves nothing that could be taken for a part.
class FrameWriter {
 public:
  struct Options {
    int level = kFrameLevel;
    size_t frame_bytes = kFrameBytes;
  };
  static Result<std::unique_ptr<FrameWriter>> create(Env& env, const std::string& path, Options options);
  static Result<std::unique_ptr<FrameWriter>> create(Env& env, const std::string& path);
  virtual ~FrameWriter() = default;
  virtual Result<void> add_line(std::string_view line) = 0;      // without newline
  virtual Result<void> add_frame(const PackedFrame& frame) = 0;  // ends the frame of lines before it
  virtual Result<void> close() = 0;                              // synced and renamed
  virtual uint64_t lines() const = 0;
};

struct Frame {
  uint64_t offset = 0, size = 0;  // in the compressed file
  uint64_t lines = 0, bytes = 0;  // in it, uncompressed
};

// Reads one *.jsonl.zst, frame by frame; memory is one frame. Any zstd file of lines will do as long as
// its frames end where lines end.
class FrameReader {
 public:
  // Uses the index if it is there and agrees with the file; otherwise walks the frames.
  static Result<std::unique_ptr<FrameReader>> open(const Env& env, const std::string& path);
  virtual ~FrameReader() = default;
  virtual const std::vector<Frame>& frames() const = 0;
  // The frame's text, lines with their newlines. Thread-safe.
  virtual Result<std::string> read_frame(size_t index) const = 0;
};

// Every *.jsonl.zst below `folder` whose name starts with `prefix`, as paths, in path order. What lies in
// a stage's work folder does not count.
Result<std::vector<std::string>> list_parts(const Env& env, const std::string& folder,
                                            std::string_view prefix);

// All frames of a folder's files as one list: the pieces that work is cut into.
class FrameSet {
 public:
  static Result<FrameSet> open(const Env& env, const std::string& folder, std::string_view prefix);
  size_t size() const { return places_.size(); }
  const Frame& frame(size_t i) const;
  Result<std::string> read(size_t i) const;  // thread-safe
  // "<file>:<line>" of the line-th line of frame i, both counted from 0 (lines in the text from 1).
  std::string where(size_t i, uint64_t line) const;
  uint64_t lines() const { return lines_; }  // of all frames
  uint64_t bytes() const { return bytes_; }  // of all frames, uncompressed

 private:
  struct Place {
    size_t file, frame;
    uint64_t first_line;
  };
  std::vector<std::string> paths_;
  std::vector<std::unique_ptr<FrameReader>> readers_;
  std::vector<Place> places_;
  uint64_t lines_ = 0, bytes_ = 0;
};

// The lines of a frame's text, one call each, without newline; empty lines are skipped but counted.
Result<void> for_each_line_of(
    std::string_view frame, const std::function<Result<void>(std::string_view line, uint64_t number)>& visit);

// Calls `visit` for every line of every *.jsonl.zst below `folder` whose name starts with `prefix`,
// in path order then file order. `where` is "<file>:<line>".
Result<void> for_each_line(
    const Env& env, const std::string& folder, std::string_view prefix,
    const std::function<Result<void>(std::string_view line, std::string_view where)>& visit);

// The documents of an artifact folder (part-*.jsonl.zst), those with another prefix ("heldout-"), and its
// drops (drops*.jsonl.zst).
Result<void> for_each_document(const Env& env, const std::string& folder,
                               const std::function<Result<void>(Document&&)>& visit);
Result<void> for_each_document(const Env& env, const std::string& folder, std::string_view prefix,
                               const std::function<Result<void>(Document&&)>& visit);
Result<void> for_each_drop(const Env& env, const std::string& folder,
                           const std::function<Result<void>(Drop&&)>& visit);

}  // namespace leam::artifact
