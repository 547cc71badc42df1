#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "client/certificate.h"
#include "e2e/programs.h"
#include "fakes/fake_comfy.h"

// Who may call, and who may listen.
namespace e2e {
namespace {

using jobstatus::Process;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kToken = "e2e-token-0123456789";
constexpr const char* kOtherToken = "e2e-other-token-0123456789";

class Security : public testing::Test {
 protected:
  Security() { std::filesystem::create_directories(files.path()); }

  std::string Write(const std::string& name, const std::string& text) const {
    const std::string file = files.path() + "/" + name;
    std::ofstream(file + ".new") << text;
    std::filesystem::rename(file + ".new", file);
    return file;
  }
  void WriteCertificate(const jobstatus::Certificate& certificate) const {
    Write("key.pem", certificate.key);
    Write("cert.pem", certificate.certificate);
  }
  std::string File(const std::string& name) const { return files.path() + "/" + name; }
  // NAME-ca.pem, an authority, and NAME.pem and NAME.key, which it signed, as openssl makes them.
  void Sign(const std::string& name) const {
    const std::string make =
        "set -e; cd \"$1\"; key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'; "
        "openssl req -x509 $key -days 2 -subj /CN=$2-ca -keyout $2-ca.key -out $2-ca.pem; "
        "openssl req $key -subj /CN=$2 -keyout $2.key -out $2.csr; "
        "openssl x509 -req -in $2.csr -CA $2-ca.pem -CAkey $2-ca.key -CAcreateserial -days 2 -out $2.pem";
    const Ended ended = RunToEnd({"sh", "-c", make, "sh", files.path(), name});
    ASSERT_EQ(ended.exit_code, 0) << ended.err;
  }
  Arguments Tls() const { return {"--tls-cert", files.path() + "/cert.pem", "--tls-key", files.path() + "/key.pem"}; }

  static Ended Check(Arguments more) {
    more.insert(more.begin(), {JOBSTATUS_SERVER, "--state-dir=none", "--check-config"});
    return RunToEnd(more);
  }
  // `jobstatus backends`.
  static Ended Ask(const Service& service, const Arguments& options, const std::string& token = "") {
    Arguments command = {"env"};
    if (!token.empty()) command.push_back("JOBSTATUS_TOKEN=" + token);
    command.insert(command.end(), {JOBSTATUS_COMMAND, "--server", service.address()});
    command.insert(command.end(), options.begin(), options.end());
    command.emplace_back("backends");
    return RunToEnd(command);
  }

