#include "cli/text.h"

#include <gtest/gtest.h>

namespace jobstatus::cli {
namespace {

using namespace std::string_literals;

TEST(Text, KeepsWhatIsHarmless) {
  for (const char* const text : {"", "plain", "päivää", "日本語", "🎨", "C:\\out", "e\u0301"})
    EXPECT_EQ(Escape(text), text);
}

TEST(Text, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Escape("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(Escape("a\nb\r\t\x07"), "a\\x0ab\\x0d\\x09\\x07");
  EXPECT_EQ(Escape("\x7f"), "\\x7f");
  EXPECT_EQ(Escape("a\0b"s), "a\\x00b");
  EXPECT_EQ(Escape("\u009b31m"), "\\u{9b}31m");
}

TEST(Text, EscapesWhatReordersOrHidesText) {
  EXPECT_EQ(Escape("\u202egnp.exe"), "\\u{202e}gnp.exe");
  EXPECT_EQ(Escape("\u2066x\u2069"), "\\u{2066}x\\u{2069}");
  EXPECT_EQ(Escape("a\u200bb\ufeff"), "a\\u{200b}b\\u{feff}");
}

TEST(Text, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(Escape("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(Escape("\xc0\xaf"), "\\xc0\\xaf");           // over-long
  EXPECT_EQ(Escape("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(Escape("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_FALSE(IsValidUtf8("a\xff"));
  EXPECT_TRUE(IsValidUtf8("日本"));
}

TEST(Text, HasNoSpacesInAField) {
  EXPECT_EQ(EscapeField("my job"), "my\\x20job");
  EXPECT_EQ(EscapeField(""), "-");
}

TEST(Text, MeasuresColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("日本"), 4U);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1U);
  EXPECT_EQ(DisplayWidth("█░…"), 3U);
}

TEST(Text, IsClippedBetweenLettersOnly) {
  EXPECT_EQ(Clip("abcdef", 3), "abc");
  EXPECT_EQ(Clip("日本語", 5), "日本");
  EXPECT_EQ(Clip("日本語", 1), "");
  EXPECT_EQ(Clip("e\u0301x", 1), "e\u0301");
}

TEST(Text, IsShortenedInItsMiddle) {
  EXPECT_EQ(Shorten("abcdefghij", 10, true), "abcdefghij");
  EXPECT_EQ(Shorten("abcdefghij", 7, true), "abcd…ij");
  EXPECT_EQ(Shorten("abcdefghij", 8, false), "abcd..ij");
  EXPECT_EQ(Shorten("abcdefghij", 1, true), "a");
  EXPECT_EQ(Shorten("日本語日本語", 7, true), "日本…語");
}

}  // namespace
}  // namespace jobstatus::cli
