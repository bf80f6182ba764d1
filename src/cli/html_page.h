// The page that `weir html` fills: bundled from src/html when Weir is built.
#pragma once

#include <string>
#include <string_view>

#include "cli/report_file.h"

namespace weir::cli {

// The page without data; empty where Weir was built without the parts from npm.
std::string_view html_template();

// Throws Error(kExitOwnFailure) where there is no template.
void require_html_template();

// The whole page. data: what html_data gives. There must be a template.
std::string html_page(const Json& data);

// JSON as text that may stand in an HTML page's script: nothing in it ends the script, begins a comment or is a line's end to JavaScript. ASCII only.
std::string script_text(const Json& data);

}  // namespace weir::cli
