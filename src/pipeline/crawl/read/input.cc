#include "pipeline/crawl/read/input.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipeline/crawl/read/json_record.h"
#include "pipeline/crawl/read/lines.h"

namespace leam::crawl {
namespace {

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

bool kind_by_name(std::string_view path, FileKind& kind) {
  std::string name = lower(path_base(path));
  for (const std::string_view packed : {".gz", ".zst"}) {
    if (name.ends_with(packed)) name.resize(name.size() - packed.size());
  }
  struct Ending {
    std::string_view ending;
    FileKind kind;
  };
  constexpr Ending kEndings[] = {
      {".html", FileKind::kHtml},  {".htm", FileKind::kHtml},    {".xhtml", FileKind::kHtml},
      {".xht", FileKind::kHtml},   {".txt", FileKind::kText},    {".warc", FileKind::kWarc},
      {".arc", FileKind::kWarc},   {".wet", FileKind::kWarc},    {".jsonl", FileKind::kJsonl},
      {".json", FileKind::kJsonl}, {".ndjson", FileKind::kJsonl}};
  for (const Ending& e : kEndings) {
    if (name.ends_with(e.ending)) {
      kind = e.kind;
      return true;
    }
  }
  return false;
}

// By the first bytes, unpacked.
FileKind kind_by_content(std::string_view bytes, FileKind by_name, bool has_name) {
  const auto source = ByteSource::over(bytes);
  Block block;
  if (!source->next(block)) return has_name ? by_name : FileKind::kText;
  std::string_view head = block.bytes.substr(0, 4096);
  if (head.starts_with("WARC/") || head.starts_with("filedesc:")) return FileKind::kWarc;
  if (has_name) return by_name;
  const size_t first = head.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string_view::npos) return FileKind::kText;
  return head[first] == '{' ? FileKind::kJsonl : head[first] == '<' ? FileKind::kHtml : FileKind::kText;
}

}  // namespace

Result<std::vector<InputFile>> list_input(const Env& env, const std::string& source, const std::string& path,
                                          uint64_t& ignored) {
  std::vector<InputFile> files;
  if (!env.exists(path)) {
    return Error(ErrorCode::kNotFound, "crawl.input", fmt::format("input {} is missing: {}", source, path),
                 "check the path below [crawl.inputs]");
  }
  if (!env.is_dir(path)) {
    InputFile f{source, path, path_base(path), FileKind::kHtml, LEAM_TRY(env.file_size(path))};
    const bool named = kind_by_name(path, f.kind);
    if (f.size > 0) {
      const auto mapped = LEAM_TRY(env.map(path));
      f.kind = kind_by_content(mapped->bytes(), f.kind, named);
    }
    files.push_back(std::move(f));
    return files;
  }
  for (const DirEntry& e : LEAM_TRY(env.list(path, true))) {
    if (e.is_dir) continue;
    InputFile f{source, path_join(path, e.path), e.path, FileKind::kHtml, e.size};
    if (kind_by_name(e.path, f.kind)) {
      files.push_back(std::move(f));
    } else {
      ++ignored;
    }
  }
  return files;
}

struct InputStream::Open {
  std::unique_ptr<WarcReader> warc;
  std::unique_ptr<LineReader> lines;
  JsonRecordReader json;
};

InputStream::InputStream(const Env& env, const std::vector<InputFile>& files, size_t max_page_bytes,
                         Cursor at)
    : env_(env), files_(files), max_page_bytes_(max_page_bytes), at_(at), open_(std::make_unique<Open>()) {
  for (uint32_t i = 0; i < std::min<size_t>(at.file, files.size()); ++i) bytes_before_ += files[i].size;
}

InputStream::~InputStream() = default;

Cursor InputStream::cursor() const {
  if (open_->warc != nullptr) {
    const Position p = open_->warc->position();
    return {at_.file, p.offset, p.skip};
  }
  if (open_->lines != nullptr) {
    const Position p = open_->lines->position();
    return {at_.file, p.offset, p.skip};
  }
  return at_;
}

uint64_t InputStream::bytes_done() const {
  uint64_t inside = 0;
  if (open_->warc != nullptr) inside = open_->warc->file_offset();
  if (open_->lines != nullptr) inside = open_->lines->file_offset();
  return bytes_before_ + inside;
}

