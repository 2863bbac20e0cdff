package io.flowloop.agentloop.faults;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.FlowLoop;
import io.flowloop.config.ClusterRole;
import io.flowloop.config.ConfigLoader;
import io.flowloop.config.ConfigSources;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import io.flowloop.config.RewardConfig;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.ClusterNode;
import io.flowloop.rollout.EngineWork;
import io.flowloop.rollout.RewardWork;
import io.flowloop.rollout.ToyEngines;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A process that is a node of a cluster, again and again as {@code flowloop node} is: with {@link
 * PacedEngines}, or a {@link PacedReward}, as its roles say.
 *
 * <p>Arguments: milliseconds of a denoising step and of a reward, the folder of its faults, and
 * settings.
 */
final class FaultNode {

  private FaultNode() {}

  public static void main(String[] args) {
    FlowLoopConfig config =
        ConfigLoader.load(
                ConfigSources.of(Arrays.copyOfRange(args, 2, args.length)),
                FlowLoop.knownNames(),
                Purpose.NODE)
            .config();
    ClusterNode.Work work =
        work(config, Duration.ofMillis(Long.parseLong(args[0])), Path.of(args[1]));
    ClusterNode.End end = ClusterNode.End.LEFT;
    while (end == ClusterNode.End.LEFT) {
      try (ClusterNode node = ClusterNode.start(config.cluster(), work)) {
        System.out.println("looks for the trainer");
        end = node.ended().toCompletableFuture().join();
        System.out.println("ended: " + end);
      }
    }
  }

  private static ClusterNode.Work work(FlowLoopConfig config, Duration pace, Path faults) {
    List<ClusterRole> roles = config.cluster().roles().orElseThrow();
    return new ClusterNode.Work(
        roles.contains(ClusterRole.ENGINE)
            ? Optional.of(engines(config, pace, faults))
            : Optional.empty(),
        roles.contains(ClusterRole.REWARD)
            ? Optional.of(rewards(config.reward(), pace))
            : Optional.empty(),
        config.rollout().requestTimeout());
  }

  private static EngineWork engines(FlowLoopConfig config, Duration step, Path faults) {
    return new EngineWork(
        new PacedEngines(new ToyEngines(), step.toNanos(), faults),
        config.rollout().engines(),
        Engines.identity(config.model(), config.rollout().maxRowsPerForward()),
        Engines.canary(config.model()));
  }

  private static RewardWork rewards(RewardConfig reward, Duration time) {
    RewardFunctions functions = RewardFunctions.of(Map.of(), Map.of(new PacedReward(time), 1.0));
    return RewardWork.of(functions, reward.concurrency(), reward.timeout());
  }
}
