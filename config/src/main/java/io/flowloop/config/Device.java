package io.flowloop.config;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where forwards run, written {@code auto}, {@code cpu} or {@code gpu:0}. */
public sealed interface Device {

  /** The first GPU where there is one, else the CPU. */
  record Auto() implements Device {
    @Override
    public String toString() {
      return "auto";
    }
  }

  /** The processor. */
  record Cpu() implements Device {
    @Override
    public String toString() {
      return "cpu";
    }
  }

  /**
   * One GPU of this machine.
   *
   * @param index its number, 0-based
   */
  record Gpu(int index) implements Device {
    public Gpu {
      if (index < 0) {
        throw new IllegalArgumentException("gpu: " + index + " (expected: 0 or more)");
      }
    }

    @Override
    public String toString() {
      return "gpu:" + index;
    }
  }

  /**
   * The device of this name, as {@code toString} writes it.
   *
   * @throws IllegalArgumentException if it is none
   */
  static Device parse(String text) {
    Matcher gpu = Pattern.compile("gpu:(\\d{1,4})").matcher(text);
    if (gpu.matches()) {
      return new Gpu(Integer.parseInt(gpu.group(1)));
    }
    return switch (text) {
      case "auto" -> new Auto();
      case "cpu" -> new Cpu();
      default ->
          throw new IllegalArgumentException(
              "device: " + text + " (expected: auto, cpu or gpu:<number>)");
    };
  }
}
