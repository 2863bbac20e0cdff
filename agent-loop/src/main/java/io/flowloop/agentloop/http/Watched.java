package io.flowloop.agentloop.http;

import io.micrometer.core.instrument.MeterRegistry;
import java.util.SequencedMap;
import java.util.concurrent.CompletionStage;

/**
 * What a node's HTTP server tells of.
 *
 * <p>Thread-safe.
 */
public interface Watched {

  /** Adds its meters. */
  void bindTo(MeterRegistry registry);

  /** Brings meters and conditions up to date; completes in any case, and soon. */
  CompletionStage<?> refresh();

  /** What must hold for the node to be ready, by name. */
  SequencedMap<String, Boolean> conditions();
}
