#include "pipeline/crawl/html/serialize.h"

#include <algorithm>
#include <vector>

namespace leam::crawl::html {
namespace {

// Attributes that have a namespace on foreign elements are written with a blank for the colon.
std::string attribute_name(const Node* n, std::string_view name) {
  constexpr std::string_view kSpaced[] = {"xlink:actuate", "xlink:arcrole", "xlink:href", "xlink:role",
                                          "xlink:show",    "xlink:title",   "xlink:type", "xml:lang",
                                          "xml:space",     "xmlns:xlink"};
  std::string out(name);
  if (n->ns != Ns::kHtml && std::find(std::begin(kSpaced), std::end(kSpaced), name) != std::end(kSpaced))
    out[out.find(':')] = ' ';
  return out;
}

void write_node(const Node* n, size_t depth, std::string& out) {
  const auto line = [&](size_t d) {
    out += "| ";
    out.append(2 * d, ' ');
  };
  line(depth);
  switch (n->type) {
    case NodeType::kDoctype:
      out += "<!DOCTYPE ";
      out += n->data;
      if (n->n_attrs == 2) {
        out += " \"";
        out += n->attrs[0].value;
        out += "\" \"";
        out += n->attrs[1].value;
        out += '"';
      }
      out += '>';
      break;
    case NodeType::kComment:
      out += "<!-- ";
      out += n->data;
      out += " -->";
      break;
    case NodeType::kText:
      out += '"';
      out += n->data;
      out += '"';
      break;
    case NodeType::kContent:
      out += "content";
      break;
    case NodeType::kElement: {
      out += '<';
      if (n->ns == Ns::kSvg) out += "svg ";
      if (n->ns == Ns::kMathml) out += "math ";
      out += n->name();
      out += '>';
      std::vector<std::pair<std::string, std::string_view>> attrs;
      for (uint16_t i = 0; i < n->n_attrs; ++i)
        attrs.emplace_back(attribute_name(n, n->attrs[i].name), n->attrs[i].value);
      std::sort(attrs.begin(), attrs.end());
      for (const auto& [name, value] : attrs) {
        out += '\n';
        line(depth + 1);
        out += name;
        out += "=\"";
        out += value;
        out += '"';
      }
      break;
    }
    case NodeType::kDocument:
      break;
  }
  out += '\n';
}

}  // namespace

std::string serialize_tree(const Node* root) {
  std::string out;
  size_t depth = 0;
  for (const Node* n = root->first; n != nullptr;) {
    write_node(n, depth, out);
    if (n->first != nullptr) {
      n = n->first;
      ++depth;
      continue;
    }
    while (n != root && n->next == nullptr) {
      n = n->parent;
      if (n != root) --depth;
    }
    if (n == root) break;
    n = n->next;
  }
  return out;
}

}  // namespace leam::crawl::html