  StateDir files;
  Comfy comfy;
};

TEST_F(Security, CallsAreEncryptedOnceThereIsACertificate) {
  WriteCertificate(jobstatus::MakeCertificate());
  const Service service({"gpu=" + comfy.url()}, Tls());
  EXPECT_EQ(Ask(service, {"--tls", "--ca", files.path() + "/cert.pem"}).exit_code, 0);
  const Ended plain = Ask(service, {});
  EXPECT_EQ(plain.exit_code, 5);
  EXPECT_THAT(plain.err, HasSubstr("--tls"));
  EXPECT_EQ(Ask(service, {"--tls"}).exit_code, 5) << "nobody vouches for it";
}

TEST_F(Security, OldProtocolsAreRefused) {
  WriteCertificate(jobstatus::MakeCertificate());
  const Service service({"gpu=" + comfy.url()}, Tls());
  const auto connect = [&](const std::string& version) {  // openssl itself would refuse old ones at a higher level
    return RunToEnd({"sh", "-c",
                     "echo | openssl s_client -connect " + service.address() + " -alpn h2 -cipher ALL:@SECLEVEL=0 " +
                         version + " 2>&1"})
        .out;
  };
  for (const char* version : {"-tls1_2", "-tls1_3"}) EXPECT_THAT(connect(version), HasSubstr("ALPN protocol: h2"));
  for (const char* version : {"-tls1", "-tls1_1"})
    EXPECT_THAT(connect(version), AllOf(HasSubstr("written"), HasSubstr("read 0 bytes"), HasSubstr("Cipher is (NONE)")))
        << version;
}

TEST_F(Security, ACertificateThatIsReplacedIsShownToWhoeverConnectsFromThenOn) {
  WriteCertificate(jobstatus::MakeCertificate());
  const Service service({"gpu=" + comfy.url()}, Tls());
  const std::string old_ca = Write("old.pem", [&] {
    std::ifstream in(files.path() + "/cert.pem");
    return std::string(std::istreambuf_iterator<char>(in), {});
  }());
  ASSERT_EQ(Ask(service, {"--tls", "--ca", old_ca}).exit_code, 0);
  jobstatus::Process watch(service.Command({"--tls", "--ca", old_ca, "watch"}));
  const std::string id = Submit(comfy.url(), {.steps = 1'000'000});
  ASSERT_TRUE(watch.AwaitOutput(id + " processing"));
  WriteCertificate(jobstatus::MakeCertificate());
  int tries = 0;  // it looks at the files every two seconds
  while (Ask(service, {"--tls", "--ca", files.path() + "/cert.pem"}).exit_code != 0 && ++tries < 1000) {
  }
  EXPECT_LT(tries, 1000);
  EXPECT_EQ(Ask(service, {"--tls", "--ca", old_ca}).exit_code, 5);
  Interrupt(comfy.url());
  EXPECT_TRUE(watch.AwaitOutput(id + " cancelled")) << "a stream that stands goes on";
}

TEST_F(Security, FilesThatDoNotFitEachOtherAreToldInTheLogAndSoIsThatTheyDoAgain) {
  const jobstatus::Certificate certificate = jobstatus::MakeCertificate();
  WriteCertificate(certificate);
  Service service({"gpu=" + comfy.url()}, Tls());
  Write("key.pem", jobstatus::MakeCertificate().key);
  ASSERT_TRUE(service.process().AwaitError("who connects from here on may fail to: " + File("key.pem") +
                                           ": is not the key of the certificate in " + File("cert.pem")));
  Write("key.pem", certificate.key);
  ASSERT_TRUE(service.process().AwaitError("the certificate and its key can be used again"));
  std::filesystem::remove(File("cert.pem"));
  ASSERT_TRUE(service.process().AwaitError("may fail to: " + File("cert.pem") + ": cannot be read"));
  service.process().Signal(SIGTERM);
  EXPECT_EQ(service.process().Wait(), 0);
  const std::string& log = service.process().error();
  EXPECT_EQ(log.find("is not the key"), log.rfind("is not the key")) << "it is told once";
}

TEST_F(Security, CallersMayHaveToShowCertificatesOfAnAuthority) {
  WriteCertificate(jobstatus::MakeCertificate());
  for (const char* const authority : {"ours", "others"}) Sign(authority);
  Arguments more = Tls();
  more.insert(more.end(), {"--tls-client-ca", File("ours-ca.pem")});
  const Service service({"gpu=" + comfy.url()}, more);
  const Arguments encrypted = {"--tls", "--ca", File("cert.pem")};
  const auto ask = [&](const std::string& authority) {
    Arguments options = encrypted;
    options.insert(options.end(), {"--cert", File(authority + ".pem"), "--key", File(authority + ".key")});
    return Ask(service, options);
  };
  EXPECT_EQ(ask("ours").exit_code, 0);
  for (const Ended& refused : {ask("others"), Ask(service, encrypted)}) {
    EXPECT_EQ(refused.exit_code, 5);
    EXPECT_THAT(refused.err, HasSubstr("--cert"));
  }
  std::filesystem::rename(File("others-ca.pem"), File("ours-ca.pem"));
  int tries = 0;  // it looks at the files every two seconds
  while (ask("others").exit_code != 0 && ++tries < 1000) {
  }
  EXPECT_LT(tries, 1000) << "authorities that are replaced hold for whoever connects from then on";
  EXPECT_EQ(ask("ours").exit_code, 5);
}

TEST_F(Security, CallersMayHaveToHaveTokensAndThoseAreReadAgainOnHangUp) {
  const std::string file = Write("tokens", std::string("# ours\n") + kToken + "\n");
  Service service({"gpu=" + comfy.url()}, {"--token-file", file});
  EXPECT_EQ(Ask(service, {}, kToken).exit_code, 0);
  const Ended none = Ask(service, {});
  EXPECT_EQ(none.exit_code, 7);
  EXPECT_THAT(none.err, HasSubstr("token"));
  EXPECT_EQ(RunToEnd(service.Command({"health"})).exit_code, 0) << "health is told to everybody";
  EXPECT_EQ(Ask(service, {}, kOtherToken).exit_code, 7);
  Write("tokens", std::string(kOtherToken) + "\n");
  service.process().Signal(SIGHUP);
  ASSERT_TRUE(service.process().AwaitError("1 tokens read from " + file));
  EXPECT_EQ(Ask(service, {}, kOtherToken).exit_code, 0);
  EXPECT_EQ(Ask(service, {}, kToken).exit_code, 7);
  Write("tokens", "short\n");
  service.process().Signal(SIGHUP);
  ASSERT_TRUE(service.process().AwaitError("the tokens stay as they were: " + file + ", line 1"));
  EXPECT_EQ(Ask(service, {}, kOtherToken).exit_code, 0);
}

TEST_F(Security, TokensAreReadAgainWhenTheirFileChanges) {
  const std::string file = Write("tokens", std::string(kToken) + "\n");
  Service service({"gpu=" + comfy.url()}, {"--token-file", file});
  Write("tokens", std::string(kToken) + "\n" + kOtherToken + "\n");
  ASSERT_TRUE(service.process().AwaitError("2 tokens read from " + file));
  EXPECT_EQ(Ask(service, {}, kToken).exit_code, 0);
  EXPECT_EQ(Ask(service, {}, kOtherToken).exit_code, 0);
  std::filesystem::remove(file);
  ASSERT_TRUE(service.process().AwaitError("the tokens stay as they were: cannot read the file " + file));
  EXPECT_EQ(Ask(service, {}, kToken).exit_code, 0);
  Write("tokens", std::string(kOtherToken) + "\n");
  ASSERT_TRUE(service.process().AwaitError("1 tokens read from " + file));
  EXPECT_EQ(Ask(service, {}, kToken).exit_code, 7);
  EXPECT_EQ(Ask(service, {}, kOtherToken).exit_code, 0);
}

TEST_F(Security, PlainTextForOtherMachinesIsRefusedUnlessAskedFor) {
  for (const char* open : {"0.0.0.0:1", "0:1", "[::]:1", "*:1", "192.0.2.1:1", ":1"}) {
    const Ended refused = Check({"--listen", open});
    EXPECT_EQ(refused.exit_code, 2) << open;
    EXPECT_THAT(refused.err, AllOf(HasSubstr("--listen"), HasSubstr("--tls-cert"), HasSubstr("--insecure-listen")));
    EXPECT_EQ(Check({"--listen", open, "--insecure-listen"}).exit_code, 0) << open;
  }
  for (const char* local : {"127.0.0.1:1", "[::1]:1", "localhost:1", "127.3.4.5:1", "unix:/tmp/x"})
    EXPECT_EQ(Check({"--listen", local}).exit_code, 0) << local;
  WriteCertificate(jobstatus::MakeCertificate());
  Arguments encrypted = Tls();
  encrypted.insert(encrypted.end(), {"--listen", "0.0.0.0:1"});
  EXPECT_EQ(Check(encrypted).exit_code, 0);
}

TEST_F(Security, PlainTextForOtherMachinesIsWarnedOf) {
  const Arguments open = {"--insecure-listen"};
  Service anybody({"gpu=" + comfy.url()}, open, "0.0.0.0:0");
  EXPECT_TRUE(anybody.process().AwaitError("--insecure-listen: other machines may call"));
  Service with_tokens({"gpu=" + comfy.url()},
                      {"--insecure-listen", "--token-file", Write("tokens", std::string(kToken) + "\n")}, "0.0.0.0:0");
  EXPECT_TRUE(with_tokens.process().AwaitError("can read every call and its token"));
  Service local({"gpu=" + comfy.url()}, open);
  local.process().Signal(SIGTERM);
  EXPECT_EQ(local.process().Wait(), 0);
  EXPECT_THAT(local.process().error(), Not(HasSubstr("other machines may call")));
}

TEST_F(Security, AnAddressThatHidesWhereItListensIsNotTakenForLocal) {
  for (const char* hidden : {"dns:0.0.0.0:1", "dns:///0.0.0.0:1", "ipv4:0.0.0.0:1", "%30.0.0.0:1", "[%3A%3A]:1",
                             "::1:1", "no-such-host.invalid:1"}) {
    const Ended refused = Check({"--listen", hidden});
    EXPECT_EQ(refused.exit_code, 2) << hidden;
    EXPECT_THAT(refused.err, AllOf(HasSubstr(hidden), HasSubstr("--tls-cert"), HasSubstr("--insecure-listen")));
  }
}

TEST_F(Security, FilesThatDoNotDoAreNamedAtTheStart) {
  WriteCertificate(jobstatus::MakeCertificate());
  const std::string cert = files.path() + "/cert.pem";
  const std::string key = files.path() + "/key.pem";
  const std::string other_key = Write("other.pem", jobstatus::MakeCertificate().key);
  const std::string expired = Write("expired.pem", jobstatus::MakeCertificate(-1).certificate);
  const std::string text = Write("text.pem", "no PEM\n");
  const std::vector<std::pair<Arguments, std::string>> wrong = {
      {{"--tls-cert", cert}, "needs both --tls-cert and --tls-key"},
      {{"--tls-key", key}, "needs both --tls-cert and --tls-key"},
      {{"--tls-client-ca", cert}, "--tls-client-ca: needs --tls-cert"},
      {{"--tls-cert", "/no/such", "--tls-key", key}, "--tls-cert: /no/such: cannot be read"},
      {{"--tls-cert", cert, "--tls-key", "/no/such"}, "--tls-key: /no/such: cannot be read"},
      {{"--tls-cert", text, "--tls-key", key}, "--tls-cert: " + text + ": holds no certificate"},
      {{"--tls-cert", cert, "--tls-key", text}, "--tls-key: " + text + ": holds no key"},
      {{"--tls-cert", cert, "--tls-key", other_key},
       "--tls-key: " + other_key + ": is not the key of the certificate in " + cert},
      {{"--tls-cert", expired, "--tls-key", key}, expired + ": the certificate has expired"},
      {{"--tls-cert", cert, "--tls-key", key, "--tls-client-ca", text},
       "--tls-client-ca: " + text + ": holds no certificate"},
      {{"--tls-cert", "", "--tls-key", ""}, "--tls-cert: names no file"},
      {{"--tls-cert", cert, "--tls-key", ""}, "--tls-key: names no file"},
      {{"--tls-cert", cert, "--tls-key", key, "--tls-client-ca", ""}, "--tls-client-ca: names no file"},
      {{"--token-file", ""}, "--token-file: names no file"},
      {{"--config", Write("config", "token-file = \"\"\n")}, "--token-file: names no file"},
      {{"--token-file", "/no/such"}, "cannot read the file /no/such"},
      {{"--token-file", text}, text + ", line 1: a token must have at least 16 characters"},
  };
  for (const auto& [arguments, why] : wrong) {
    const Ended ended = Check(arguments);
    EXPECT_EQ(ended.exit_code, 2) << why;
    EXPECT_THAT(ended.err, HasSubstr(why));
  }
}

TEST_F(Security, NothingThatComesOutHoldsASecret) {
  const std::string tokens = Write("tokens", std::string(kToken) + "\n");
  const std::string upstream = Write("upstream", "upstream-secret-4711\n");
  const std::string url = "http://me:url-secret-4711@" + comfy.url().substr(7);
  Service service({"gpu=" + url, "away=http://me:away-secret-4711@127.0.0.1:1"},
                  {"--token-file", tokens, "--backend-token-file", "away=" + upstream, "--log-level", "debug"});
  const std::string id = Submit(comfy.url());
  std::string all;
  for (const Arguments& call : {Arguments{"backends"}, Arguments{"--json", "backends"}, Arguments{"list"},
                                Arguments{"watch", id}, Arguments{"get", "nobody"}, Arguments{"--json", "get", id}}) {
    Arguments command = {"env", std::string("JOBSTATUS_TOKEN=") + kToken};
    const Arguments own = service.Command(call);
    command.insert(command.end(), own.begin(), own.end());
    const Ended ended = RunToEnd(command);
    all += ended.out + ended.err;
  }
  const Ended wrong = Ask(service, {}, "a-wrong-token-0123456789");
  EXPECT_EQ(wrong.exit_code, 7);
  all += wrong.err;
  EXPECT_THAT(all, HasSubstr(id));
  service.process().Signal(SIGHUP);
  service.process().Signal(SIGTERM);
  EXPECT_EQ(service.process().Wait(), 0);
  all += service.process().error() + service.process().output();
  const Ended checked =
      Check({"--backend", "gpu=" + url, "--token-file", tokens, "--backend-token-file", "gpu=" + upstream});
  EXPECT_EQ(checked.exit_code, 0);
  all += checked.out + checked.err;
  all +=
      RunToEnd({"env", "JOBSTATUS_BACKENDS=gpu=" + url, "JOBSTATUS_TOKEN_FILE=" + tokens, JOBSTATUS_SERVER, "--help"})
          .out;
  EXPECT_THAT(all, AllOf(HasSubstr("JOBSTATUS_TOKEN_FILE"), HasSubstr("token-file = ")));
  EXPECT_THAT(all, AllOf(Not(HasSubstr("secret-4711")), Not(HasSubstr(kToken)), Not(HasSubstr("a-wrong-token"))));
  const std::string encoded = RunToEnd({"sh", "-c", "printf me:url-secret-4711 | openssl base64 -A"}).out;
  ASSERT_EQ(encoded.substr(0, 4), "bWU6");
  EXPECT_THAT(all, Not(HasSubstr(encoded))) << "as it is sent";
}

// A graph has people's prompts in it, and extra_data their API keys: nobody needs them to know how a job is doing.
TEST_F(Security, NothingOfAGraphOrOfExtraDataComesOutOrIsKept) {
  fakes::FakeComfy comfyui;
  StateDir state;
  Service service({"gpu=" + comfyui.url()}, {"--log-level", "debug"}, "127.0.0.1:0", state.path());
  const auto submit = [&] {
    return comfyui
        .Submit({.prompt_json = R"({"3": {"class_type": "KSampler", "inputs": {"text": "graph-secret-4711"}, )"
                                R"("_meta": {"title": "title-secret-4711"}}, )"
                                R"("9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}}})",
                 .extra_data_json = R"({"api_key_comfy_org": "extra-secret-4711", )"
                                    R"("extra_pnginfo": {"workflow": {"notes": "png-secret-4711"}}})"})
        .prompt_id;
  };
  const std::string first = submit();
  const std::string second = submit();
  const std::string third = submit();
  Process good(service.Command({"--json", "watch", first}));
  Process bad(service.Command({"--json", "watch", second}));
  ASSERT_TRUE(good.AwaitOutput("QUEUED"));
  ASSERT_TRUE(bad.AwaitOutput("QUEUED"));
  comfyui.StartNext();
  comfyui.StartNode("3");
  comfyui.Step("3", 1, 2);
  ASSERT_TRUE(good.AwaitOutput("PROCESSING"));
  comfyui.FinishSuccess(R"({"9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}})");
  comfyui.StartNext();
  comfyui.FinishError({.current_inputs_json = R"({"text": ["inputs-secret-4711"]})"});
  EXPECT_EQ(good.Wait(), 0);
  EXPECT_EQ(bad.Wait(), 1);
  std::string all = good.output() + bad.output();
  for (const Arguments& call :
       {Arguments{"--json", "list"}, Arguments{"--json", "get", third}, Arguments{"get", second}}) {
    const Ended ended = RunToEnd(service.Command(call));
    all += ended.out + ended.err;
  }
  service.process().Signal(SIGTERM);
  EXPECT_EQ(service.process().Wait(), 0);
  all += service.process().error();
  for (const auto& file : std::filesystem::directory_iterator(state.path())) {
    std::ifstream in(file.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(in), {});
  }
  EXPECT_THAT(all, AllOf(HasSubstr("SQLite format 3"), HasSubstr("a.png"), HasSubstr("job_ended")));
  EXPECT_THAT(all, Not(HasSubstr("secret-4711")));
}

TEST_F(Security, TheMetricsPortShowsNoJobsWhereCallersNeedACertificate) {
  WriteCertificate(jobstatus::MakeCertificate());
  Sign("callers");
  Arguments options = Tls();
  options.insert(options.end(), {"--tls-client-ca", File("callers-ca.pem")});
  MetricsPort port;
  const Service service({"http://127.0.0.1:1"}, port.Options(options));
  EXPECT_EQ(port.Get("/metrics").status, 200);
  EXPECT_EQ(port.Get("/status.json").status, 403);
  EXPECT_THAT(port.Get("/").body, HasSubstr("only callers with a certificate may know of jobs"));
}

}  // namespace
}  // namespace e2e
