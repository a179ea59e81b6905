#include "pipeline/crawl/extract/metadata.h"

#include <algorithm>
#include <optional>

#include "base/core/json.h"
#include "pipeline/crawl/extract/render.h"

namespace leam::crawl {
namespace {

using html::Node;
using html::Tag;

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

std::string_view trim(std::string_view s) {
  constexpr std::string_view kBlank = " \t\r\n\f";
  const size_t a = s.find_first_not_of(kBlank);
  return a == std::string_view::npos ? std::string_view() : s.substr(a, s.find_last_not_of(kBlank) - a + 1);
}

// One of the words that a list separated by blanks holds.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const size_t a = list.find_first_not_of(" \t\r\n");
    if (a == std::string_view::npos) return false;
    list.remove_prefix(a);
    const size_t b = std::min(list.find_first_of(" \t\r\n"), list.size());
    if (lower(list.substr(0, b)) == word) return true;
    list.remove_prefix(b);
  }
  return false;
}

struct Licences {
  std::string meta, json_ld, link, anchor;
};

struct Found {
  std::string og_title, title, h1, headline;
  std::string date_meta, date_ld, date_time;
  std::string author_meta, author_ld, author_rel;
  std::string canonical, og_url;
  std::string robots, tdm, tdm_policy;
  Licences licences;
};

void keep_first(std::string& to, std::string_view value) {
  if (to.empty()) to = std::string(trim(value));
}

std::string licence_of(std::string_view url) {
  const std::string cc = creative_commons(url);
  return cc.empty() ? std::string(trim(url)) : cc;
}

void read_meta(const Node* n, Found& f) {
  std::string_view content = n->attr("content");
  if (content.empty()) return;
  std::string name = lower(n->attr("name"));
  if (name.empty()) name = lower(n->attr("property"));
  if (name.empty()) name = lower(n->attr("itemprop"));
  if (name.empty()) name = lower(n->attr("http-equiv"));
  if (name.empty()) return;
  if (name == "og:title") {
    keep_first(f.og_title, content);
  } else if (name == "article:published_time" || name == "datepublished" || name == "date" ||
             name == "dc.date" || name == "dc.date.issued" || name == "dcterms.issued" ||
             name == "dcterms.created" || name == "pubdate" || name == "publishdate" ||
             name == "publication_date" || name == "sailthru.date" || name == "og:pubdate" ||
             name == "dcterms.date" || name == "citation_publication_date" || name == "parsely-pub-date") {
    if (f.date_meta.empty()) f.date_meta = parse_date(content);
  } else if (name == "author" || name == "article:author" || name == "dc.creator" ||
             name == "dcterms.creator" || name == "parsely-author" || name == "sailthru.author") {
    if (content.find("://") == std::string_view::npos) keep_first(f.author_meta, content);
  } else if (name == "og:url") {
    keep_first(f.og_url, content);
  } else if (name == "robots") {
    f.robots += f.robots.empty() ? "" : ", ";
    f.robots += trim(content);
  } else if (name == "tdm-reservation") {
    if (trim(content) == "1" || trim(content) == "0") f.tdm = std::string(trim(content));
  } else if (name == "tdm-policy") {
    keep_first(f.tdm_policy, content);
  } else if (name == "license" || name == "licence" || name == "dc.rights.license" ||
             name == "dcterms.license" || name == "dc.license" || name == "dc.rights" ||
             name == "dcterms.rights") {
    if (f.licences.meta.empty()) {
      f.licences.meta = creative_commons(content);
      if (f.licences.meta.empty() && name.find("licen") != std::string::npos)
        f.licences.meta = licence_of(content);
    }
  }
}

std::string name_in(const json::value& v) {
  if (v.is_string()) return std::string(trim(v.as_string()));
  if (v.is_object()) {
    const json::value* name = v.as_object().if_contains("name");
    return name != nullptr ? name_in(*name) : "";
  }
  if (v.is_array()) {
    std::string all;
    for (const json::value& one : v.as_array()) {
      const std::string name = name_in(one);
      if (!name.empty()) all += (all.empty() ? "" : "; ") + name;
    }
    return all;
  }
  return "";
}

