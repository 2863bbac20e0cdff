package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeCertificatesTest {

  private static final String HOST = "gpu-1";

  @TempDir private static Path shared = Path.of("");

  @TempDir private Path temp = Path.of("");

  @BeforeAll
  static void issue() {
    DevelopmentCa ca = DevelopmentCa.open(shared.resolve("a"));
    ca.issue(HOST);
    ca.issue("gpu-2");
    ca.issueExpired("expired", HOST);
    DevelopmentCa.open(shared.resolve("b")).issue(HOST);
  }

  /** A copy of the good folder with one file of another. */
  private Path with(String file, String from) throws IOException {
    for (String name : List.of("tls.crt", "tls.key", "ca.crt")) {
      String folder = name.equals(file) ? from : "a/" + HOST;
      Files.copy(shared.resolve(folder).resolve(name), temp.resolve(name));
    }
    return temp;
  }

  private static void assertRefused(Path folder, String... parts) {
    assertThatThrownBy(() -> NodeCertificates.load(folder, HOST))
        .isInstanceOf(NodeCertificateException.class)
        .hasMessageContainingAll(parts)
        .hasMessageContaining("expected: ");
  }

  @Test
  void load_goodFolder_hasTls13() {
    NodeCertificates node = NodeCertificates.load(shared.resolve("a").resolve(HOST), HOST);

    assertThat(node.serverEngine().getNeedClientAuth()).isTrue();
    assertThat(node.serverEngine().getEnabledProtocols()).containsExactly("TLSv1.3");
    assertThat(node.clientEngine(HOST, 1).getSSLParameters().getEndpointIdentificationAlgorithm())
        .isEqualTo("HTTPS");
  }

  @Test
  void load_missingFile_namesIt() {
    assertRefused(temp, "tls.crt", "cannot be read");
  }

  @Test
  void load_noPem_namesTheFileAndNotTheKey() throws IOException {
    Path folder = with("", "");
    String secret = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    Files.writeString(folder.resolve("tls.key"), secret);

    assertThatThrownBy(() -> NodeCertificates.load(folder, HOST))
        .hasMessageContainingAll("tls.key", "expected: ")
        .hasMessageNotContainingAny("c2VjcmV0", "secret")
        .hasNoCause();
  }

  @Test
  void load_noCertificate_namesTheFile() throws IOException {
    Path folder = with("", "");
    Files.copy(
        folder.resolve("tls.key"), folder.resolve("ca.crt"), StandardCopyOption.REPLACE_EXISTING);

    assertRefused(folder, "ca.crt", "BEGIN CERTIFICATE");
  }

  @Test
  void load_keyOfAnother_isRefused() throws IOException {
    assertRefused(with("tls.key", "a/gpu-2"), "tls.key", "another key");
  }

  @Test
  void load_anotherAuthority_isRefused() throws IOException {
    assertRefused(with("ca.crt", "b/" + HOST), "tls.crt", "not of this authority");
  }

  @Test
  void load_anotherHost_isRefused() {
    assertRefused(shared.resolve("a/gpu-2"), "tls.crt", "gpu-2", "cluster.host");
  }

  @Test
  void load_expiredOrNotYet_isRefused() {
    assertRefused(shared.resolve("a/expired"), "tls.crt", "valid from");
    Instant early = Instant.now().minus(Duration.ofDays(1));
    assertThatThrownBy(() -> NodeCertificates.load(shared.resolve("a").resolve(HOST), HOST, early))
        .hasMessageContaining("valid from");
  }

  @Test
  void expiryWarning_withinThirtyDays_saysSo() {
    var own = new PemFile(shared.resolve("a/gpu-1/tls.crt")).certificates().getFirst();
    Instant end = own.getNotAfter().toInstant();

    assertThat(NodeCertificates.expiryWarning(own, end.minus(Duration.ofDays(31)))).isEmpty();
    assertThat(NodeCertificates.expiryWarning(own, end.minus(Duration.ofDays(29)))).isPresent();
  }
}
