#include "fakes/demo_worker.h"

#include <gtest/gtest.h>

#include "fakes/blocking_client.h"
#include "fakes/blocking_web_socket.h"
#include "fakes/python_json.h"

namespace fakes {
namespace {

constexpr double kFast = 1000;

struct Demo : testing::Test {
  FakeComfy comfy;
  BlockingClient client{"127.0.0.1", comfy.port()};

  // Asks for the job's history entry until there is one; each round trip is a wait for the server.
  Json Entry(const std::string& prompt_id) {
    for (;;) {
      const Json history = ParseJson(client.Ask("GET", "/history/" + prompt_id)->body).value();
      if (const Json* entry = history.Find(prompt_id)) return *entry;
    }
  }
  // The nodes it took from the job before, as JSON.
  static std::string Cached(const Json& entry) {
    return ToText(*entry.Find("status")->Find("messages")->items[1].items[1].Find("nodes"));
  }
  static Json LastMessage(const Json& entry) { return entry.Find("status")->Find("messages")->items.back(); }
};

TEST_F(Demo, RunsJobsAndSavesNumberedImages) {
  const DemoWorker worker(&comfy, kFast);
  comfy.Submit();
  const Json entry = Entry(comfy.Submit().prompt_id);
  EXPECT_EQ(ToText(*entry.Find("outputs")),
            R"({"9": {"images": [{"filename": "ComfyUI_00002_.png", "subfolder": "", "type": "output"}]}})");
  EXPECT_EQ(LastMessage(entry).items[0].text, "execution_success");
}

TEST_F(Demo, TakesFromTheJobBeforeWhatIsFedAlike) {
  const DemoWorker worker(&comfy, kFast);
  const auto run = [this](const std::string& seed, const std::string& prefix) {
    const std::string inputs = R"({"steps": 2, "model": ["1", 0], "seed": )" + seed + "}";
    return Entry(comfy
                     .Submit({.prompt_json = R"({"1": {"class_type": "CheckpointLoaderSimple", "inputs": {}},)"
                                             R"("2": {"class_type": "KSampler", "inputs": )" +
                                             inputs +
                                             R"(}, "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], )"
                                             R"("filename_prefix": ")" +
                                             prefix + "\"}}}"})
                     .prompt_id);
  };
  const Json first = run("7", "a");
  EXPECT_EQ(Cached(first), "[]");
  const Json again = run("7", "a");
  EXPECT_EQ(Cached(again), R"(["1", "2", "3"])");
  EXPECT_EQ(ToText(*again.Find("outputs")), ToText(*first.Find("outputs")));
  EXPECT_EQ(Cached(run("7", "b")), R"(["1", "2"])");
  EXPECT_EQ(Cached(run("8", "b")), R"(["1"])");
  EXPECT_EQ(Cached(run("7", "b")), R"(["1"])");  // only the job before counts
}

TEST_F(Demo, TellsTheOwnerWhatTheNodesDo) {
  BlockingWebSocket owner(comfy.port(), "/ws?clientId=owner");
  ASSERT_TRUE(owner.Receive()) << "the first status: from here on it has its seat";
  const DemoWorker worker(&comfy, kFast);
  const auto told = [&] {
    std::string types;
    for (std::string last; last != "execution_success";) {
      const auto frame = owner.Receive();
      if (!frame) return types + "and no end";
      last = frame->is_text ? ParseJson(frame->bytes)->Find("type")->text : "preview";
      if (last != "status" && last != "progress_state") types += last + " ";
    }
    return types;
  };
  const PromptRequest request = {.client_id = "owner",
                                 .prompt_json =
                                     R"({"1": {"class_type": "KSampler", "inputs": {"steps": 6, "seed": 1}},)"
                                     R"( "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0]}}})"};
  comfy.Submit(request);
  EXPECT_EQ(told(),
            "execution_start execution_cached executing progress progress progress progress progress preview progress "
            "executing executed execution_success ");
  comfy.Submit(request);
  EXPECT_EQ(told(), "executing execution_start execution_cached executed execution_success ");  // first: of null
}

TEST_F(Demo, SamplesAnewWhereNoSeedIsGiven) {
  const DemoWorker worker(&comfy, kFast);
  comfy.Submit();
  EXPECT_EQ(Cached(Entry(comfy.Submit().prompt_id)), "[]");
}

TEST_F(Demo, RaisesWhereANodeSaysSo) {
  const DemoWorker worker(&comfy, kFast);
  const Json entry =
      Entry(comfy
                .Submit({.prompt_json = R"({"10": {"class_type": "B", "inputs": {"raise": "CUDA out of memory"}},
                                           "9": {"class_type": "A", "inputs": {}}})"})
                .prompt_id);
  const Json message = LastMessage(entry);
  EXPECT_EQ(message.items[0].text, "execution_error");
  EXPECT_EQ(message.items[1].Find("node_id")->text, "10");
  EXPECT_EQ(message.items[1].Find("exception_type")->text, "torch.cuda.OutOfMemoryError");
  EXPECT_EQ(ToText(*message.items[1].Find("executed")), "[\"9\"]");
}

TEST_F(Demo, IsInterruptedBetweenSteps) {
  const DemoWorker worker(&comfy, 1);
  const std::string id =
      comfy.Submit({.prompt_json = R"({"1": {"class_type": "KSampler", "inputs": {"steps": 100000}}})"}).prompt_id;
  while (comfy.running().empty()) client.Ask("GET", "/prompt");
  client.Ask("POST", "/interrupt", "{\"prompt_id\": \"" + id + "\"}");
  EXPECT_EQ(LastMessage(Entry(id)).items[0].text, "execution_interrupted");
}

TEST_F(Demo, StopsAtOnceInTheMiddleOfAJob) {
  const DemoWorker worker(&comfy, 1e-6);
  comfy.Submit();
  while (comfy.running().empty()) client.Ask("GET", "/prompt");
}

}  // namespace
}  // namespace fakes