void read_json_ld(const json::value& v, Found& f, int depth) {
  if (depth > 6) return;
  if (v.is_array()) {
    for (const json::value& one : v.as_array()) read_json_ld(one, f, depth + 1);
    return;
  }
  if (!v.is_object()) return;
  const json::object& o = v.as_object();
  if (const json::value* graph = o.if_contains("@graph")) read_json_ld(*graph, f, depth + 1);
  if (const json::value* main = o.if_contains("mainEntity")) read_json_ld(*main, f, depth + 1);
  if (const json::value* d = o.if_contains("datePublished"); d != nullptr && d->is_string()) {
    if (f.date_ld.empty()) f.date_ld = parse_date(d->as_string());
  }
  if (const json::value* h = o.if_contains("headline"); h != nullptr && h->is_string())
    keep_first(f.headline, h->as_string());
  if (const json::value* a = o.if_contains("author")) keep_first(f.author_ld, name_in(*a));
  if (const json::value* l = o.if_contains("license")) {
    if (l->is_string() && f.licences.json_ld.empty()) f.licences.json_ld = licence_of(l->as_string());
    if (l->is_object() && f.licences.json_ld.empty()) {
      for (const char* key : {"url", "@id"}) {
        const json::value* url = l->as_object().if_contains(key);
        if (url != nullptr && url->is_string()) f.licences.json_ld = licence_of(url->as_string());
      }
    }
  }
}

void read_element(const Node* n, Found& f) {
  switch (n->tag) {
    case Tag::kMeta:
      read_meta(n, f);
      return;
    case Tag::kTitle:
      keep_first(f.title, inline_text(n));
      return;
    case Tag::kH1:
      if (f.h1.empty()) f.h1 = inline_text(n);
      return;
    case Tag::kLink: {
      const std::string_view rel = n->attr("rel");
      if (has_word(rel, "canonical")) keep_first(f.canonical, n->attr("href"));
      if (has_word(rel, "license") && f.licences.link.empty()) f.licences.link = licence_of(n->attr("href"));
      return;
    }
    case Tag::kA: {
      const std::string_view href = n->attr("href"), rel = n->attr("rel");
      if (f.licences.anchor.empty() && (href.find("creativecommons.org/") != std::string_view::npos))
        f.licences.anchor = creative_commons(href);
      if (f.licences.anchor.empty() && !rel.empty() && has_word(rel, "license") && !href.empty())
        f.licences.anchor = licence_of(href);
      if (f.author_rel.empty() && !rel.empty() && has_word(rel, "author")) f.author_rel = inline_text(n);
      return;
    }
    case Tag::kTime:
      if (f.date_time.empty()) {
        f.date_time = parse_date(n->attr("datetime"));
        if (f.date_time.empty() && !n->has_attr("datetime")) f.date_time = parse_date(inline_text(n));
      }
      return;
    case Tag::kScript:
      if (n->first != nullptr && lower(n->attr("type")) == "application/ld+json" &&
          n->first->data.size() < 1'000'000) {
        const auto v = parse_json(n->first->data, "JSON-LD");
        if (v.ok()) read_json_ld(*v, f, 0);
      }
      return;
    default:
      break;
  }
  if (n->n_attrs == 0) return;
  const std::string_view item = n->attr("itemprop");
  if (item.empty()) return;
  if (item == "datePublished" && f.date_meta.empty()) {
    const std::string_view content = n->attr("content").empty() ? n->attr("datetime") : n->attr("content");
    f.date_meta = parse_date(content.empty() ? std::string_view(inline_text(n)) : content);
  }
  if (item == "author" && f.author_rel.empty()) f.author_rel = inline_text(n).substr(0, 200);
}

