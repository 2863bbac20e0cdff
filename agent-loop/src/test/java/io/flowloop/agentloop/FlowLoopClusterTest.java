package io.flowloop.agentloop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.ClusterNode;
import io.flowloop.rollout.DevelopmentCa;
import io.flowloop.rollout.EngineWork;
import io.flowloop.rollout.NodeCertificateException;
import io.flowloop.rollout.RewardWork;
import io.flowloop.rollout.RolloutException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training whose images are drawn and scored by nodes that joined, over TLS, in one process. */
class FlowLoopClusterTest {

  private static final String HOST = "127.0.0.1";

  @TempDir private static Path shared = Path.of("");
  private static Path certificates = Path.of("");

  @TempDir Path dir;

  private TinyLoop tiny = new TinyLoop(Path.of(""));
  private int port;

  @BeforeAll
  static void certify() {
    certificates = DevelopmentCa.open(shared.resolve("ca")).issue(HOST);
  }

  @BeforeEach
  void prepare() throws IOException {
    tiny = new TinyLoop(dir);
    port = freePort();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private String[] trainer(String... more) {
    return with(
        List.of(
            "cluster.enabled=true",
            "cluster.port=" + port,
            "cluster.dataPort=0",
            "cluster.certificates=" + certificates),
        more);
  }

  private static String[] with(List<String> settings, String... more) {
    return Stream.concat(settings.stream(), Stream.of(more)).toArray(String[]::new);
  }

  private ClusterNode node(Optional<RewardWork> rewards) {
    String[] settings =
        with(
            List.of(
                "model.weights=" + tiny.weights(),
                "model.device=cpu",
                "model.threads=1",
                "model.imageHeight=16",
                "model.imageWidth=24",
                "rollout.engines=1",
                "cluster.seedNodes=[%s:%d]".formatted(HOST, port),
                "cluster.roles=[engine]",
                "cluster.port=0",
                "cluster.dataPort=0",
                "cluster.certificates=" + certificates));
    FlowLoopConfig config =
        ConfigLoader.load(ConfigSources.of(settings), FlowLoop.knownNames(), Purpose.NODE).config();
    return ClusterNode.start(
        config.cluster(),
        new ClusterNode.Work(
            Optional.of(
                new EngineWork(
                    Engines.of(config.model(), config.rollout().maxRowsPerForward()),
                    1,
                    Engines.identity(config.model(), config.rollout().maxRowsPerForward()),
                    Engines.canary(config.model()))),
            rewards,
            config.rollout().requestTimeout()));
  }

  @Test
  void train_drawnOnTwoNodesAndScoredOnOne_endsWithTheBitsOfOneProcess() throws Exception {
    List<ClusterNode> nodes = new ArrayList<>();
    RewardFunctions rewards = RewardFunctions.of(Map.of(), Map.of(TinyLoop.brightness(), 1.0));
    String[] settings = trainer("cluster.minEngines=2", "cluster.roles=[trainer, worker]");
    try (FlowLoop loop = tiny.glyph(settings).build()) {
      nodes.add(node(Optional.of(RewardWork.of(rewards, 2, Duration.ofMinutes(1)))));
      nodes.add(node(Optional.empty()));
      assertThat(loop.train().step()).isEqualTo(2);
    }
    for (ClusterNode node : nodes) {
      assertThat(node.ended().toCompletableFuture().get(30, TimeUnit.SECONDS))
          .isEqualTo(ClusterNode.End.LEFT);
    }
    List<Long> inACluster = TinyLoop.bits(tiny.newest());

    TinyLoop alone = new TinyLoop(Files.createDirectory(dir.resolve("alone")));
    try (FlowLoop loop = alone.glyph().build()) {
      assertThat(loop.train().step()).isEqualTo(2);
    }
    assertThat(inACluster).isEqualTo(TinyLoop.bits(alone.newest()));
  }

  @Test
  void train_noNodeJoins_failsAndNamesWhatIsMissing() {
    try (FlowLoop loop = tiny.glyph(trainer("rollout.requestTimeout=1 s")).build()) {
      assertThatThrownBy(loop::train)
          .isInstanceOf(RolloutException.class)
          .hasStackTraceContaining("engines: 0 ready for PT1S")
          .hasStackTraceContaining("cluster.minEngines");
    }
  }

  @Test
  void build_certificateOfAnotherHost_isRefused() {
    assertThatThrownBy(() -> tiny.glyph(trainer("cluster.host=localhost")).build())
        .isInstanceOf(NodeCertificateException.class)
        .hasMessageContaining("localhost");
  }

  @Test
  void build_portThatIsTaken_namesIt() throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      String setting = "cluster.port=" + taken.getLocalPort();
      assertThatThrownBy(() -> tiny.glyph(trainer(setting)).build())
          .isInstanceOf(RolloutException.class)
          .hasMessageContaining(
              "cluster.port: %d on %s cannot be listened on".formatted(taken.getLocalPort(), HOST));
    }
  }
}
