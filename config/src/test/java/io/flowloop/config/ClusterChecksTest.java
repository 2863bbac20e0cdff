package io.flowloop.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterChecksTest {

  @TempDir private Path certificates;

  @Test
  void cluster_withoutCertificates_isRefusedUnlessToldInsecure() {
    assertThat(Configs.failure("cluster.enabled=true"))
        .hasMessageContaining("cluster.certificates: null")
        .hasMessageContaining("cluster.insecure = true");
    assertThat(Configs.load("cluster.enabled=true", "cluster.insecure=true").cluster().enabled())
        .isTrue();
    assertThat(
            Configs.load("cluster.enabled=true", "cluster.certificates=" + certificates).cluster())
        .extracting(ClusterConfig::certificates)
        .isEqualTo(Optional.of(certificates));
  }

  @Test
  void node_withoutSeeds_isRefused() {
    assertThat(nodeFailure("cluster.insecure=true"))
        .hasMessageContaining("cluster.seedNodes: []")
        .hasMessageContaining("where the trainer is");
  }

  @Test
  void node_withoutCertificates_isRefusedUnlessToldInsecure() {
    assertThat(nodeFailure("cluster.seedNodes=[trainer:7355]"))
        .hasMessageContaining("cluster.certificates: null");
    assertThat(node("cluster.seedNodes=[trainer:7355]", "cluster.insecure=true").seedNodes())
        .containsExactly("trainer:7355");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[trainer]", "[trainer, engine]", "[worker]", "[]"})
  void node_withARoleOfTheTrainer_isRefused(String roles) {
    assertThat(
            nodeFailure(
                "cluster.seedNodes=[a:1]", "cluster.insecure=true", "cluster.roles=" + roles))
        .hasMessageContaining("cluster.roles: " + roles)
        .hasMessageContaining("engine, reward or both");
  }

  @Test
  void run_withoutTheRolesOfATrainer_isRefused() {
    assertThat(
            Configs.failure(
                "cluster.enabled=true", "cluster.insecure=true", "cluster.roles=[engine]"))
        .hasMessageContaining("trainer and worker among them");
  }

  @Test
  void run_doesWhatItsRolesSay() {
    assertThat(Configs.load().cluster().isOnTrainer(ClusterRole.ENGINE)).isTrue();
    String[] cluster = {"cluster.enabled=true", "cluster.insecure=true"};
    assertThat(Configs.load(cluster).cluster().isOnTrainer(ClusterRole.ENGINE)).isFalse();
    assertThat(
            Configs.load(cluster[0], cluster[1], "cluster.roles=[trainer, worker, engine]")
                .cluster()
                .isOnTrainer(ClusterRole.ENGINE))
        .isTrue();
  }

  @Test
  void run_whoseSeedIsAnother_isRefused() {
    String[] seeds = {
      "cluster.enabled=true", "cluster.insecure=true", "cluster.seedNodes=[b:7355]"
    };
    assertThat(Configs.failure(seeds)).hasMessageContaining("127.0.0.1:7355 among them");
    assertThat(Configs.load(seeds[0], seeds[1], seeds[2], "cluster.host=b").cluster().seedNodes())
        .containsExactly("b:7355");
  }

  @ParameterizedTest
  @ValueSource(strings = {"trainer", "trainer:", "trainer:0", "trainer:65536", ":7355", "a b:7355"})
  void seed_thatIsNoHostAndPort_isRefused(String seed) {
    assertThat(nodeFailure("cluster.seedNodes=[\"" + seed + "\"]", "cluster.insecure=true"))
        .hasMessageContaining("cluster.seedNodes: " + seed)
        .hasMessageContaining("host:port");
  }

  @Test
  void seeds_withoutQuotes_areRead() {
    assertThat(Configs.load("cluster.seedNodes=[a:1, b-2.c:30]").cluster().seedNodes())
        .isEqualTo(Configs.load("cluster.seedNodes=[\"a:1\",\"b-2.c:30\"]").cluster().seedNodes())
        .containsExactly("a:1", "b-2.c:30");
  }

  @Test
  void size_withoutAUnit_isRefused() {
    assertThat(Configs.failure("cluster.blobBytes=1000"))
        .hasMessageContaining("cluster.blobBytes: 1000")
        .hasMessageContaining("such as 4 GiB");
    assertThat(Configs.load("cluster.blobBytes=2 MiB").cluster().blobBytes())
        .isEqualTo(new ByteSize(2 << 20));
  }

  private static ClusterConfig node(String... assignments) {
    return ConfigLoader.load(ConfigSources.of(assignments), Configs.NAMES, Purpose.NODE)
        .config()
        .cluster();
  }

  private static ConfigException nodeFailure(String... assignments) {
    return Configs.failure(ConfigSources.of(assignments), Purpose.NODE);
  }
}