// The title without the site's name behind it, when the page's first heading says where it ends.
std::string title_of(const Found& f) {
  if (!f.og_title.empty()) return f.og_title;
  if (!f.h1.empty() && f.h1.size() < 300 && f.title.starts_with(f.h1)) return f.h1;
  if (!f.title.empty()) return f.title;
  return !f.headline.empty() ? f.headline : f.h1.substr(0, 300);
}

}  // namespace

std::string creative_commons(std::string_view url) {
  const std::string all = lower(trim(url));
  const size_t host = all.find("creativecommons.org/");
  if (host == std::string::npos || (host != 0 && all[host - 1] != '/' && all[host - 1] != '.')) return "";
  std::string_view path = std::string_view(all).substr(host + 20);
  const bool licence = path.starts_with("licenses/"), dedication = path.starts_with("publicdomain/");
  if (!licence && !dedication) return "";
  path = path.substr(0, path.find_first_of("?#"));
  const size_t kind_at = path.find('/') + 1;
  const size_t kind_end = path.find('/', kind_at);
  const std::string_view kind =
      path.substr(kind_at, kind_end == std::string_view::npos ? kind_end : kind_end - kind_at);
  if (kind.empty() || kind.find_first_not_of("abcdefghijklmnopqrstuvwxyz+-") != std::string_view::npos)
    return "";
  std::string out = "https://creativecommons.org/";
  out.append(path.substr(0, kind_at)).append(kind).push_back('/');
  if (kind_end == std::string_view::npos) return out;
  path.remove_prefix(kind_end + 1);
  // Version, then perhaps a jurisdiction; "deed.de" and "legalcode" behind them are the same licence.
  const std::string_view version = path.substr(0, path.find('/'));
  if (version.empty() || version.find_first_not_of("0123456789.") != std::string_view::npos) return out;
  out.append(version).push_back('/');
  path.remove_prefix(std::min(path.size(), version.size() + 1));
  const std::string_view place = path.substr(0, path.find('/'));
  const bool jurisdiction = place.size() == 2 || place == "igo" || place == "scotland";
  if (jurisdiction && place.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string_view::npos)
    out.append(place).push_back('/');
  return out;
}

void read_metadata(const html::Document& document, const PageHints& hints, ExtractedPage& page) {
  Found f;
  for (const Node* n = document.root; n != nullptr; n = html::next_in_order(n, document.root)) {
    if (n->is_element() && n->ns == html::Ns::kHtml) read_element(n, f);
  }
  page.title = tidy_text(title_of(f));
  page.date = !f.date_meta.empty() ? f.date_meta : !f.date_ld.empty() ? f.date_ld : f.date_time;
  page.author = tidy_text(!f.author_ld.empty()     ? f.author_ld
                          : !f.author_meta.empty() ? f.author_meta
                                                   : f.author_rel);
  page.canonical = f.canonical.find("://") != std::string::npos ? f.canonical : f.og_url;
  if (const Node* root = document.html()) page.language = std::string(trim(root->attr("lang")));

  const Licences& l = f.licences;
  const std::pair<const std::string*, const char*> places[] = {
      {&l.meta, "meta"}, {&l.json_ld, "json-ld"}, {&l.link, "link"}, {&l.anchor, "anchor"}};
  for (const auto& [licence, from] : places) {
    if (licence->empty()) continue;
    if (page.licence.empty()) {
      page.licence = *licence;
      page.licence_from = from;
    } else if (*licence != page.licence) {
      page.licence_disagrees = true;
    }
  }

  page.robots = lower(f.robots);
  if (!hints.robots_tag.empty()) page.robots += (page.robots.empty() ? "" : ", ") + lower(hints.robots_tag);
  // TDM Reservation Protocol: what the document says comes after, and over, what its header says.
  std::string_view tdm = f.tdm;
  if (tdm.empty()) tdm = trim(hints.tdm_reservation);
  page.tdm = tdm == "1" ? "reserved" : tdm == "0" ? "allowed" : "";
  if (page.tdm == "reserved") page.tdm_policy = !f.tdm_policy.empty() ? f.tdm_policy : hints.tdm_policy;
}

}  // namespace leam::crawl
