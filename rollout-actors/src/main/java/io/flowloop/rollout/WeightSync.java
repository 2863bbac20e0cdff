package io.flowloop.rollout;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.PolicyWeights;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The router's books on weights that are on their way to every engine. */
final class WeightSync {

  private final EngineRouter.SyncWeights order;
  private final Set<EngineSlot> pending;
  private int acknowledged;
  private Optional<Throwable> failure = Optional.empty();

  /**
   * A sync that begins.
   *
   * @param engines those that have been told to load
   */
  WeightSync(EngineRouter.SyncWeights order, List<EngineSlot> engines) {
    this.order = order;
    this.pending = new HashSet<>(engines);
  }

  PolicyWeights weights() {
    return order.weights();
  }

  long version() {
    return order.weights().version();
  }

  boolean isPending(EngineSlot engine) {
    return pending.contains(engine);
  }

  /** Nobody's answer is waited for any more. */
  boolean isOver() {
    return pending.isEmpty();
  }

  /**
   * An engine's answer, if it is about the weights of this sync.
   *
   * @param told the weights that it is about
   * @param wrong what is wrong with it, which fails the sync
   */
  void answered(EngineSlot engine, PolicyWeights told, Optional<EngineException> wrong) {
    boolean ours = told.version() == version() && told.checksum() == weights().checksum();
    if (ours && pending.remove(engine)) {
      wrong.ifPresentOrElse(this::fail, () -> acknowledged++);
    }
  }

  /** How what an engine has loaded differs from what it was told to load, if it does. */
  static Optional<EngineException> difference(
      EngineSlot engine, EngineActor.Loaded loaded, PolicyWeights told) {
    if (loaded.policyVersion() == told.version() && loaded.checksum() == told.checksum()) {
      return Optional.empty();
    }
    return Optional.of(
        new EngineException(
            "%s loaded policy version %d, checksum %08x (expected: version %d, checksum %08x)"
                .formatted(
                    engine,
                    loaded.policyVersion(),
                    loaded.checksum(),
                    told.version(),
                    told.checksum())));
  }

  /** An engine draws on with what it had. */
  void refused(EngineSlot engine, EngineException cause) {
    if (pending.remove(engine)) {
      fail(cause);
    }
  }

  /** The first cause counts. */
  void fail(Throwable cause) {
    failure = failure.or(() -> Optional.of(cause));
  }

  /** An engine has left: it is no longer waited for, and does not fail the sync of the others. */
  void left(EngineSlot engine) {
    pending.remove(engine);
  }

  /**
   * Tells what came of it.
   *
   * @param unusable why no engine can be used, if so
   * @return whether all engines that are left draw with the weights
   */
  boolean end(Optional<Throwable> unusable) {
    Optional<Throwable> cause = failure.or(() -> unusable);
    order
        .replyTo()
        .tell(
            cause
                .<EngineRouter.SyncReply>map(EngineRouter.SyncFailed::new)
                .orElseGet(() -> new EngineRouter.Synced(version(), acknowledged)));
    return cause.isEmpty();
  }
}
