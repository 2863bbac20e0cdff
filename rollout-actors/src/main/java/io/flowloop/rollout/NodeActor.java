package io.flowloop.rollout;

import io.flowloop.config.ClusterRole;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.apache.pekko.actor.Address;
import org.apache.pekko.actor.typed.ActorRef;
import org.apache.pekko.actor.typed.Behavior;
import org.apache.pekko.actor.typed.ChildFailed;
import org.apache.pekko.actor.typed.Signal;
import org.apache.pekko.actor.typed.Terminated;
import org.apache.pekko.actor.typed.javadsl.AbstractMatchingBehavior;
import org.apache.pekko.actor.typed.javadsl.ActorContext;
import org.apache.pekko.actor.typed.javadsl.Behaviors;
import org.apache.pekko.cluster.ClusterEvent;
import org.apache.pekko.cluster.Member;
import org.apache.pekko.cluster.typed.Cluster;
import org.apache.pekko.cluster.typed.Down;
import org.apache.pekko.cluster.typed.JoinSeedNodes;
import org.apache.pekko.cluster.typed.Subscribe;

/**
 * The root of a node that joins a trainer: it keeps a host for each engine and one for its reward
 * functions, a new one whenever one has ended. It ends when the trainer has left, for then there is
 * another cluster to join.
 */
final class NodeActor extends AbstractMatchingBehavior<NodeActor.Command> {

  sealed interface Command {}

  private record FromCluster(ClusterEvent.MemberEvent event) implements Command {}

  /** Give requests and images to others: this node is leaving. */
  record Leave() implements Command {}

  /**
   * What a node is made with.
   *
   * @param engines what it draws with; empty for a node without that role
   * @param rewards what it scores with; empty for a node without that role
   * @param health that tells of the node
   */
  record Means(
      Optional<EngineHost.Means> engines, Optional<RewardHost.Means> rewards, NodeHealth health) {}

  /**
   * A node that joins.
   *
   * @param seeds where the trainer is
   * @param failure completed if a host fails for good, which ends the node
   */
  static Behavior<Command> create(
      Means means, List<Address> seeds, CompletableFuture<Throwable> failure) {
    return Behaviors.setup(context -> new NodeActor(context, means, seeds, failure));
  }

  private final Cluster cluster;
  private final Means means;
  private final CompletableFuture<Throwable> failure;
  private final Map<ActorRef<EngineHost.Command>, Integer> hosts = new HashMap<>();
  private Optional<ActorRef<RewardHost.Command>> rewardHost;
  private int spawned;
  private boolean leaving;

  private NodeActor(
      ActorContext<Command> context,
      Means means,
      List<Address> seeds,
      CompletableFuture<Throwable> failure) {
    super(context);
    this.failure = failure;
    this.cluster = Cluster.get(context.getSystem());
    this.means = means;
    cluster
        .subscriptions()
        .tell(
            Subscribe.create(
                context.messageAdapter(ClusterEvent.MemberEvent.class, FromCluster::new),
                ClusterEvent.MemberEvent.class));
    cluster.manager().tell(new JoinSeedNodes(seeds));
    rewardHost = means.rewards().map(this::rewardHost);
    means
        .engines()
        .ifPresent(
            engines -> {
              for (int i = 0; i < engines.work().count(); i++) {
                host(engines, i);
              }
            });
  }

  private ActorRef<RewardHost.Command> rewardHost(RewardHost.Means rewards) {
    ActorRef<RewardHost.Command> host =
        getContext().spawn(RewardHost.create(rewards), "reward-host-" + spawned++);
    getContext().watch(host);
    return host;
  }

  private void host(EngineHost.Means engines, int index) {
    ActorRef<EngineHost.Command> host =
        getContext().spawn(EngineHost.create(index, engines), "engine-host-" + spawned++);
    getContext().watch(host);
    hosts.put(host, index);
  }

  @Override
  public Behavior<Command> onMessage(Command command) {
    return switch (command) {
      case FromCluster(ClusterEvent.MemberUp up) -> onUp(up.member());
      case FromCluster(ClusterEvent.MemberRemoved removed) -> onRemoved(removed.member());
      case FromCluster _ -> this;
      case Leave() -> {
        leaving = true;
        hosts.keySet().forEach(host -> host.tell(new EngineHost.Leave()));
        rewardHost.ifPresent(host -> host.tell(new RewardHost.Leave()));
        yield this;
      }
    };
  }

  private Behavior<Command> onUp(Member member) {
    if (member.uniqueAddress().equals(cluster.selfMember().uniqueAddress())) {
      means.health().up(true);
      getContext().getLog().info("joined the cluster as {}", member.address());
    }
    return this;
  }

  private Behavior<Command> onRemoved(Member member) {
    if (member.hasRole(ClusterRole.TRAINER.label())) {
      getContext().getLog().info("the trainer at {} has left", member.address());
      // What is left of the cluster has nothing to agree on.
      cluster.manager().tell(new Down(cluster.selfMember().address()));
    }
    return this;
  }

  @Override
  public Behavior<Command> onSignal(Signal signal) {
    return switch (signal) {
      case ChildFailed failed -> {
        failure.complete(failed.getCause());
        yield Behaviors.stopped();
      }
      case Terminated ended -> {
        // One that came up while the node leaves would be given requests or images.
        if (!leaving) {
          replace(ended.getRef());
        }
        yield this;
      }
      default -> this;
    };
  }

  private void replace(ActorRef<Void> ended) {
    if (rewardHost.equals(Optional.of(ended.<RewardHost.Command>unsafeUpcast()))) {
      rewardHost = means.rewards().map(this::rewardHost);
    }
    ActorRef<EngineHost.Command> host = ended.unsafeUpcast();
    Optional<Integer> index = Optional.ofNullable(hosts.remove(host));
    means.engines().ifPresent(engines -> index.ifPresent(i -> host(engines, i)));
  }
}
