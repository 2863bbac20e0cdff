package io.flowloop.reward;

import io.flowloop.engine.RgbImage;
import java.io.IOException;

/** Reward functions as a user's jar brings them: listed in the test resources. */
public final class TestRewards {

  private TestRewards() {}

  /** The red of the first pixel. */
  public static final class Red implements RewardFunction {
    @Override
    public String name() {
      return "red";
    }

    @Override
    public double score(String prompt, RgbImage image) {
      return image.channel(0, 0, 0);
    }
  }

  /** Answers what the prompt says: a number, or something thrown. */
  public static final class Prompted implements RewardFunction {
    @Override
    public String name() {
      return "prompted";
    }

    @Override
    public double score(String prompt, RgbImage image) throws Exception {
      return switch (prompt) {
        case "checked" -> throw new IOException("no model");
        case "unchecked" -> throw new IllegalStateException("no model");
        case "unlinked" -> throw new UnsatisfiedLinkError("no model");
        case "interrupted" -> throw new InterruptedException("stop");
        default -> Double.parseDouble(prompt);
      };
    }

    @Override
    public void checkPrompt(String prompt) {
      if (prompt.isBlank()) {
        throw new IllegalArgumentException("prompt: blank (expected: a number)");
      }
    }
  }
}
