#include "cli/html_page.h"

#include "cli/error.h"

namespace weir::cli {
namespace {

constexpr std::string_view kDataMark = "@WEIR_REPORT@";  // once in src/html/page.html

}  // namespace

std::string script_text(const Json& data) {
  constexpr bool kAsciiOnly = true;
  const std::string text = data.dump(-1, ' ', kAsciiOnly, Json::error_handler_t::replace);
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 16);
  for (const char c : text) {                // of JSON's own signs it is none, so it stands in a string
    if (c == '<' || c == '>' || c == '&') {  // guard: html-escape
      escaped += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

void require_html_template() {
  if (html_template().empty()) {
    throw Error(
        kExitOwnFailure,
        "html: this weir was built without the page: scripts/setup fetches its parts from npm, then build again");
  }
}

std::string html_page(const Json& data) {
  const std::string_view page = html_template();
  const size_t mark = page.find(kDataMark);
  std::string text(page.substr(0, mark));
  text += script_text(data);
  text += page.substr(mark + kDataMark.size());
  return text;
}

}  // namespace weir::cli
