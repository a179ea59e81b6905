#include "base/core/config.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace leam {

struct Config::Tree {
  toml::table root;
  std::string text;  // what it was parsed from
  const toml::table* table(std::string_view dotted) const {
    return dotted.empty() ? &root : root.at_path(dotted).as_table();
  }
};

namespace {

std::string at(const std::string& path, const toml::source_region& where) {
  return fmt::format("{}:{}", path, where.begin.line);
}

}  // namespace

Config::Config() : tree_(std::make_shared<Tree>()), path_("leam.toml"), folder_(".") {}

Result<Config> Config::load(const Env& env, const std::string& path) {
  auto text = env.read_file(path);
  if (!text.ok()) {
    Error e = std::move(text).error();
    return Error(e.code(), "core.config", e.what(),
                 "`leam init` writes a leam.toml; --config names another place");
  }
  return parse(*text, path);
}

Result<Config> Config::parse(std::string_view text, const std::string& path) {
  toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    return Error(ErrorCode::kInvalid, "core.config",
                 fmt::format("{}:{}:{}: {}", path, parsed.error().source().begin.line,
                             parsed.error().source().begin.column, parsed.error().description()));
  }
  Config config;
  auto tree = std::make_shared<Tree>();
  tree->root = std::move(parsed).table();
  tree->text = text;
  config.tree_ = std::move(tree);
  config.path_ = path;
  config.folder_ = path_dir(path);
  return config;
}

Result<Config> Config::with(const std::vector<std::string>& assignments) const {
  // Parsed anew rather than copied: a copied node has forgotten its line.
  Config out = LEAM_TRY(parse(tree_->text, path_));
  const auto tree = std::make_shared<Tree>();
  tree->root = std::move(toml::parse(tree_->text, path_)).table();
  tree->text = tree_->text;
  for (const std::string& assignment : assignments) {
    const size_t equals = assignment.find('=');
    const size_t dot = assignment.rfind('.', equals);
    if (equals == std::string::npos || dot == std::string::npos || dot == 0 || dot + 1 == equals) {
      return Error(ErrorCode::kInvalid, "core.config",
                   fmt::format("\"{}\" is not section.key=value", assignment),
                   "write for example --set train.steps=100");
    }
    const std::string section = assignment.substr(0, dot);
    const std::string key = assignment.substr(dot + 1, equals - dot - 1);
    const std::string value = assignment.substr(equals + 1);
    toml::parse_result parsed = toml::parse("v = " + value);
    toml::table* table = tree->root.at_path(section).as_table();
    if (table == nullptr) {
      // Sections in leam.toml are one level deep; deeper ones must be in the file to be changed here.
      table = tree->root.insert_or_assign(section, toml::table{}).first->second.as_table();
    }
    if (parsed && parsed.table().size() == 1) {
      parsed.table().begin()->second.visit([&](auto& node) { table->insert_or_assign(key, node); });
    } else {
      table->insert_or_assign(key, value);
    }
  }
  out.tree_ = tree;
  return out;
}

Section Config::section(std::string_view name) const {
  return Section(*this, std::string(name));
}

Result<void> Config::check_sections(const std::vector<std::string>& known) const {
  for (const auto& [key, node] : tree_->root) {
    if (std::find(known.begin(), known.end(), key.str()) != known.end() && node.is_table()) continue;
    const std::string close = nearest(key.str(), known);
    return Error(ErrorCode::kInvalid, "core.config",
                 fmt::format("{}: unknown {} \"{}\"", at(path_, node.source()),
                             node.is_table() ? "section" : "key", key.str()),
                 close.empty() ? fmt::format("known sections: {}", fmt::join(known, ", "))
                               : fmt::format("did you mean [{}]?", close));
  }
  return {};
}

Section::Section(const Config& config, std::string name)
    : tree_(config.tree_), name_(std::move(name)), path_(config.path_), folder_(config.folder_) {}

bool Section::present() const {
  return tree_->table(name_) != nullptr;
}

bool Section::has(std::string_view key) const {
  const toml::table* t = tree_->table(name_);
  return t != nullptr && t->contains(key);
}

void Section::fail(std::string_view key, std::string what, std::string hint) {
  const toml::table* t = tree_->table(name_);
  const toml::node* node = t != nullptr ? t->get(key) : nullptr;
  const std::string where = node != nullptr ? at(path_, node->source()) : path_;
  errors_.push_back(Error(ErrorCode::kInvalid, "core.config",
                          fmt::format("{}: {}.{} {}", where, name_, key, what), std::move(hint)));
}

namespace {
// Registers the key as known and gives its node, or null when it is absent.
const toml::node* look(const toml::table* table, std::vector<std::string>& known, std::string_view key) {
  known.emplace_back(key);
  return table != nullptr ? table->get(key) : nullptr;
}
}  // namespace

std::string Section::string(std::string_view key, std::string_view fallback) {
  const toml::node* node = look(tree_->table(name_), known_, key);
  if (node == nullptr) return std::string(fallback);
  if (const auto v = node->value_exact<std::string>()) return *v;
  fail(key, "must be text in quotation marks");
  return std::string(fallback);
}

std::string Section::choice(std::string_view key, std::string_view fallback,
                            const std::vector<std::string>& allowed) {
  std::string v = string(key, fallback);
  if (std::find(allowed.begin(), allowed.end(), v) != allowed.end()) return v;
  fail(key, fmt::format("is \"{}\"; it must be one of: {}", v, fmt::join(allowed, ", ")));
  return std::string(fallback);
}

