#include "fakes/python_json.h"

#include <gtest/gtest.h>

#include "fakes/python_number.h"

namespace fakes {
namespace {

// json.dumps(json.loads(text)); "raises" where Python does.
std::string RoundTrip(std::string_view text) {
  const auto value = ParseJson(text);
  return value ? ToText(*value) : "raises";
}

TEST(PythonJson, KeepsWhatOtherParsersRefuse) {
  for (const char* text : {"NaN", "Infinity", "-Infinity", "10000000000000000000000000000000000000000", "\"\\ud800\"",
                           "\"\\u0000\"", "\"\\udc00\\ud800\"", "[]", "{}", "[1, {\"a\": null}, true, false]",
                           "{\"\": \"\\u00f6\\u2603\\ud83d\\ude00\"}", "\"\\u007f\\\"\\\\\\n\\t\\r\\b\\f/\""}) {
    EXPECT_EQ(RoundTrip(text), text);
  }
}

TEST(PythonJson, PrintsNumbersAsPythonDoes) {
  EXPECT_EQ(RoundTrip("[1E5, 1.0, -0, -0.0, 1e400, 0.1, 1e16, 1e15, 0.0001, 0.00001]"),
            "[100000.0, 1.0, 0, -0.0, Infinity, 0.1, 1e+16, 1000000000000000.0, 0.0001, 1e-05]");
  EXPECT_EQ(RoundTrip("[123456789012345680.5, 2.5e-7, 5e-324, 1.7976931348623157e308, 12.25]"),
            "[1.2345678901234568e+17, 2.5e-07, 5e-324, 1.7976931348623157e+308, 12.25]");
}

TEST(PythonJson, SpacesAndEscapesAsDumpsDoes) {
  EXPECT_EQ(RoundTrip(" {\"a\":[1,2] ,\n\"b\" : \"\xC3\xB6\\/\" } "), "{\"a\": [1, 2], \"b\": \"\\u00f6/\"}");
}

TEST(PythonJson, TheLastOfEqualKeysWinsAtTheFirstPlace) {
  EXPECT_EQ(RoundTrip("{\"a\": 1, \"b\": 2, \"a\": 3}"), "{\"a\": 3, \"b\": 2}");
}

TEST(PythonJson, RaisesWherePythonDoes) {
  for (const char* text : {"", "{nope", "[1,]", "{\"a\":}", "01", "1.", "+1", "'a'", "\"\n\"", "nul", "1 2", "\"\\x\"",
                           "\xFF", "\"\xED\xA0\x80\"", "{1: 2}", "\"\\u12\"", ".5", "-"}) {
    EXPECT_EQ(RoundTrip(text), "raises") << text;
  }
  EXPECT_EQ(RoundTrip(std::string(2000, '[') + std::string(2000, ']')), "raises");
}

TEST(PythonNumber, ReadsTextLikeFloat) {
  EXPECT_EQ(FloatOf(std::string_view(" 2.25\n")), 2.25);
  EXPECT_EQ(FloatRepr(*FloatOf(std::string_view("-Infinity"))), "-Infinity");
  EXPECT_EQ(FloatRepr(*FloatOf(std::string_view("nan"))), "NaN");
  for (const char* text : {"", "abc", "0x10", "1 2", "nan(1)"}) EXPECT_FALSE(FloatOf(std::string_view(text))) << text;
}

TEST(PythonNumber, StrOfAnythingIsAPromptId) {
  const auto str = [](std::string_view json) { return StrOf(ParseJson(json).value()); };
  EXPECT_EQ(str("[1, 2]"), "[1, 2]");
  EXPECT_EQ(str("true"), "True");
  EXPECT_EQ(str("null"), "None");
  EXPECT_EQ(str("NaN"), "nan");
  EXPECT_EQ(str("{\"a\": [null, \"x'y\"]}"), "{'a': [None, \"x'y\"]}");
}

}  // namespace
}  // namespace fakes