void InputStream::queue_broken(std::vector<Broken> broken) {
  std::reverse(broken.begin(), broken.end());
  for (Broken& b : broken) {
    Item item;
    item.kind = Item::Kind::kDrop;
    item.file = at_.file;
    item.offset = b.offset;
    item.rule = "broken";
    item.detail = std::move(b.what);
    queue_.push_back(std::move(item));
  }
}

// Opens a record file at the cursor; one that cannot be opened is one broken item.
void InputStream::open_file() {
  const InputFile& f = files_[at_.file];
  auto source = f.size == 0 ? Result<std::unique_ptr<ByteSource>>(ByteSource::over(""))
                            : ByteSource::open(env_, f.path, at_.offset);
  if (!source.ok()) {
    queue_broken({{0, source.error().what()}});
    source = ByteSource::over("");
  }
  if (f.kind == FileKind::kWarc) {
    open_->warc =
        std::make_unique<WarcReader>(std::move(*source), WarcReader::Options{max_page_bytes_}, at_.skip);
  } else {
    open_->lines = std::make_unique<LineReader>(std::move(*source), max_page_bytes_, at_.skip);
  }
}

bool InputStream::next(Item& item) {
  while (true) {
    if (!queue_.empty()) {
      item = std::move(queue_.back());
      queue_.pop_back();
      return true;
    }
    if (at_.file >= files_.size()) return false;
    const InputFile& f = files_[at_.file];
    if (f.kind == FileKind::kHtml || f.kind == FileKind::kText) {
      item = Item();
      item.file = at_.file;
      item.html = f.kind == FileKind::kHtml;
      item.raw = f.size;
      item.locator = f.source + '/' + f.name;
      bytes_before_ += f.size;
      at_ = {at_.file + 1, 0, 0};
      return true;
    }
    if (open_->warc == nullptr && open_->lines == nullptr) open_file();
    item = Item();
    item.file = at_.file;
    const bool more = f.kind == FileKind::kWarc ? next_warc(item) : next_json(item);
    queue_broken(open_->warc != nullptr ? open_->warc->take_broken() : open_->lines->take_broken());
    if (more) return true;
    if (!queue_.empty()) continue;
    open_->warc.reset();
    open_->lines.reset();
    bytes_before_ += f.size;
    at_ = {at_.file + 1, 0, 0};
  }
}

bool InputStream::next_warc(Item& item) {
  WarcRecord record;
  while (open_->warc->next(record)) {
    if (record.truncated) continue;  // among the broken ones
    const bool response = record.type == "response", resource = record.type == "resource";
    const bool conversion = record.type == "conversion";
    if (!response && !resource && !conversion) continue;
    if (!response && lower(record.content_type).find("dns") != std::string::npos) continue;
    const Position here{record.offset, 0};
    item.offset = here.offset;
    item.hints.url = record.uri;
    item.added = record.date;
    // Two fetches of one address are two documents.
    item.locator = record.uri + ' ' + record.date;
    item.raw = record.length;
    if (record.too_large) {
      item.kind = Item::Kind::kDrop;
      item.rule = "too-large";
      item.detail = fmt::format("record of {} bytes", record.length);
      return true;
    }
    item.bytes = std::move(record.block);
    const std::string type = lower(record.content_type);
    if (response && (type.find("application/http") != std::string::npos || item.bytes.starts_with("HTTP/"))) {
      item.kind = Item::Kind::kHttp;
    } else {
      item.hints.content_type = record.content_type;
      item.kind = conversion || type.starts_with("text/plain") ? Item::Kind::kText : Item::Kind::kPage;
    }
    return true;
  }
  return false;
}

bool InputStream::next_json(Item& item) {
  std::string_view line;
  while (open_->lines->next(line)) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Position at = open_->lines->start();
    std::string problem = open_->json.read(line, item);
    item.offset = at.offset;
    item.skip = at.skip;
    if (!problem.empty()) {
      item.kind = Item::Kind::kDrop;
      item.rule = "broken";
      item.detail = std::move(problem);
    } else if (item.locator.empty()) {
      item.locator =
          fmt::format("{}/{}#{}+{}", files_[at_.file].source, files_[at_.file].name, at.offset, at.skip);
    }
    return true;
  }
  return false;
}

}  // namespace leam::crawl
