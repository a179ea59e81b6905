// `leam init PAGES`: a commented leam.toml for a folder of the user's own files.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/core/units.h"
#include "cli/command.h"
#include "cli/init_text.h"

namespace leam::cli {
namespace {

struct Found {
  uint64_t html = 0, warc = 0, jsonl = 0, text = 0, other = 0, bytes = 0;
  uint64_t readable() const { return html + warc + jsonl + text; }
};

// What crawl will read, by the ending of the name.
Found look_through(const std::vector<DirEntry>& files) {
  Found found;
  for (const DirEntry& f : files) {
    std::string_view name = f.path;
    for (std::string_view packed : {".gz", ".zst"}) {
      if (name.ends_with(packed)) name.remove_suffix(packed.size());
    }
    const auto ends = [&](std::initializer_list<std::string_view> endings) {
      return std::any_of(endings.begin(), endings.end(),
                         [&](std::string_view e) { return name.ends_with(e); });
    };
    if (ends({".html", ".htm", ".xhtml"})) {
      ++found.html;
    } else if (ends({".warc", ".arc"})) {
      ++found.warc;
    } else if (ends({".jsonl", ".json"})) {
      ++found.jsonl;
    } else if (ends({".txt"})) {
      ++found.text;
    } else {
      ++found.other;
      continue;
    }
    found.bytes += f.size;
  }
  return found;
}

// A TOML basic string.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// A key without quotation marks: letters, digits, _ and -.
std::string as_key(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    out += plain ? c : '-';
  }
  return out.empty() ? "pages" : out;
}

Result<void> init(Session& session, const std::string& pages, const std::string& project) {
  const Env& env = *session.env;
  if (!env.exists(pages)) {
    return Error(ErrorCode::kNotFound, "cli.init", fmt::format("there is no {}", pages),
                 "name a folder of HTML, WARC, JSONL or text files");
  }
  Found found;
  if (env.is_dir(pages)) {
    found = look_through(LEAM_TRY(env.list(pages, true)));
  } else {
    found = look_through({DirEntry{pages, LEAM_TRY(env.file_size(pages)), false}});
  }
  if (found.readable() == 0) {
    return Error(ErrorCode::kInvalid, "cli.init", fmt::format("nothing in {} that crawl reads", pages),
                 "it reads .html .htm .xhtml .txt .warc .jsonl, and the latter two as .gz or .zst");
  }
  const std::string path = path_join(project, "leam.toml");
  if (env.exists(path)) {
    return Error(ErrorCode::kDenied, "cli.init", fmt::format("{} is there already", path),
                 "it is not overwritten; move it away or name another --project folder");
  }
  namespace fs = std::filesystem;
  std::error_code ec;
  // Absolute first: of a folder that is not there yet, weakly_canonical() makes no absolute path.
  const fs::path here = fs::weakly_canonical(fs::absolute(project.empty() ? "." : project, ec), ec);
  const fs::path there = fs::weakly_canonical(fs::absolute(pages, ec), ec);
  const std::string name = as_key(here.filename().string());
  const std::string input = there.lexically_relative(here).string();
  const std::string source = as_key(there.stem().string());

  LEAM_TRY(session.env->make_dirs(project));
  const std::string text = fmt::format(fmt::runtime(kInitText), fmt::arg("name", toml_string(name)),
                                       fmt::arg("source", source), fmt::arg("input", toml_string(input)));
  LEAM_TRY(Config::parse(text, path));
  LEAM_TRY(session.env->write_atomic(path, text));
  std::string what;
  for (const auto& [n, kind] : {std::pair{found.html, "HTML pages"},
                                {found.warc, "WARC files"},
                                {found.jsonl, "JSONL files"},
                                {found.text, "text files"}}) {
    if (n > 0)
      what += fmt::format("{}{} {}", what.empty() ? "" : ", ", human_count(static_cast<double>(n)), kind);
  }
  fmt::print("wrote {} for {} ({}, {})\n", path, pages, what, human_bytes(static_cast<double>(found.bytes)));
  if (found.other > 0) fmt::print("{} other files there will not be read\n", found.other);
  fmt::print("next: leam run{}\n", project == "." ? "" : " --config " + path);
  return {};
}

}  // namespace

void add_init(CLI::App& app, Session& session) {
  CLI::App* command =
      app.add_subcommand("init", "write a commented leam.toml for a folder of your own files");
  auto pages = std::make_shared<std::string>();
  auto project = std::make_shared<std::string>(".");
  command->add_option("PAGES", *pages, "folder (or file) of HTML, WARC, JSONL or text")->required();
  command->add_option("--project", *project, "folder to write leam.toml into")->capture_default_str();
  command->callback([&session, pages, project] {
    session.action = [&session, pages, project] { return init(session, *pages, *project); };
  });
}

}  // namespace leam::cli
