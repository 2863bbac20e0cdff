package io.flowloop.agentloop.faults;

import io.flowloop.engine.RgbImage;
import io.flowloop.reward.RewardFunction;
import io.flowloop.rollout.ToyEngines;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * A reward of an image alone that takes its time.
 *
 * @param time of each image
 */
record PacedReward(Duration time) implements RewardFunction {

  @Override
  public String name() {
    return "brightness";
  }

  @Override
  public double score(String prompt, RgbImage image) {
    LockSupport.parkNanos(time.toNanos());
    return ToyEngines.brightness(prompt, image).total();
  }
}
