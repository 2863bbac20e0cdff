package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.Engines;
import io.flowloop.agentloop.http.NodeHttp;
import io.flowloop.agentloop.http.NodeMeters;
import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import io.flowloop.config.FlowLoopConfig;
import io.flowloop.config.Purpose;
import io.flowloop.config.ResolvedConfig;
import io.flowloop.config.RewardConfig;
import io.flowloop.config.RolloutConfig;
import io.flowloop.reward.RewardFunctions;
import io.flowloop.rollout.ClusterNode;
import io.flowloop.rollout.EngineWork;
import io.flowloop.rollout.RewardWork;
import io.flowloop.rollout.RolloutException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The verb {@code node}: a node that works for the trainer of its cluster, run after run. */
@Command(
    name = "node",
    description = {
      "Joins the trainer at cluster.seedNodes, and draws and scores images for it. When a run has"
          + " ended it waits for the next one; a signal ends it, and what it has then is done by"
          + " others. model and rollout.maxRowsPerForward of a node that draws, and reward.functions"
          + " of one that scores, must be the trainer's; other settings of a run come from there."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  flowloop node cluster.seedNodes=[trainer-1:7355] cluster.host=gpu-1"
          + " cluster.certificates=certs/gpu-1",
      "  flowloop node --roles engine rollout.engines=8 --config cluster.conf",
      "  flowloop node --roles reward reward.concurrency=16 --config cluster.conf"
    })
final class NodeCommand implements Callable<Integer> {

  private final Terminal terminal;
  private final StopSignal stop;

  @Mixin private SettingsOptions settings = new SettingsOptions();

  @Option(
      names = "--roles",
      paramLabel = "ROLE,...",
      description = "what the node does: engine, reward or both; cluster.roles by another name")
  private Optional<String> roles = Optional.empty();

  NodeCommand(Terminal terminal, StopSignal stop) {
    this.terminal = terminal;
    this.stop = stop;
  }

  @Override
  public Integer call() {
    ResolvedConfig resolved =
        settings.resolve(
            Purpose.NODE, roles.map("cluster.roles=[%s]"::formatted).stream().toList());
    if (settings.printConfig()) {
      terminal.print(resolved.render());
      return 0;
    }
    FlowLoopConfig config = resolved.config();
    Optional<RewardFunctions> rewards =
        has(config, ClusterRole.REWARD)
            ? Optional.of(RewardFunctions.of(config.reward()))
            : Optional.empty();
    try {
      return call(config, work(config, rewards));
    } finally {
      rewards.ifPresent(RewardFunctions::close);
    }
  }

  private int call(FlowLoopConfig config, ClusterNode.Work work) {
    if (settings.dryRun()) {
      terminal.print(plan(config, work));
      return 0;
    }
    LogFields.node(config.cluster().host(), config.cluster().port());
    stop.listen();
    return run(config, work);
  }

  private static boolean has(FlowLoopConfig config, ClusterRole role) {
    return config.cluster().roles().orElse(ClusterConfig.NODE_ROLES).contains(role);
  }

  private static ClusterNode.Work work(FlowLoopConfig config, Optional<RewardFunctions> rewards) {
    return new ClusterNode.Work(
        has(config, ClusterRole.ENGINE) ? Optional.of(engines(config)) : Optional.empty(),
        rewards.map(functions -> rewards(config.reward(), functions)),
        config.rollout().requestTimeout());
  }

  private static EngineWork engines(FlowLoopConfig config) {
    RolloutConfig rollout = config.rollout();
    return new EngineWork(
        Engines.of(config.model(), rollout.maxRowsPerForward()),
        rollout.engines(),
        Engines.identity(config.model(), rollout.maxRowsPerForward()),
        Engines.canary(config.model()));
  }

  private static RewardWork rewards(RewardConfig reward, RewardFunctions functions) {
    return RewardWork.of(functions, reward.concurrency(), reward.timeout());
  }

  private static String plan(FlowLoopConfig config, ClusterNode.Work work) {
    ClusterConfig cluster = config.cluster();
    return """
        node        %s, ports %d and %d, bound to %s
        joins       %s
        roles       %s
        engines     %s
        rewards     %s
        """
        .formatted(
            cluster.host(),
            cluster.port(),
            cluster.dataPort(),
            cluster.boundHost(),
            String.join(", ", cluster.seedNodes()),
            cluster.roles().orElse(ClusterConfig.NODE_ROLES).stream()
                .map(ClusterRole::label)
                .collect(Collectors.joining(", ")),
            work.engines().map(each -> each.count() + ": " + each.model()).orElse("none"),
            work.rewards()
                .map(each -> each.concurrency() + " at a time: " + each.identity())
                .orElse("none"));
  }

  /** One node after the other, each from the start of a run or before to its end. */
  private int run(FlowLoopConfig config, ClusterNode.Work work) {
    ClusterConfig cluster = config.cluster();
    terminal.out().println("waiting for the trainer at " + String.join(", ", cluster.seedNodes()));
    while (!stop.requested()) {
      switch (runOnce(config, work)) {
        case CLOSED -> {
          return 0;
        }
        case LEFT -> terminal.out().println("the run has ended; waiting for the next one");
        case INCOMPATIBLE -> {
          terminal
              .err()
              .println(
                  "node: the trainer at %s speaks another language (expected: the same flowloop on"
                          .formatted(String.join(", ", cluster.seedNodes()))
                      + " every node); install its version here");
          return Failures.INCOMPATIBLE;
        }
      }
    }
    return 0;
  }

  private ClusterNode.End runOnce(FlowLoopConfig config, ClusterNode.Work work) {
    try (ClusterNode node = ClusterNode.start(config.cluster(), work)) {
      stop.onRequest(node::close);
      if (config.http().port().isPresent()) {
        serve(config, node);
      }
      return node.ended().toCompletableFuture().join();
    } catch (RolloutException e) {
      if (stop.requested()) {
        return ClusterNode.End.CLOSED; // a process that ends opens no port any more
      }
      throw e;
    } catch (CompletionException e) {
      throw e.getCause() instanceof RolloutException known ? known : e;
    }
  }

  private void serve(FlowLoopConfig config, ClusterNode node) {
    try {
      var _ =
          NodeHttp.start(
              node.system(),
              config.http(),
              new NodeMeters(node),
              has(config, ClusterRole.ENGINE) ? Engines.devices(config) : List.of());
    } catch (RuntimeException e) {
      // One that ends already starts no server any more; its end says why.
      if (!node.hasFailed() && !stop.requested()) {
        throw e;
      }
    }
  }
}
