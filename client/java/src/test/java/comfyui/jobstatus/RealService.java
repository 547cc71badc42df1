package comfyui.jobstatus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A fake ComfyUI, and the service before it: the programs that JOBSTATUS_SERVER and FAKE_COMFYUI
 * name.
 */
final class RealService {
  private final Path scratch;
  private final HttpClient http = HttpClient.newHttpClient();
  private final Process comfy;
  private final String comfyUrl;
  private Process service;
  private String address = "127.0.0.1:0";

  RealService(Path scratch) throws IOException, InterruptedException {
    this.scratch = scratch;
    comfy =
        new ProcessBuilder(
                System.getenv("FAKE_COMFYUI"),
                "--port",
                "0",
                "--version",
                "v0.3.64",
                "--speed",
                "50")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    String said =
        lines(comfy.getInputStream()).take(); // "fake ComfyUI v0.3.64 at http://127.0.0.1:1234"
    comfyUrl = said.substring(said.indexOf("http://")).strip();
    start();
  }

  /** At the same address and with the same state, however often it starts. */
  void start() throws IOException, InterruptedException {
    var command =
        new ArrayList<>(
            List.of(
                System.getenv("JOBSTATUS_SERVER"), "--listen", address, "--log-format", "json"));
    command.addAll(List.of("--backend", "gpu=" + comfyUrl));
    command.addAll(List.of("--state-dir", scratch.resolve("state").toString()));
    // It asks ComfyUI as often as it can, so that nobody has to wait for it.
    for (String option : List.of("poll-interval", "idle-interval", "safety-interval")) {
      command.addAll(List.of("--" + option, "10ms"));
    }
    command.addAll(List.of("--upstream-share", "1"));
    service = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    var log = lines(service.getErrorStream());
    Map<String, JsonObject> events = new HashMap<>();
    while (!events.containsKey("serving") || !events.containsKey("events_heard")) {
      String line = log.poll(1, TimeUnit.MINUTES);
      assertNotNull(line, "the service does not start");
      if (line.startsWith("{")) {
        var event = JsonParser.parseString(line).getAsJsonObject();
        events.putIfAbsent(event.get("event").getAsString(), event);
      }
    }
    address = events.get("serving").get("address").getAsString();
  }

  /** What is read in a thread of its own, so that the program never has to wait for its reader. */
  private static BlockingQueue<String> lines(InputStream stream) {
    BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    var reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8));
    var thread = new Thread(() -> reader.lines().forEach(lines::add));
    thread.setDaemon(true);
    thread.start();
    return lines;
  }

  String address() {
    return address;
  }

  String comfyUrl() {
    return comfyUrl;
  }

  void submit(String jobId) {
    submit(jobId, 1);
  }

  void submitEndless(String jobId) {
    submit(jobId, 1_000_000);
  }

  private void submit(String jobId, int steps) {
    var sampler = Map.of("class_type", "KSampler", "inputs", Map.of("steps", steps));
    var images = Map.of("images", List.of("1", 0), "filename_prefix", "cat");
    var save = Map.of("class_type", "SaveImage", "inputs", images);
    post("/prompt", Map.of("prompt_id", jobId, "prompt", Map.of("1", sampler, "2", save)));
  }

  void interrupt() {
    post("/interrupt", Map.of());
  }

  private void post(String path, Map<String, ?> body) {
    var request =
        HttpRequest.newBuilder(URI.create(comfyUrl + path))
            .POST(HttpRequest.BodyPublishers.ofString(new Gson().toJson(body)))
            .header("Content-Type", "application/json");
    try {
      var answer = http.send(request.build(), HttpResponse.BodyHandlers.ofString());
      assertEquals(200, answer.statusCode(), answer.body());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** SIGKILL. */
  void kill() throws InterruptedException {
    service.destroyForcibly().waitFor();
  }

  void end() throws InterruptedException {
    kill();
    comfy.destroyForcibly().waitFor();
  }
}
