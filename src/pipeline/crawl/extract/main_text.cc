// Finding the main text.
//
// 1. Every element gets an index; text is credited to the nearest element that begins a line, split into
// linked
//    and other text. A line's worth is its other text, little if it is short or mostly links.
// 2. Elements that are boilerplate by tag, role or name (words.h) are dropped, unless they hold so much of
// the
//    page's worth that the name must mean something else.
// 3. The container: from the body down to the smallest element that still holds most of the worth, or one
// that
//    the page itself names as the text.
// 4. From there up, if that brings in the lead or the title and little else; what comes behind the text stays
// out.
// 5. Inside, what is mostly links, lines that point elsewhere, and headings whose section is gone, are
// dropped.
#include "pipeline/crawl/extract/main_text.h"

#include <algorithm>
#include <vector>

#include "base/text/utf8.h"
#include "pipeline/crawl/extract/page.h"
#include "pipeline/crawl/extract/render.h"
#include "pipeline/crawl/extract/words.h"

namespace leam::crawl {
namespace {

using html::Node;
using html::Tag;
using html::TagSet;

struct Info {
  const Node* node = nullptr;
  uint32_t parent = 0;
  uint32_t own = 0, own_links = 0;  // code points of the lines that are this element's own
  uint32_t text = 0, links = 0;     // of the whole subtree
  float worth = 0;                  // of the whole subtree, dropped parts left out
  uint16_t paragraphs = 0;          // lines of worth in the subtree
  uint8_t roles = kNoRole;
  bool in_article = false;
};

constexpr TagSet kDroppedTags{Tag::kNav,    Tag::kFooter,   Tag::kAside, Tag::kMenu,
                              Tag::kSearch, Tag::kFieldset, Tag::kLabel, Tag::kLegend};

bool is_hidden(const Node* n) {
  for (uint16_t i = 0; i < n->n_attrs; ++i) {
    const html::Attr& a = n->attrs[i];
    if (a.name == "hidden") return true;
    if (a.name == "aria-hidden" && a.value == "true") return true;
    if (a.name == "style") {
      const size_t at = a.value.find("display");
      if (at != std::string_view::npos) {
        std::string_view rest = a.value.substr(at + 7);
        while (!rest.empty() && (rest.front() == ' ' || rest.front() == ':')) rest.remove_prefix(1);
        if (rest.starts_with("none")) return true;
      }
      if (a.value.find("visibility:hidden") != std::string_view::npos) return true;
    }
  }
  return false;
}

// One of several hidden alternatives that a script would choose from: the last one stands for them.
bool is_chosen_alternative(const Node* n) {
  if (n->parent == nullptr || n->parent->is(Tag::kBody)) return false;
  bool several = false;
  for (const Node* c = n->parent->first; c != nullptr; c = c->next) {
    if (c->is_text()) {
      for (char ch : c->data) {
        if (ch != ' ' && ch != '\n' && ch != '\t' && ch != '\r') return false;
      }
    } else if (c->is_element()) {
      if (!c->has_attr("hidden")) return false;
      if (c != n) several = true;
    }
  }
  const Node* after = n->next;
  while (after != nullptr && !after->is_element()) after = after->next;
  return several && after == nullptr;
}

// What a line of its own is worth.
float worth_of(uint32_t own, uint32_t links) {
  if (own < 10 || links * 2 > own) return 0;
  const auto plain = static_cast<float>(own - links);
  if (own < 40) return plain * 0.25f;
  if (own < 90) return plain * 0.6f;
  return plain;
}

class MainText {
 public:
  explicit MainText(const html::Document& document) : document_(document) {}

  std::string run() {
    const Node* body = document_.body();
    if (body == nullptr) body = document_.html();
    if (body == nullptr) return "";
    number(body);
    if (infos_.empty()) return "";
    add_up();
    drop_boilerplate();
    add_up();
    const uint32_t core = container();
    const uint32_t best = climb(core);
    if (best != core) drop_around(core, best);
    prune(best);
    drop_empty_headings(best);
    std::string out;
    render(infos_[best].node, dropped_, out);
    return out;
  }

