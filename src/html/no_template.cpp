// Stands for the bundled page in a build without node or the packages from npm.
#include <string_view>

namespace weir::cli {
std::string_view html_template();
std::string_view html_template() { return {}; }
}  // namespace weir::cli
