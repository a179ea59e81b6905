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
  json::object extra;               // anything else, kept as it came
};

// A dropped document: which stage and rule, the value it had and the threshold it missed.
struct Drop {
  std::string id, url, lang, stage, rule;
  double value = 0, threshold = 0;
  uint64_t chars = 0;  // code points of text lost
  std::string detail;  // e.g. the id of the document it duplicates, or a parse error with its offset
};

std::string to_line(const Document& d);  // one JSON object, no newline
std::string to_line(const Drop& d);
// `where` names file and line in errors.
Result<Document> document_from_line(std::string_view line, std::string_view where);
Result<Drop> drop_from_line(std::string_view line, std::string_view where);

// Writes one *.jsonl.zst with its index. The file appears under its name only in close(): before that
// it is `<path>.tmp`, and a crash leaves nothing that could be taken for a part.
class FrameWriter {
 public:
  struct Options {
    int level = 6;                  // zstd
    size_t frame_bytes = 4u << 20;  // of text before compression
  };
  static Result<std::unique_ptr<FrameWriter>> create(Env& env, const std::string& path, Options options);
  static Result<std::unique_ptr<FrameWriter>> create(Env& env, const std::string& path);
  virtual ~FrameWriter() = default;
  virtual Result<void> add_line(std::string_view line) = 0;  // without newline
  virtual Result<void> close() = 0;
  virtual uint64_t lines() const = 0;
};

struct Frame {
  uint64_t offset = 0, size = 0;  // in the compressed file
  uint64_t lines = 0, bytes = 0;  // in it, uncompressed
};

// Reads one *.jsonl.zst, frame by frame; memory is one frame.
class FrameReader {
 public:
  // Uses the index if it is there and agrees with the file; otherwise walks the frames.
  static Result<std::unique_ptr<FrameReader>> open(const Env& env, const std::string& path);
  virtual ~FrameReader() = default;
  virtual const std::vector<Frame>& frames() const = 0;
  // The frame's text, lines with their newlines. Thread-safe.
  virtual Result<std::string> read_frame(size_t index) const = 0;
};

// Calls `visit` for every line of every *.jsonl.zst below `folder` whose name starts with `prefix`,
// in path order then file order. `where` is "<file>:<line>".
Result<void> for_each_line(
    const Env& env, const std::string& folder, std::string_view prefix,
    const std::function<Result<void>(std::string_view line, std::string_view where)>& visit);

// The documents of an artifact folder (part-*.jsonl.zst), and its drops (drops*.jsonl.zst).
Result<void> for_each_document(const Env& env, const std::string& folder,
                               const std::function<Result<void>(Document&&)>& visit);
Result<void> for_each_drop(const Env& env, const std::string& folder,
                           const std::function<Result<void>(Drop&&)>& visit);

}  // namespace leam::artifact