 private:
  // Pre-order numbers for the elements, and the text of lines.
  void number(const Node* body) {
    uint32_t line = 0;  // index of the element whose line the text belongs to
    const Node* link = nullptr;
    for (Node* n = const_cast<Node*>(body); n != nullptr;) {
      if (n->is_element()) {
        n->index = static_cast<uint32_t>(infos_.size());
        Info info;
        info.node = n;
        info.parent = n == body ? 0 : parent_index(n);
        infos_.push_back(info);
        dropped_.push_back(0);
        if (kNeverText.has(n->tag) || (is_hidden(n) && !is_chosen_alternative(n) && n != body)) {
          dropped_.back() = 1;
          n = html::next_skipping(n, body);
          continue;
        }
        infos_.back().roles = roles_of(n);
      } else if (n->is_text()) {
        const auto length = static_cast<uint32_t>(visible_length(n->data));
        if (length > 0) {
          line = line_of(n, body, link);
          infos_[line].own += length;
          if (link != nullptr) infos_[line].own_links += length;
        }
      }
      n = html::next_in_order(n, body);
    }
  }

  static uint32_t parent_index(const Node* n) {
    const Node* p = n->parent;
    while (p != nullptr && !p->is_element()) p = p->parent;
    return p == nullptr ? 0 : p->index;
  }

  // The element whose line a text is on, and the link it is in.
  static uint32_t line_of(const Node* text, const Node* body, const Node*& link) {
    link = nullptr;
    const Node* p = text->parent;
    while (p != nullptr && p != body && !(p->is_element() && kLineElements.has(p->tag))) {
      if (p->is(Tag::kA)) link = p;
      p = p->parent;
    }
    if (link == nullptr) {
      // A link around whole blocks.
      for (const Node* q = p; q != nullptr && q != body; q = q->parent) {
        if (q->is(Tag::kA)) {
          link = q;
          break;
        }
      }
    }
    return p == nullptr || !p->is_element() ? 0 : p->index;
  }

  static uint64_t visible_length(std::string_view s) {
    size_t a = 0, b = s.size();
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; };
    while (a < b && blank(s[a])) ++a;
    while (b > a && blank(s[b - 1])) --b;
    return text::count_code_points(s.substr(a, b - a));
  }

  void add_up() {
    for (Info& i : infos_) {
      i.text = i.own;
      i.links = i.own_links;
      i.worth = worth_of(i.own, i.own_links);
      i.paragraphs = i.worth >= 40 ? 1 : 0;
    }
    for (uint32_t i = static_cast<uint32_t>(infos_.size()); i-- > 1;) {
      if (dropped_[i] != 0) continue;
      Info& up = infos_[infos_[i].parent];
      up.text += infos_[i].text;
      up.links += infos_[i].links;
      up.worth += infos_[i].worth;
      up.paragraphs = static_cast<uint16_t>(std::min(65535, up.paragraphs + infos_[i].paragraphs));
    }
  }

  void drop_boilerplate() {
    const float total = infos_[0].worth;
    for (uint32_t i = 1; i < infos_.size(); ++i) {
      const Info& e = infos_[i];
      if (dropped_[i] != 0 || dropped_[e.parent] != 0) {
        if (dropped_[e.parent] != 0) dropped_[i] = 1;
        continue;
      }
      const float share = total > 0 ? e.worth / total : 0;
      const float links = e.text > 0 ? static_cast<float>(e.links) / static_cast<float>(e.text) : 0;
      const Tag tag = e.node->tag;
      bool drop = false;
      if (tag == Tag::kBlockquote) continue;
      if (tag == Tag::kFigcaption) drop = true;
      if (kDroppedTags.has(tag)) drop = share < 0.5f || e.worth < 100;
      if (tag == Tag::kHeader) drop = share < 0.2f && !contains_heading1(e.node);
      if (tag == Tag::kForm) drop = share < 0.1f;
      if ((e.roles & kStrong) != 0) drop = drop || share < 0.4f;
      if ((e.roles & kComment) != 0) drop = drop || share < 0.7f;
      if ((e.roles & kWeak) != 0 && (e.roles & (kContent | kFrame)) == 0 && (e.roles & kLead) == 0) {
        drop = drop || (share < 0.15f && (links > 0.25f || e.worth < 50));
      }
      if (drop && !html::kHeadings.has(tag)) dropped_[i] = 1;
    }
  }

  static bool contains_heading1(const Node* root) {
    for (const Node* n = root; n != nullptr; n = html::next_in_order(n, root)) {
      if (n->is(Tag::kH1)) return true;
    }
    return false;
  }

