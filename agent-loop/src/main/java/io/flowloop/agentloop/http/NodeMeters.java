package io.flowloop.agentloop.http;

import io.flowloop.rollout.ClusterNode;
import io.flowloop.rollout.NodeHealth;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * A node that draws and scores for a trainer, as meters and conditions. The trainer counts its
 * requests.
 *
 * <p>Thread-safe.
 *
 * @param node whose engines and memory it tells of
 */
public record NodeMeters(ClusterNode node) implements Watched {

  @Override
  public void bindTo(MeterRegistry registry) {
    Gauge.builder("flowloop.engines.ready", node, it -> it.health().canaries())
        .description("engines that have drawn a first sample")
        .register(registry);
    Gauge.builder("flowloop.blob.bytes", node, ClusterNode::bytesHeld)
        .description("bytes of samples that the trainer has not pulled yet")
        .baseUnit("bytes")
        .register(registry);
  }

  @Override
  public CompletionStage<?> refresh() {
    return CompletableFuture.completedStage(node);
  }

  @Override
  public SequencedMap<String, Boolean> conditions() {
    NodeHealth health = node.health();
    SequencedMap<String, Boolean> conditions = new LinkedHashMap<>();
    conditions.put("memberUp", health.memberUp());
    conditions.put("modelLoaded", health.modelLoaded());
    conditions.put("canaryForward", health.canaryForward());
    conditions.put("canaryReward", health.canaryReward());
    return conditions;
  }
}
