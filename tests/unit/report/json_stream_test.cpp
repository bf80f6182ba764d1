#include "report/json_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace weir::report {
namespace {

// What `write` puts out through a buffer of `capacity` bytes.
std::string output_of(const std::function<void(JsonStream&)>& write, size_t capacity = JsonStream::kSmallestBuffer) {
  FILE* file = tmpfile();
  std::string buffer(capacity, '\0');
  JsonStream json(fileno(file), buffer.data(), capacity);
  write(json);
  EXPECT_EQ(json.finish(), 0);
  std::string text(static_cast<size_t>(json.bytes_written()), '\0');
  EXPECT_EQ(pread(fileno(file), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  fclose(file);
  return text;
}

std::string text_through(const std::string& text) {
  const std::string out = output_of([&](JsonStream& json) { json.begin_array().text(text.c_str()).end_array(); });
  return nlohmann::json::parse(out).at(0).get<std::string>();
}

TEST(JsonStream, WritesEveryKindOfValue) {
  const std::string out = output_of([](JsonStream& json) {
    const uint8_t bytes[] = {0x00, 0xab, 0xff};
    json.begin_object();
    json.key("zero").number(0).key("most").number(UINT64_MAX).key("least").signed_number(INT64_MIN);
    json.key("yes").boolean(true).key("no").boolean(false).key("none").null().key("absent").text(nullptr);
    json.key("address").address(0x7f00000abcde).key("bytes").hex_bytes(bytes, sizeof bytes);
    json.key("empty_list").begin_array().end_array().key("empty_object").begin_object().end_object();
    json.key("list").begin_array().number(1).number(2).begin_array().number(3).end_array().end_array();
    json.end_object();
  });
  const nlohmann::json expected = {{"zero", 0},
                                   {"most", UINT64_MAX},
                                   {"least", INT64_MIN},
                                   {"yes", true},
                                   {"no", false},
                                   {"none", nullptr},
                                   {"absent", nullptr},
                                   {"address", "0x7f00000abcde"},
                                   {"bytes", "00abff"},
                                   {"empty_list", nlohmann::json::array()},
                                   {"empty_object", nlohmann::json::object()},
                                   {"list", {1, 2, nlohmann::json::array({3})}}};
  EXPECT_EQ(nlohmann::json::parse(out), expected) << out;
  EXPECT_EQ(out.back(), '\n');
}

TEST(JsonStream, RatiosStayWithinTheirBounds) {
  const std::string out = output_of([](JsonStream& json) {
    json.begin_array();
    for (const double value : {0.0, 0.5, 0.1234567, 1.0, 1.5, -0.2, 1e-9, 0.9999999}) json.ratio(value);
    json.ratio(__builtin_nan("")).end_array();
  });
  const auto parsed = nlohmann::json::parse(out).get<std::vector<double>>();
  EXPECT_EQ(parsed, (std::vector<double>{0, 0.5, 0.123457, 1, 1, 0, 0, 1, 0}));
}

TEST(JsonStream, TextComesBackAsItWas) {
  for (const char* text : {"", "plain", "\"quoted\\", "line\nfeed\ttab\rreturn", "\x01\x1f\x7f", "caf\xc3\xa9",
                           "\xe2\x82\xac", "\xf0\x9f\x98\x80", "/usr/bin/x"}) {
    EXPECT_EQ(text_through(text), text);
  }
}

TEST(JsonStream, WhatIsNotUtf8IsReplaced) {
  const std::string replacement = "\xef\xbf\xbd";
  EXPECT_EQ(text_through("a\xff"
                         "b"),
            "a" + replacement + "b");
  EXPECT_EQ(text_through("\xc3"), replacement) << "cut within a sequence";
  EXPECT_EQ(text_through("\xe2\x82"), replacement + replacement);
  EXPECT_EQ(text_through("\xc0\x80"), replacement + replacement) << "overlong";
  EXPECT_EQ(text_through("\xed\xa0\x80"), replacement + replacement + replacement) << "a surrogate";
  EXPECT_EQ(text_through("\xf4\x90\x80\x80"), replacement + replacement + replacement + replacement)
      << "beyond Unicode";
  EXPECT_EQ(text_through("\xe2\x82\"x"), replacement + replacement + "\"x");
}

TEST(JsonStream, EveryPairOfBytesGivesValidJson) {
  for (int first = 1; first < 256; ++first) {
    for (int second = 1; second < 256; second += 3) {
      const char text[] = {static_cast<char>(first), static_cast<char>(second), '\0'};
      const std::string out = output_of([&](JsonStream& json) { json.begin_array().text(text).end_array(); });
      ASSERT_TRUE(nlohmann::json::accept(out)) << first << " " << second;
    }
  }
}

TEST(JsonStream, TheBufferSizeDoesNotShow) {
  const auto write = [](JsonStream& json) {
    json.begin_array();
    for (uint64_t i = 0; i < 500; ++i) {
      json.begin_object().key("number").number(i * 1234567).key("text").text(std::string(i, 'x').c_str()).end_object();
    }
    json.end_array();
  };
  const std::string small = output_of(write);
  EXPECT_EQ(small, output_of(write, 1 << 20));
  EXPECT_EQ(nlohmann::json::parse(small).size(), 500U);
}

TEST(JsonStream, AKeyMayBeAnyText) {
  const std::string out =
      output_of([](JsonStream& json) { json.begin_object().text_key("a \"b\" \xff").number(1).end_object(); });
  EXPECT_EQ(nlohmann::json::parse(out).at("a \"b\" \xef\xbf\xbd"), 1);
}

TEST(JsonStream, TheFirstErrorStays) {
  char buffer[JsonStream::kSmallestBuffer];
  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  JsonStream json(full, buffer, sizeof buffer);
  json.begin_array();
  for (int i = 0; i < 1000; ++i) json.number(1);
  EXPECT_EQ(json.error(), ENOSPC);
  json.end_array();
  EXPECT_EQ(json.finish(), ENOSPC);
  close(full);
}

TEST(JsonStream, NothingIsWrittenBeyondTheLimit) {
  FILE* file = tmpfile();
  char buffer[JsonStream::kSmallestBuffer];
  JsonStream json(fileno(file), buffer, sizeof buffer, 1000);
  json.begin_array();
  for (int i = 0; i < 1000; ++i) json.number(1);
  json.end_array();
  EXPECT_EQ(json.finish(), EFBIG);
  EXPECT_LE(lseek(fileno(file), 0, SEEK_END), 1000);
  fclose(file);
}

}  // namespace
}  // namespace weir::report
