package io.flowloop.rollout;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * How far the engines and rewards of a node are, for those who ask whether it is ready.
 *
 * <p>Thread-safe.
 */
public final class NodeHealth {

  private final int engines;
  private final Set<Integer> loaded = ConcurrentHashMap.newKeySet();
  private final Set<Integer> drawn = ConcurrentHashMap.newKeySet();
  private volatile boolean canaryReward;
  private volatile boolean memberUp;

  /**
   * Of a node that begins.
   *
   * @param engines of it, none of which is there yet
   * @param scores whether it has reward functions, which have not been tried yet
   */
  public NodeHealth(int engines, boolean scores) {
    this.engines = engines;
    this.canaryReward = !scores;
  }

  void up(boolean isUp) {
    memberUp = isUp;
  }

  void loaded(int engine) {
    loaded.add(engine);
  }

  void drawn(int engine) {
    drawn.add(engine);
  }

  void stopped(int engine) {
    loaded.remove(engine);
    drawn.remove(engine);
  }

  void scored() {
    canaryReward = true;
  }

  /** Whether the node is a member of its cluster that others can give work. */
  public boolean memberUp() {
    return memberUp;
  }

  /** Whether every engine has its model on the device. */
  public boolean modelLoaded() {
    return loaded.size() == engines;
  }

  /** Engines that have drawn a first sample. */
  public int canaries() {
    return drawn.size();
  }

  /** Whether every engine has drawn a first sample. */
  public boolean canaryForward() {
    return canaries() == engines;
  }

  /** Whether the reward functions have scored a first image; true if there are none. */
  public boolean canaryReward() {
    return canaryReward;
  }
}
