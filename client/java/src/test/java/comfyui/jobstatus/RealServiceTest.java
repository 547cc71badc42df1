package comfyui.jobstatus;

import static comfyui.jobstatus.v1.JobState.JOB_STATE_CANCELLED;
import static comfyui.jobstatus.v1.JobState.JOB_STATE_COMPLETED;
import static comfyui.jobstatus.v1.JobState.JOB_STATE_PROCESSING;
import static comfyui.jobstatus.v1.JobState.JOB_STATE_QUEUED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import comfyui.jobstatus.v1.Backend;
import comfyui.jobstatus.v1.GetStatusRequest;
import comfyui.jobstatus.v1.JobState;
import comfyui.jobstatus.v1.JobStatus;
import comfyui.jobstatus.v1.ListStatusesRequest;
import comfyui.jobstatus.v1.Output;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is promised, with the real service and a fake ComfyUI. test.sh runs it; mvn alone leaves it
 * out.
 */
@EnabledIfEnvironmentVariable(named = "FAKE_COMFYUI", matches = ".+")
class RealServiceTest {
  private static final Duration A_MINUTE = Duration.ofMinutes(1);

  @TempDir private Path scratch;
  private RealService service;

  @BeforeEach
  void start() throws IOException, InterruptedException {
    service = new RealService(scratch);
  }

  @AfterEach
  void end() throws InterruptedException {
    service.end();
  }

  private JobStatusClient client() {
    return JobStatusClient.create(service.address());
  }

  private void await(JobStatusClient client, String jobId, JobState state) {
    try (var watch = client.watch(jobId)) {
      assertTrue(watch.stream().anyMatch(status -> status.getState() == state));
    }
  }

  @Test
  void aWaitReturnsTheStatusTheJobEndsWith() {
    service.submit("a");
    try (var client = client()) {
      var status = client.waitForCompletion("a", A_MINUTE);
      assertEquals(JOB_STATE_COMPLETED, status.getState());
      assertEquals(
          List.of("cat_00001_.png"),
          status.getOutputsList().stream().map(Output::getFilename).toList());
      assertEquals(status, client.getStatus("a"));
      var all = ListStatusesRequest.getDefaultInstance();
      assertEquals(List.of(status), client.listStatuses(all).toList());
      assertEquals(List.of("gpu"), client.listBackends().stream().map(Backend::getName).toList());
    }
  }

  @Test
  void aWatchEndsWithTheJob() {
    service.submitEndless("a");
    var states = new ArrayList<JobState>();
    try (var client = client();
        var watch = client.watch("a")) {
      for (JobStatus status : watch) {
        if (status.getState() == JOB_STATE_PROCESSING && !states.contains(JOB_STATE_PROCESSING)) {
          service.interrupt();
        }
        states.add(status.getState());
      }
    }
    assertTrue(states.contains(JOB_STATE_PROCESSING));
    assertEquals(JOB_STATE_CANCELLED, states.get(states.size() - 1));
  }

  @Test
  void aWatchOfAllJobsTellsOfEach() {
    service.submitEndless("a");
    service.submit("b");
    try (var client = client();
        var watch = client.watch()) {
      await(client, "a", JOB_STATE_PROCESSING);
      await(client, "b", JOB_STATE_QUEUED);
      service.interrupt();
      var ended =
          watch.stream()
              .filter(status -> JobStates.isTerminal(status.getState()))
              .map(JobStatus::getJobId)
              .limit(2);
      assertEquals(List.of("a", "b"), ended.toList());
    }
  }

  @Test
  void timeThatIsOverSaysHowFarTheJobWas() {
    service.submitEndless("a");
    try (var client = client()) {
      await(client, "a", JOB_STATE_PROCESSING);
      var thrown =
          assertThrows(
              JobStatusException.DeadlineExceeded.class,
              () -> client.waitForCompletion("a", Duration.ofSeconds(2)));
      assertEquals(JOB_STATE_PROCESSING, thrown.lastStatus().orElseThrow().getState());
    }
  }

