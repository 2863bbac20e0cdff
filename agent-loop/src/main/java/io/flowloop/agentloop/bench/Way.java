package io.flowloop.agentloop.bench;

/** What stands between the prompts and the images. */
public enum Way {
  /** Engines called directly. */
  ENGINE("engine", "off"),
  /** The whole path of actors, with a reward that costs nothing. */
  ACTORS("actors", "off"),
  /** The same with the rewards of {@code reward.functions}. */
  ACTORS_WITH_REWARDS("actors", "on");

  private final String path;
  private final String rewards;

  Way(String path, String rewards) {
    this.path = path;
    this.rewards = rewards;
  }

  /** {@code engine} or {@code actors}. */
  public String path() {
    return path;
  }

  /** {@code on} or {@code off}. */
  public String rewards() {
    return rewards;
  }

  /** {@code engine}, {@code actors} or {@code actors and rewards}. */
  @Override
  public String toString() {
    return this == ACTORS_WITH_REWARDS ? "actors and rewards" : path;
  }
}
