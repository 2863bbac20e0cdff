package io.flowloop.rollout;

import io.flowloop.engine.RolloutRequest;
import java.util.HashMap;
import java.util.Map;

/** The router's books on one request, from its asker's message to the one answer it gets. */
final class RoutedRequest {

  private final EngineRouter.Generate order;
  private final long offered;
  private final Map<EngineSlot, Long> holders = new HashMap<>();
  private int failures;
  private int grants;
  private boolean answered;

  /**
   * @param offered when it came, in the router's time
   */
  RoutedRequest(EngineRouter.Generate order, long offered) {
    this.order = order;
    this.offered = offered;
  }

  EngineRouter.Generate order() {
    return order;
  }

  RolloutRequest request() {
    return order.request();
  }

  int rows() {
    return request().rows();
  }

  long offered() {
    return offered;
  }

  Pace.Key paceKey(int rows) {
    return new Pace.Key(
        rows, request().sampling().numInferenceSteps(), request().sampling().guidanceScale() != 1);
  }

  /**
   * An engine has it now.
   *
   * @return whether one had it before
   */
  boolean grantTo(EngineSlot engine, long lease) {
    holders.put(engine, lease);
    return grants++ > 0;
  }

  /** An engine's lease of it has ended. */
  void endedAt(EngineSlot engine) {
    holders.remove(engine);
  }

  /** Some engine draws it, by a lease. */
  boolean isHeld() {
    return !holders.isEmpty();
  }

  /** The leases of engines that have it. */
  Map<EngineSlot, Long> holders() {
    return Map.copyOf(holders);
  }

  boolean isHeldBy(EngineSlot engine) {
    return holders.containsKey(engine);
  }

  /** An attempt has failed; how many have by now. */
  int fail() {
    return ++failures;
  }

  boolean isAnswered() {
    return answered;
  }

  void answer() {
    answered = true;
  }
}