  @Test
  void aWaitSurvivesTheService() throws IOException, InterruptedException {
    service.submitEndless("a");
    var lost = new CompletableFuture<JobStatusException>();
    var options = WatchOptions.builder().jobIds("a").onRetry((error, wait) -> lost.complete(error));
    try (var client = client()) {
      await(client, "a", JOB_STATE_PROCESSING);
      var completion = client.waitForCompletionAsync(options.build());
      service.kill();
      lost.join();
      service.interrupt();
      service.start();
      assertEquals(JOB_STATE_CANCELLED, completion.join().getState());
    }
  }

  @Test
  void aWatchThatFailsFastSaysWhyAndOthersWait() throws IOException, InterruptedException {
    service.kill();
    try (var client = client()) {
      var fast = client.watch(WatchOptions.builder().jobIds("a").failFast(true).build());
      assertThrows(JobStatusException.ServiceUnavailable.class, fast::hasNext);
      assertFalse(fast.hasNext());
      var lost = new CompletableFuture<JobStatusException>();
      var patient =
          WatchOptions.builder()
              .jobIds("a")
              .waitForJob(A_MINUTE)
              .onRetry((error, wait) -> lost.complete(error));
      var completion = client.waitForCompletionAsync(patient.build());
      lost.join();
      service.start();
      service.submit("a");
      assertEquals(JOB_STATE_COMPLETED, completion.join().getState());
    }
  }

  @Test
  void manyWaitAtOnceWithoutAThreadEach() {
    var ids = IntStream.range(0, 100).mapToObj(number -> "job-" + number).toList();
    ids.forEach(service::submit);
    try (var client = client()) {
      var waits =
          ids.stream()
              .map(id -> WatchOptions.builder().jobIds(id).timeout(A_MINUTE).build())
              .map(client::waitForCompletionAsync)
              .toList();
      for (int i = 0; i < waits.size(); i++) {
        assertEquals(ids.get(i), waits.get(i).join().getJobId());
        assertEquals(JOB_STATE_COMPLETED, waits.get(i).join().getState());
      }
    }
  }

  @Test
  void errorsAreTyped() {
    try (var client = client()) {
      var unknown =
          assertThrows(
              JobStatusException.JobNotFound.class,
              () -> client.waitForCompletion("nobody", A_MINUTE));
      assertEquals(Map.of("job_id", "nobody"), unknown.metadata());
      assertFalse(unknown.requestId().isEmpty());
      var elsewhere = GetStatusRequest.newBuilder().setJobId("a").setBackend("nowhere").build();
      assertThrows(JobStatusException.BackendNotFound.class, () -> client.getStatus(elsewhere));
      var empty =
          assertThrows(JobStatusException.InvalidArgument.class, () -> client.getStatus(""));
      assertEquals(List.of("job_id"), List.copyOf(empty.invalidFields().keySet()));
    }
  }

  @Test
  void theRequestIdOfTheCallerIsTheOneInTheError() {
    var options =
        ClientOptions.builder().target(service.address()).metadata("x-request-id", "mine-1");
    try (var client = JobStatusClient.create(options.build())) {
      var thrown =
          assertThrows(JobStatusException.JobNotFound.class, () -> client.getStatus("nobody"));
      assertEquals("mine-1", thrown.requestId());
    }
  }

  @Test
  void theExampleTellsOfAJobToItsOutputs() throws IOException, InterruptedException {
    service.submit("a");
    var said = scratch.resolve("said");
    var ran =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                "examples/WatchJob.java",
                service.address(),
                "a")
            .redirectErrorStream(true)
            .redirectOutput(said.toFile())
            .start();
    assertTrue(ran.waitFor(1, TimeUnit.MINUTES));
    var lines = Files.readAllLines(said);
    assertEquals(0, ran.exitValue(), lines::toString);
    assertEquals(
        List.of(
            "completed with 1 output",
            service.comfyUrl() + "/view?filename=cat_00001_.png&type=output"),
        lines.subList(lines.size() - 2, lines.size()));
  }
}
