package io.flowloop.engine.qwenimage;

import io.flowloop.engine.JsonSettings;
import io.flowloop.engine.SigmaSchedule;
import io.flowloop.engine.SigmaShift;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The noise levels of a {@code FlowMatchEulerDiscreteScheduler}: {@code
 * scheduler/scheduler_config.json} of a model folder.
 *
 * @param bySize how far they are shifted by the size of the image; empty if all sizes are alike
 * @param shift what they are shifted by if all sizes are alike
 */
record SchedulerConfig(Optional<SigmaShift> bySize, double shift) {

  static final String CLASS_NAME = "FlowMatchEulerDiscreteScheduler";

  /** Timesteps of a noise level of 1, by which all models here are trained. */
  private static final int TIMESTEPS = 1000;

  /** Reads the settings; what is wrong with them is told to their problems. */
  static SchedulerConfig of(JsonSettings settings) {
    if (!settings.text("_class_name", "").equals(CLASS_NAME)) {
      settings.problem("_class_name", CLASS_NAME);
    }
    if (settings.integerOr("num_train_timesteps", 1, TIMESTEPS) != TIMESTEPS) {
      settings.problem("num_train_timesteps", Integer.toString(TIMESTEPS));
    }
    for (String variant :
        List.of(
            "invert_sigmas",
            "stochastic_sampling",
            "use_beta_sigmas",
            "use_exponential_sigmas",
            "use_karras_sigmas")) {
      if (settings.flag(variant, false)) {
        settings.problem(variant, "false");
      }
    }
    double shift = settings.number("shift", 1);
    if (shift <= 0) {
      settings.problem("shift", "more than 0");
      shift = 1;
    }
    if (settings.flag("use_dynamic_shifting", false)) {
      return new SchedulerConfig(bySize(settings), shift);
    }
    if (settings.has("shift_terminal")) {
      settings.problem("shift_terminal", "null where use_dynamic_shifting is false");
    }
    return new SchedulerConfig(Optional.empty(), shift);
  }

  private static Optional<SigmaShift> bySize(JsonSettings settings) {
    if (!settings.text("time_shift_type", "exponential").equals("exponential")) {
      settings.problem("time_shift_type", "exponential");
    }
    int base = settings.integerOr("base_image_seq_len", 1, 256);
    int most = settings.integerOr("max_image_seq_len", 1, 4096);
    if (most <= base) {
      settings.problem("max_image_seq_len", "more than base_image_seq_len, which is " + base);
      most = base + 1;
    }
    return Optional.of(
        new SigmaShift(
            settings.number("base_shift", 0.5),
            settings.number("max_shift", 1.15),
            base,
            most,
            terminal(settings)));
  }

  private static OptionalDouble terminal(JsonSettings settings) {
    if (!settings.has("shift_terminal")) {
      return OptionalDouble.empty();
    }
    double terminal = settings.number("shift_terminal", 0);
    if (!(terminal > 0 && terminal < 1)) {
      settings.problem("shift_terminal", "more than 0 and less than 1, or null");
      return OptionalDouble.empty();
    }
    return OptionalDouble.of(terminal);
  }

  /**
   * The T + 1 noise levels of a walk.
   *
   * @param imageTokens S
   */
  float[] sigmas(int numInferenceSteps, int imageTokens) {
    return bySize.isPresent()
        ? SigmaSchedule.shiftedBySize(numInferenceSteps, imageTokens, bySize.get())
        : SigmaSchedule.shifted(numInferenceSteps, shift);
  }
}
