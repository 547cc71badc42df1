import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import comfyui.jobstatus.ClientOptions;
import comfyui.jobstatus.JobStatusClient;
import comfyui.jobstatus.JobStatusException;
import comfyui.jobstatus.Watch;
import comfyui.jobstatus.WatchOptions;
import comfyui.jobstatus.v1.GetStatusRequest;
import comfyui.jobstatus.v1.JobStatus;
import comfyui.jobstatus.v1.ListStatusesRequest;
import comfyui.jobstatus.v1.WatchStatusRequest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;

/** The runner of the Java client; ../README.md says what it reads and prints. */
public final class Runner {
  private static final PrintStream OUT = new PrintStream(System.out, true, StandardCharsets.UTF_8);

  private final BlockingQueue<Optional<JsonObject>> calls = new LinkedBlockingQueue<>();
  private volatile Watch underWay;

  public static void main(String[] args) throws IOException, InterruptedException {
    new Runner().run();
  }

  private void run() throws IOException, InterruptedException {
    Thread reader = new Thread(this::readCommands, "commands");
    reader.setDaemon(true);
    reader.start();
    for (var command = calls.take(); command.isPresent(); command = calls.take()) {
      JsonObject end = new JsonObject();
      try (JobStatusClient client = JobStatusClient.create(connection(command.get()))) {
        play(client, command.get());
      } catch (JobStatusException e) {
        end.add("error", described(e));
      }
      tell("end", end);
    }
  }

  /** In a thread of its own: `cancel` comes while a call is under way. */
  private void readCommands() {
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try {
      for (String line = input.readLine(); line != null; line = input.readLine()) {
        JsonObject command = JsonParser.parseString(line).getAsJsonObject();
        Watch watch = underWay;
        if (!command.get("command").getAsString().equals("cancel")) {
          calls.add(Optional.of(command));
        } else if (watch != null) {
          watch.cancel();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      calls.add(Optional.empty());
    }
  }

  private void play(JobStatusClient client, JsonObject command) throws IOException {
    switch (command.get("method").getAsString()) {
      case "GetStatus" ->
          tellStatus(client.getStatus(request(command, GetStatusRequest.newBuilder()).build()));
      case "ListStatuses" ->
          client
              .listStatuses(request(command, ListStatusesRequest.newBuilder()).build())
              .forEach(Runner::tellStatus);
      case "ListBackends" ->
          client.listBackends().forEach(backend -> tell("backend", with("backend", json(backend))));
      case "WatchStatus" -> {
        try (Watch watch = client.watch(watchOptions(command))) {
          underWay = watch;
          watch.forEachRemaining(Runner::tellStatus);
        }
      }
      case "WaitForCompletion" -> tellStatus(client.waitForCompletion(watchOptions(command)));
      default -> throw new IllegalArgumentException("no such method: " + command);
    }
  }

  private static ClientOptions connection(JsonObject command) {
    JsonObject connect = command.getAsJsonObject("connect");
    var options = ClientOptions.builder().target(connect.get("target").getAsString());
    options.callTimeout(timeout(command));
    if (connect.has("tls")) {
      options.tls(connect.get("tls").getAsBoolean());
    }
    if (connect.has("caFile")) {
      options.caFile(Path.of(connect.get("caFile").getAsString()));
    }
    if (connect.has("certFile")) {
      options.certificate(
          Path.of(connect.get("certFile").getAsString()),
          Path.of(connect.get("keyFile").getAsString()));
    }
    if (connect.has("token")) {
      options.token(connect.get("token").getAsString());
    }
    return options.build();
  }

  private static WatchOptions watchOptions(JsonObject command) throws IOException {
    var request = request(command, WatchStatusRequest.newBuilder());
    return WatchOptions.builder()
        .jobIds(request.getJobIdsList())
        .backend(request.getBackend())
        .afterRevision(request.getAfterRevision())
        .minInterval(duration(request.getMinInterval()))
        .waitForJob(duration(request.getWaitForJob()))
        .timeout(timeout(command))
        .onRetry((error, wait) -> tell("retry", new JsonObject()))
        .build();
  }

  private static Duration duration(com.google.protobuf.Duration duration) {
    return Duration.ofSeconds(duration.getSeconds(), duration.getNanos());
  }

  private static Duration timeout(JsonObject command) {
    return Duration.ofMillis(command.get("timeoutMs").getAsLong());
  }

  private static <B extends Message.Builder> B request(JsonObject command, B builder)
      throws InvalidProtocolBufferException {
    JsonFormat.parser().merge(command.get("request").toString(), builder);
    return builder;
  }

  private static void tellStatus(JobStatus status) {
    tell("status", with("status", json(status)));
  }

  private static JsonObject described(JobStatusException error) {
    JsonObject described = new JsonObject();
    described.addProperty("code", error.code().name());
    described.addProperty("reason", error.reason());
    described.addProperty("message", error.getMessage());
    described.add("metadata", new Gson().toJsonTree(error.metadata()));
    JsonArray fields = new JsonArray();
    error.invalidFields().keySet().forEach(fields::add);
    described.add("invalidFields", fields);
    described.addProperty("requestId", error.requestId());
    error.retryAfter().ifPresent(after -> described.addProperty("retryAfterMs", after.toMillis()));
    error.lastStatus().ifPresent(status -> described.add("lastStatus", json(status)));
    return described;
  }

  private static JsonObject with(String name, JsonElement value) {
    JsonObject members = new JsonObject();
    members.add(name, value);
    return members;
  }

  private static JsonElement json(MessageOrBuilder message) {
    try {
      return JsonParser.parseString(JsonFormat.printer().print(message));
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void tell(String event, JsonObject members) {
    members.addProperty("event", event);
    OUT.println(members);
  }
}
