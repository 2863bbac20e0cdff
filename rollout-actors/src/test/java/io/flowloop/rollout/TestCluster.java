package io.flowloop.rollout;

import io.flowloop.config.ByteSize;
import io.flowloop.config.ClusterConfig;
import io.flowloop.config.ClusterRole;
import io.flowloop.engine.RolloutRequest;
import io.flowloop.engine.Sampling;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.apache.pekko.actor.testkit.typed.javadsl.TestProbe;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.ActorSystem;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.Props;
import org.apache.pekko.actor.typed.javadsl.Behaviors;

/** A trainer's router and nodes with toy engines, each an actor system of its own over TLS. */
final class TestCluster {

  static final String HOST = TestCertificates.HOST;
  static final String MODEL = "toy";
  static final Duration LONG = Duration.ofSeconds(20);

  private final Path certificates;
  private final Duration requestTimeout;
  private final TrainerNode trainer;
  private final ActorSystem<EngineRouter.Command> system;
  private final List<ClusterNode> nodes = new ArrayList<>();
  private int routers;

  /** A trainer without engines of its own, which wants so many before it begins. */
  TestCluster(Path certificates, int minEngines, Duration requestTimeout) {
    this.certificates = certificates;
    this.requestTimeout = requestTimeout;
    this.trainer =
        TrainerNode.open(
            config(List.of(), List.of(ClusterRole.TRAINER, ClusterRole.WORKER), certificates));
    this.system =
        trainer.system(
            root(new EngineRouter.Rules(0, minEngines, true, 1, 1, requestTimeout)),
            requestTimeout);
  }

  static ClusterConfig config(List<String> seeds, List<ClusterRole> roles, Path certificates) {
    return config(seeds, roles, certificates, 0);
  }

  private static ClusterConfig config(
      List<String> seeds, List<ClusterRole> roles, Path certificates, int port) {
    return new ClusterConfig(
        true,
        Optional.of(roles),
        HOST,
        Optional.empty(),
        port,
        0,
        seeds,
        1,
        Optional.of(certificates),
        false,
        new ByteSize(1 << 20));
  }

  private Behavior<EngineRouter.Command> root(EngineRouter.Rules rules) {
    return Behaviors.setup(
        context -> {
          var router =
              context.spawn(
                  EngineRouter.create(
                      _ -> {
                        throw new IllegalStateException("no engine here");
                      },
                      rules),
                  "router");
          context.spawn(trainer.engines(router, MODEL, requestTimeout), "cluster-engines");
          return Behaviors.receiveMessage(
              message -> {
                router.tell(message);
                return Behaviors.same();
              });
        });
  }

  String seed() {
    return HOST + ":" + system.address().getPort().orElseThrow();
  }

  ClusterNode node(EngineFactory engines) {
    return node(engines, MODEL, certificates);
  }

  ClusterNode node(EngineFactory engines, String model, Path ownCertificates) {
    RolloutRequest canary = RolloutRequest.of("canary", Sampling.ode(1), 0);
    return node(
        Optional.of(new EngineWork(engines, 1, model, canary)),
        Optional.empty(),
        ownCertificates,
        0);
  }

  /** A node that scores and does not draw. */
  ClusterNode node(RewardWork rewards) {
    return node(rewards, 0);
  }

  /** Likewise with a port that others had before. */
  ClusterNode node(RewardWork rewards, int port) {
    return node(Optional.empty(), Optional.of(rewards), certificates, port);
  }

  private ClusterNode node(
      Optional<EngineWork> engines, Optional<RewardWork> rewards, Path ownCertificates, int port) {
    ClusterNode node =
        ClusterNode.start(
            config(List.of(seed()), ClusterConfig.NODE_ROLES, ownCertificates, port),
            new ClusterNode.Work(engines, rewards, requestTimeout));
    nodes.add(node);
    return node;
  }

  /** What takes the trainer's images, with rewards on nodes alone. */
  ActorRef<RewardPool.Command> rewards(RewardWork work) {
    return system.systemActorOf(
        trainer.rewards(work, requestTimeout), "rewards-" + routers++, Props.empty());
  }

  <T> TestProbe<T> probe() {
    return TestProbe.create(system);
  }

  void tell(EngineRouter.Command command) {
    system.tell(command);
  }

  EngineRouter.Stats stats() {
    TestProbe<EngineRouter.Stats> probe = probe();
    tell(new EngineRouter.GetStats(probe.ref()));
    return probe.receiveMessage();
  }

  /** Waits until so many engines can be given requests. */
  void awaitReady(int engines) {
    TestProbe<EngineRouter.Stats> probe = probe();
    probe.awaitAssert(
        LONG,
        () -> {
          int ready = stats().ready();
          if (ready != engines) {
            throw new AssertionError(ready + " ready (expected: " + engines + ")");
          }
          return ready;
        });
  }

  static ClusterNode.End ended(ClusterNode node) throws Exception {
    return node.ended().toCompletableFuture().get(30, TimeUnit.SECONDS);
  }

  /** Ends the trainer, as a run that is over. */
  void closeTrainer() throws Exception {
    var ended = trainer.ended(system);
    system.terminate();
    ended.get(30, TimeUnit.SECONDS);
    trainer.close();
  }

  void close() throws Exception {
    nodes.forEach(ClusterNode::close);
    closeTrainer();
    for (ClusterNode node : nodes) {
      node.ended().toCompletableFuture().handle((_, _) -> 0).get(30, TimeUnit.SECONDS);
    }
  }
}
