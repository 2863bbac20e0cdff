package io.flowloop.rollout;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** A host's books: what its trainer wants, and what came of it so far. */
final class HostLedger {

  private final Set<Long> orders = new HashSet<>();
  private final Set<Long> leases = new HashSet<>();
  private final Set<Long> asked = new HashSet<>();
  private final Map<Long, DataHandle> drawn = new TreeMap<>();
  private final Map<Long, Throwable> failed = new TreeMap<>();
  private final Set<Long> cancelled = new TreeSet<>();
  private final Map<Long, EngineHost.LoadedOrder> loaded = new TreeMap<>();
  private final Map<Long, EngineHost.RefusedOrder> refused = new TreeMap<>();
  private final List<DataHandle> toRelease = new ArrayList<>();
  private final List<Long> toCancel = new ArrayList<>();
  private long lastOrder = Long.MIN_VALUE;

  /**
   * Takes over what is wanted now, and forgets what is not any more.
   *
   * @return orders that are new, in their order
   */
  List<EngineHost.Order> take(EngineHost.Want want) {
    Set<Long> nowLeased = new HashSet<>();
    Set<Long> nowOrdered = new HashSet<>();
    for (EngineHost.Order order : want.orders()) {
      nowOrdered.add(order.number());
      order.leased().forEach(leased -> nowLeased.add(leased.lease()));
    }
    leases.stream().filter(lease -> !nowLeased.contains(lease)).forEach(this::leave);
    want.cancelled().stream().filter(nowLeased::contains).forEach(this::cancel);
    leases.clear();
    leases.addAll(nowLeased);
    orders.clear();
    orders.addAll(nowOrdered);
    asked.retainAll(leases);
    drawn.entrySet().removeIf(entry -> isForgotten(entry.getKey(), entry.getValue()));
    failed.keySet().retainAll(leases);
    cancelled.retainAll(leases);
    loaded.keySet().retainAll(orders);
    refused.keySet().retainAll(orders);
    List<EngineHost.Order> added =
        want.orders().stream().filter(order -> order.number() > lastOrder).toList();
    added.forEach(order -> lastOrder = order.number());
    return added;
  }

  private void leave(long lease) {
    if (!isEnded(lease)) {
      cancel(lease);
    }
  }

  private void cancel(long lease) {
    if (asked.add(lease)) {
      toCancel.add(lease);
    }
  }

  private boolean isEnded(long lease) {
    return drawn.containsKey(lease) || failed.containsKey(lease) || cancelled.contains(lease);
  }

  private boolean isForgotten(long lease, DataHandle samples) {
    boolean forgotten = !leases.contains(lease);
    if (forgotten) {
      toRelease.add(samples);
    }
    return forgotten;
  }

  /** Samples that nobody wants any more, told once. */
  List<DataHandle> toRelease() {
    List<DataHandle> told = List.copyOf(toRelease);
    toRelease.clear();
    return told;
  }

  /** Leases that the engine is to be asked to leave, told once. */
  List<Long> toCancel() {
    List<Long> told = List.copyOf(toCancel);
    toCancel.clear();
    return told;
  }

  boolean isWanted(long order) {
    return orders.contains(order);
  }

  boolean isLeased(long lease) {
    return leases.contains(lease);
  }

  /**
   * Samples of a lease.
   *
   * @return whether they are wanted
   */
  boolean drawn(long lease, DataHandle samples) {
    return isLeased(lease) && drawn.putIfAbsent(lease, samples) == null;
  }

  void failed(long lease, Throwable cause) {
    if (isLeased(lease)) {
      failed.put(lease, cause);
    }
  }

  void cancelled(long lease) {
    if (isLeased(lease)) {
      cancelled.add(lease);
    }
  }

  void loaded(EngineHost.LoadedOrder order) {
    if (isWanted(order.order())) {
      loaded.put(order.order(), order);
    }
  }

  void refused(EngineHost.RefusedOrder order) {
    if (isWanted(order.order())) {
      refused.put(order.order(), order);
    }
  }

  /** All that came of what is wanted. */
  EngineHost.Report report(long session, boolean leaving, Optional<Throwable> gone) {
    return new EngineHost.Report(
        session,
        drawn.entrySet().stream()
            .map(entry -> new EngineHost.DrawnLease(entry.getKey(), entry.getValue()))
            .toList(),
        failed.entrySet().stream()
            .map(entry -> new EngineHost.FailedLease(entry.getKey(), entry.getValue()))
            .toList(),
        List.copyOf(cancelled),
        List.copyOf(loaded.values()),
        List.copyOf(refused.values()),
        leaving,
        gone);
  }
}
