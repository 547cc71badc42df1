#include "comfy/workflow_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "comfy/answers.h"
#include "comfy/test_data.h"
#include "jobs/workflow.h"

namespace comfy {
namespace {

using jobs::Submitter;
using test_data::AsBody;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Source = jobs::WorkflowNodeSource;

// The nodes of a graph; a test failure when it is not read to its end.
std::vector<Source> Graph(std::string_view text) {
  const Body body = AsBody("{\"graph\": " + std::string(text) + ", \"last\": 1}");
  json::parser parser;
  json::document document;
  json::object root;
  std::vector<Source> nodes;
  bool last = false;
  EXPECT_FALSE(parser.iterate(body.data(), body.size(), body.capacity()).get(document));
  EXPECT_FALSE(document.get_object().get(root));
  const auto error = EachField(root, [&](std::string_view key, json::value& value) {
    last = last || key == "last";
    return key == "graph" ? ReadGraph(value, nodes) : simdjson::SUCCESS;
  });
  EXPECT_FALSE(error) << simdjson::error_message(error);
  EXPECT_TRUE(last);
  return nodes;
}

// The text of an input's value; "link" when it is one.
std::string Literal(std::string_view value) {
  const auto nodes = Graph(R"({"1": {"class_type": "A", "inputs": {"x": )" + std::string(value) + "}}}");
  if (nodes.size() != 1) return "no node";
  if (!nodes[0].links.empty()) return "link";
  return nodes[0].literals.size() == 1 ? nodes[0].literals[0].text : "no literal";
}

TEST(Workflows, OfALongQueueAreReadSomeAtATime) {
  std::string graph = "{";
  for (int i = 0; i < 9000; ++i) graph += "\"" + std::to_string(i) + R"(": {"class_type": "A", "inputs": {}}, )";
  graph += R"("last": {"class_type": "A", "inputs": {}}})";
  const auto item = [&](const std::string& id) { return "[1, \"" + id + "\", " + graph + R"(, {}, ["last"]])"; };
  const Body body = AsBody("{\"queue_pending\": [" + item("a") + ", " + item("b") + ", " + item("c") + ", " +
                           item("d") + "], \"queue_running\": [" + item("r") + "]}");
  AnswerReader reader;
  std::set<std::string> read;
  const Wanted wanted{.workflow = [&](const std::string& id, jobs::QueueNumber) { return !read.contains(id); }};
  for (const std::size_t so_many : {3u, 5u, 5u}) {
    const auto queue = reader.Queue(body, wanted);
    ASSERT_TRUE(queue);
    EXPECT_THAT(queue->listing.pending, SizeIs(4)) << "all are listed";
    for (const auto* items : {&queue->listing.running, &queue->listing.pending}) {
      for (const auto& job : *items) {
        if (job.workflow) read.insert(job.job_id);
      }
    }
    EXPECT_THAT(read, SizeIs(so_many));
  }
}

TEST(Graph, IsReadWithClassesLiteralsAndLinks) {
  const auto nodes =
      Graph(R"({"1": {"inputs": {"steps": 20, "text": "cat"}, "class_type": "A", "_meta": {"title": "x"}},)"
            R"( "a:b/c \u2603": {"class_type": "B", "inputs": {"image": ["1", 0]}}})");
  ASSERT_THAT(nodes, SizeIs(2));
  EXPECT_EQ(nodes[0].class_type, "A");
  EXPECT_THAT(nodes[0].literals, SizeIs(2));
  EXPECT_EQ(nodes[1].id, "a:b/c ☃");
  ASSERT_THAT(nodes[1].links, SizeIs(1));
  EXPECT_EQ(nodes[1].links[0].name, "image");
  EXPECT_EQ(nodes[1].links[0].from, "1");
}

TEST(Graph, ALinkIsAStringAndANumberAndNothingElseIs) {
  for (const char* link : {R"(["1", 0])", R"(["", 0.5])", R"(["1", -1])", R"([ "1" , 1e3 ])"}) {
    EXPECT_EQ(Literal(link), "link") << link;
  }
  for (const char* literal : {R"([1, 0])", R"(["1"])", R"(["1", 0, 0])", R"(["1", "0"])", R"(["1", true])", R"([])",
                              R"(["1", null])", R"([["1", 0]])", R"({"from": ["1", 0]})", "5", "\"x\"", "null"}) {
    EXPECT_NE(Literal(literal), "link") << literal;
  }
}

TEST(Graph, LiteralsHaveTheSameTextExactlyWhenTheyAreTheSame) {
  const std::vector<std::string> different = {"1",
                                              "2",
                                              "1.5",
                                              "\"1\"",
                                              "[1]",
                                              "[[1]]",
                                              "{}",
                                              "[]",
                                              "null",
                                              "true",
                                              "false",
                                              "\"true\"",
                                              "NaN",
                                              "Infinity",
                                              R"({"a": 1})",
                                              R"({"a": [1]})",
                                              R"({"b": 1})",
                                              R"(["a", 5, 6])",
                                              R"(["a,5,6"])",
                                              R"(["a", "5", 6])",
                                              R"(["a,5", "6"])",
                                              R"(["a", "b"])",
                                              R"(["a,b"])",
                                              R"("\u00e9")",
                                              R"("\ud800")",
                                              R"("\ud801")"};
  for (std::size_t i = 0; i < different.size(); ++i) {
    EXPECT_EQ(Literal(different[i]), Literal(different[i]));
    for (std::size_t k = 0; k < i; ++k) EXPECT_NE(Literal(different[i]), Literal(different[k])) << different[i];
  }
  EXPECT_EQ(Literal(" 1 "), Literal("1"));
  EXPECT_EQ(Literal("\"a\" "), Literal("\"a\""));
}

TEST(Graph, LongLiteralsAreKeptAsShortTextThatTellsThemApart) {
  const std::string one = "\"" + std::string(100'000, 'a') + "b\"";
  const std::string other = "\"" + std::string(100'000, 'a') + "c\"";
  EXPECT_LE(Literal(one).size(), kMaxLiteralBytes);
  EXPECT_EQ(Literal(one), Literal(one));
  EXPECT_NE(Literal(one), Literal(other));
  EXPECT_THAT(Literal(one), Not(HasSubstr("aaaa")));
}

TEST(Graph, LongNamesOfModelFilesAreKeptWholeSinceTheirEndingsTellThem) {
  const std::string model = "\"SDXL\\\\" + std::string(200, 'm') + ".safetensors\"";
  EXPECT_EQ(Literal(model), model);
}

TEST(Trap8, NotANumberAndInfinityInTheInputsOfAWorkflowHideNothing) {
  for (const char* value : {"NaN", "[NaN, 1]", "[1, NaN]", R"(["1", Infinity])", R"(["1", -Infinity])", "[[NaN]]",
                            R"({"a": NaN, "b": [Infinity]})", "[Infinity]", "123456789012345678901234567890"}) {
    EXPECT_THAT(Literal(value), Not(IsEmpty())) << value;
    AnswerReader reader;
    const auto queue =
        reader.Queue(AsBody(R"({"queue_running": [[0, "a", {"1": {"class_type": "A", "inputs": {"x": )" +
                            std::string(value) + R"(}}}, {}, ["1"]]], "queue_pending": [[1, "b", {}, {}, []]]})"),
                     {.workflow = [](const std::string&, jobs::QueueNumber) { return true; }, .client_id = {}});
    ASSERT_TRUE(queue) << value << ": " << queue.error().why;
    EXPECT_EQ(queue->listing.pending[0].job_id, "b") << value;
    EXPECT_THAT(queue->listing.running[0].workflow->nodes(), SizeIs(1)) << value;
  }
}

TEST(Graph, LiteralsNestedWithoutEndDoNotOverflowTheStack) {
  const std::size_t depth = 1'000'000;
  const std::string arrays = std::string(depth, '[') + std::string(depth, ']');
  EXPECT_LE(Literal(arrays).size(), kMaxLiteralBytes);
  std::string objects;
  for (std::size_t i = 0; i < depth; ++i) objects += "{\"a\":";
  EXPECT_LE(Literal(objects + "1" + std::string(depth, '}')).size(), kMaxLiteralBytes);
  EXPECT_LE(Literal("[1, " + arrays + "]").size(), kMaxLiteralBytes);
}

TEST(Graph, NodesOfOddShapeArePassedOver) {
  const auto nodes = Graph(
      R"({"1": null, "2": 5, "3": [], "4": {}, "5": {"class_type": 7, "inputs": [1]}, "6": {"class_type": "A", "inputs": null}})");
  std::vector<std::string> ids;
  for (const Source& node : nodes) ids.push_back(node.id + node.class_type);
  EXPECT_THAT(ids, ElementsAre("4", "5", "6A"));
  for (const char* text : {"null", "5", "[]", "\"x\"", "NaN", "{}"}) EXPECT_THAT(Graph(text), IsEmpty()) << text;
}

TEST(Graph, OfTooManyNodesIsNotKept) {
  std::string text = "{";
  for (std::size_t i = 0; i < jobs::Workflow::kMaxNodes + 100; ++i)
    text += (i > 0 ? ", \"" : "\"") + std::to_string(i) + "\": {\"class_type\": \"A\"}";
  const auto nodes = Graph(text + "}");
  EXPECT_THAT(nodes, SizeIs(jobs::Workflow::kMaxNodes + 1));
  EXPECT_EQ(jobs::Workflow::Build(nodes, {}), std::nullopt);
}

// ---- the queue, with workflows and submitters

const Wanted kAll{.workflow = [](const std::string&, jobs::QueueNumber) { return true; }, .client_id = "jobstatus-1"};

QueueAnswer Queue(const std::string& running, const Wanted& wanted, const std::string& pending = "") {
  AnswerReader reader;
  auto queue =
      reader.Queue(AsBody("{\"queue_running\": [" + running + "], \"queue_pending\": [" + pending + "]}"), wanted);
  EXPECT_TRUE(queue) << queue.error().why;
  return queue ? *std::move(queue) : QueueAnswer{};
}

TEST(QueueWithWorkflows, TellsGraphAndOutputsOfTheJobsThatAreWanted) {
  const std::string item =
      R"(", {"1": {"class_type": "A", "inputs": {}}, "2": {"class_type": "B", "inputs": {"x": ["1", 0]}}}, {}, ["2", "nobody", 5]])";
  const Wanted second{
      .workflow = [](const std::string& id, jobs::QueueNumber number) { return id == "b" && number.value == 1; },
      .client_id = {}};
  const auto queue = Queue("[0, \"a" + item, second, "[1, \"b" + item + ", [2, \"b" + item);
  EXPECT_EQ(queue.listing.running[0].workflow, nullptr);
  EXPECT_EQ(queue.listing.running[0].submitter, Submitter::kUnknown);
  ASSERT_NE(queue.listing.pending[0].workflow, nullptr);
  EXPECT_EQ(queue.listing.pending[0].submitter, Submitter::kNobody);
  EXPECT_TRUE(queue.listing.pending[0].workflow->nodes()[1].output);
  EXPECT_FALSE(queue.listing.pending[0].workflow->nodes()[0].output);
  EXPECT_EQ(queue.listing.pending[1].workflow, nullptr);
}

TEST(QueueWithWorkflows, TellsWhoSubmittedAJob) {
  const auto submitter = [](const std::string& extra_data) {
    auto queue = Queue("[0, \"a\", {}, " + extra_data + ", []]", kAll);
    return std::pair(queue.listing.running[0].submitter, queue.client_ids[{"a", {0}}]);
  };
  EXPECT_EQ(submitter("{}"), std::pair(Submitter::kNobody, std::string()));
  EXPECT_EQ(submitter(R"({"client_id": null})"), std::pair(Submitter::kNobody, std::string()));
  EXPECT_EQ(submitter("[1]"), std::pair(Submitter::kNobody, std::string()));
  EXPECT_EQ(submitter(R"({"client_id": "jobstatus-1"})"), std::pair(Submitter::kService, std::string()));
  EXPECT_EQ(submitter(R"({"client_id": "browser"})"), std::pair(Submitter::kOther, std::string("browser")));
  // Owners that nobody can be: no seat to take.
  for (const char* odd : {"123", "\"\"", "[\"x\"]", "{\"x\": 1}", "true", "\"\\ud800\""}) {
    EXPECT_EQ(submitter(std::string("{\"client_id\": ") + odd + "}"), std::pair(Submitter::kOther, std::string()))
        << odd;
  }
  EXPECT_EQ(submitter("{\"client_id\": \"" + std::string(1025, 'x') + "\"}").second, "");
}

TEST(Trap8, AClientIdThatIsNotANumberIsAnOwnerToo) {
  const auto queue = Queue(R"([0, "a", {}, {"client_id": NaN, "create_time": 5000}, []])", kAll);
  EXPECT_EQ(queue.listing.running[0].submitter, Submitter::kOther);
  EXPECT_TRUE(queue.listing.running[0].create_time);
}

TEST(Trap13, OfTwoRunsOfOneIdEachHasItsOwnClientId) {
  const auto queue =
      Queue(R"([0, "a", {}, {"client_id": "first"}, []])", kAll, R"([1, "a", {}, {"client_id": "second"}, []])");
  EXPECT_EQ(queue.client_ids.at({"a", {0}}), "first");
  EXPECT_EQ(queue.client_ids.at({"a", {1}}), "second");
}

TEST(QueueWithWorkflows, IsReadThoughGraphAndExtraDataAreOdd) {
  for (const char* rest :
       {"null, null, null", "5, 5, 5", "[], [], {}", "\"x\", \"y\", \"z\"", "{}, {}, [null, {}, []]", "{}"}) {
    const auto queue = Queue("[0, \"a\", " + std::string(rest) + "]", kAll, "[1, \"b\", {}, {}, []]");
    ASSERT_THAT(queue.listing.running, SizeIs(1)) << rest;
    EXPECT_NE(queue.listing.running[0].workflow, nullptr) << rest;
    EXPECT_THAT(queue.listing.pending, SizeIs(1)) << rest;
  }
}

TEST(QueueWithWorkflows, TruncatedOrWithFlippedBytesNeverCrashesAndIsRefusedWhenCut) {
  const std::string good =
      R"({"queue_running": [[0, "a", {"1": {"class_type": "A", "inputs": {"x": [1, {"y": NaN}], "z": ["1", 0]}}}, )"
      R"({"client_id": "c", "create_time": 1}, ["1"]]], "queue_pending": []})";
  AnswerReader reader;
  ASSERT_TRUE(reader.Queue(AsBody(good), kAll));
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_FALSE(reader.Queue(AsBody(good.substr(0, length)), kAll)) << length;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char c : {'\0', '"', '{', '}', '[', ']', '\\', ',', ':', '\xff'}) {
      std::string bad = good;
      bad[at] = c;
      (void)reader.Queue(AsBody(bad), kAll);
    }
  }
}

