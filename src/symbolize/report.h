// Finishes a raw report: functions, files, lines and inlined calls for its frames.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <utility>

#include "symbolize/module.h"

namespace weir::symbolize {

// True where nothing has finished this report yet.
bool is_raw(const nlohmann::ordered_json& report);

// The same, or folders and servers are searched that an earlier machine did not have, and some module is without debug information.
bool is_unfinished(const nlohmann::ordered_json& report);

// Finishes reports one after another and keeps what they share: each module is opened once, each place looked up once. Not
// for use by two threads at a time.
class Symbolizer {
 public:
  // Adds `function`, `file`, `line` and `inlined` to the report's frames and `symbols` to its modules, from the modules'
  // files on this machine. A module that is missing or another build now keeps its raw frames and costs one entry in
  // `warnings`. The report must have the shape that cli::check_shape() asks for. Changes nothing where is_unfinished() is false.
  void symbolize(nlohmann::ordered_json& report);

 private:
  struct KnownModule {
    KnownModule(const std::string& path, const std::string& build_id) : module(path, build_id) {}
    Module module;
    std::unordered_map<uint64_t, Location> places;
  };
  KnownModule& module_of(const std::string& path, const std::string& build_id);

  std::map<std::pair<std::string, std::string>, std::unique_ptr<KnownModule>> modules_;  // by path and build id
};

}  // namespace weir::symbolize
