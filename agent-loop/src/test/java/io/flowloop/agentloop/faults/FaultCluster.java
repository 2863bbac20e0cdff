package io.flowloop.agentloop.faults;

import io.flowloop.agentloop.cli.FlowLoopCommand;
import io.flowloop.agentloop.cli.FlowLoopProcess;
import io.flowloop.rollout.DevelopmentCa;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A trainer and nodes as processes of this machine, which talk over TLS. Each host is where its
 * processes run and what its certificate is for.
 */
final class FaultCluster implements AutoCloseable {

  static final String LOOPBACK = "127.0.0.1";

  /** What all processes agree on: a few rows, ten denoising steps. */
  private static final List<String> COMMON =
      List.of(
          "rollout.n=4",
          "rollout.engines=1",
          "rollout.requestTimeout=20 s",
          "sampler.numInferenceSteps=10",
          "data.promptsPerStep=8");

  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private final Path dir;
  private final DevelopmentCa ca;
  private final String trainerHost;
  private final int port = freePort();
  private final int httpPort = freePort();
  private final List<FlowLoopProcess> processes = new ArrayList<>();
  private int nodes;

  /** A cluster whose trainer is on that host. */
  FaultCluster(Path dir, String trainerHost) {
    this.dir = dir;
    this.ca = DevelopmentCa.open(dir.resolve("ca"));
    this.trainerHost = trainerHost;
  }

  static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  int port() {
    return port;
  }

  int httpPort() {
    return httpPort;
  }

  Path certificates(String host) {
    Path folder = dir.resolve("ca").resolve(host);
    return Files.exists(folder) ? folder : ca.issue(host);
  }

  /** The trainer's process, to be started: so many steps, and settings beside the common ones. */
  FlowLoopCommand trainer(int steps, long rewardMillis, String... settings) {
    return trainer(String.valueOf(steps), rewardMillis, settings);
  }

  /** Likewise for some time. */
  FlowLoopCommand trainer(Duration time, String... settings) {
    return trainer(time.toSeconds() + "s", 0, settings);
  }

  private FlowLoopCommand trainer(String steps, long rewardMillis, String... settings) {
    List<String> args =
        new ArrayList<>(
            List.of(
                steps,
                String.valueOf(rewardMillis),
                "cluster.enabled=true",
                "cluster.host=" + trainerHost,
                "cluster.port=" + port,
                "cluster.dataPort=0",
                "cluster.certificates=" + certificates(trainerHost),
                "http.port=" + httpPort));
    args.addAll(COMMON);
    args.addAll(List.of(settings));
    return FlowLoopCommand.ofMain(FaultTrainer.class, args.toArray(String[]::new));
  }

  /** A node's process, to be started. Faults of its engines are files in {@link #faults}. */
  FlowLoopCommand node(String host, long stepMillis, String... settings) {
    nodes++;
    List<String> args =
        new ArrayList<>(List.of(String.valueOf(stepMillis), faults(nodes).toString()));
    args.addAll(joining(host));
    args.addAll(COMMON);
    args.addAll(List.of(settings));
    return FlowLoopCommand.ofMain(FaultNode.class, args.toArray(String[]::new));
  }

  /** The process of a node that scores and does not draw, to be started. */
  FlowLoopCommand scorer(String host, long rewardMillis, String... settings) {
    List<String> all = new ArrayList<>(List.of("cluster.roles=[reward]"));
    all.addAll(List.of(settings));
    return node(host, rewardMillis, all.toArray(String[]::new));
  }

  /** The settings with which a node of that host joins. */
  List<String> joining(String host) {
    return List.of(
        "cluster.seedNodes=[%s:%d]".formatted(trainerHost, port),
        "cluster.roles=[engine]",
        "cluster.host=" + host,
        "cluster.port=0",
        "cluster.dataPort=0",
        "cluster.certificates=" + certificates(host));
  }

  /** The folder of faults of the n-th node, from 1. */
  Path faults(int node) {
    try {
      return Files.createDirectories(dir.resolve("node-" + node));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Has a node's engines be {@code slow} or {@code hung}. */
  void fault(int node, String what) throws IOException {
    Files.createFile(faults(node).resolve(what));
  }

  /** Starts a process that ends with the cluster, with the log of its events. */
  FlowLoopProcess start(FlowLoopCommand command) {
    FlowLoopProcess process =
        command
            .withVariable("FLOWLOOP_LOG_LEVEL", "info")
            .withFlags("-Dlogback.configurationFile=logback.xml")
            .start();
    processes.add(process);
    return process;
  }

  /** Waits for the end of a trainer, and for what it counted. */
  static Verdict verdict(FlowLoopProcess trainer) throws InterruptedException {
    return Verdict.parse(trainer.awaitLine("^" + FaultTrainer.VERDICT, PATIENCE));
  }

  /**
   * Waits until two more steps are done, as the first may have been drawn before a fault; returns
   * the time since then.
   */
  static Duration recovery(FlowLoopProcess trainer, long since) throws InterruptedException {
    for (int i = 0; i < 2; i++) {
      String _ = trainer.awaitLine("^step \\d+$");
    }
    return Duration.ofNanos(System.nanoTime() - since);
  }

  /** Waits until nodes have joined. */
  static void awaitJoined(FlowLoopProcess trainer, int nodes) throws InterruptedException {
    for (int i = 0; i < nodes; i++) {
      String _ = trainer.awaitLine(" joins$");
    }
  }

  @Override
  public void close() {
    processes.forEach(FlowLoopProcess::close);
  }
}