// Everything that is told of a queue and leaves comfy/, as text.
std::string Everything(const jobs::QueueListing& listing) {
  std::string text;
  for (const auto* items : {&listing.running, &listing.pending}) {
    for (const jobs::QueueItem& item : *items) {
      text += item.job_id + ' ';
      if (!item.workflow) continue;
      for (const auto& node : item.workflow->nodes()) text += node.id + ' ' + node.class_type + ' ';
    }
  }
  return text;
}

TEST(Secrets, OfPromptsAndExtraDataAreNotInWhatIsTold) {
  const std::string item =
      R"(, {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "SECRET1", "SECRET2": "x", "list": ["SECRET3", "SECRET4", {"SECRET5": 1}]},)"
      R"( "_meta": {"title": "SECRET6"}, "SECRET7": 1}}, {"client_id": "SECRET8", "SECRET9": 1, "api_key_comfy_org": "SECRET10",)"
      R"( "extra_pnginfo": {"workflow": "SECRET11"}}, ["1", "SECRET12"], {"auth_token_comfy_org": "SECRET13"}])";
  const auto queue = Queue("[0, \"a\"" + item, kAll, "[1, \"b\"" + item);
  EXPECT_EQ(Everything(queue.listing), "a 1 CLIPTextEncode b 1 CLIPTextEncode ");
  EXPECT_EQ(queue.client_ids.at({"a", {0}}), "SECRET8");  // for comfy/ alone
}

TEST(Secrets, OfARecordedQueueAreNotInWhatIsTold) {
  const std::string body = test_data::Read("v0.3.64/56-secrets-in-queue/http/001-queue-running.json");
  ASSERT_THAT(body, HasSubstr("SECRET1"));
  AnswerReader reader;
  const auto queue = reader.Queue(AsBody(body), kAll);
  ASSERT_TRUE(queue);
  EXPECT_THAT(Everything(queue->listing), HasSubstr("SlowSteps"));
  EXPECT_THAT(Everything(queue->listing), Not(HasSubstr("SECRET")));
}

}  // namespace
}  // namespace comfy