  uint32_t container() const {
    const float total = infos_[0].worth;
    // A part that names itself the text and holds enough of it.
    uint32_t named = 0;
    float most = 0;
    for (uint32_t i = 1; i < infos_.size(); ++i) {
      if (dropped_[i] != 0 || (infos_[i].roles & kContent) == 0) continue;
      if (infos_[i].worth > most) {
        most = infos_[i].worth;
        named = i;
      }
    }
    if (named != 0 && most > 0.4f * total && most > 150) return named;
    uint32_t article = 0;
    most = 0;
    for (uint32_t i = 1; i < infos_.size(); ++i) {
      if (dropped_[i] != 0 || !(infos_[i].node->is(Tag::kArticle) || infos_[i].node->is(Tag::kMain)))
        continue;
      if (infos_[i].worth > most) {
        most = infos_[i].worth;
        article = i;
      }
    }
    uint32_t at = article != 0 && most > 0.5f * total && most > 150 ? article : 0;
    while (true) {
      uint32_t next = 0;
      for (const Node* c = infos_[at].node->first; c != nullptr; c = c->next) {
        if (!c->is_element() || dropped_[c->index] != 0) continue;
        if (infos_[c->index].worth >= 0.88f * infos_[at].worth && infos_[c->index].worth > 0) next = c->index;
      }
      if (next == 0 || !kLineElements.has(infos_[next].node->tag)) break;
      if (infos_[next].node->is(Tag::kP) || infos_[next].node->is(Tag::kLi) ||
          infos_[next].node->is(Tag::kPre))
        break;
      at = next;
    }
    return at;
  }

  // Up to an element that also holds the lead or the first heading, if little else comes with it.
  uint32_t climb(uint32_t at) const {
    uint32_t best = at;
    const float own = infos_[at].worth;
    uint32_t up = at;
    for (int steps = 0; steps < 7 && up != 0; ++steps) {
      up = infos_[up].parent;
      if (up == 0 || infos_[up].worth > 1.5f * own + 100) break;
      bool lead = infos_[up].node->is(Tag::kArticle);
      const uint32_t end = end_of(up);
      for (uint32_t i = up + 1; i < end && !lead; ++i) {
        if (i == best) {
          i = end_of(best) - 1;
          continue;
        }
        if (dropped_[i] == 0 && infos_[i].text > 0 &&
            (infos_[i].node->is(Tag::kH1) || (infos_[i].roles & kLead) != 0))
          lead = true;
      }
      if (lead) best = up;
    }
    return best;
  }
  // Of what climbing brought in: what stands behind the text goes (tags, authors, links), and of what stands
  // before it all but headings, leads and whole sentences.
  void drop_around(uint32_t core, uint32_t best) {
    for (uint32_t i = end_of(core); i < end_of(best); ++i) dropped_[i] = 1;
    for (uint32_t i = best + 1; i < core; ++i) {
      if (end_of(i) > core) continue;  // around it
      const Info& e = infos_[i];
      if (dropped_[i] != 0 || !kLineElements.has(e.node->tag) || e.own == 0) continue;
      if (html::kHeadings.has(e.node->tag) || (e.roles & kLead) != 0 || e.own - e.own_links >= 60) continue;
      bool lead = false;
      for (uint32_t p = e.parent; p > best; p = infos_[p].parent)
        lead = lead || (infos_[p].roles & kLead) != 0;
      if (!lead && e.worth < 60) dropped_[i] = 1;
    }
  }
  // One past the last index in the subtree.
  uint32_t end_of(uint32_t root) const {
    const Node* n = html::next_skipping(infos_[root].node, infos_[0].node);
    while (n != nullptr && !n->is_element()) n = html::next_in_order(n, infos_[0].node);
    return n == nullptr ? static_cast<uint32_t>(infos_.size()) : n->index;
  }

  // A heading that nothing follows before the next one of its rank, or the end, has lost its section.
  void drop_empty_headings(uint32_t best) {
    const uint32_t end = end_of(best);
    int pending_rank = 0;
    uint32_t pending = 0;
    for (uint32_t i = best + 1; i < end; ++i) {
      const Info& e = infos_[i];
      if (dropped_[i] != 0) {
        i = end_of(i) - 1;
        continue;
      }
      if (html::kHeadings.has(e.node->tag)) {
        const int rank = static_cast<int>(e.node->tag) - static_cast<int>(Tag::kH1) + 1;
        if (pending != 0 && rank <= pending_rank && pending_rank > 1) dropped_[pending] = 1;
        pending = i;
        pending_rank = rank;
        i = end_of(i) - 1;
        continue;
      }
      if (e.own > 0) pending = 0;
    }
    if (pending != 0 && pending_rank > 1) dropped_[pending] = 1;
  }

