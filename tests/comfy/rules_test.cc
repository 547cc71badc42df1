#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comfy/address.h"
#include "comfy/backoff.h"
#include "comfy/body.h"
#include "comfy/outputs.h"
#include "comfy/pacer.h"

namespace comfy {
namespace {

using namespace std::chrono_literals;
using jobs::MediaType;
using testing::HasSubstr;
using testing::Not;

const jobs::Steady kNow{1000s};

TEST(Address, IsReadFromAnyFormOfUrl) {
  const auto url = [](const char* text) { return Address::Parse(text).value().url(); };
  EXPECT_EQ(url("http://localhost:8188"), "http://localhost:8188");
  EXPECT_EQ(url("http://localhost:8188/"), "http://localhost:8188");
  EXPECT_EQ(url("https://gpu.example/comfy/a//"), "https://gpu.example/comfy/a");
  EXPECT_EQ(url("http://[::1]:8188/x"), "http://[::1]:8188/x");
  const auto address = Address::Parse("http://us%40er:p%2Fw@host:1/base").value();
  EXPECT_EQ(address.url(), "http://host:1/base");
  EXPECT_EQ(address.user(), "us@er");
  EXPECT_EQ(address.password(), "p/w");
  EXPECT_EQ(address.Resolve("/queue"), "http://host:1/base/queue");
}

TEST(Address, ThatCannotBeUsedIsRefusedWithoutRepeatingThePassword) {
  for (const char* text :
       {"", "localhost:8188", "ftp://user:secret@host", "http://", "http://ho st", "http://host:99999",
        "http://user:secret@host/?a=1", "file:///etc/passwd", "http://host#x"}) {
    const auto address = Address::Parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_FALSE(address.error().empty());
    EXPECT_THAT(address.error(), Not(HasSubstr("secret")));
  }
}

TEST(PercentEncoding, LeavesNothingThatMeansAnythingInAUrl) {
  EXPECT_EQ(PercentEncode("9c989f18-26c1_~"), "9c989f18-26c1_~");
  EXPECT_EQ(PercentEncode("a/b?c#d e%&+\n"), "a%2Fb%3Fc%23d%20e%25%26%2B%0A");
  EXPECT_EQ(PercentEncode("ö"), "%C3%B6");
  EXPECT_EQ(PercentEncode("a.b"), "a.b");
  EXPECT_EQ(PercentEncode(".."), "%2E%2E");
}

TEST(Body, GrowsToItsLimitAndKeepsItsPadding) {
  Body body;
  body.Clear();
  EXPECT_TRUE(body.Append("hello ", 11));
  EXPECT_TRUE(body.Append("world", 11));
  EXPECT_FALSE(body.Append("!", 11));
  EXPECT_EQ(body.view(), "hello world");
  EXPECT_GE(body.capacity(), body.size() + Body::kPadding);
  body.Clear();
  EXPECT_EQ(body.view(), "");
}

TEST(Body, DoesNotMoveWhileItGrowsToWhatWasExpected) {
  constexpr std::size_t kBytes = 100'000;
  Body body;
  body.Clear();
  body.Expect(kBytes);
  const char* const data = body.data();
  for (std::size_t i = 0; i < kBytes; i += 1000) ASSERT_TRUE(body.Append(std::string(1000, 'x'), kBytes));
  EXPECT_EQ(body.data(), data);
  EXPECT_EQ(body.capacity(), kBytes + Body::kPadding);
}

TEST(Body, GivesBackTheMemoryOfAHugeAnswer) {
  Body body;
  body.Clear();
  ASSERT_TRUE(body.Append(std::string(Body::kKeepBytes * 2, ' '), Body::kKeepBytes * 4));
  body.Clear();
  EXPECT_LE(body.capacity(), Body::kKeepBytes);
}

TEST(Outputs, AreOfTheKindTheirNameOrTheirListSays) {
  const Address comfyui = Address::Parse("http://c").value();
  const auto kind = [&](const char* filename, const char* ui_key, const char* format = "") {
    return FileOutput(comfyui, "9", ui_key, {.filename = filename, .format = format}).media_type;
  };
  EXPECT_EQ(kind("a.PNG", "images"), MediaType::kImage);
  EXPECT_EQ(kind("a.mp4", "gifs"), MediaType::kVideo);
  EXPECT_EQ(kind("a.gif", "gifs"), MediaType::kImage);
  EXPECT_EQ(kind("a.flac", "audio"), MediaType::kAudio);
  EXPECT_EQ(kind("a.glb", "3d"), MediaType::kModel3d);
  EXPECT_EQ(kind("a.txt", "files"), MediaType::kText);
  EXPECT_EQ(kind("noending", "audio"), MediaType::kAudio);
  EXPECT_EQ(kind("noending", "gifs", "video/h264-mp4"), MediaType::kVideo);
  EXPECT_EQ(kind("a.safetensors", "files"), MediaType::kFile);
  EXPECT_EQ(kind("a.", "whatever"), MediaType::kFile);
}

TEST(Outputs, HaveAnAddressInWhichNothingIsLeftToEscape) {
  const Address comfyui = Address::Parse("http://c/base").value();
  EXPECT_EQ(ViewUrl(comfyui, {.filename = "a b&c=d.png", .subfolder = "x/../y", .folder_type = "temp"}),
            "http://c/base/view?filename=a%20b%26c%3Dd.png&subfolder=x%2F..%2Fy&type=temp");
}

TEST(Pacer, PaysForAnAnswerButNotForAStallInWhichItCame) {
  EXPECT_EQ(Pacer::PlausibleCost(2ms, 1000), 2ms);
  EXPECT_LE(Pacer::PlausibleCost(20s, 39), 11ms);
  EXPECT_EQ(Pacer::PlausibleCost(5s, 205'000'000), 5s) << "200 jobs with 1 MB workflows do take that";
  EXPECT_EQ(Pacer::PlausibleCost(100ms, 1'000'000), 100ms) << "and so does a long entry of the history";
}

TEST(Pacer, LetsABurstThroughAndThenKeepsToItsShare) {
  Pacer pacer({.share = 0.02, .burst = 500ms}, kNow);
  EXPECT_EQ(pacer.ready_at(kNow), kNow);
  pacer.Pay(500ms, kNow);
  EXPECT_EQ(pacer.ready_at(kNow), kNow);
  pacer.Pay(5s, kNow);
  EXPECT_EQ(std::chrono::round<std::chrono::seconds>(pacer.ready_at(kNow) - kNow), 250s);
  EXPECT_GT(pacer.ready_at(kNow + 249s), kNow + 249s);
  EXPECT_EQ(pacer.ready_at(kNow + 251s), kNow + 251s);
}

TEST(Pacer, SavesUpNoMoreThanItsBurst) {
  Pacer pacer({.share = 0.02, .burst = 500ms}, kNow);
  pacer.Pay(600ms, kNow + 24h);
  EXPECT_GT(pacer.ready_at(kNow + 24h), kNow + 24h);
}

TEST(Pacer, ChargesSomethingForEveryAnswer) {
  Pacer pacer({.share = 0.02, .burst = 10ms}, kNow);
  for (int i = 0; i < 21; ++i) pacer.Pay(0ms, kNow);
  EXPECT_GT(pacer.ready_at(kNow), kNow);
}

TEST(Backoff, DoublesToItsLongestAndJitterTakesAtMostAQuarter) {
  Backoff backoff(500ms, 3s);
  EXPECT_EQ(backoff.Next(0), 500ms);
  EXPECT_EQ(backoff.Next(0), 1s);
  EXPECT_EQ(backoff.Next(0), 2s);
  EXPECT_EQ(backoff.Next(0), 3s);
  EXPECT_EQ(backoff.Next(0), 3s);
  backoff.Reset();
  EXPECT_EQ(backoff.Next(0.999999).count() / 1000, 375);
}

}  // namespace
}  // namespace comfy
