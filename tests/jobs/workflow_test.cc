#include "jobs/workflow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "jobs/heard.h"

namespace jobs {
namespace {

using heard::Draw;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Source = WorkflowNodeSource;

std::vector<std::string> Ids(const Workflow& workflow) {
  std::vector<std::string> ids;
  for (const auto& node : workflow.nodes()) ids.push_back(node.id);
  return ids;
}

std::string Needed(const Workflow& workflow, const std::vector<std::string>& settled) {
  std::vector<bool> is_settled(workflow.nodes().size(), false);
  for (const std::string& id : settled) is_settled[*workflow.Find(id)] = true;
  const std::vector<bool> needed = workflow.Needed(is_settled);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (needed[i]) ids.push_back(workflow.nodes()[i].id);
  }
  std::ranges::sort(ids);
  std::string text;
  for (const std::string& id : ids) text += id;
  return text;
}

const Workflow::Node& Node(const Workflow& workflow, std::string_view id) {
  return workflow.nodes()[*workflow.Find(id)];
}

TEST(Workflow, StandsInAnOrderOfExecutionHoweverItIsWritten) {
  const auto workflow = Draw({{"save", "S", {"b", "a"}}, {"b", "B", {"a"}}, {"a", "A"}}, {"save"});
  EXPECT_THAT(Ids(*workflow), ElementsAre("a", "b", "save"));
  EXPECT_THAT(workflow->nodes()[2].inputs, ElementsAre(0, 1));
  EXPECT_TRUE(workflow->nodes()[2].output);
  EXPECT_FALSE(workflow->nodes()[1].output);
  EXPECT_EQ(workflow->Find("nobody"), std::nullopt);
}

TEST(Workflow, NeedsWhatItsOutputsReachLessWhatIsSettled) {
  const auto workflow = Draw(
      {{"a", "A"}, {"b", "B", {"a"}}, {"c", "C", {"b"}}, {"d", "D", {"b"}}, {"e", "E"}, {"f", "F", {"e"}}}, {"c", "d"});
  EXPECT_EQ(Needed(*workflow, {}), "abcd");
  EXPECT_EQ(Needed(*workflow, {"a"}), "bcd");
  EXPECT_EQ(Needed(*workflow, {"b"}), "cd");
  EXPECT_EQ(Needed(*workflow, {"c"}), "abd");
  EXPECT_EQ(Needed(*workflow, {"c", "d"}), "");
}

TEST(Workflow, LeavesOutWhatIsNotThere) {
  const auto workflow = Draw({{"a", "A", {"nobody"}}}, {"nobody", "a"});
  EXPECT_EQ(Needed(*workflow, {}), "a");
  const auto nothing = Draw({}, {"a"});
  EXPECT_THAT(nothing->nodes(), IsEmpty());
}

TEST(Workflow, WithACycleIsReadAllTheSame) {
  const auto workflow = Draw({{"a", "A", {"c", "a"}}, {"b", "B", {"a"}}, {"c", "C", {"b"}}, {"d", "D"}}, {"c"});
  EXPECT_THAT(Ids(*workflow), ElementsAre("d", "a", "b", "c"));
  EXPECT_EQ(Needed(*workflow, {}), "abc");
}

TEST(Workflow, OfTwoNodesOfOneIdHasTheFirst) {
  const auto workflow = Draw({{"", "A"}, {"", "B"}}, {""});
  ASSERT_THAT(workflow->nodes(), SizeIs(1));
  EXPECT_EQ(workflow->nodes()[0].class_type, "A");
}

TEST(Workflow, IsNoneWithTooManyNodesOrTooLongANameOfOne) {
  std::vector<heard::Drawn> nodes;
  for (std::size_t i = 0; i < Workflow::kMaxNodes; ++i) nodes.push_back({std::to_string(i), "A"});
  EXPECT_NE(Draw(nodes, {}), nullptr);
  nodes.push_back({"one more", "A"});
  EXPECT_EQ(Draw(nodes, {}), nullptr);
  EXPECT_NE(Draw({{std::string(Workflow::kMaxNameBytes, 'i'), "A"}}, {}), nullptr);
  EXPECT_EQ(Draw({{std::string(Workflow::kMaxNameBytes + 1, 'i'), "A"}}, {}), nullptr);
  EXPECT_EQ(Draw({{"a", std::string(Workflow::kMaxNameBytes + 1, 'c')}}, {}), nullptr);
}

TEST(Workflow, OfTenThousandNodesInARowOrAllOverIsBuiltAndMeasured) {
  std::vector<heard::Drawn> row;
  std::vector<heard::Drawn> star = {{"0", "A"}};
  std::vector<std::string> all;
  for (std::size_t i = 0; i < Workflow::kMaxNodes; ++i) {
    row.push_back({std::to_string(i), "A"});
    if (i > 0) row.back().inputs = {std::to_string(i - 1)};
    if (i > 0) star.push_back({std::to_string(i), "A", {"0"}});
    all.push_back(std::to_string(i));
  }
  std::ranges::reverse(row);
  const auto in_a_row = Draw(row, {"9999"});
  EXPECT_EQ(in_a_row->nodes().back().id, "9999");
  const auto needed = in_a_row->Needed(std::vector<bool>(row.size(), false));
  EXPECT_EQ(std::ranges::count(needed, true), 10'000);
  EXPECT_NE(Draw(star, all), nullptr);
}

// ---- which nodes are the same

Source Sampler(const std::string& seed, const std::string& steps, const std::string& text) {
  Source source;
  source.id = "2";
  source.class_type = "KSampler";
  source.literals = {{"seed", seed}, {"steps", steps}, {"text", text}};
  source.links = {{"model", "1", "0"}};
  return source;
}

Workflow With(const std::string& model, const Source& sampler) {
  Source loader;
  loader.id = "1";
  loader.class_type = "Loader";
  loader.literals = {{"ckpt_name", model}};
  return *Workflow::Build({loader, sampler}, {"2"});
}

TEST(Signature, IsOfTheSameInputsAllTheWayUp) {
  const Workflow one = With("a.ckpt", Sampler("1", "20", "\"cat\""));
  const auto signature = Node(one, "2").signature;
  EXPECT_EQ(Node(With("a.ckpt", Sampler("1", "20", "\"cat\"")), "2").signature, signature);
  EXPECT_NE(Node(With("b.ckpt", Sampler("1", "20", "\"cat\"")), "2").signature, signature);
  EXPECT_NE(Node(With("a.ckpt", Sampler("2", "20", "\"cat\"")), "2").signature, signature);
  EXPECT_NE(Node(With("a.ckpt", Sampler("1", "20", "\"dog\"")), "2").signature, signature);
  Source other_slot = Sampler("1", "20", "\"cat\"");
  other_slot.links[0].slot = "1";
  EXPECT_NE(Node(With("a.ckpt", other_slot), "2").signature, signature);
}

TEST(Signature, DoesNotDependOnTheOrderOfInputsNorOnIds) {
  Source sampler = Sampler("1", "20", "\"cat\"");
  const auto signature = Node(With("a.ckpt", sampler), "2").signature;
  std::ranges::reverse(sampler.literals);
  EXPECT_EQ(Node(With("a.ckpt", sampler), "2").signature, signature);
  sampler.id = "7";
  EXPECT_EQ(Node(With("a.ckpt", sampler), "7").signature, signature);
}

TEST(Signature, TellsANameFromAValue) {
  Source one;
  one.literals = {{"ab", "c"}};
  Source other;
  other.literals = {{"a", "bc"}};
  EXPECT_NE(Workflow::Build({one}, {})->nodes()[0].signature, Workflow::Build({other}, {})->nodes()[0].signature);
}

}  // namespace
}  // namespace jobs