  // "Read also: …", "Photo: …": lines that point elsewhere, by how they begin.
  static bool is_pointer(const Node* root) {
    constexpr std::string_view kStarts[] = {"lesen sie auch",
                                            "lies auch",
                                            "auch interessant",
                                            "mehr zum thema",
                                            "mehr dazu",
                                            "weiterlesen",
                                            "zum weiterlesen",
                                            "siehe auch",
                                            "das k\xC3\xB6nnte",
                                            "weitere artikel",
                                            "\xC3\xA4hnliche",
                                            "foto:",
                                            "fotos:",
                                            "bild:",
                                            "bilder:",
                                            "quelle:",
                                            "read also",
                                            "read more",
                                            "also read",
                                            "see also",
                                            "related",
                                            "more on",
                                            "you may also",
                                            "photo:",
                                            "image:",
                                            "credit:",
                                            "share this",
                                            "follow us",
                                            "lea tambi\xC3\xA9n",
                                            "lee tambi\xC3\xA9n",
                                            "le puede",
                                            "te puede",
                                            "puedes ver",
                                            "leer m\xC3\xA1s",
                                            "\xC3\xA0 lire",
                                            "lire aussi",
                                            "voir aussi",
                                            "lire la suite",
                                            "cr\xC3\xA9"
                                            "dit",
                                            "leggi anche",
                                            "leggi tutto",
                                            "czytaj",
                                            "zobacz",
                                            "przeczytaj",
                                            "polecamy",
                                            "fot.",
                                            "lees ook",
                                            "lees meer",
                                            "tags:",
                                            "schlagw\xC3\xB6rter",
                                            "kategorie",
                                            "teilen",
                                            "diesen artikel",
                                            "artikel teilen",
                                            "kommentare",
                                            "newsletter",
                                            "melden sie sich",
                                            "abonnieren",
                                            "anzeige",
                                            "werbung",
                                            "advertisement",
                                            "temas relacionados",
                                            "ver tambi\xC3\xA9n",
                                            "leia tamb\xC3\xA9m",
                                            "kuva:",
                                            "l\xC3\xA4s mer",
                                            "l\xC3\xA4s ocks\xC3\xA5",
                                            "skip to",
                                            "jetzt anmelden",
                                            "artikel drucken",
                                            "drucken",
                                            "zur\xC3\xBC"
                                            "ck zu"};
    const std::string all = inline_text(root).substr(0, 40);
    std::string head;
    for (char c : all) head.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    const size_t first = head.find_first_not_of(" >[(-+\"");
    if (first == std::string::npos) return false;
    const std::string_view from = std::string_view(head).substr(first);
    for (std::string_view start : kStarts) {
      if (from.starts_with(start)) return true;
    }
    return false;
  }

  void prune(uint32_t best) {
    for (uint32_t i = best + 1; i < infos_.size(); ++i) {
      const Info& e = infos_[i];
      if (dropped_[i] != 0) continue;
      if (dropped_[e.parent] != 0 && e.parent >= best) {
        dropped_[i] = 1;
        continue;
      }
      if (!kLineElements.has(e.node->tag) || e.text == 0) continue;
      if (e.text < 160 && is_pointer(e.node)) {
        dropped_[i] = 1;
        continue;
      }
      const float links = static_cast<float>(e.links) / static_cast<float>(e.text);
      const Tag tag = e.node->tag;
      if (tag == Tag::kUl || tag == Tag::kOl || tag == Tag::kDiv || tag == Tag::kSection ||
          tag == Tag::kTable || tag == Tag::kDl) {
        if (links > 0.6f && e.worth < 200) dropped_[i] = 1;
      } else if (tag == Tag::kP || tag == Tag::kLi) {
        if (links > 0.7f && e.text < 200) dropped_[i] = 1;
      }
    }
  }

  const html::Document& document_;
  std::vector<Info> infos_;
  std::vector<uint8_t> dropped_;
};

}  // namespace

std::string main_text(const html::Document& document) {
  return MainText(document).run();
}

}  // namespace leam::crawl
