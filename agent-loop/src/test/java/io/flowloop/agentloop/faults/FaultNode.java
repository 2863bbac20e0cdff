package io.flowloop.agentloop.faults;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.FlowLoop;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import io.flowloop.rollout.ClusterNode;
import io.flowloop.rollout.EngineWork;
import io.flowloop.rollout.ToyEngines;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;

/**
 * A process that is a node of a cluster with {@link PacedEngines}, again and again as {@code
 * flowloop node} is.
 *
 * <p>Arguments: milliseconds of a denoising step, the folder of its faults, and settings.
 */
final class FaultNode {

  private FaultNode() {}

  public static void main(String[] args) {
    long step = Duration.ofMillis(Long.parseLong(args[0])).toNanos();
    PacedEngines engines = new PacedEngines(new ToyEngines(), step, Path.of(args[1]));
    FlowLoopConfig config =
        ConfigLoader.load(
                ConfigSources.of(Arrays.copyOfRange(args, 2, args.length)),
                FlowLoop.knownNames(),
                Purpose.NODE)
            .config();
    ClusterNode.End end = ClusterNode.End.LEFT;
    while (end == ClusterNode.End.LEFT) {
      try (ClusterNode node =
          ClusterNode.start(
              config.cluster(),
              new ClusterNode.Work(
                  Optional.of(
                      new EngineWork(
                          engines,
                          config.rollout().engines(),
                          Engines.identity(config.model(), config.rollout().maxRowsPerForward()),
                          Engines.canary(config.model()))),
                  Optional.empty(),
                  config.rollout().requestTimeout()))) {
        System.out.println("looks for the trainer");
        end = node.ended().toCompletableFuture().join();
        System.out.println("ended: " + end);
      }
    }
  }
}
