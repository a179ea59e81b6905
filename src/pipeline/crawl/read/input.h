// Everything a crawl reads, as one stream of items that can be entered again at any part's end.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/core/env.h"
#include "pipeline/crawl/extract/page.h"
#include "pipeline/crawl/read/warc.h"

namespace leam::crawl {

enum class FileKind : uint8_t { kHtml, kText, kWarc, kJsonl };

struct InputFile {
  std::string source;  // the input's name in leam.toml
  std::string path;    // to open
  std::string name;    // inside the input, for records: "de/text/01.html", or the file's own name
  FileKind kind = FileKind::kHtml;
  uint64_t size = 0;
};

// The files of one input, a folder (recursive, by the ending of the names) or a file (by its first bytes), in
// path order. `ignored` counts the files of a folder that are of no kind crawl reads.
Result<std::vector<InputFile>> list_input(const Env& env, const std::string& source, const std::string& path,
                                          uint64_t& ignored);

// One page, text or failure, not yet looked into.
struct Item {
  enum class Kind : uint8_t {
    kFile,     // a file to read: HTML or plain text, see `html`
    kPage,     // `bytes` is HTML as fetched
    kDecoded,  // `bytes` is HTML in UTF-8
    kText,     // `bytes` is text in UTF-8
    kHttp,     // `bytes` is an HTTP response
    kDrop,     // nothing to extract; `rule` and `detail` say why
  };
  Kind kind = Kind::kFile;
  uint32_t file = 0;    // index of the InputFile
  bool html = true;     // kFile
  uint64_t offset = 0;  // of the record in the file
  uint64_t skip = 0;    // unpacked bytes behind it, where records do not start at members
  uint64_t raw = 0;     // bytes of the page before extraction
  std::string bytes;
  PageHints hints;
  std::string locator;                               // what the document's id is the hash of
  std::string added, title, created, licence, lang;  // what the record says already
  std::string rule, detail;
};

// A place between two items.
struct Cursor {
  uint32_t file = 0;
  uint64_t offset = 0, skip = 0;
};

class InputStream {
 public:
  InputStream(const Env& env, const std::vector<InputFile>& files, size_t max_page_bytes, Cursor at);
  ~InputStream();
  // False behind the last item. Broken stretches come as kDrop items with rule "broken".
  bool next(Item& item);
  Cursor cursor() const;
  // Whether reading can go on from cursor() without losing anything.
  bool at_boundary() const { return queue_.empty(); }
  // Bytes of input files passed so far, for progress.
  uint64_t bytes_done() const;

 private:
  struct Open;
  void open_file();
  bool next_warc(Item& item);
  bool next_json(Item& item);
  void queue_broken(std::vector<Broken> broken);

  const Env& env_;
  const std::vector<InputFile>& files_;
  size_t max_page_bytes_;
  Cursor at_;
  std::unique_ptr<Open> open_;
  std::vector<Item> queue_;  // to be given before anything else, last one first
  uint64_t bytes_before_ = 0;
};

}  // namespace leam::crawl
