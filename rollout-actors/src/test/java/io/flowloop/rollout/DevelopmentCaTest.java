package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DevelopmentCaTest {

  private static final String HOST = "gpu-1";

  @TempDir private Path temp = Path.of("");

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void issue_leavesTheNodesFilesAndTheAuthoritysKeyWhereItIs() throws IOException {
    DevelopmentCa.open(temp).issue(HOST);

    assertThat(names(temp)).containsExactly("ca", HOST);
    assertThat(names(temp.resolve("ca"))).containsExactly("ca.p12", "password");
    assertThat(names(temp.resolve(HOST))).containsExactly("ca.crt", "tls.crt", "tls.key");
  }

  @Test
  void issue_nodeWhoseClockIsBehind_canUseIt() throws IOException {
    Path node = TestCertificates.node();
    Instant issued = Files.getLastModifiedTime(node.resolve("tls.crt")).toInstant();
    Instant behind = issued.minus(Duration.ofMinutes(59));

    assertThat(NodeCertificates.load(node, TestCertificates.HOST, behind).context()).isNotNull();
  }

  @Test
  void issue_brokenOff_leavesNothingAndCanBeDoneAgain() throws IOException {
    DevelopmentCa ca = DevelopmentCa.open(temp);
    Path store = temp.resolve("ca/ca.p12");
    byte[] whole = Files.readAllBytes(store);
    Files.write(store, new byte[100]);

    assertThatThrownBy(() -> ca.issue(HOST)).isInstanceOf(NodeCertificateException.class);

    assertThat(names(temp)).containsExactly("ca");
    assertThat(names(temp.resolve("ca"))).containsExactly("ca.p12", "password");
    Files.write(store, whole);
    assertThat(NodeCertificates.load(ca.issue(HOST), HOST).context()).isNotNull();
  }

  @Test
  void open_creationThatWasKilled_isNotInTheWay() throws IOException {
    Files.createDirectory(temp.resolve(".ca-1"));
    Files.write(temp.resolve(".ca-1/new.p12"), new byte[10]);

    assertThat(DevelopmentCa.open(temp).issue(HOST)).isNotEmptyDirectory();
  }

  @Test
  void open_partOfAnAuthority_saysWhatToRemove() throws IOException {
    Path own = Files.createDirectory(temp.resolve("ca"));
    Files.writeString(own.resolve("password"), "secret");

    assertThatThrownBy(() -> DevelopmentCa.open(temp))
        .isInstanceOf(NodeCertificateException.class)
        .hasMessageContainingAll(own.toString(), "expected: ca.p12 and password", "remove it");
  }

  @Test
  void open_severalAtATime_areOneAuthority() throws IOException {
    List<CompletableFuture<Path>> issued =
        Stream.of("a", "b", "c")
            .map(
                host ->
                    CompletableFuture.supplyAsync(
                        () -> DevelopmentCa.open(temp).issue(host, HOST),
                        task -> Thread.ofVirtual().start(task)))
            .toList();

    for (CompletableFuture<Path> node : issued) {
      assertThat(node.join().resolve("ca.crt")).hasSameBinaryContentAs(temp.resolve("a/ca.crt"));
      assertThat(NodeCertificates.load(node.join(), HOST).context()).isNotNull();
    }
    assertThat(names(temp)).containsExactly("a", "b", "c", "ca");
  }
}
