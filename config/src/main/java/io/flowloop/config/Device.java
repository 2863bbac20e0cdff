package io.flowloop.config;

/** Where a model runs. */
public sealed interface Device {
  /** The first GPU where there is one, else the CPU. */
  record Auto() implements Device {}

  /** The CPU. */
  record Cpu() implements Device {}

  /** One GPU by its index. */
  record Gpu(int index) implements Device {}
}
