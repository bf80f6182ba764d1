#include "settings.h"

#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

// The version of the driver that this is built for, unless it is today's.
#ifndef SIMCUDA_NEWEST
#define SIMCUDA_NEWEST CUDA_VERSION
#endif

namespace simcuda {
namespace {

std::string text_of(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

long long number_of(const char* name, long long otherwise) {
  const std::string text = text_of(name);
  return text.empty() ? otherwise : strtoll(text.c_str(), nullptr, 0);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// "a=1,b=2" by name.
std::map<std::string, long long> named_numbers(const char* variable) {
  std::map<std::string, long long> numbers;
  for (const std::string& part : split(text_of(variable), ',')) {
    const size_t equals = part.find('=');
    if (equals == std::string::npos) continue;
    numbers[part.substr(0, equals)] = strtoll(part.c_str() + equals + 1, nullptr, 0);
  }
  return numbers;
}

Settings read_settings() {
  Settings read;
  read.devices = static_cast<int>(number_of("SIMCUDA_DEVICES", read.devices));
  read.memory_bytes = static_cast<size_t>(number_of("SIMCUDA_MEMORY", static_cast<long long>(read.memory_bytes)));
  read.log_file = text_of("SIMCUDA_LOG");
  read.logs_all = number_of("SIMCUDA_LOG_ALL", 0) != 0;
  read.counts_file = text_of("SIMCUDA_COUNTS");
  read.reads_pageable = number_of("SIMCUDA_READS_PAGEABLE", 0) != 0;
  read.kernel_microseconds = static_cast<int>(number_of("SIMCUDA_KERNEL_US", 0));
  read.version = static_cast<int>(number_of("SIMCUDA_VERSION", SIMCUDA_NEWEST));
  read.kernels_file = text_of("SIMCUDA_KERNELS");
  return read;
}

// Which calls are to fail or to be slow.
struct Injections {
  std::map<std::string, long long> failures = named_numbers("SIMCUDA_FAIL");  // "name:N"
  std::map<std::string, long long> delays = named_numbers("SIMCUDA_SLOW");
  std::mutex mutex;
  std::map<std::string, long long> calls;
};

}  // namespace

const Settings& settings() {
  static const auto* const read = new Settings(read_settings());
  return *read;
}

CUresult injected_result(const char* call) {
  static auto* const injections = new Injections;
  if (injections->failures.empty() && injections->delays.empty()) return CUDA_SUCCESS;
  if (const auto delay = injections->delays.find(call); delay != injections->delays.end()) {
    std::this_thread::sleep_for(std::chrono::microseconds(delay->second));
  }
  const std::lock_guard guard(injections->mutex);
  const long long number = ++injections->calls[call];
  for (const long long named : {number, 0LL}) {
    const auto failure = injections->failures.find(call + (":" + std::to_string(named)));
    if (failure != injections->failures.end()) return static_cast<CUresult>(failure->second);
  }
  return CUDA_SUCCESS;
}

}  // namespace simcuda
