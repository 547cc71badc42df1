package comfyui.jobstatus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import comfyui.jobstatus.v1.JobStatusServiceGrpc;
import io.grpc.MethodDescriptor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OptionsTest {
  @ParameterizedTest
  @CsvSource({
    "gpu-box, gpu-box:50051",
    "gpu-box:1, gpu-box:1",
    "::1, [::1]:50051",
    "[::1], [::1]:50051",
    "[::1]:1, [::1]:1",
    "unix:/run/jobstatus, unix:/run/jobstatus",
    "dns:///gpu-box:1, dns:///gpu-box:1"
  })
  void aPortIsAddedWhereThereIsNone(String given, String target) {
    assertEquals(target, Connection.completeTarget(given));
  }

  @Test
  void anEmptyAddressIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> JobStatusClient.create(""));
  }

  @ParameterizedTest
  @ValueSource(strings = {"two\nlines", "ü"})
  void aTokenThatCannotBeSentIsRefused(String token) {
    var options = ClientOptions.builder().token(token);
    assertThrows(IllegalArgumentException.class, options::build);
  }

  @Test
  void aCertificateWithoutItsKeyIsRefused() {
    var options = ClientOptions.builder();
    assertThrows(
        IllegalArgumentException.class, () -> options.certificate(Path.of("x"), null).build());
    assertThrows(
        IllegalArgumentException.class, () -> options.certificate(null, Path.of("x")).build());
  }

  @Test
  void aFileThatIsNotThereIsNamed() {
    var options = ClientOptions.builder().caFile(Path.of("/no/such.pem")).build();
    var thrown = assertThrows(UncheckedIOException.class, () -> JobStatusClient.create(options));
    assertTrue(thrown.getMessage().contains("/no/such.pem"), thrown.getMessage());
  }

  @Test
  void aFileThatHoldsNoCertificateIsRefused(@TempDir Path folder) throws IOException {
    var options =
        ClientOptions.builder().caFile(Files.writeString(folder.resolve("ca.pem"), "none")).build();
    assertThrows(IllegalArgumentException.class, () -> JobStatusClient.create(options));
  }

  @Test
  void aWaitIsForExactlyOneJob() {
    try (var client = JobStatusClient.create("localhost")) {
      var all = WatchOptions.builder().build();
      var two = WatchOptions.builder().jobIds("a", "b").build();
      assertThrows(IllegalArgumentException.class, () -> client.waitForCompletion(all));
      assertThrows(IllegalArgumentException.class, () -> client.waitForCompletionAsync(two));
    }
  }

  @Test
  void theServiceConfigNamesEveryMethodOnceAndLimitsAllButTheWatch() {
    Map<String, Boolean> limited = new TreeMap<>();
    var config = JsonParser.parseString(Connection.serviceConfig()).getAsJsonObject();
    for (var part : config.getAsJsonArray("methodConfig")) {
      for (var name : part.getAsJsonObject().getAsJsonArray("name")) {
        JsonObject named = name.getAsJsonObject();
        String method =
            named.get("service").getAsString() + "/" + named.get("method").getAsString();
        assertEquals(null, limited.put(method, part.getAsJsonObject().has("timeout")), method);
      }
    }
    assertEquals(
        JobStatusServiceGrpc.getServiceDescriptor().getMethods().stream()
            .collect(
                Collectors.toMap(
                    MethodDescriptor::getFullMethodName,
                    method -> method.getType() == MethodDescriptor.MethodType.UNARY)),
        limited);
  }
}
