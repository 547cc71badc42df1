package comfyui.jobstatus;

import io.grpc.Metadata;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** How a client reaches the service. Immutable. */
public final class ClientOptions {
  private final Builder from;

  private ClientOptions(Builder from) {
    if ((from.certFile == null) != (from.keyFile == null)) {
      throw new IllegalArgumentException("a certificate needs its key, and a key its certificate");
    }
    if (!from.token.chars().allMatch(letter -> ' ' <= letter && letter <= '~')) {
      throw new IllegalArgumentException("the token has characters other than printable ASCII");
    }
    this.from = new Builder(from);
  }

  /** Of a service on this machine, in plain text, until it is told otherwise. */
  public static Builder builder() {
    return new Builder();
  }

  String target() {
    return from.target;
  }

  boolean tls() {
    return from.tls || from.caFile != null || from.certFile != null;
  }

  Optional<Path> caFile() {
    return Optional.ofNullable(from.caFile);
  }

  Optional<Path> certFile() {
    return Optional.ofNullable(from.certFile);
  }

  Optional<Path> keyFile() {
    return Optional.ofNullable(from.keyFile);
  }

  /** What is sent with each call. */
  Metadata metadata() {
    Metadata metadata = new Metadata();
    if (!from.token.isEmpty()) {
      metadata.put(key("authorization"), "Bearer " + from.token);
    }
    metadata.merge(from.metadata);
    return metadata;
  }

  Optional<Duration> callTimeout() {
    return Optional.ofNullable(from.callTimeout);
  }

  BackoffSettings backoff() {
    return from.backoff;
  }

  Duration silenceLimit() {
    return from.silenceLimit;
  }

  private static Metadata.Key<String> key(String name) {
    return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
  }

  /** Makes ClientOptions. */
  public static final class Builder {
    private String target = "localhost:50051";
    private boolean tls;
    private Path caFile;
    private Path certFile;
    private Path keyFile;
    private String token = "";
    private final Metadata metadata = new Metadata();
    private Duration callTimeout;
    private BackoffSettings backoff = BackoffSettings.DEFAULT;
    private Duration silenceLimit = Duration.ofSeconds(45);

    private Builder() {}

    private Builder(Builder from) {
      target = from.target;
      tls = from.tls;
      caFile = from.caFile;
      certFile = from.certFile;
      keyFile = from.keyFile;
      token = from.token;
      metadata.merge(from.metadata);
      callTimeout = from.callTimeout;
      backoff = from.backoff;
      silenceLimit = from.silenceLimit;
    }

    /**
     * "host", "host:port", "[::1]:port", "unix:/path" or any target name of gRPC. Without a port:
     * 50051.
     */
    public Builder target(String target) {
      this.target = target;
      return this;
    }

    /** Encrypts the connection and checks who is at the other end. Implied by the next two. */
    public Builder tls(boolean tls) {
      this.tls = tls;
      return this;
    }

    /** PEM file of the authorities to trust instead of the system's. */
    public Builder caFile(Path caFile) {
      this.caFile = caFile;
      return this;
    }

    /**
     * PEM files of the client's own certificate and its key, for a service that asks for one. The
     * key in PKCS #8, as "BEGIN PRIVATE KEY" says.
     */
    public Builder certificate(Path certFile, Path keyFile) {
      this.certFile = certFile;
      this.keyFile = keyFile;
      return this;
    }

    /**
     * Sent with each call as {@code authorization: Bearer TOKEN}. Without TLS everybody on the way
     * can read it.
     */
    public Builder token(String token) {
      this.token = token;
      return this;
    }

    /** More that is sent with each call; may be called several times. */
    public Builder metadata(String name, String value) {
      metadata.put(key(name), value);
      return this;
    }

    /**
     * Limit of each single call and of each page of a list, if it is to be less than that of
     * service_config.json.
     */
    public Builder callTimeout(Duration callTimeout) {
      this.callTimeout = callTimeout;
      return this;
    }

    /** Waits between the attempts of a watch to attach again. */
    public Builder backoff(BackoffSettings backoff) {
      this.backoff = backoff;
      return this;
    }

    /**
     * A watch that has heard nothing for so long takes the connection for dead and attaches again;
     * 45 seconds unless it is given. The service breaks silence every 15 seconds or so.
     */
    public Builder silenceLimit(Duration silenceLimit) {
      this.silenceLimit = silenceLimit;
      return this;
    }

    /**
     * @throws IllegalArgumentException a certificate without its key or the other way round; a
     *     token that cannot be sent
     */
    public ClientOptions build() {
      return new ClientOptions(this);
    }
  }
}
