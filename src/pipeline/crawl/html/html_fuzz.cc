// Fuzz target: any UTF-8 gives a tree of bounded depth whose links agree with each other.
#include <cstdlib>
#include <string>

#include "base/text/utf8.h"
#include "pipeline/crawl/html/parse.h"
#include "pipeline/crawl/html/serialize.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace leam::crawl::html;
  const std::string page = leam::text::repair_utf8({reinterpret_cast<const char*>(data), size});
  const Document d = parse(page);
  for (const Node* n = d.root; n != nullptr; n = next_in_order(n, d.root)) {
    if (n->first != nullptr && (n->first->parent != n || n->first->prev != nullptr)) std::abort();
    if (n->last != nullptr && (n->last->parent != n || n->last->next != nullptr)) std::abort();
    if (n->next != nullptr && n->next->prev != n) std::abort();
  }
  if (!leam::text::is_utf8(serialize_tree(d.root))) std::abort();
  parse_fragment(page, Ns::kHtml, "td");
  return 0;
}
