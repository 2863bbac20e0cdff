package io.flowloop.agentloop.cli;

import io.flowloop.agentloop.RolloutListener;
import io.flowloop.rollout.DroppedGroup;
import io.flowloop.rollout.RewardedSample;

/** Shows how a rollout goes: images done, images a second, mean reward and the time left. */
final class RolloutProgress implements RolloutListener {

  private static final int LINES = 10;

  private final LiveLine line;
  private final long begun = System.nanoTime();
  private double rewards;

  /** The progress of a rollout that begins now. */
  RolloutProgress(Terminal terminal) {
    this.line = new LiveLine(terminal, LINES);
  }

  @Override
  public void onSample(RewardedSample sample, int done, int rows) {
    rewards += sample.reward().total();
    line.show(done, rows, () -> text(done, rows));
  }

  private String text(int done, int rows) {
    double seconds = (System.nanoTime() - begun) / 1e9;
    return "%d/%d images  %.1f images/s  mean reward %.3f  %s left"
        .formatted(
            done,
            rows,
            done / seconds,
            rewards / done,
            Units.clock(seconds / done * (rows - done)));
  }

  @Override
  public void onDroppedGroup(DroppedGroup group) {
    line.say("group %d dropped: %s".formatted(group.index(), group.cause().getMessage()));
  }

  void end() {
    line.end();
  }
}
