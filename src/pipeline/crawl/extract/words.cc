#include "pipeline/crawl/extract/words.h"

#include <algorithm>
#include <array>

#include "base/core/hash.h"

namespace leam::crawl {
namespace {

// Words are matched whole, after splitting at anything but letters and at changes from lower to upper case.
constexpr std::string_view kStrongWords =
    "nav navi navigation navbar navbox navigator subnav topnav mainnav sidenav metanav menu menue menubar "
    "submenu "
    "mainmenu topmenu breadcrumb breadcrumbs breadcrump footer sitefooter pagefooter sidebar sidebars "
    "sidecol "
    "share sharing sharer shares shariff sharedaddy sharebar sharebox sharebuttons sharethis sharetools "
    "addthis "
    "addtoany social socials socialmedia socialshare sociable bookmarks related relateds relatedposts yarpp "
    "similar "
    "recommend recommended recommendation recommendations cookie cookies consent gdpr cookiebar cookiebanner "
    "advert "
    "adverts advertise advertisement advertising adsense ads adbox adslot anzeige anzeigen werbung reklame "
    "publicidad "
    "sponsor sponsored sponsoring newsletter subscribe subscription signup login logon signin register "
    "searchform "
    "searchbox searchbar pagination pager paging pagenav wppagenavi toolbar popup modal overlay lightbox "
    "skip skiplink "
    "skiplinks noprint copyright taglist tagcloud postmeta entrymeta metabar outbrain taboola plista "
    "mostread popular "
    "trending meistgelesen warenkorb basket cart minicart checkout feedback tooltip dropdown offcanvas "
    "hamburger "
    "authorbox authorbio aboutauthor jp likes instagram facebook twitter pinterest linkedin xing whatsapp "
    "youtube "
    "flattr screenreader visuallyhidden sr backlink backtotop totop scrolltop prevnext nextprev postnav "
    "mediabox "
    "infoline servicelinks quicklinks linklist langswitch languageswitcher impressum tocbox partners "
    "blogroll "
    "relatedpost entryfooter entryutility postfooter metaline authordate feedburner crosslinks crosssell "
    "upsell upsells crosssells fancybox printfriendly livechat appbanner "
    "paywall";
constexpr std::string_view kWeakWords =
    "widget widgets teaser teasers promo promotion promobox banner header masthead topbar head search suche "
    "tags tag "
    "meta metadata byline author autor bio profile credits caption bildunterschrift credit timestamp date "
    "datum "
    "published pubdate categories category kategorie kategorien archive archives latest recent carousel "
    "slider "
    "slideshow gallery galerie rating ratings stars vote voting poll survey quiz cta playlist player tools "
    "extra "
    "extras aside rail marginal infobox factbox next prev previous more mehr weiter readmore print mail "
    "email hidden "
    "invisible disclaimer legal terms toc tabs tab buttons button btn form contact kontakt logo icon icons "
    "ad bottom "
    "comments comment actions action links rss feed stats counter views hits reading lesezeit sticky "
    "teaserlist "
    "thumbnail thumb video topics themen service sitemap error notice alert message info footnotes";
constexpr std::string_view kCommentWords =
    "comment comments commentlist commentary kommentar kommentare commentaires comentarios disqus respond "
    "reply replies "
    "commentform discussion livefyre trackback trackbacks pingback pingbacks pings guestbook reviews";
constexpr std::string_view kContentWords =
    "articlebody articletext articlecontent entrycontent entrybody entrytext postcontent postbody posttext "
    "postentry "
    "storybody storycontent storytext bodytext textbody blogcontent newstext newsbody newscontent "
    "contenttext maintext "
    "articlecopy bodycopy fulltext artikeltext artikelbody beitragstext inhaltstext pagecontent "
    "singlecontent "
    "postarticle richtext nodecontent cmstext articlemain contentarticle";
constexpr std::string_view kFrameWords =
    "article artikel beitrag post entry story hentry content contents inhalt main maincontent contentmain "
    "mainbody body "
    "text page single blog news recipe rezept produkt product description beschreibung";

constexpr std::string_view kLeadWords =
    "lead leadtext intro introtext introduction teasertext chapo excerpt abstract standfirst summary "
    "vorspann bajada "
    "subtitle subheadline dek einleitung perex entradilla sommario anleser kicker synopsis";

constexpr size_t kSlots = 2048;

struct Table {
  std::array<std::string_view, kSlots> words{};
  std::array<uint8_t, kSlots> roles{};
};

constexpr size_t slot_of(std::string_view word) {
  uint32_t h = 2166136261u;
  for (char c : word) h = (h ^ static_cast<uint8_t>(c)) * 16777619u;
  return (h ^ (h >> 15)) % kSlots;
}

constexpr void add_words(Table& t, std::string_view list, uint8_t role) {
  while (!list.empty()) {
    const size_t space = list.find(' ');
    const std::string_view word = list.substr(0, space);
    size_t s = slot_of(word);
    while (!t.words[s].empty() && t.words[s] != word) s = (s + 1) % kSlots;
    t.words[s] = word;
    t.roles[s] = static_cast<uint8_t>(t.roles[s] | role);
    list = space == std::string_view::npos ? std::string_view() : list.substr(space + 1);
  }
}

constexpr Table make_table() {
  Table t;
  add_words(t, kStrongWords, kStrong);
  add_words(t, kWeakWords, kWeak);
  add_words(t, kCommentWords, kComment);
  add_words(t, kContentWords, kContent);
  add_words(t, kFrameWords, kFrame);
  add_words(t, kLeadWords, kLead);
  return t;
}
constexpr Table kTable = make_table();

uint8_t role_of_word(std::string_view word) {
  for (size_t s = slot_of(word); !kTable.words[s].empty(); s = (s + 1) % kSlots) {
    if (kTable.words[s] == word) return kTable.roles[s];
  }
  return kNoRole;
}

// "has-sidebar", "no-comments", "with-ads" describe the page, not the element.
bool negates(std::string_view word) {
  return word == "has" || word == "no" || word == "with" || word == "without" || word == "is" ||
         word == "hide" || word == "show" || word == "not";
}

uint8_t roles_of_names(std::string_view names) {
  char word[24], previous[24];
  size_t n = 0, before = 0;
  bool negated = false;
  uint8_t roles = kNoRole;
  const auto finish = [&] {
    if (n > 0 && n < sizeof(word)) {
      const std::string_view w(word, n);
      if (!negated) roles = static_cast<uint8_t>(roles | role_of_word(w));
      if (before > 0 && before + n < sizeof(word)) {
        // Two words as one: "entry-content" is "entrycontent".
        char both[48];
        std::copy_n(previous, before, both);
        std::copy_n(word, n, both + before);
        roles = static_cast<uint8_t>(roles | role_of_word({both, before + n}));
      }
      negated = negates(w);
      std::copy_n(word, n, previous);
      before = n;
    }
    n = 0;
  };
  bool lower_before = false;
  for (char c : names) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (!upper && !(c >= 'a' && c <= 'z')) {
      finish();
      if (c == ' ' || c == '\n' || c == '\t') {
        before = 0;
        negated = false;
      }
      lower_before = false;
      continue;
    }
    if (upper && lower_before) finish();
    if (n < sizeof(word)) word[n++] = static_cast<char>(c | 32);
    lower_before = !upper;
  }
  finish();
  return roles;
}

}  // namespace

uint8_t roles_of(const html::Node* n) {
  uint8_t roles = kNoRole;
  for (uint16_t i = 0; i < n->n_attrs; ++i) {
    const html::Attr& a = n->attrs[i];
    if (a.name == "class" || a.name == "id") {
      roles = static_cast<uint8_t>(roles | roles_of_names(a.value.substr(0, 400)));
    } else if (a.name == "itemprop") {
      if (a.value == "articleBody") roles |= kContent;
      if (a.value == "comment") roles |= kComment;
    } else if (a.name == "role") {
      if (a.value == "main" || a.value == "article") roles |= kFrame;
      for (std::string_view bad : {"navigation", "banner", "contentinfo", "complementary", "search", "dialog",
                                   "menu", "menubar", "tablist", "toolbar", "alert", "alertdialog"}) {
        if (a.value == bad) roles |= kStrong;
      }
    }
  }
  return roles;
}

}  // namespace leam::crawl