int64_t Section::integer(std::string_view key, int64_t fallback, int64_t min, int64_t max) {
  const toml::node* node = look(tree_->table(name_), known_, key);
  if (node == nullptr) return fallback;
  const auto v = node->value_exact<int64_t>();
  if (!v) {
    fail(key, "must be a whole number");
  } else if (*v < min || *v > max) {
    fail(key, fmt::format("is {}; it must lie between {} and {}", *v, min, max));
  } else {
    return *v;
  }
  return fallback;
}

double Section::number(std::string_view key, double fallback, double min, double max) {
  const toml::node* node = look(tree_->table(name_), known_, key);
  if (node == nullptr) return fallback;
  if (!node->is_number()) {
    fail(key, "must be a number");
    return fallback;
  }
  const double v = node->value<double>().value_or(fallback);
  if (!(v >= min && v <= max)) {
    fail(key, fmt::format("is {}; it must lie between {} and {}", v, min, max));
    return fallback;
  }
  return v;
}

bool Section::flag(std::string_view key, bool fallback) {
  const toml::node* node = look(tree_->table(name_), known_, key);
  if (node == nullptr) return fallback;
  if (const auto v = node->value_exact<bool>()) return *v;
  fail(key, "must be true or false");
  return fallback;
}

std::vector<std::string> Section::strings(std::string_view key, const std::vector<std::string>& fallback) {
  const toml::node* node = look(tree_->table(name_), known_, key);
  if (node == nullptr) return fallback;
  std::vector<std::string> out;
  if (const auto one = node->value_exact<std::string>()) return {*one};
  if (const toml::array* list = node->as_array()) {
    for (const toml::node& e : *list) {
      const auto v = e.value_exact<std::string>();
      if (!v) {
        fail(key, "must be a list of texts in quotation marks");
        return fallback;
      }
      out.push_back(*v);
    }
    return out;
  }
  fail(key, "must be a text or a list of texts");
  return fallback;
}

double Section::seconds(std::string_view key, double fallback, double min, double max) {
  const toml::node* node = look(tree_->table(name_), known_, key);
  if (node == nullptr) return fallback;
  double v = fallback;
  if (node->is_number()) {
    v = node->value<double>().value_or(fallback);
  } else if (const auto text = node->value_exact<std::string>()) {
    auto parsed = parse_duration(*text);
    if (!parsed.ok()) {
      fail(key, parsed.error().what());
      return fallback;
    }
    v = *parsed;
  } else {
    fail(key, "must be a duration such as \"3min\"");
    return fallback;
  }
  if (!(v >= min && v <= max)) {
    fail(key, fmt::format("is {} s; it must lie between {} and {} s", v, min, max));
    return fallback;
  }
  return v;
}

std::string Section::resolve(std::string value) const {
  if (value.empty() || value.starts_with('/') || folder_ == ".") return value;
  return path_join(folder_, value);
}

std::string Section::path(std::string_view key, std::string_view fallback) {
  std::string p = string(key, fallback);
  if (has(key) && p.empty()) fail(key, "must name a file or folder");
  return resolve(std::move(p));
}

std::vector<std::string> Section::paths(std::string_view key, const std::vector<std::string>& fallback) {
  std::vector<std::string> out = strings(key, fallback);
  for (std::string& p : out) {
    if (has(key) && p.empty()) fail(key, "must name a file or folder");
    p = resolve(std::move(p));
  }
  return out;
}

void Section::table(std::string_view key) {
  const toml::node* node = look(tree_->table(name_), known_, key);
  if (node != nullptr && !node->is_table()) fail(key, "must be a table");
}

std::vector<std::string> Section::keys() {
  std::vector<std::string> out;
  if (const toml::table* t = tree_->table(name_)) {
    std::vector<std::pair<uint32_t, std::string>> by_line;
    for (const auto& [key, node] : *t) by_line.emplace_back(node.source().begin.line, std::string(key.str()));
    std::sort(by_line.begin(), by_line.end());
    for (auto& [line, key] : by_line) out.push_back(key);
  }
  known_.insert(known_.end(), out.begin(), out.end());
  return out;
}

Result<void> Section::finish() {
  if (!errors_.empty()) return errors_.front();
  if (const toml::table* t = tree_->table(name_)) {
    for (const auto& [key, node] : *t) {
      if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
      const std::string close = nearest(key.str(), known_);
      return Error(ErrorCode::kInvalid, "core.config",
                   fmt::format("{}: unknown key \"{}\" in [{}]", at(path_, node.source()), key.str(), name_),
                   close.empty() ? fmt::format("known keys: {}", fmt::join(known_, ", "))
                                 : fmt::format("did you mean \"{}\"?", close));
    }
  }
  return {};
}

Result<double> parse_duration(std::string_view text) {
  double v = 0;
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), v);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const double scale = unit.empty() || unit == "s"    ? 1
                       : unit == "min" || unit == "m" ? 60
                       : unit == "h"                  ? 3600
                       : unit == "d"                  ? 86400
                                                      : 0;
  if (err != std::errc() || scale == 0 || !std::isfinite(v) || v < 0) {
    return Error(ErrorCode::kInvalid, "core.config", fmt::format("\"{}\" is not a duration", text),
                 "write 90s, 3min, 1.5h or 2d");
  }
  return v * scale;
}

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& k : known) {
    std::vector<size_t> row(k.size() + 1);  // Levenshtein, one row at a time
    for (size_t j = 0; j <= k.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i;
      for (size_t j = 1; j <= k.size(); ++j) {
        const size_t substitute = diagonal + (word[i - 1] != k[j - 1] ? 1 : 0);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
      }
    }
    if (row[k.size()] < best_distance) {
      best_distance = row[k.size()];
      best = k;
    }
  }
  return best;
}

}  // namespace leam
