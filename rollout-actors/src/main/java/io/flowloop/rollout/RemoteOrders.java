package io.flowloop.rollout;

import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RolloutRequest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/** What a host has to do, in its order, until it has told what came of it. */
final class RemoteOrders {

  private sealed interface Open {}

  /** Requests by their leases, without those that have ended. */
  private record Drawing(SequencedMap<Long, RolloutRequest> leases) implements Open {}

  /** Weights, which can be pulled once they are laid out. */
  private record Loading(PolicyWeights weights, Optional<DataHandle> handle) implements Open {}

  private final SequencedMap<Long, Open> open = new LinkedHashMap<>();
  private long next;

  void draw(List<EngineActor.Leased> leased) {
    SequencedMap<Long, RolloutRequest> leases = new LinkedHashMap<>();
    leased.forEach(each -> leases.put(each.lease(), each.request()));
    open.put(next++, new Drawing(leases));
  }

  /** Weights that are about to be laid out; returns the number of the order. */
  long load(PolicyWeights weights) {
    open.put(next, new Loading(weights, Optional.empty()));
    return next++;
  }

  /** Weights can be pulled. */
  void laid(long order, DataHandle handle) {
    if (open.get(order) instanceof Loading(PolicyWeights weights, Optional<DataHandle> _)) {
      open.put(order, new Loading(weights, Optional.of(handle)));
    }
  }

  /** All that can be done, up to weights that are not laid out yet. */
  List<EngineHost.Order> wanted() {
    List<EngineHost.Order> wanted = new ArrayList<>();
    for (Map.Entry<Long, Open> each : open.entrySet()) {
      switch (each.getValue()) {
        case Drawing(SequencedMap<Long, RolloutRequest> leases) ->
            wanted.add(new EngineHost.Order(each.getKey(), leased(leases), Optional.empty()));
        case Loading(PolicyWeights _, Optional<DataHandle> handle) -> {
          if (handle.isEmpty()) {
            return wanted;
          }
          wanted.add(new EngineHost.Order(each.getKey(), List.of(), handle));
        }
      }
    }
    return wanted;
  }

  private static List<EngineActor.Leased> leased(Map<Long, RolloutRequest> leases) {
    return leases.entrySet().stream()
        .map(lease -> new EngineActor.Leased(lease.getKey(), lease.getValue()))
        .toList();
  }

  /** The request of a lease that has not ended. */
  Optional<RolloutRequest> request(long lease) {
    return open.values().stream()
        .filter(Drawing.class::isInstance)
        .map(Drawing.class::cast)
        .flatMap(drawing -> Optional.ofNullable(drawing.leases().get(lease)).stream())
        .findFirst();
  }

  /** A lease has ended. */
  void end(long lease) {
    open.values()
        .removeIf(
            each ->
                each instanceof Drawing(SequencedMap<Long, RolloutRequest> leases)
                    && leases.remove(lease) != null
                    && leases.isEmpty());
  }

  /** The host has said what came of weights; returns them if it was asked to load them. */
  Optional<PolicyWeights> endLoading(long order) {
    if (open.get(order) instanceof Loading(PolicyWeights weights, Optional<DataHandle> _)) {
      open.remove(order);
      return Optional.of(weights);
    }
    return Optional.empty();
  }

  /** Weights that nobody has said anything about. */
  List<PolicyWeights> loading() {
    return open.values().stream()
        .filter(Loading.class::isInstance)
        .map(each -> ((Loading) each).weights())
        .toList();
  }

  /** Leases and loads that have not ended. */
  int size() {
    return open.values().stream()
        .mapToInt(
            each ->
                each instanceof Drawing(SequencedMap<Long, RolloutRequest> leases)
                    ? leases.size()
                    : 1)
        .sum();
  }
}
