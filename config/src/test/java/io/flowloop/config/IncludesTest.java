package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IncludesTest {

  @TempDir private Path dir;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "include \"http://%s/a.conf\"",
        "include required(\"http://%s/a.conf\")",
        "include url(\"http://%s/a.conf\")",
        "include required(url(\"http://%s/a.conf\"))"
      })
  void url_isRefusedAndNotFetched(String include) throws IOException {
    AtomicInteger requests = new AtomicInteger();
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          requests.incrementAndGet();
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    server.start();
    try {
      String line = include.formatted("localhost:" + server.getAddress().getPort());
      assertThat(refusal(line)).startsWith("includes ").contains("/a.conf");
      assertThat(Configs.failure("rollout={" + line + "}").problems()).hasSize(1);
      assertThat(requests).hasValue(0);
    } finally {
      server.stop(0);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "url(\"file:/etc/hostname\")",
        "classpath(\"presets/glyph.conf\")",
        "file(\"fuzz.conf\")"
      })
  void otherForms_areRefused(String what) throws IOException {
    assertThat(refusal("include " + what))
        .isEqualTo(
            "includes "
                + what
                + "; expected: include \"other.conf\", a file by its path from this one");
  }

  @Test
  void resourceOfTheSameName_isNotTaken() throws IOException {
    assertThat(refusal("include \"flowloop-reference.conf\"")).endsWith("does not exist");
  }

  @Test
  void device_isRefused() throws IOException {
    assertThat(refusal("include \"/dev/zero\"")).contains("/dev/zero");
  }

  @Test
  void fileThatIncludesItself_isRefused() throws IOException {
    assertThat(refusal("include \"my.conf\"")).endsWith("my.conf includes itself");
  }

  @Test
  void fileThatIsIncludedTwice_isRead() throws IOException {
    Files.writeString(dir.resolve("n.conf"), "n = 3");
    Path file =
        Files.write(
            dir.resolve("my.conf"),
            List.of("include \"n.conf\"", "rollout { include \"n.conf\" }", "n = null"));
    assertThat(Configs.failure(file).problems()).extracting(Problem::key).containsExactly("n");
  }

  @Test
  void filesThatAreTooMuchTogether_areRefused() throws IOException {
    for (int i = 0; i < 20; i++) {
      String twice = "include \"%d.conf\"\n".formatted(i + 1).repeat(2);
      Files.writeString(dir.resolve(i + ".conf"), twice);
    }
    Files.writeString(dir.resolve("20.conf"), "rollout.n = 3");
    assertThat(refusal("include \"0.conf\"")).contains("with what is included");
  }

  private String refusal(String line) throws IOException {
    Path file = Files.writeString(dir.resolve("my.conf"), line);
    List<Problem> problems = Configs.failure(file).problems();
    assertThat(problems).hasSize(1);
    return problems.getFirst().message();
  }
}
