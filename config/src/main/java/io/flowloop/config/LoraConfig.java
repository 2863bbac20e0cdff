package io.flowloop.config;

import java.util.List;

/**
 * Low-rank adapters.
 *
 * @param rank of each adapter; 0 trains all weights of the denoiser instead
 * @param alpha an adapter counts alpha / rank times
 * @param targets last parts of the names of the adapted layers, such as {@code to_out}
 */
public record LoraConfig(int rank, double alpha, List<String> targets) {

  public LoraConfig {
    targets = List.copyOf(targets);
  }
}
