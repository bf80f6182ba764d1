// Ends by an exception that nobody catches: std::terminate, which calls abort.
#include <stdexcept>

int main() { throw std::runtime_error("nobody catches this"); }
