#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "e2e/programs.h"

// The page at the metrics port, in a real browser.
namespace e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Page : public testing::Test {
 protected:
  void SetUp() override {
    if (!IsOnPath("chromium")) GTEST_SKIP() << "SKIPPED: chromium is not on PATH (Debian's package chromium)";
  }

  // What stands in the page after it has asked a few times, as HTML.
  std::string Look() {
    const Ended looked = RunToEnd({"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                   "--user-data-dir=" + profile.path(), "--enable-logging=stderr",
                                   "--virtual-time-budget=3500", "--dump-dom", port.Url("/")});
    EXPECT_EQ(looked.exit_code, 0) << looked.err;
    for (const char* complaint : {"Content Security Policy", "Uncaught", "SyntaxError"})
      EXPECT_THAT(looked.err, Not(HasSubstr(complaint)));
    return looked.out;
  }

  // Of the one job that runs.
  static double Percent(const std::string& page) {
    std::smatch width;
    if (!std::regex_search(page, width, std::regex(R"(<div style="width: ([0-9.]+)%)"))) return -1;
    return std::stod(width[1]);
  }

  Comfy comfy{"0", "50", "v0.3.64"};  // takes any text for an id
  MetricsPort port;
  StateDir profile;
};

TEST_F(Page, ShowsBackendsTheQueueJobsThatMoveAndTheLastVerdicts) {
  const Service service({"gpu=" + comfy.url(), "away=http://127.0.0.1:1"}, port.Options());
  const std::string done = Submit(comfy.url());
  const std::string failed = Submit(comfy.url(), {.raise = "CUDA out of memory"});
  ASSERT_EQ(RunToEnd(service.Command({"wait", done})).exit_code, 0);
  ASSERT_EQ(RunToEnd(service.Command({"wait", failed})).exit_code, 1);
  const std::string running = Submit(comfy.url(), {.steps = 50'000});
  const std::string waiting = Submit(comfy.url());
  jobstatus::Process watch(service.Command({"watch", running}));
  ASSERT_TRUE(watch.AwaitOutput("KSampler"));

  const std::string page = Look();
  EXPECT_THAT(page, AllOf(HasSubstr("1 running, 1 waiting"), HasSubstr("ComfyUI 0.3.64"), HasSubstr("not reachable")));
  EXPECT_THAT(page, AllOf(HasSubstr(running), HasSubstr("role=\"progressbar\""), HasSubstr("KSampler ")));
  EXPECT_THAT(page, AllOf(HasSubstr(waiting), HasSubstr("<span class=\"place\">1</span>")));
  EXPECT_THAT(page, AllOf(HasSubstr(done), HasSubstr("<span class=\"badge completed\">"),
                          HasSubstr("href=\"" + comfy.url() + "/view?filename=cat_00001_.png")));
  EXPECT_THAT(page, AllOf(HasSubstr(failed), HasSubstr("<span class=\"badge failed\">"), HasSubstr("out of memory")));
  const double before = Percent(page);
  EXPECT_GE(before, 0);
  double later = before;
  for (int looks = 0; looks < 20 && later <= before; ++looks) later = Percent(Look());
  EXPECT_GT(later, before) << "it does not move";
}

TEST_F(Page, WhatComfyUiSaysIsTextHoweverItLooks) {
  const Service service({"gpu=" + comfy.url()}, port.Options());
  const std::string id = "<img src=x onerror=document.title='pwned'>";
  Submit(comfy.url(), {.prompt_id = id, .raise = "<script>document.title='pwned'</script>"});
  ASSERT_EQ(RunToEnd(service.Command({"wait", id})).exit_code, 1);
  const std::string page = Look();
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;img src=x onerror=document.title='pwned'&gt;"), Not(HasSubstr("<img"))));
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;script&gt;document.title"), Not(HasSubstr("<title>pwned"))));
}

TEST_F(Page, AsksForATokenWhereCallersNeedOne) {
  const std::string file = FreshFile("tokens");
  RunToEnd({"sh", "-c", "echo page-token-0123456789 > \"$1\"", "sh", file});
  const Service service({"gpu=" + comfy.url()}, port.Options({"--token-file", file}));
  EXPECT_EQ(port.Get("/status.json").status, 401);
  EXPECT_EQ(port.Get("/status.json", "page-token-0123456789").status, 200);
  EXPECT_THAT(Look(), AllOf(HasSubstr("<form id=\"token-form\">"), HasSubstr("<main id=\"jobs\" hidden")));
}

}  // namespace
}  // namespace e2e
