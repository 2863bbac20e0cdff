package io.flowloop.agentloop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.rollout.NodeCertificates;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CertsCommandTest {

  @TempDir private Path temp = Path.of("");

  private static String permissions(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  @Test
  void certs_hostsAndOneLater_canBeLoadedAndKeysAreTheOwners() throws IOException {
    Path folder = temp.resolve("certs");

    Run first = Run.of("certs", folder.toString(), "gpu-1", "::1");
    Run later = Run.of("certs", folder.toString(), "127.0.0.1");

    assertThat(first.exitCode()).isZero();
    assertThat(first.out()).contains("gpu-1: certificate and key in " + folder.resolve("gpu-1"));
    assertThat(later.exitCode()).isZero();
    for (String host : new String[] {"gpu-1", "::1", "127.0.0.1"}) {
      assertThat(NodeCertificates.load(folder.resolve(host), host).context()).isNotNull();
      assertThat(permissions(folder.resolve(host).resolve("tls.key"))).isEqualTo("rw-------");
    }
    assertThat(permissions(folder.resolve("ca"))).isEqualTo("rwx------");
    assertThat(permissions(folder.resolve("ca/ca.p12"))).isEqualTo("rw-------");
    assertThat(folder.resolve("gpu-1/ca.crt"))
        .hasSameBinaryContentAs(folder.resolve("127.0.0.1/ca.crt"));
  }

  @Test
  void certs_domain_isGoodForItsHostsAndNoOthers() {
    Path folder = temp.resolve("certs");

    Run run = Run.of("certs", folder.toString(), "*.flowloop.lab.svc.cluster.local");

    assertThat(run.exitCode()).as(run.err()).isZero();
    Path node = folder.resolve("_.flowloop.lab.svc.cluster.local");
    assertThat(run.out()).contains("certificate and key in " + node);
    assertThat(NodeCertificates.load(node, "trainer-0.flowloop.lab.svc.cluster.local").context())
        .isNotNull();
    assertThatThrownBy(() -> NodeCertificates.load(node, "flowloop.lab.svc.cluster.local"))
        .hasMessageContaining("among its alternative names");
  }

  @ParameterizedTest
  @ValueSource(strings = {"*", "*.", "*.com", "*.10.0.0.7", "a*.example.com", "*.*.example.com"})
  void certs_asteriskElsewhere_isRefused(String host) {
    Run run = Run.of("certs", temp.resolve("certs").toString(), host);

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("host: " + host + " (expected: ");
  }

  @Test
  void certs_hostThatIsNone_writesNothing() {
    Path folder = temp.resolve("certs");

    Run run = Run.of("certs", folder.toString(), "gpu-1", "../gpu-2");

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(run.err()).contains("host: ../gpu-2 (expected: ");
    assertThat(folder).doesNotExist();
  }

  @Test
  void certs_hostThatHasItsFolder_isNotOverwritten() throws IOException {
    Path folder = temp.resolve("certs");
    Run.of("certs", folder.toString(), "gpu-1");
    byte[] key = Files.readAllBytes(folder.resolve("gpu-1/tls.key"));

    Run run = Run.of("certs", folder.toString(), "gpu-2", "gpu-1");

    assertThat(run.exitCode()).isEqualTo(Failures.BAD_INPUT);
    assertThat(folder.resolve("gpu-2")).doesNotExist();
    assertThat(folder.resolve("gpu-1/tls.key")).hasBinaryContent(key);
  }
}
