// Programs that ask by a weak reference whether there is a driver.
#pragma once

namespace weir::runtime {

// Where no driver is loaded, makes the weak references of the program and its libraries to the driver's functions, which the loader has
// bound to Weir's exports, null again. Once, from the preload's constructor; cost: a look at the undefined symbols of each module.
void hide_exports_without_driver();

}  // namespace weir::runtime
